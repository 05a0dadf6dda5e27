//! Fills a history file and measures: what a commit costs, what the file holds, what reading takes.
//!
//! ```sh
//! cargo run --release -p myriad-history --example fill -- FILE MIB COMMITS NODES [small]
//! ```
//!
//! The store has `NODES` nodes, 41 for each domain. Nine commits in ten write one short value of a
//! random domain, one in ten some 40 nodes, one in ten thousand 2,000 bytes in each of 200 nodes;
//! with a fifth argument, `small`, all write one short value.
//! Commits come as if 2,000 were made a second. It fails if the file's size changes.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use myriad_history::file::{
    Author, Change, Commit, History, Options, Perm, SnapshotNode, What, Writer,
};

type Done<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Done {
    let mut args = std::env::args().skip(1);
    let path = args.next().unwrap_or_else(|| "history.fill".to_owned());
    let mut number = |default: u64| args.next().map_or(Ok(default), |arg| arg.parse::<u64>());
    let (mib, commits, nodes) = (number(64)?, number(1_000_000)?, number(8200)?);
    let small = args.next().is_some();
    let path = Path::new(&path);
    let options = Options::sized(mib << 20);
    let mut writer = Writer::open(path, &options)?;
    let size = std::fs::metadata(path)?.len();
    let mut store = Store::new(nodes, writer.last().map_or(0, |last| last.1 + 1));
    let took = store.fill(&mut writer, commits, small)?;
    writer.close()?;
    let nanos = took.commits.as_nanos() / u128::from(commits.max(1));
    println!(
        "{commits} commits: {nanos} ns of CPU each; {} snapshots: {:?}",
        took.count, took.snapshots
    );
    let now = std::fs::metadata(path)?.len();
    if now != size || size != mib << 20 {
        return Err(format!("the file has {now} bytes, had {size}").into());
    }
    read(path)
}

fn read(path: &Path) -> Done {
    let mut clock = Instant::now();
    let mut lap = |what: &str| {
        println!("{what}: {:?}", clock.elapsed());
        clock = Instant::now();
    };
    let history = History::open(path)?;
    lap("open");
    let versions = history.versions();
    lap("versions");
    println!("{} versions", versions.len());
    let newest = history.tree(u64::MAX)?;
    lap("newest tree");
    println!("{} nodes, complete: {}", newest.len(), newest.is_complete());
    for part in [1, 2, 3] {
        let Some(kept) = versions.get(versions.len() * part / 4) else { continue };
        let tree = history.tree(kept.generation)?;
        lap("tree");
        drop(tree);
        lap("drop");
    }
    for part in [1, 2, 3, 5, 7] {
        let at = versions.len() * part / 8;
        if let Some([a, b]) = versions.get(at..at + 2) {
            let found = history.diff(a.generation, b.generation, "/")?.len();
            lap(&format!("diff of neighbours, {found} paths"));
        }
    }
    let found = history.changes_of("/local/domain/7/device/vif/0/state", false).count();
    lap(&format!("changes of a path, {found}"));
    let found = history.changes_of("/local/domain/7", true).count();
    lap(&format!("changes below a path, {found}"));
    let found = history.commits(..).count();
    lap(&format!("all commits, {found}"));
    let stats = history.stats();
    println!("too small: {}", stats.too_small);
    for tier in stats.tiers {
        println!("{tier:?}");
    }
    Ok(())
}

/// What this thread has had of the CPU.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap_or_default()
}

/// A tree of domains with values that are made up on the way.
struct Store {
    paths: Vec<String>,
    values: Vec<Vec<u8>>,
    perms: Vec<Vec<Perm>>,
    generation: u64,
    seq: u64,
    at: u64,
    random: u64,
}

#[derive(Default)]
struct Took {
    commits: Duration,
    snapshots: Duration,
    count: u32,
}

impl Store {
    fn new(nodes: u64, generation: u64) -> Store {
        let mut paths = vec!["/".to_owned(), "/local".to_owned(), "/local/domain".to_owned()];
        for domain in 0..nodes / 41 {
            let top = format!("/local/domain/{domain}");
            paths.push(top.clone());
            let leaves = ["name", "vm", "domid", "memory/target", "console/ring-ref", "control"];
            for leaf in leaves {
                if let Some((parent, _)) = leaf.split_once('/') {
                    paths.push(format!("{top}/{parent}"));
                }
                paths.push(format!("{top}/{leaf}"));
            }
            paths.extend(["/device", "/device/vif", "/device/vbd"].map(|p| format!("{top}{p}")));
            for (kind, at) in [("vif", 0), ("vbd", 1), ("vbd", 2)] {
                let device = format!("{top}/device/{kind}/{at}");
                paths.push(device.clone());
                for leaf in
                    ["backend", "backend-id", "state", "handle", "mac", "ring-ref", "event", "x"]
                {
                    paths.push(format!("{device}/{leaf}"));
                }
            }
        }
        paths.sort_by(|a, b| myriad_history::file::order::compare(a, b));
        paths.dedup();
        let values = paths.iter().map(|path| format!("{:x}", path.len() * 977).into()).collect();
        let domain = |path: &String| {
            let instance = path.split('/').nth(3).and_then(|id| id.parse().ok()).unwrap_or(0u64);
            let owner = Perm { access: 0, domid: 0, instance: 1 };
            let guest = Perm { access: 1, domid: 9, instance: instance + 2 };
            vec![owner, guest]
        };
        let perms = paths.iter().map(domain).collect();
        let at = 1_700_000_000_000_000_000;
        Store { paths, values, perms, generation, seq: 0, at, random: 88_172_645_463_325_252 }
    }

    fn fill(&mut self, writer: &mut Writer, commits: u64, small: bool) -> Done<Took> {
        let mut took = Took::default();
        let mut left = commits;
        while left > 0 {
            if writer.wants_snapshot() {
                let clock = cpu();
                writer.snapshot(self.seq, self.generation, self.at, self.nodes())?;
                took.snapshots += cpu().saturating_sub(clock);
                took.count += 1;
            }
            let batch: Vec<Vec<(usize, Vec<u8>)>> =
                (0..left.min(BATCH)).map(|_| self.changes(small)).collect();
            left -= left.min(BATCH);
            let clock = cpu();
            for changes in &batch {
                (self.seq, self.generation) = (self.seq + 1, self.generation + 1);
                self.at += 500_000;
                let changes: Vec<Change<'_>> =
                    changes.iter().filter_map(|(at, value)| self.change(*at, value)).collect();
                let (seq, generation, at) = (self.seq, self.generation, self.at);
                writer.append(&Commit { seq, generation, at, changes: &changes })?;
            }
            writer.tick(self.at)?;
            took.commits += cpu().saturating_sub(clock);
            for (at, value) in batch.into_iter().flatten() {
                self.values.get_mut(at).into_iter().for_each(|place| place.clone_from(&value));
            }
        }
        Ok(took)
    }

    /// The nodes that a commit writes, and what.
    fn changes(&mut self, small: bool) -> Vec<(usize, Vec<u8>)> {
        let (count, len) = match if small { 9999 } else { self.below(10_000) } {
            0 => (200, 2000),
            1..1000 => (40, 10),
            _ => (1, 1 + self.below(12)),
        };
        let first = self.below(self.paths.len());
        let place = |n: usize| (first + n) % self.paths.len();
        let places: Vec<usize> = (0..count).map(place).collect();
        let mut digit = || b'a' + u8::try_from(self.below(16)).unwrap_or(0);
        places.into_iter().map(|at| (at, (0..len).map(|_| digit()).collect())).collect()
    }

    fn change<'c>(&'c self, at: usize, value: &'c [u8]) -> Option<Change<'c>> {
        let author = Author { domid: 0, instance: 1, conn: 3, request: 5, transaction: 0, op: 11 };
        let what = What::Written { value };
        Some(Change { author, generation: self.generation, path: self.paths.get(at)?, what })
    }

    fn nodes(&self) -> impl Iterator<Item = SnapshotNode<'_>> {
        let all = self.paths.iter().zip(&self.values).zip(&self.perms);
        all.map(|((path, value), perms)| SnapshotNode { path, value, perms, generation: 1 })
    }

    fn below(&mut self, n: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from((self.random >> 16) % n as u64).unwrap_or(0)
    }
}

/// Commits between two looks at the clock.
const BATCH: u64 = 256;
