//! Recovery through real files: what is written is found, and what is wrong with a file is said.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use myriad_history::limits::SLOTS;
use myriad_history::recovery::{
    BootId, CheckpointWriter, Complete, Covered, Directory, Journal, JournalConfig, RecordHead,
    RecordId, Recovered, RecoveryError, SlotError, Slots,
};

const BOOT: BootId = BootId([7; 16]);

fn directory(path: &Path) -> Directory {
    Directory::open(&path.join("recovery"), BOOT).unwrap()
}

fn small() -> JournalConfig {
    JournalConfig { segments: 4, segment_bytes: 4096, at: 1 }
}

fn checkpoint(directory: &Directory, seq: u64, record: RecordId, body: &[u8]) -> Complete {
    let mut writer = CheckpointWriter::begin(directory, 1).unwrap();
    body.chunks(100_000).for_each(|chunk| writer.write(chunk).unwrap());
    assert_eq!(writer.written(), body.len() as u64);
    writer.finish(Covered { seq, generation: seq * 2, record, at: 5 }).unwrap()
}

/// Commits one record; its place.
fn commit(journal: &Journal, seq: u64, parent: RecordId, body: &[u8]) -> RecordId {
    let reserved = journal.reserve(&RecordHead { seq, parent, at: seq }, &[body]).unwrap();
    let id = reserved.record();
    journal.mark(id);
    journal.done(reserved);
    id
}

#[test]
fn what_was_marked_is_found_after_what_the_checkpoint_holds() {
    let temp = tempfile::tempdir().unwrap();
    let directory = directory(temp.path());
    assert!(Recovered::read(&directory).unwrap().is_none());
    let body: Vec<u8> = (0..700_000_u32).map(|n| (n * 31) as u8).collect();
    let base = checkpoint(&directory, 10, RecordId::NONE, &body);
    let found = Recovered::read(&directory).unwrap().unwrap();
    assert_eq!((found.checkpoint(), found.records().len()), (&body[..], 0));

    let journal = Journal::create(&directory, &small(), &base).unwrap();
    let first = commit(&journal, 11, RecordId::NONE, b"first");
    let lost = journal.reserve(&RecordHead { seq: 12, parent: first, at: 0 }, &[b"lost"]).unwrap();
    journal.abandon(lost);
    let second = commit(&journal, 12, first, &[3; 300]);
    let unseen = journal.reserve(&RecordHead { seq: 13, parent: second, at: 0 }, &[]).unwrap();
    std::mem::forget(unseen);
    drop(journal);

    let found = Recovered::read(&directory).unwrap().unwrap();
    assert_eq!(found.checkpoint(), body);
    let covered = Covered { seq: 10, generation: 20, record: RecordId::NONE, at: 5 };
    assert_eq!((found.covered(), found.suspended(), found.unmarked()), (covered, None, 2));
    let bodies: Vec<&[u8]> = found.records().iter().map(|record| &record.body[..]).collect();
    assert_eq!(bodies, [&b"first"[..], &[3; 300]]);
    assert_eq!(found.records()[1].head, RecordHead { seq: 12, parent: first, at: 12 });
}

#[test]
fn a_full_journal_goes_on_after_a_checkpoint() {
    let temp = tempfile::tempdir().unwrap();
    let directory = directory(temp.path());
    let base = checkpoint(&directory, 0, RecordId::NONE, b"empty");
    let journal = Journal::create(&directory, &small(), &base).unwrap();
    let (mut seq, mut last) = (0, RecordId::NONE);
    let mut laps = 0;
    for _ in 0..1000 {
        if journal.needs_checkpoint() {
            let begun = journal.begin_checkpoint();
            let complete = checkpoint(&directory, seq, last, &seq.to_le_bytes());
            assert!(journal.end_checkpoint(begun, &complete).released > 0);
            laps += 1;
        }
        seq += 1;
        last = commit(&journal, seq, last, &[seq as u8; 90]);
    }
    assert!(laps > 10);
    drop(journal);
    let found = Recovered::read(&directory).unwrap().unwrap();
    assert_eq!(found.covered().seq + found.records().len() as u64, 1000);
    assert_eq!(found.checkpoint(), found.covered().seq.to_le_bytes());
}

#[test]
fn what_was_not_recorded_is_said_until_a_checkpoint_holds_it() {
    let temp = tempfile::tempdir().unwrap();
    let directory = directory(temp.path());
    let base = checkpoint(&directory, 0, RecordId::NONE, b"empty");
    let journal = Journal::create(&directory, &small(), &base).unwrap();
    let head = |seq| RecordHead { seq, parent: RecordId::NONE, at: 0 };
    let mut seq = 0;
    while let Ok(reserved) = journal.reserve(&head(seq + 1), &[&[0; 1000]]) {
        seq += 1;
        journal.done(reserved);
    }
    assert!(journal.suspend(seq) && !journal.suspend(seq));
    let without = journal.reserve(&head(seq + 1), &[b"x"]).unwrap();
    assert_eq!(without.record(), RecordId::NONE);
    let suspended = || Recovered::read(&directory).unwrap().unwrap().suspended();
    assert_eq!(suspended(), Some(seq));

    // There is no room to record in, so the first checkpoint makes some.
    let begun = journal.begin_checkpoint();
    let complete = checkpoint(&directory, seq, RecordId::NONE, b"1");
    let ended = journal.end_checkpoint(begun, &complete);
    assert!(ended.released > 0 && !ended.resumed && journal.is_suspended());
    // The next finds a commit under way that has no record.
    let begun = journal.begin_checkpoint();
    let complete = checkpoint(&directory, seq, RecordId::NONE, b"2");
    assert!(!journal.end_checkpoint(begun, &complete).resumed);
    assert!(journal.is_suspended() && suspended() == Some(seq));
    journal.done(without);
    let begun = journal.begin_checkpoint();
    let complete = checkpoint(&directory, seq + 1, RecordId::NONE, b"3");
    assert!(journal.end_checkpoint(begun, &complete).resumed);
    assert!(!journal.is_suspended() && suspended().is_none());
    // And one that was begun before the next suspension doesn't end it.
    let begun = journal.begin_checkpoint();
    journal.suspend(seq);
    assert!(!journal.end_checkpoint(begun, &complete).resumed);
}

#[test]
fn another_life_of_the_host_starts_empty() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("recovery");
    let old = directory(temp.path());
    let base = checkpoint(&old, 0, RecordId::NONE, b"old");
    drop(Journal::create(&old, &small(), &base).unwrap());
    drop(Slots::create(&old).unwrap());
    drop(old);
    let new = Directory::open(&path, BootId([8; 16])).unwrap();
    assert!(Recovered::read(&new).unwrap().is_none());
    let left: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
}

#[test]
fn the_directory_is_one_daemons_and_nobody_elses() {
    let temp = tempfile::tempdir().unwrap();
    let held = directory(temp.path());
    let error = Directory::open(held.path(), BOOT).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    let base = checkpoint(&held, 0, RecordId::NONE, b"");
    drop(Journal::create(&held, &small(), &base).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(held.path()), 0o700);
    for entry in fs::read_dir(held.path()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn slots_are_found_as_they_were_written_last() {
    let temp = tempfile::tempdir().unwrap();
    let directory = directory(temp.path());
    let slots = Arc::new(Slots::create(&directory).unwrap());
    assert!(slots.used().unwrap().is_empty());
    let mut one = slots.writer(1).unwrap();
    let mut last = slots.writer(SLOTS - 1).unwrap();
    assert!(matches!(slots.writer(1), Err(SlotError::Taken(1))));
    assert!(matches!(slots.writer(SLOTS), Err(SlotError::Taken(_))));
    let mut freed = slots.writer(2).unwrap();
    for n in 0..50_u8 {
        one.write(&[n; 112], &vec![n; usize::from(n % 3) * 8192]).unwrap();
        last.write(&[n], b"").unwrap();
        freed.write(b"gone", b"gone").unwrap();
    }
    assert!(matches!(one.write(&[0; 113], b""), Err(SlotError::TooLong { .. })));
    assert!(matches!(one.write(b"", &[0; 16385]), Err(SlotError::TooLong { .. })));
    freed.free().unwrap();
    drop((one, last, slots));

    let slots = Arc::new(Slots::open(&directory).unwrap());
    let used = slots.used().unwrap();
    let numbers: Vec<u32> = used.iter().map(|used| used.slot).collect();
    assert_eq!(numbers, [1, SLOTS - 1]);
    let content = used[0].content.as_ref().unwrap();
    assert_eq!((&content.inline[..], &content.overflow[..]), (&[49; 112][..], &[49; 8192][..]));
    let content = used[1].content.as_ref().unwrap();
    assert_eq!((&content.inline[..], &content.overflow[..]), (&[49][..], &[][..]));
    // Whoever takes it up goes on from there.
    let mut one = slots.writer(1).unwrap();
    one.write(b"new", b"").unwrap();
    let used = slots.used().unwrap();
    assert_eq!(used[0].content.as_ref().unwrap().inline, b"new");
}

#[test]
fn a_file_that_no_killed_daemon_leaves_is_an_error() {
    let temp = tempfile::tempdir().unwrap();
    let directory = directory(temp.path());
    let base = checkpoint(&directory, 0, RecordId::NONE, b"0");
    let journal = Journal::create(&directory, &small(), &base).unwrap();
    let first = commit(&journal, 1, RecordId::NONE, &[1; 100]);
    commit(&journal, 2, first, &[2; 100]);
    drop(journal);
    let path = directory.path().join("journal");
    let whole = fs::read(&path).unwrap();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let error = Recovered::read(&directory).unwrap_err();
        assert!(error.to_string().contains("journal: "), "{error}");
        error.to_string()
    };
    let damaged = |text: String, what: &str| assert!(text.contains(what), "{text}");
    damaged(with(&|bytes| bytes.truncate(5000)), "5000 bytes and was made with 20480");
    damaged(with(&|bytes| bytes.truncate(0)), "it is empty");
    damaged(with(&|bytes| bytes[50] ^= 1), "its head is damaged");
    // The records lie in the second segment, three lines each.
    let record = 4096 + 4096;
    damaged(with(&|bytes| bytes[record + 60] ^= 1), "not as it was written");
    damaged(with(&|bytes| bytes[record..record + 8].fill(0)), "its parent is missing");
    damaged(with(&|bytes| bytes[record] ^= 3), "its parent is not marked");
    damaged(with(&|bytes| bytes[66 * 8] = 9), "needs checkpoint 9, and 1 is here");
    let text = with(&|bytes| bytes[8] = 2);
    assert!(text.contains("of format 2"), "{text}");
    fs::write(&path, &whole).unwrap();
    assert_eq!(Recovered::read(&directory).unwrap().unwrap().records().len(), 2);
    fs::write(directory.path().join("checkpoint.0"), b"torn").unwrap();
    let error = Recovered::read(&directory).unwrap_err();
    assert!(matches!(error, RecoveryError::Damaged { .. }), "{error}");
}

/// K1, K2: whatever of a checkpoint is in its file, the one before it holds until the new one does.
#[test]
fn a_checkpoint_that_is_cut_short_leaves_the_one_before() {
    let temp = tempfile::tempdir().unwrap();
    let directory = directory(temp.path());
    let base = checkpoint(&directory, 1, RecordId::NONE, &[1; 1000]);
    drop(Journal::create(&directory, &small(), &base).unwrap());
    checkpoint(&directory, 2, RecordId::NONE, &[2; 1000]);
    let found = || Recovered::read(&directory).unwrap().unwrap().covered().seq;
    assert_eq!(found(), 2);
    let mut writer = CheckpointWriter::begin(&directory, 1).unwrap();
    assert_eq!(found(), 2);
    writer.write(&vec![3; 1 << 20]).unwrap();
    assert_eq!(found(), 2);
    drop(writer);
    // A third, in the file of the first, of whose head ever more bytes are there.
    checkpoint(&directory, 3, RecordId::NONE, &[3; 1000]);
    let path = directory.path().join("checkpoint.0");
    let whole = fs::read(&path).unwrap();
    assert_eq!((found(), whole.len()), (3, 1128));
    for len in 0..128 {
        let mut torn = whole.clone();
        torn[len..128].fill(0);
        fs::write(&path, &torn).unwrap();
        // The last bytes of the head are those of its sum, of which four are 0 anyway.
        assert_eq!(found(), if torn == whole { 3 } else { 2 }, "{len} bytes of the head");
    }
    // And one whose body was lost is none, however well its head holds.
    let mut torn = whole.clone();
    torn[600] ^= 1;
    fs::write(&path, &torn).unwrap();
    assert_eq!(found(), 2);
    fs::write(&path, &whole[..1100]).unwrap();
    assert_eq!(found(), 2);
}
