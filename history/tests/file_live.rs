//! A history is read while a daemon writes it: what is read is right, or it is said that it was
//! overwritten.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::thread;

use myriad_history::file::{
    Author, Change, Commit, History, Options, ReadError, SnapshotNode, What, Writer,
};

const COMMITS: u64 = 20_000;

/// Each commit writes the same value to nodes that lie far from each other.
const PATHS: [&str; 4] = ["/a", "/local/domain/5/x", "/local/domain/9/y/z", "/vm"];

fn value(generation: u64) -> Vec<u8> {
    format!("{generation}-").repeat(1 + usize::try_from(generation % 40).unwrap()).into_bytes()
}

fn write(mut writer: Writer) {
    for generation in 1..=COMMITS {
        let old = value(generation - 1);
        if writer.wants_snapshot() {
            let node = |path| SnapshotNode { path, value: &old, perms: &[], generation: 0 };
            let at = (generation - 1) * 1_000_000;
            writer.snapshot(generation - 1, generation - 1, at, PATHS.map(node)).unwrap();
        }
        let value = value(generation);
        let author = Author { instance: 1, ..Author::default() };
        let what = What::Written { value: &value };
        let changes = PATHS.map(|path| Change { author, generation, path, what });
        let at = generation * 1_000_000;
        writer.append(&Commit { seq: generation, generation, at, changes: &changes }).unwrap();
        if generation % 64 == 0 {
            writer.tick(at).unwrap();
        }
    }
    writer.close().unwrap();
}

/// Whether the version was overwritten meanwhile, which only old ones are.
fn check(history: &History, generation: u64) -> bool {
    let tree = match history.tree(generation) {
        Err(ReadError::Overtaken | ReadError::TooOld { .. }) => return true,
        tree => tree.unwrap(),
    };
    let generation = tree.version().generation;
    assert_eq!(tree.len(), PATHS.len());
    for (path, node) in tree.iter() {
        assert!(*node.value == *value(generation), "{path} in {generation}");
    }
    false
}

#[test]
fn a_reader_and_a_writer_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history");
    let writer = Writer::open(&path, &Options::sized(1 << 20)).unwrap();
    let mut history = History::open(&path).unwrap();
    let daemon = thread::spawn(move || write(writer));
    let (mut looks, mut overwritten) = (0, 0);
    // Ends: the daemon writes so many commits, or its panic ends it.
    loop {
        let done = daemon.is_finished();
        history.refresh().unwrap();
        let versions = history.versions();
        let Some((oldest, newest)) = versions.first().zip(versions.last()) else {
            assert!(!done, "the daemon has left nothing");
            continue;
        };
        let (oldest, newest) = (oldest.generation, newest.generation);
        for generation in [oldest, oldest.midpoint(newest), newest] {
            overwritten += u32::from(check(&history, generation));
        }
        match history.diff(newest.saturating_sub(1), newest, "/") {
            Ok(found) => assert!(found.is_empty() || found.len() == PATHS.len()),
            Err(ReadError::Overtaken | ReadError::TooOld { .. }) => overwritten += 1,
            Err(error) => panic!("{error}"),
        }
        looks += 1;
        if done {
            assert_eq!(newest, COMMITS);
            assert!(!check(&history, newest) && !check(&history, oldest));
            break;
        }
    }
    daemon.join().unwrap();
    assert!(looks > 1, "{looks} looks, {overwritten} overwritten");
}
