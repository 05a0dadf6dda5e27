//! What lies around the store: the codec, a connection, the page of a ring, the history.

mod common;

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use myriad_benches::{
    fail::or_die,
    fixture::{self, Keys},
    subject::Subject,
    subjects::{
        feeds::Records,
        requests::{Codec, Requests},
        rings::Transfers,
    },
    vm::Layout,
};
use myriad_core::{Config, Record};
use myriad_history::{
    Recorder,
    file::{Options, Writer},
};

fn requests(criterion: &mut Criterion) {
    let store = common::store();
    let paths = common::keys(Keys::SixLevelValues, 1 << 14);
    let mut group = common::group(criterion, "a READ");
    common::side(&mut group, "codec alone", &mut Codec::new(&paths));
    common::side(&mut group, "through a connection", &mut Requests::new(&store, &paths));
    group.finish();
    let mut group = common::group(criterion, "the page of a ring");
    common::side(&mut group, "a request in, a reply out", &mut Transfers::new());
    group.finish();
}

/// Appends the records of single writes to a history; one op is a record.
struct Appends<F> {
    commits: Records,
    waiting: Vec<Arc<Record>>,
    append: F,
}

impl<F: FnMut(&[Arc<Record>]) + Send> Subject for Appends<F> {
    fn batch(&self) -> u64 {
        self.commits.batch()
    }

    fn prepare(&mut self, ops: u64) {
        (self.append)(&[]);
        self.commits.prepare(ops);
        self.waiting = (0..ops).map(|_| self.commits.next_record()).collect();
    }

    fn run(&mut self, _ops: u64) {
        (self.append)(&self.waiting);
    }
}

/// As if 2,000 commits were made a second.
const NANOSECONDS_BETWEEN: u64 = 500_000;

fn history(criterion: &mut Criterion) {
    let directory = or_die("a directory", tempfile::tempdir());
    let options = Options::sized(64 << 20);
    let writer = or_die("a history", Writer::open(&directory.path().join("history"), &options));
    let store = fixture::store(&Config::default(), Layout::Compact, 200);
    let paths = fixture::keys(Keys::SixLevelValues, Layout::Compact, 200, common::SEED, 512, 16);
    let commits = Records::new(&store, &paths.into());
    let (mut recorder, mut now) = (Recorder::new(writer), 1_700_000_000_000_000_000);
    let append = move |records: &[Arc<Record>]| {
        // Before each batch, which is not timed.
        if records.is_empty() && recorder.writer().wants_snapshot() {
            or_die("snapshot", recorder.snapshot(&store.snapshot(), now));
        }
        for record in records {
            now += NANOSECONDS_BETWEEN;
            or_die("append", recorder.append(record, now));
        }
        or_die("tick", recorder.writer().tick(now));
    };
    let mut appends = Appends { commits, waiting: Vec::new(), append };
    let mut group = common::group(criterion, "history");
    common::side(&mut group, "append a write", &mut appends);
    group.finish();
}

criterion_group!(benches, requests, history);
criterion_main!(benches);
