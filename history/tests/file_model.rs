//! Every version that a history keeps is what the store was.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::cast_possible_truncation, reason = "tests")]

mod file_support;

use std::collections::BTreeMap;

use file_support::{CONTROL, Key, Random, Store, check_tree, read, same};
use myriad_history::file::storage::Memory;
use myriad_history::file::{History, Options, OwnedWhat, Tier};

const SIZE: usize = 1 << 20;

fn options() -> Options {
    Options::sized(SIZE as u64)
}

fn filled(commits: u64, most: u64, seed: u64) -> (Vec<u8>, Store<Memory>) {
    let mut random = Random(seed);
    let mut store = Store::new(Memory(vec![0; SIZE]), &options(), true);
    for n in 0..commits {
        let ops = random.ops(most);
        store.commit(CONTROL, &ops).unwrap();
        if n % 50 == 0 {
            let later = random.below(200_000_000);
            store.tick(later).unwrap();
        }
    }
    store.writer.flush().unwrap();
    let bytes = image(&store);
    (bytes, store)
}

/// The file as it is now.
fn image(store: &Store<Memory>) -> Vec<u8> {
    store.writer.storage().0.clone()
}

#[test]
fn each_kept_version_is_what_it_was() {
    for (commits, most) in [(40, 20), (2000, 40), (3000, 1500)] {
        let (bytes, store) = filled(commits, most, 99 + commits);
        let history = read(&bytes);
        let versions = history.versions();
        assert!(versions.len() > 30, "{commits}: {}", versions.len());
        assert!(versions.windows(2).all(|pair| pair[0].generation < pair[1].generation));
        let step = (versions.len() / 150).max(1);
        for kept in versions.iter().step_by(step) {
            check_tree(&history, &store.past, kept.generation);
            let tree = history.tree(kept.generation).unwrap();
            assert_eq!(
                (tree.version().generation, tree.version().seq),
                (kept.generation, kept.seq)
            );
            assert_eq!(tree.len(), store.past[&kept.generation].len());
        }
        let newest = versions.last().unwrap();
        assert_eq!(newest.generation, store.generation);
        assert_eq!(bytes.len(), SIZE);
    }
}

#[test]
fn coarser_tiers_reach_further_back() {
    let (bytes, _) = filled(16000, 120, 3);
    let history = read(&bytes);
    let stats = history.stats();
    assert!(stats.tiers[0].evicted > 0 && !stats.too_small, "{stats:?}");
    let oldest = |tier: usize| stats.tiers[tier].span.unwrap().0.0;
    assert!(oldest(1) < oldest(0) && oldest(2) <= oldest(1), "{stats:?}");
    for tier in [0, 1] {
        let count = history.versions().iter().filter(|kept| kept.tier == Tier(tier)).count();
        assert!(count > 3, "tier {tier}: {count} versions {stats:?}");
    }
    let used: u64 = stats.tiers.iter().map(|tier| tier.used).sum();
    assert!(stats.tiers.iter().all(|tier| tier.used <= tier.budget) && used > 400_000);
}

#[test]
fn differences_are_those_of_the_trees() {
    let (bytes, store) = filled(1500, 200, 5);
    let history = read(&bytes);
    let versions: Vec<u64> = history.versions().iter().map(|kept| kept.generation).collect();
    let mut random = Random(8);
    for turn in 0..300 {
        let a = random.below(versions.len() as u64 - 1) as usize;
        let b = match turn % 3 {
            0 => a + 1,
            1 => (a + 10).min(versions.len() - 1),
            _ => random.below(versions.len() as u64) as usize,
        };
        let below = ["/", "/local", "/local/domain/3", "/vm/2/name"][random.below(4) as usize];
        compare(&history, &store.past, (versions[a], versions[b]), below);
    }
}

fn compare(
    history: &History,
    past: &BTreeMap<u64, file_support::Nodes>,
    (a, b): (u64, u64),
    below: &str,
) {
    let (before, after) = (&past[&a], &past[&b]);
    let within = |key: &&Key| myriad_history::file::order::is_within(&key.0, below);
    let plain = |entry: Option<&file_support::Entry>| entry.map(|e| (e.0.clone(), e.1.clone()));
    let mut keys: Vec<&Key> = before.keys().chain(after.keys()).filter(within).collect();
    keys.sort();
    keys.dedup();
    keys.retain(|key| plain(before.get(*key)) != plain(after.get(*key)));
    let found = history.diff(a, b, below).unwrap();
    let paths: Vec<&str> = found.iter().map(|difference| difference.path.as_str()).collect();
    let wanted: Vec<&str> = keys.iter().map(|key| key.0.as_str()).collect();
    assert_eq!(paths, wanted, "{a} {b} {below}");
    for difference in &found {
        let key = Key(difference.path.clone());
        let is = |node: &Option<_>, entry: Option<&_>| match (node, entry) {
            (Some(node), Some(entry)) => same(node, entry),
            (node, entry) => node.is_none() && entry.is_none(),
        };
        assert!(is(&difference.before, before.get(&key)), "{a} {b} {difference:?}");
        assert!(is(&difference.after, after.get(&key)), "{a} {b} {difference:?}");
    }
}

#[test]
fn each_change_is_told_once_and_in_order() {
    let (bytes, store) = filled(4000, 600, 6);
    let history = read(&bytes);
    let forth: Vec<_> = history.commits(..).map(Result::unwrap).collect();
    let mut back: Vec<_> = history.commits_back(..).map(Result::unwrap).collect();
    back.reverse();
    assert!(forth == back);
    assert!(forth.windows(2).all(|pair| pair[0].head.generation <= pair[1].head.generation));
    let mut changes: Vec<_> = Vec::new();
    for commit in &forth {
        for change in &commit.changes {
            assert!(change.generation <= commit.head.generation);
            changes.push((change.generation, change.path.clone(), kind(&change.what)));
        }
    }
    let finest = forth.iter().filter(|commit| commit.head.tier == Tier(0)).count();
    assert!(finest > 100 && finest < forth.len(), "{finest} of {}", forth.len());
    // A path can be written twice in a commit of tier 0, so only merged ones can be compared.
    let floor = forth.iter().find(|commit| commit.head.tier == Tier(0)).unwrap().head.generation;
    changes.retain(|change| change.0 < floor);
    let count = changes.len();
    changes.sort();
    changes.dedup();
    assert_eq!(changes.len(), count);
    let range: Vec<_> = history.commits(floor..floor + 10).map(Result::unwrap).collect();
    assert_eq!(range.len(), 10);
    assert_eq!(range.last().unwrap().head.generation, floor + 9);
    assert_eq!(forth.last().unwrap().head.generation, store.generation);
}

fn kind(what: &OwnedWhat) -> u8 {
    match what {
        OwnedWhat::Removed => 0,
        OwnedWhat::Created { .. } => 1,
        OwnedWhat::Perms(_) => 2,
        _ => 3,
    }
}

#[test]
fn the_changes_of_a_path_are_found_newest_first() {
    let (bytes, _) = filled(4000, 300, 7);
    let history = read(&bytes);
    for (path, recursive) in [("/vm/3/name", false), ("/local/domain/2", true), ("/", true)] {
        let found: Vec<_> = history.changes_of(path, recursive).map(Result::unwrap).collect();
        let mut wanted = Vec::new();
        for commit in history.commits_back(..).map(Result::unwrap) {
            for change in commit.changes.into_iter().rev() {
                let within = myriad_history::file::order::is_within(&change.path, path);
                let above = change.what == OwnedWhat::Removed
                    && myriad_history::file::order::is_within(path, &change.path);
                if change.path == path || recursive && within || above {
                    wanted.push((commit.head, change));
                }
            }
        }
        assert!(found.len() > 50, "{path} {}", found.len());
        assert!(found == wanted, "{path}");
    }
}

#[test]
fn a_daemon_goes_on_where_another_stopped() {
    let (mut bytes, first) = filled(800, 60, 11);
    let mut past = first.past.clone();
    for round in 0..4u64 {
        let mut store = Store::new(Memory(bytes), &options(), false);
        assert!(store.generation > *past.keys().last().unwrap());
        let mut random = Random(round + 1);
        for _ in 0..300 {
            store.commit(CONTROL, &random.ops(60)).unwrap();
        }
        past.extend(store.past.clone());
        bytes = if round % 2 == 0 {
            store.writer.close().unwrap().0
        } else {
            store.writer.flush().unwrap();
            store.writer.storage().0.clone()
        };
    }
    let history = read(&bytes);
    let incarnations: Vec<u32> = history.versions().iter().map(|kept| kept.incarnation).collect();
    assert!(incarnations.contains(&1) && incarnations.contains(&5), "{incarnations:?}");
    for kept in history.versions().iter().step_by(9) {
        check_tree(&history, &past, kept.generation);
    }
    // After the first run and the third, which were not closed.
    assert_eq!(history.gaps().len(), 2, "{:?}", history.gaps());
}

#[test]
fn what_a_killed_daemon_had_not_promoted_is_promoted_by_the_next() {
    let (bytes, first) = filled(700, 60, 21);
    // The file has no version of the last minutes yet but those of tier 0 and 1.
    let last = |bytes: &[u8], tier: usize| read(bytes).stats().tiers[tier].span.unwrap().1.0;
    assert_eq!(last(&bytes, 0), first.generation);
    assert!(last(&bytes, 2) < first.generation);
    let mut next = Store::new(Memory(bytes), &options(), false);
    let mut random = Random(2);
    for _ in 0..6000 {
        next.commit(CONTROL, &random.ops(200)).unwrap();
    }
    let bytes = next.writer.close().unwrap().0;
    let history = read(&bytes);
    assert!(history.stats().tiers[0].span.unwrap().0.0 > first.generation);
    // Of the first run's last commits the coarser tiers still tell.
    let old = history.commits(..=first.generation).map(Result::unwrap);
    assert_eq!(old.map(|commit| commit.head.generation).max(), Some(first.generation));
}

#[test]
fn many_restarts_leave_the_past_before_them() {
    let (mut bytes, first) = filled(500, 40, 31);
    let before = read(&bytes).versions().len();
    for _ in 0..60 {
        let mut store = Store::new(Memory(bytes), &options(), false);
        store.commit(CONTROL, &[file_support::Op::Write("/x".into(), vec![1])]).unwrap();
        store.writer.flush().unwrap();
        bytes = store.writer.storage().0.clone();
    }
    let history = read(&bytes);
    let old = history.versions().iter().filter(|kept| kept.generation <= first.generation);
    let old = old.count();
    assert!(old > before / 2, "{old} of {before}");
    check_tree(&history, &first.past, first.generation);
}

#[test]
fn what_is_written_is_seen_by_one_who_has_the_file_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history");
    let mut store = {
        let writer = myriad_history::file::Writer::open(&path, &options()).unwrap();
        drop(writer);
        let disk = myriad_history::file::storage::Disk::open(&path, SIZE as u64).unwrap().0;
        Store::new(disk, &options(), false)
    };
    let mut history = History::open(&path).unwrap();
    let mut random = Random(4);
    for round in 0..60 {
        for _ in 0..100 {
            store.commit(CONTROL, &random.ops(400)).unwrap();
        }
        let old = history.versions().first().map(|kept| kept.generation);
        store.writer.flush().unwrap();
        // What was indexed before may have been overwritten: that is said, and nothing wrong.
        match old.map(|old| history.tree(old)) {
            Some(Ok(tree)) => assert!(store.past.contains_key(&tree.version().generation)),
            Some(Err(error)) => assert!(error.to_string().contains("overwritten"), "{error}"),
            None => {}
        }
        assert!(history.refresh().unwrap(), "{round}");
        assert_eq!(history.versions().last().unwrap().generation, store.generation);
        check_tree(&history, &store.past, store.generation);
    }
    assert!(!history.refresh().unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), SIZE as u64);
}
