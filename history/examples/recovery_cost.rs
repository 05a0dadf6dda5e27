//! What recovery costs a commit: `cargo run --release -p myriad-history --example recovery_cost`,
//! with a directory on a tmpfs as its argument, `/dev/shm` by default. Times are the processor's,
//! so that what else runs disturbs little.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "an example, run by hand")]
#![allow(clippy::indexing_slicing, reason = "as above")]
#![allow(clippy::cast_possible_truncation, reason = "as above")]

use std::{hint::black_box, path::Path, sync::Arc, thread, time::Duration};

use myriad_history::recovery::{
    BootId, CheckpointWriter, Complete, Covered, Directory, Journal, JournalConfig, RecordHead,
    RecordId, Recovered, Slots,
};

fn main() {
    let place = std::env::args().nth(1).unwrap_or_else(|| "/dev/shm".into());
    let temp = tempfile::tempdir_in(Path::new(&place)).unwrap();
    let directory = Directory::open(temp.path(), BootId([1; 16])).unwrap();
    let base = checkpoint(&directory, 0, &[]);
    for threads in [1, 2] {
        let journal = Journal::create(&directory, &JournalConfig::default(), &base).unwrap();
        let done = (0..LAPS).map(|lap| {
            let took = commits(&journal, threads, lap);
            let begun = journal.begin_checkpoint();
            let begin = Cpu::now();
            journal.end_checkpoint(begun, &checkpoint(&directory, u64::MAX, &[]));
            (took, begin.elapsed())
        });
        let done: Vec<(Duration, Duration)> = done.collect();
        let each = |took: &Duration| took.as_nanos() as f64 / (PER_LAP * threads) as f64;
        let laps: Vec<String> = done.iter().map(|(took, _)| format!("{:.0}", each(took))).collect();
        let release = done.last().unwrap().1.as_micros();
        println!(
            "{threads} threads: {} ns a record each lap; release {release} us",
            laps.join(" ")
        );
    }
    slots(&directory);
    large(&directory);
}

/// Each thread commits so many records; how long it took.
fn commits(journal: &Journal, threads: u64, lap: u64) -> Duration {
    let begin = Cpu::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let body = [7; 120];
                let mut parent = RecordId::NONE;
                for seq in 0..PER_LAP {
                    let head = RecordHead { seq: lap * PER_LAP + seq, parent, at: seq };
                    let reserved = journal.reserve(&head, &[black_box(&body)]).unwrap();
                    parent = reserved.record();
                    journal.mark(parent);
                    journal.done(reserved);
                }
            });
        }
    });
    begin.elapsed()
}

fn slots(directory: &Directory) {
    let slots = Arc::new(Slots::create(directory).unwrap());
    let mut writers: Vec<_> = (0..1000).map(|slot| slots.writer(slot).unwrap()).collect();
    for (name, inline, overflow) in [("96", 96, 0), ("96 + 2048", 96, 2048), ("0", 0, 0)] {
        let (inline, overflow) = (vec![1; inline], vec![2; overflow]);
        let begin = Cpu::now();
        for turn in 0..1000 {
            let writer = &mut writers[turn % 3];
            for _ in 0..1000 {
                writer.write(black_box(&inline), black_box(&overflow)).unwrap();
            }
        }
        println!("a slot of {name} bytes: {} ns", begin.elapsed().as_nanos() / 1_000_000);
    }
}

fn large(directory: &Directory) {
    let body = vec![5; 100 << 20];
    let begin = Cpu::now();
    let base = checkpoint(directory, 0, &body);
    println!("a checkpoint of 100 MiB: written in {} ms", begin.elapsed().as_millis());
    let journal = Journal::create(directory, &JournalConfig::default(), &base).unwrap();
    let mut parent = RecordId::NONE;
    for seq in 1..=PER_LAP {
        let head = RecordHead { seq, parent, at: 0 };
        let reserved = journal.reserve(&head, &[&[3; 120]]).unwrap();
        parent = reserved.record();
        journal.mark(parent);
    }
    drop(journal);
    let begin = Cpu::now();
    let found = Recovered::read(directory).unwrap().unwrap();
    let (records, took) = (found.records().len(), begin.elapsed().as_millis());
    println!("it and {records} records: read in {took} ms");
}

fn checkpoint(directory: &Directory, seq: u64, body: &[u8]) -> Complete {
    let mut writer = CheckpointWriter::begin(directory, 1).unwrap();
    body.chunks(1000).for_each(|chunk| writer.write(chunk).unwrap());
    writer.finish(Covered { seq, generation: 0, record: RecordId::NONE, at: 0 }).unwrap()
}

/// A point in the processor time of this process.
struct Cpu(Duration);

impl Cpu {
    fn now() -> Cpu {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Cpu(time.try_into().unwrap())
    }

    fn elapsed(&self) -> Duration {
        Cpu::now().0 - self.0
    }
}

const LAPS: u64 = 6;
const PER_LAP: u64 = 150_000;
