//! What journal and history cost whoever commits: commits a second with neither, with the journal,
//! and with both, in turn, in one run.
//!
//! `cargo run --release -p myriad-history --example commits -- FOLDER`, on a tmpfs.

use std::{
    error::Error,
    path::{Path as File, PathBuf},
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use myriad_core::{Caller, Config, Feed, FeedItem, Path, Store, Writes};
use myriad_history::{
    Recorder,
    file::{GapReason, Options, Writer},
    recovery::{BootId, Directory, Journal, JournalConfig, Keeper},
};

const ROUNDS: usize = 9;
const COMMITS: u32 = 300_000;
const PATHS: u32 = 4_100;

type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Done {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("give a folder on a tmpfs for its files")?.join("commits");
    std::fs::create_dir_all(&folder)?;
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (rates, (journal, history)) in
            rates.iter_mut().zip([(false, false), (true, false), (true, true)])
        {
            rates.push(round(&folder, journal, history)?);
        }
    }
    let names = ["neither", "with the journal", "with journal and history"];
    let medians = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        let at = |at: usize| rates.get(at).copied().unwrap_or_default();
        (at(ROUNDS / 2), at(0), at(ROUNDS - 1))
    });
    let first = medians.first().map_or(0.0, |(median, ..)| *median);
    for (name, (median, least, most)) in names.iter().zip(medians) {
        println!("{name:<26} {median:>9.0}/s [{least:.0}..{most:.0}] {:.2}", median / first);
    }
    Ok(std::fs::remove_dir_all(folder)?)
}

/// Commits a second.
fn round(folder: &File, journal: bool, history: bool) -> Done<f64> {
    let keeper = Arc::new(Keeper::default());
    let kept = keeper.clone() as Arc<dyn myriad_core::journal::Journal>;
    let config = Config {
        journal: journal.then_some(kept),
        feed_slots: 1 << 16,
        feed_bytes: 16 << 20,
        ..Config::default()
    };
    let store = Store::new(&config)?;
    let directory = Directory::open(&folder.join("recovery"), BootId::of_host()?)?;
    if journal {
        let base = keeper.write_checkpoint(&directory, &store, 1)?;
        let large = JournalConfig { segments: 256, ..JournalConfig::default() };
        keeper.begin(Journal::create(&directory, &large, &base)?);
    }
    let recorder = history.then(|| record(&folder.join("history"), &store)).transpose()?;
    let began = Instant::now();
    for commit in 0..COMMITS {
        let path = format!("/local/domain/{}/device/{}", commit % PATHS / 41, commit % 41);
        let value = commit.to_le_bytes();
        store.edit(|edit| edit.write(&Caller::Control, Path::new(&path)?, &value)).result?;
    }
    let rate = f64::from(COMMITS) / began.elapsed().as_secs_f64();
    if let Some((stop, thread)) = recorder {
        drop(stop);
        thread.join().map_err(|_| "the recorder failed")??;
    }
    directory.clear()?;
    Ok(rate)
}

/// Follows a store as the daemon does, until the sender is gone.
fn record(path: &File, store: &Store) -> Done<(Sender<()>, JoinHandle<Done>)> {
    // Each round has a file of its own.
    let _ = std::fs::remove_file(path);
    let mut recorder = Recorder::new(Writer::open(path, &Options::sized(64 << 20))?);
    let mut feed = store.feed();
    recorder.snapshot(&store.snapshot(), 0)?;
    let (stop, stopped) = channel::<()>();
    let store = store.clone();
    let thread = std::thread::spawn(move || {
        loop {
            let last = stopped
                .recv_timeout(Duration::from_millis(5))
                .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Disconnected);
            follow(&mut recorder, &mut feed)?;
            if recorder.writer().wants_snapshot() {
                let version = store.snapshot();
                while feed.seq() < version.seq() {
                    follow(&mut recorder, &mut feed)?;
                }
                recorder.snapshot(&version, 0)?;
            }
            recorder.writer().tick(0)?;
            if last {
                return Ok(());
            }
        }
    });
    Ok((stop, thread))
}

fn follow<S: myriad_history::file::storage::Storage>(
    recorder: &mut Recorder<S>,
    feed: &mut Feed,
) -> Done {
    loop {
        match feed.next() {
            FeedItem::Record(record) => recorder.append(&record, 0)?,
            FeedItem::Empty => return Ok(()),
            FeedItem::Overrun => {
                let from = recorder.seq() + 1;
                recorder.writer().gap(GapReason::Overrun, from, 0)?;
            }
        }
    }
}
