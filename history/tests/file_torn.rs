//! Torn files: what a host that lost power, or a disk that lies, may leave of a history.
//!
//! Every write is recorded. Each prefix of the writes, and prefixes of which later pages came to
//! the disk and earlier ones didn't, must read as versions that were, or as an error that says
//! what is the matter; and a writer must be able to go on. Writes that are lost are lost by pages
//! of 512 or 4096 bytes, as disks lose them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::cast_possible_truncation, clippy::panic, reason = "tests")]

mod file_support;

use std::collections::BTreeMap;
use std::io;

use file_support::{CONTROL, Nodes, Random, Store, check_tree, guest};
use myriad_history::file::storage::{Memory, Source, Storage};
use myriad_history::file::{History, OpenError, Options, ReadError, TierOptions};

const SIZE: usize = 1 << 20;

/// Where, and what.
type Writes = Vec<(u64, Vec<u8>)>;

/// A storage that remembers each write.
#[derive(Debug)]
struct Recorder {
    now: Memory,
    writes: Writes,
}

impl Source for Recorder {
    fn size(&self) -> io::Result<u64> {
        self.now.size()
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.now.read_at(buffer, at)
    }
}

impl Storage for Recorder {
    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.writes.push((at, bytes.to_vec()));
        self.now.write_at(bytes, at)
    }
}

/// Two tiers that have little room, so that segments are soon overwritten.
fn options() -> Options {
    let tier = |period, share| TierOptions { period, share };
    let tiers =
        vec![tier(0, 8), tier(1_000_000_000, 5), tier(60_000_000_000, 3), tier(1 << 42, 84)];
    Options { tiers, ..Options::sized(SIZE as u64) }
}

/// A run with many turns of the rings: its writes and its versions.
fn run(seed: u64, commits: u64) -> (Writes, BTreeMap<u64, Nodes>) {
    let mut random = Random(seed);
    let disk = Recorder { now: Memory(vec![0; SIZE]), writes: Vec::new() };
    let mut store = Store::new(disk, &options(), true);
    for n in 0..commits {
        let author = if random.below(4) == 0 { guest(5, 12) } else { CONTROL };
        let ops = random.ops(120);
        store.commit(author, &ops).unwrap();
        if n % 10 == 0 {
            store.tick(random.below(1_000_000_000)).unwrap();
        }
    }
    let past = std::mem::take(&mut store.past);
    (store.writer.close().unwrap().writes, past)
}

/// Everything can be asked for; each answer is of a version that was, or an error.
fn check(bytes: &[u8], past: &BTreeMap<u64, Nodes>, random: &mut Random) -> usize {
    let history = match History::on(Box::new(Memory(bytes.to_vec()))) {
        Ok(history) => history,
        Err(OpenError::NotHistory(_) | OpenError::Damaged(_)) => return 0,
        Err(error) => panic!("{error}"),
    };
    let versions: Vec<u64> = history.versions().iter().map(|kept| kept.generation).collect();
    let one = |random: &mut Random| versions[random.below(versions.len() as u64) as usize];
    if !versions.is_empty() {
        for _ in 0..3 {
            check_tree(&history, past, one(random));
        }
        check_tree(&history, past, *versions.last().unwrap());
        check_tree(&history, past, versions[0]);
        let (a, b) = (one(random), one(random));
        let found = history.diff(a, b, "/local").unwrap();
        check_diff(&found, (&past[&a], &past[&b]), &history, (a, b));
    }
    for commit in history.commits(..) {
        sound(commit);
    }
    for change in history.changes_of("/vm/3/name", false) {
        sound(change);
    }
    _ = (history.gaps().len(), history.left_out().len(), history.stats());
    versions.len()
}

fn check_diff(
    found: &[myriad_history::file::Difference],
    (before, after): (&Nodes, &Nodes),
    history: &History,
    (a, b): (u64, u64),
) {
    let (a, b) = (history.tree(a).unwrap(), history.tree(b).unwrap());
    for difference in found.iter().filter(|d| a.knows(&d.path) && b.knows(&d.path)) {
        let key = file_support::Key(difference.path.clone());
        let value = |node: &Option<myriad_history::file::Node>| {
            node.as_ref().map(|node| node.value.to_vec())
        };
        assert_eq!(value(&difference.before), before.get(&key).map(|e| e.0.clone()), "{key:?}");
        assert_eq!(value(&difference.after), after.get(&key).map(|e| e.0.clone()), "{key:?}");
    }
}

fn sound<T>(answer: Result<T, ReadError>) {
    match answer {
        Ok(_) | Err(ReadError::Overtaken | ReadError::Damaged { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn each_prefix_of_the_writes_is_an_earlier_state() {
    let (writes, past) = run(17, 700);
    assert!(writes.len() > 200, "{} writes", writes.len());
    let mut disk = Memory(vec![0; SIZE]);
    let (mut random, mut last, mut most) = (Random(3), 0, 0);
    for (n, (at, bytes)) in writes.iter().enumerate() {
        // The last write is there in part: so many sectors of it.
        let sectors = bytes.len() as u64 / 512;
        let mut torn = disk.clone();
        let part = (random.below(sectors + 1) * 512) as usize;
        torn.write_at(&bytes[..part], *at).unwrap();
        check(&torn.0, &past, &mut random);
        disk.write_at(bytes, *at).unwrap();
        let versions = check(&disk.0, &past, &mut random);
        // The first snapshot takes that long: two superblocks, and three writes for each tier.
        assert!(n < 14 || versions > 0, "nothing is left after write {n}");
        most = most.max(versions);
        last = versions;
    }
    assert!(last > 50 && most >= last, "{last} {most}");
}

#[test]
fn pages_that_never_came_are_missed_and_nothing_else() {
    for page in [512usize, 4096] {
        let (writes, past) = run(page as u64, 500);
        let mut random = Random(page as u64 + 1);
        let mut seen = 0;
        for _ in 0..150 {
            // What was written by then is on the disk but for some pages of the last writes.
            let upto = random.below(writes.len() as u64) as usize + 1;
            let unsure = upto.saturating_sub(random.below(40) as usize);
            let mut disk = Memory(vec![0; SIZE]);
            for (n, (at, bytes)) in writes[..upto].iter().enumerate() {
                let mut from = 0;
                while from < bytes.len() {
                    let place = *at as usize + from;
                    let to = (from + page - place % page).min(bytes.len());
                    if n < unsure || random.below(2) == 0 {
                        disk.write_at(&bytes[from..to], place as u64).unwrap();
                    }
                    from = to;
                }
            }
            seen += check(&disk.0, &past, &mut random);
            goes_on(disk, &past, &mut random);
        }
        assert!(seen > 2000, "{seen} versions");
    }
}

/// A daemon opens what is left, and writes.
fn goes_on(disk: Memory, past: &BTreeMap<u64, Nodes>, random: &mut Random) {
    if History::on(Box::new(disk.clone())).is_err() {
        return;
    }
    let mut store = Store::new(disk, &options(), false);
    for _ in 0..30 {
        store.commit(CONTROL, &random.ops(100)).unwrap();
    }
    let mut past = past.clone();
    past.append(&mut store.past);
    let newest = store.generation;
    let disk = store.writer.close().unwrap();
    let history = History::on(Box::new(disk)).unwrap();
    assert_eq!(history.versions().last().unwrap().generation, newest);
    for kept in history.versions().iter().step_by(7) {
        check_tree(&history, &past, kept.generation);
    }
}

#[test]
fn garbage_is_never_a_version() {
    let (writes, past) = run(5, 400);
    let mut disk = Memory(vec![0; SIZE]);
    for (at, bytes) in &writes {
        disk.write_at(bytes, *at).unwrap();
    }
    let mut random = Random(77);
    for turn in 0..200u64 {
        let mut bytes = disk.0.clone();
        for _ in 0..=turn % 4 {
            let len = (1 + random.below(3000)) as usize;
            // Superblocks are one in four of the victims.
            let limit = if random.below(4) == 0 { 32 << 10 } else { SIZE as u64 };
            let at = random.below(limit - len as u64) as usize;
            match random.below(3) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at..at + len].copy_from_slice(&random.bytes(len as u64)),
                _ => bytes.copy_within(at..at + len, random.below((SIZE - len) as u64) as usize),
            }
        }
        check(&bytes, &past, &mut random);
    }
}
