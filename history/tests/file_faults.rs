//! Files that can't be used, disks that fail, and files that are too small.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::panic, reason = "tests")]

mod file_support;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;

use file_support::{CONTROL, Op, Random, Store, check_tree, read};
use myriad_history::file::storage::{Memory, Source, Storage};
use myriad_history::file::{
    Author, Change, Commit, GapReason, History, OpenError, Options, ReadError, What, WriteError,
    Writer,
};

const SIZE: u64 = 1 << 20;

#[test]
fn what_is_no_history_is_told_from_what_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history");
    let options = Options::sized(SIZE);
    let said = |path: &std::path::Path| {
        let reader = History::open(path).map(|_| ()).unwrap_err();
        (reader.to_string(), reader)
    };
    assert!(matches!(said(&path), (_, OpenError::Missing(_))));
    Writer::open(&path, &options).unwrap().close().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), SIZE);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let whole = fs::read(&path).unwrap();

    fs::write(&path, &whole[..300_000]).unwrap();
    let (text, error) = said(&path);
    assert!(matches!(error, OpenError::Size { expected: SIZE, found: 300_000, .. }));
    assert!(text.contains("300000") && text.contains("copy it again"), "{text}");
    assert!(matches!(Writer::open(&path, &options), Err(OpenError::Size { .. })));

    fs::write(&path, &whole[..9000]).unwrap();
    assert!(matches!(said(&path).1, OpenError::Damaged(_)));
    fs::write(&path, b"[settings]\nhistory = true\n").unwrap();
    assert!(matches!(said(&path).1, OpenError::NotHistory(_)));
    assert!(matches!(Writer::open(&path, &options), Err(OpenError::NotHistory(_))));
    assert!(matches!(said(folder.path()).1, OpenError::NotHistory(_)));

    let mut other = whole.clone();
    for block in [0, 16 << 10] {
        other[block + 8] = 7;
    }
    fs::write(&path, &other).unwrap();
    assert!(matches!(said(&path).1, OpenError::Version { found: 7, known: 1, .. }));
    let mut damaged = whole.clone();
    for block in [0, 16 << 10] {
        damaged[block + 100] ^= 1;
    }
    fs::write(&path, &damaged).unwrap();
    assert!(matches!(said(&path).1, OpenError::Damaged(_)));
}

#[test]
fn settings_are_the_files_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history");
    Writer::open(&path, &Options::sized(SIZE)).unwrap().close().unwrap();
    let other = Writer::open(&path, &Options::sized(2 * SIZE)).unwrap_err();
    assert!(matches!(other, OpenError::Settings { .. }), "{other}");
    let mut tiers = Options::sized(SIZE);
    tiers.tiers.truncate(3);
    assert!(matches!(Writer::open(&path, &tiers), Err(OpenError::Settings { .. })));
    let mut wrong = Options::sized(SIZE);
    wrong.tiers[1].period = 0;
    assert!(matches!(Writer::open(&path, &wrong), Err(OpenError::Options(_))));
    for size in [0, SIZE - 4096, SIZE + 1, 1 << 41] {
        assert!(matches!(Options::sized(size).check(), Err(OpenError::Options(_))), "{size}");
    }
}

#[test]
fn a_second_daemon_is_told_who_has_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history");
    let first = Writer::open(&path, &Options::sized(SIZE)).unwrap();
    let second = Writer::open(&path, &Options::sized(SIZE)).unwrap_err();
    assert!(matches!(second, OpenError::Locked { .. }));
    let pid = format!("pid {}", std::process::id());
    assert!(second.to_string().contains(&pid), "{second}");
    // Who only reads isn't in the way.
    assert!(History::open(&path).is_ok());
    drop(first);
    assert!(Writer::open(&path, &Options::sized(SIZE)).is_ok());
}

#[test]
fn a_file_that_may_not_be_opened_says_so() {
    if rustix::process::geteuid().is_root() {
        // Nothing is forbidden to root: what remains is that of a folder.
        let error = Writer::open(std::path::Path::new("/proc"), &Options::sized(SIZE));
        assert!(matches!(error, Err(OpenError::NotHistory(_) | OpenError::Denied(_))));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history");
    Writer::open(&path, &Options::sized(SIZE)).unwrap().close().unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    assert!(matches!(History::open(&path), Err(OpenError::Denied(_))));
    assert!(matches!(Writer::open(&path, &Options::sized(SIZE)), Err(OpenError::Denied(_))));
}

#[test]
fn more_than_the_disk_has_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history");
    let error = Writer::open(&path, &Options::sized(1 << 40)).unwrap_err();
    assert!(matches!(error, OpenError::NoRoom { .. }), "{error}");
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    assert!(Writer::open(&path, &Options::sized(SIZE)).is_ok());
}

#[test]
fn a_file_that_was_being_made_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history");
    fs::write(&path, vec![0; 1 << 20]).unwrap();
    Writer::open(&path, &Options::sized(SIZE)).unwrap().close().unwrap();
    assert_eq!(History::open(&path).unwrap().stats().incarnation, 1);
}

/// A disk that fails from a write on, for so many writes; the first half of each is written.
#[derive(Debug)]
struct Failing {
    disk: Memory,
    fail_at: u64,
    fail_for: u64,
    writes: u64,
}

impl Source for Failing {
    fn size(&self) -> io::Result<u64> {
        self.disk.size()
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.disk.read_at(buffer, at)
    }
}

impl Storage for Failing {
    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.writes += 1;
        if (self.fail_at..self.fail_at + self.fail_for).contains(&self.writes) {
            self.disk.write_at(&bytes[..bytes.len() / 2], at)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.disk.write_at(bytes, at)
    }
}

#[test]
fn a_disk_that_fails_costs_a_gap_and_no_more() {
    for fail_at in (14..60).step_by(4) {
        let disk = Failing { disk: Memory(vec![0; 1 << 20]), fail_at, fail_for: 6, writes: 0 };
        let mut store = Store::new(disk, &Options::sized(SIZE), true);
        let mut random = Random(fail_at);
        let mut failed = 0;
        for n in 0..900u64 {
            let done = store.commit(CONTROL, &random.ops(100));
            failed += u32::from(matches!(&done, Err(WriteError::Io(_))));
            assert!(matches!(done, Ok(()) | Err(WriteError::Io(_))), "{done:?}");
            if n % 20 == 0 {
                failed += u32::from(store.tick(300_000_000).is_err());
            }
        }
        assert!(failed > 0, "{fail_at}");
        _ = store.writer.flush();
        let history = read(&store.writer.storage().disk.0);
        assert_eq!(history.versions().last().unwrap().generation, store.generation);
        for kept in history.versions().iter().step_by(11) {
            check_tree(&history, &store.past, kept.generation);
        }
        let disk = |gap: &&myriad_history::file::Gap| gap.reason == GapReason::Disk;
        let lost: u64 =
            history.gaps().iter().filter(disk).map(|gap| gap.to_seq - gap.from_seq).sum();
        let told =
            history.commits(..).map(Result::unwrap).filter(|c| !c.head.merged).count() as u64;
        // A superblock that fails at the start of a snapshot loses no commit.
        assert!(lost + told >= 900 || told >= 900, "{fail_at}: {lost} + {told}");
    }
}

fn commit<'c>(seq: u64, changes: &'c [Change<'c>]) -> Commit<'c> {
    Commit { seq, generation: seq, at: seq, changes }
}

#[test]
fn a_gap_is_bridged_or_ended_by_a_snapshot() {
    let mut writer = Writer::on(Memory(vec![0; 1 << 20]), &Options::sized(SIZE), true).unwrap();
    assert!(writer.wants_snapshot());
    writer.snapshot(0, 0, 5, []).unwrap();
    assert!(!writer.wants_snapshot());
    let author = Author { instance: 1, ..Author::default() };
    let made = |generation, path| {
        let what = What::Created { value: b"v", perms: &[] };
        Change { author, generation, path, what }
    };
    writer.append(&commit(1, &[made(1, "/a")])).unwrap();
    let early = writer.append(&commit(1, &[made(1, "/a")]));
    assert!(matches!(early, Err(WriteError::Order { last: 1, .. })));
    // Publications 2 to 8 are not known one by one, but what they came to is.
    writer.gap(GapReason::Overrun, 2, 20).unwrap();
    assert!(writer.wants_snapshot());
    writer.bridge(&commit(8, &[made(4, "/b"), made(8, "/c")])).unwrap();
    assert!(!writer.wants_snapshot());
    // Of 10 to 11 nothing is.
    writer.append(&commit(9, &[made(9, "/d")])).unwrap();
    writer.append(&commit(12, &[made(12, "/e")])).unwrap();
    assert!(writer.wants_snapshot());
    let disk = writer.close().unwrap();
    let history = read(&disk.0);
    let versions: Vec<u64> = history.versions().iter().map(|kept| kept.generation).collect();
    assert_eq!(versions, [0, 1, 8, 9]);
    let paths: Vec<String> =
        history.tree(u64::MAX).unwrap().iter().map(|(path, _)| path.to_owned()).collect();
    assert_eq!(paths, ["/a", "/b", "/c", "/d"]);
    let told: Vec<u64> = history.commits(..).map(|c| c.unwrap().head.generation).collect();
    assert_eq!(told, [1, 8, 9, 12]);
    let gaps: Vec<_> = history.gaps().iter().map(|gap| (gap.from_seq, gap.to_seq)).collect();
    assert_eq!(gaps, [(2, 8), (10, 12)]);
}

#[test]
fn a_file_too_small_for_its_store_keeps_what_fits_and_says_so() {
    let mut store = Store::new(Memory(vec![0; 1 << 20]), &Options::sized(SIZE), true);
    let mut random = Random(8);
    let ops: Vec<Op> = (0..1200)
        .map(|n| Op::Write(format!("/local/domain/{}/{}", n / 10, n % 10), random.bytes(300)))
        .collect();
    store.commit(CONTROL, &ops).unwrap();
    for n in 0..1500u64 {
        let path = format!("/local/domain/{}/{}", random.below(120), random.below(10));
        store.commit(CONTROL, &[Op::Write(path, random.bytes(300))]).unwrap();
        if n % 50 == 0 {
            store.tick(1_000_000_000).unwrap();
        }
    }
    store.writer.flush().unwrap();
    let history = read(&store.writer.storage().0);
    assert!(history.stats().too_small);
    let (mut cut, mut known) = (0, 0);
    for kept in history.versions().iter().step_by(20) {
        check_tree(&history, &store.past, kept.generation);
        let tree = history.tree(kept.generation).unwrap();
        cut += u32::from(!tree.is_complete() && !tree.knows("/vm"));
        known += u32::from(tree.knows("/local/domain/0/1"));
    }
    assert!(cut > 3 && known > 3, "{cut} {known}");
    let told = history.commits(..).filter(|commit| commit.is_ok()).count();
    assert!(told > 200, "{told} commits, {:?}", history.stats());
}

#[test]
fn what_is_not_kept_says_so() {
    let store = Store::new(Memory(vec![0; 1 << 20]), &Options::sized(SIZE), true);
    let mut store = store;
    let empty = Writer::on(Memory(vec![0; 1 << 20]), &Options::sized(SIZE), true).unwrap();
    assert!(matches!(read(&empty.storage().0).tree(5), Err(ReadError::Empty)));
    let mut random = Random(1);
    for _ in 0..6000 {
        store.commit(CONTROL, &random.ops(600)).unwrap();
    }
    store.writer.flush().unwrap();
    let history = read(&store.writer.storage().0);
    let oldest = history.versions()[0].generation;
    if oldest > 0 {
        let error = history.tree(oldest - 1).unwrap_err();
        assert!(matches!(error, ReadError::TooOld { .. }), "{error}");
    }
    assert!(history.tree(oldest).is_ok());
}
