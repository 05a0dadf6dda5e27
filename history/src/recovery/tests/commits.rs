//! A store in small that commits through a journal, and what must be found of it after a kill.

use std::sync::{Arc, Mutex};

use super::tape::{Image, Note, Tape};
use crate::recovery::{
    BootId, Full, RecordHead, RecordId,
    chain::{chain, scan},
    header::{HEADER_WORDS, Header, NEEDED, STATE},
    log::{Log, Place},
    record::{Found, LINE_WORDS},
    recorder::{Begun, Recorder},
    state::says_recording,
    words::Words,
};

/// A version: what it is, and the record that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) seq: u64,
    pub(super) record: RecordId,
}

/// The store: its current version, its journal, its checkpoints.
#[derive(Clone, Debug)]
pub(super) struct Small {
    pub(super) recorder: Arc<Recorder<Tape>>,
    pub(super) tape: Tape,
    pub(super) header: Header,
    root: Arc<Mutex<Version>>,
    number: Arc<Mutex<u64>>,
}

impl Small {
    /// A store over so many segments of so many lines, after its first checkpoint.
    pub(super) fn new(segments: u64, lines: u64) -> Small {
        let boot = BootId([3; 16]);
        let header = Header {
            boot,
            incarnation: 1,
            key: 0x0123_4567_89ab_cdef,
            lines,
            segments,
            made_at: 0,
        };
        let shape = header.shape();
        let tape = Tape::new(HEADER_WORDS + shape.total() as usize * LINE_WORDS);
        header.put(&tape);
        tape.put(NEEDED, 1);
        tape.rewind();
        tape.note(Note::Checkpoint { number: 1, seq: 0, record: 0 });
        let recorder = Recorder::new(Log::new(tape.clone(), shape, header.key));
        let root = Version { seq: 0, record: RecordId::NONE };
        Small {
            recorder: Arc::new(recorder),
            tape,
            header,
            root: Arc::new(Mutex::new(root)),
            number: Arc::new(Mutex::new(1)),
        }
    }

    /// The current version, marked, as whoever builds on it must.
    pub(super) fn base(&self) -> Version {
        let base = *self.root.lock().unwrap();
        self.recorder.mark(base.record);
        base
    }

    pub(super) fn reserve(&self, base: Version, len: usize) -> Result<Place, Full> {
        let head = RecordHead { seq: base.seq + 1, parent: base.record, at: 7 };
        let body = body(head.seq, len);
        let (first, second) = body.split_at(body.len() / 3);
        self.recorder.reserve(&head, &[first, second])
    }

    /// The swap: whether the version is in.
    pub(super) fn publish(&self, base: Version, record: RecordId) -> bool {
        let mut root = self.root.lock().unwrap();
        let won = *root == base;
        if won {
            *root = Version { seq: base.seq + 1, record };
            self.tape.note(Note::Published { seq: root.seq, record: record.to_raw() });
        }
        won
    }

    /// An answer leaves that tells of the current version.
    pub(super) fn answer(&self) {
        let seen = self.base();
        self.tape.note(Note::Seen { seq: seen.seq });
    }

    /// One try of a commit.
    pub(super) fn commit(&self, len: usize) -> Result<bool, Full> {
        let base = self.base();
        let place = self.reserve(base, len)?;
        let record = place.record();
        let won = self.publish(base, record);
        if won {
            self.recorder.mark(record);
            self.tape.note(Note::Seen { seq: base.seq + 1 });
        }
        self.recorder.end(place);
        Ok(won)
    }

    /// A whole checkpoint; whether it has resumed the journal.
    pub(super) fn checkpoint(&self) -> bool {
        let begun = self.begin();
        self.finish(begun)
    }

    /// A checkpoint begins: its version is taken.
    pub(super) fn begin(&self) -> (Begun, Version) {
        let mut waits = 0..3;
        let begun = self.recorder.begin_checkpoint(|| waits.next().is_some());
        (begun, *self.root.lock().unwrap())
    }

    /// A checkpoint is complete.
    pub(super) fn finish(&self, (begun, version): (Begun, Version)) -> bool {
        let number = {
            let mut number = self.number.lock().unwrap();
            *number += 1;
            *number
        };
        let (seq, record) = (version.seq, version.record.to_raw());
        self.tape.note(Note::Checkpoint { number, seq, record });
        self.recorder.end_checkpoint(begun, number, seq).resumed
    }

    /// Kills it at every store, and sees what is found. How often it was found suspended.
    pub(super) fn kill_everywhere(&self) -> usize {
        let start = Small::new(self.header.segments, self.header.lines).tape.words();
        let mut suspended = 0;
        self.tape
            .replay(&start, |image, notes| suspended += usize::from(!self.recover(image, notes)));
        suspended
    }

    /// What is found after a kill; false where it says that something is missing.
    fn recover(&self, image: &Image, notes: &[(usize, Note)]) -> bool {
        let (mut seen, mut last, mut newest) = (0, 0, 0);
        let mut covered = (0, RecordId::NONE);
        let mut published = vec![0];
        for (_, note) in notes {
            match *note {
                Note::Seen { seq } => seen = seen.max(seq),
                Note::Published { seq, record } => {
                    last = seq;
                    published.push(record);
                }
                Note::Checkpoint { number, seq, record } => {
                    let record = RecordId::from_raw(record);
                    covered = (seq, record);
                    newest = number;
                }
                Note::Content { .. } => {}
            }
        }
        assert!(image.get(NEEDED) <= newest, "a checkpoint is needed that isn't complete");
        if !says_recording(image.get(STATE)) {
            return false;
        }
        let found = scan(image, self.header.shape(), self.header.key);
        for one in &found {
            let number = |found: &Found| found.id.to_raw() / self.header.lines;
            let others = found.iter().map(|other| number(other).abs_diff(number(one)));
            let mut laps = others.filter(|apart| apart % self.header.segments == 0);
            assert!(laps.all(|apart| apart == 0), "J6: records of two laps: {found:?}");
        }
        let records = chain(image, (self.header.shape(), self.header.key), &found, covered);
        let records = records.unwrap_or_else(|error| panic!("{error}; {found:?}"));
        let end = records.last().map_or(covered.0, |record| record.head.seq);
        assert!(end >= seen, "{seen} was seen, and {end} is found");
        assert!(end <= last, "{last} was published, and {end} is found");
        for record in &records {
            assert_eq!(record.id.to_raw(), published[record.head.seq as usize], "a loser's");
            assert_eq!(record.body, body(record.head.seq, record.body.len()));
        }
        assert_eq!(records.len() as u64, end - covered.0);
        true
    }
}

/// What a record of a publication says.
fn body(seq: u64, len: usize) -> Vec<u8> {
    (0..len as u64).map(|at| (seq * 131 + at * 7) as u8).collect()
}
