//! What a journal is told is enough: the image of a store, and the records of what came after it,
//! make the same store again, byte for byte.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_types, reason = "a journal of a test may have a lock")]
#![allow(unreachable_pub, reason = "a module of a test")]

#[path = "journal/ops.rs"]
mod ops;

use std::sync::{Arc, Mutex};

use myriad_core::{
    Caller, Config, ConnId, Errno, Origin, Path, Restore, RestoreError, Store, WatchPath, Writes,
    journal::{Entry, Journal, Place},
};
use ops::{op, run};
use proptest::prelude::*;

/// What a journal was told, by publication.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<Note>>);

#[derive(Clone, Debug)]
struct Note {
    seq: u64,
    generation: u64,
    parent: Option<Place>,
    origin: Origin,
    delta: Vec<u8>,
    marked: bool,
    done: bool,
}

impl Note {
    fn entry(&self) -> Entry<'_> {
        let Note { seq, generation, parent, origin, .. } = *self;
        Entry { seq, generation, parent, origin, delta: &self.delta }
    }
}

impl Journal for Notes {
    fn keep(&self, entry: &Entry<'_>) -> Option<Place> {
        let Entry { seq, generation, parent, origin, delta } = *entry;
        let mut notes = self.0.lock().unwrap();
        let delta = delta.to_vec();
        notes.push(Note { seq, generation, parent, origin, delta, marked: false, done: false });
        Some(Place { at: notes.len() as u64 - 1, stamp: seq })
    }

    fn mark(&self, place: Place) {
        let mut notes = self.0.lock().unwrap();
        let note = &mut notes[usize::try_from(place.at).unwrap()];
        assert_eq!(note.seq, place.stamp);
        note.marked = true;
    }

    fn unkept(&self, seq: u64) {
        panic!("{seq} was kept");
    }

    fn done(&self, place: Place) {
        self.0.lock().unwrap()[usize::try_from(place.at).unwrap()].done = true;
    }
}

fn config(journal: Option<Arc<Notes>>) -> Config {
    let journal = journal.map(|notes| notes as Arc<dyn Journal>);
    Config { journal, keep_orphans: false, ..Config::default() }
}

fn image(store: &Store) -> Vec<u8> {
    let mut image = Vec::new();
    let sink = &mut |bytes: &[u8]| -> Result<(), ()> {
        image.extend_from_slice(bytes);
        Ok(())
    };
    store.snapshot().export(sink).unwrap();
    image
}

/// An image without what differs by design: the publication, and the generation where it jumps.
fn body(image: &[u8]) -> Vec<u8> {
    image[24..].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn image_and_records_make_the_same_store_again(
        before in prop::collection::vec(op(), 0..30),
        after in prop::collection::vec(op(), 0..40),
    ) {
        let notes = Arc::new(Notes::default());
        let store = Store::new(&config(Some(notes.clone()))).unwrap();
        (0..).zip(&before).for_each(|(n, op)| run(&store, op, n));
        let first = image(&store);
        let start = store.pin().seq();
        (1000..).zip(&after).for_each(|(n, op)| run(&store, op, n));
        let last = image(&store);

        let notes = notes.0.lock().unwrap();
        let mut restore = Restore::new(&config(None), &first).unwrap();
        for note in notes.iter().filter(|note| note.seq > start) {
            prop_assert!(note.marked && note.done);
            restore.replay(&note.entry()).unwrap();
        }
        prop_assert_eq!(restore.seq(), store.pin().seq());
        let again = restore.finish(0);
        again.pin().check().unwrap();
        prop_assert_eq!(body(&image(&again)), body(&last));
        // And from the whole image alone.
        let again = Restore::new(&config(None), &last).unwrap().finish(0);
        again.pin().check().unwrap();
        prop_assert_eq!(body(&image(&again)), body(&last));
        // Those that led to one version, and no others, are a chain.
        for pair in notes.windows(2) {
            prop_assert_eq!(pair[1].seq, pair[0].seq + 1);
            prop_assert_eq!(pair[1].parent.map(|p| p.stamp), Some(pair[0].seq));
        }
    }

    #[test]
    fn a_damaged_image_or_record_is_an_error_and_never_a_panic(
        ops in prop::collection::vec(op(), 0..30),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let notes = Arc::new(Notes::default());
        let store = Store::new(&config(Some(notes.clone()))).unwrap();
        let empty = image(&store);
        (0..).zip(&ops).for_each(|(n, op)| run(&store, op, n));
        let mut damaged = image(&store);
        let len = damaged.len();
        damaged[at.index(len)] = byte;
        let _ = Restore::new(&config(None), &damaged).map(|restore| restore.finish(1));
        damaged.truncate(at.index(len));
        prop_assert!(matches!(
            Restore::new(&config(None), &damaged),
            Err(RestoreError::Image(_))
        ));
        let mut restore = Restore::new(&config(None), &empty).unwrap();
        for note in notes.0.lock().unwrap().iter_mut() {
            if let Some(len) = note.delta.len().checked_sub(1) {
                note.delta[at.index(len + 1)] = byte;
            }
            if restore.replay(&note.entry()).is_err() {
                break;
            }
        }
    }
}

#[test]
fn connections_that_do_not_go_on_lose_their_watches() {
    let store = Store::new(&Config::default()).unwrap();
    for (conn, path) in [(1, "/a"), (2, "/b"), (1, "/c")] {
        let (conn, path) = (ConnId::new(0, conn), WatchPath::Node(Path::new(path).unwrap()));
        store.edit(|e| e.watch(conn, &Caller::Control, path, b"t", None, 0)).result.unwrap();
    }
    let mut restore = Restore::new(&Config::default(), &image(&store)).unwrap();
    let new = ConnId::new(3, 7);
    restore.connections(|old, _| (old == ConnId::new(0, 1)).then_some(new));
    let again = restore.finish(1);
    assert_eq!(again.pin().watches(), 2);
    let fires = again.pin().all_fires(new);
    assert_eq!(fires.iter().map(|f| f.path()).collect::<Vec<_>>(), ["/a", "/c"]);
    again.pin().check().unwrap();
}

#[test]
fn requests_of_one_publication_are_told_apart() {
    let notes = Arc::new(Notes::default());
    let store = Store::new(&config(Some(notes.clone()))).unwrap();
    let origin = |upto| Origin { upto, ..Origin::default() };
    store.edit(|edit| {
        edit.from(&origin(10));
        edit.write(&Caller::Control, Path::new("/a")?, b"1")?;
        edit.next_request(&origin(20));
        edit.failed(Errno::EACCES);
        edit.next_request(&origin(30));
        edit.write(&Caller::Control, Path::new("/b")?, b"2")
    });
    let notes = notes.0.lock().unwrap();
    let requests: Vec<_> = notes[0].entry().requests().map(|(o, r)| (o.upto, r)).collect();
    assert_eq!(requests, [(10, Ok(())), (20, Err(Errno::EACCES)), (30, Ok(()))]);
}

#[test]
fn a_commit_that_others_publish_is_its_owners_to_be_done_with() {
    let notes = Arc::new(Notes::default());
    let store = Store::new(&config(Some(notes.clone()))).unwrap();
    let started = std::sync::Barrier::new(5);
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let (store, started) = (&store, &started);
            scope.spawn(move || {
                started.wait();
                for round in 0..200_u32 {
                    let path = format!("/{thread}/{round}");
                    let path = Path::new(&path).unwrap();
                    store.edit(|edit| edit.write(&Caller::Control, path, b"x")).result.unwrap();
                }
            });
        }
        // Large enough to lose against the small ones, until it is announced.
        started.wait();
        for round in 0..20 {
            let mut tx = store.begin(0);
            for node in 0..200 {
                let path = format!("/tx/{round}/{node}");
                tx.write(&Caller::Control, Path::new(&path).unwrap(), b"x").unwrap();
            }
            tx.commit().result.unwrap();
        }
    });
    let notes = notes.0.lock().unwrap();
    // Every record: those that were published, and those that lost.
    assert!(notes.iter().all(|note| note.done));
    let marked = notes.iter().filter(|note| note.marked).count() as u64;
    assert_eq!(marked, store.pin().seq() - 1);
}
