//! Transactions of several clients: each on nodes of its own, or all on one counter.

use myriad_ring::v1::Op;

use super::{
    ROOT, VALUE,
    transacting::{Tally, Transacting, Work},
};
use crate::{
    load::{Context, Error, Figures, Peer, pump::Latencies, swarm, wire::Out, wire::Wire},
    stats::float,
};

/// Options of `transactions` and `counter`.
#[derive(clap::Args, Clone, Debug)]
pub struct Transactions {
    /// Clients, a connection each; several, separated by commas, are run one after another.
    #[arg(long, value_delimiter = ',', default_value = "1,8,64")]
    clients: Vec<u32>,
}

impl Transactions {
    /// Five reads and five writes each, on nodes that nobody else touches.
    pub(super) fn disjoint(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut wire = peer.connect()?;
        let most = self.clients.iter().copied().max().unwrap_or(0);
        for client in 0..most {
            for path in Disjoint::new(client).paths {
                wire.call(Op::Write, 0, &[&path, &VALUE])?;
            }
        }
        let mut figures = Figures::new();
        for &clients in &self.clients {
            let label = many(clients);
            run(peer, context, clients, &label, Disjoint::new, &mut figures)?;
        }
        Ok(figures)
    }

    /// All read one number and write the next one.
    pub(super) fn counter(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut wire = peer.connect()?;
        let mut figures = Figures::new();
        for &clients in &self.clients {
            wire.call(Op::Write, 0, &[COUNTER.as_bytes(), b"\0", b"0"])?;
            let label = many(clients);
            let commits = run(peer, context, clients, &label, |_| Count, &mut figures)?;
            let counted = number(wire.ask(Op::Read, 0, COUNTER)?).ok();
            if counted != Some(commits) && !peer.is_floor() {
                return Err(Error::Outlived("an update of the counter is lost".to_owned()));
            }
        }
        Ok(figures)
    }
}

/// Warms up, measures, and gives how many commits there were in all.
fn run<W: Work>(
    peer: &Peer,
    context: &Context,
    count: u32,
    label: &str,
    work: impl Fn(u32) -> W,
    figures: &mut Figures,
) -> Result<u64, Error> {
    let mut before = 0;
    let mut clients: Vec<(Wire, Transacting<W>)> = Vec::new();
    for time in [context.warm_up, context.time] {
        clients = swarm::clients(peer, (0..count).map(|n| Transacting::new(work(n))))?;
        let meter = peer.meter();
        let seconds = swarm::run(&mut clients, Some(time))?.as_secs_f64();
        let cpu_us = meter.cpu_us();
        let tallies: Vec<&Tally> = clients.iter().map(|(_, client)| &client.tally).collect();
        let commits: u64 = tallies.iter().map(|tally| tally.commits).sum();
        if time == context.time {
            add(&tallies, seconds, cpu_us, label, figures);
            return Ok(before + commits);
        }
        before = commits;
    }
    drop(clients);
    Ok(before)
}

/// What the clients have done, in figures.
pub(super) fn add(
    tallies: &[&Tally],
    seconds: f64,
    cpu_us: f64,
    label: &str,
    figures: &mut Figures,
) {
    let commits: u64 = tallies.iter().map(|tally| tally.commits).sum();
    let aborts: u64 = tallies.iter().map(|tally| tally.aborts).sum();
    let slowest = tallies.iter().map(|tally| tally.commits).min().unwrap_or(0);
    let mean = float(commits) / float(tallies.len() as u64);
    let mut latencies = Latencies::default();
    tallies.iter().for_each(|tally| latencies.add(&tally.latencies));
    figures.extend([
        (format!("{label}commits/s"), float(commits) / seconds),
        (format!("{label}aborts"), float(aborts)),
        (format!("{label}aborts, % of attempts"), percent(aborts, commits + aborts)),
        (format!("{label}cpu µs/commit"), cpu_us / float(commits)),
        (format!("{label}slowest client's commits to the mean"), float(slowest) / mean),
    ]);
    latencies.report(label, figures);
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * float(part) / float(whole) }
}

fn many(clients: u32) -> String {
    format!("{clients} client{}: ", if clients == 1 { "" } else { "s" })
}

/// Ten nodes, of which five are read and five are written.
struct Disjoint {
    /// With the NUL after each.
    paths: Vec<Vec<u8>>,
}

impl Disjoint {
    fn new(client: u32) -> Disjoint {
        let path = |node| format!("{ROOT}/transactions/{client}/{node}\0").into_bytes();
        Disjoint { paths: (0..DISJOINT_NODES).map(path).collect() }
    }
}

impl Work for Disjoint {
    fn open(&mut self) -> bool {
        true
    }

    fn request(
        &mut self,
        step: usize,
        _last: &[u8],
        tx_id: u32,
        out: &mut Out,
    ) -> Result<Option<Op>, Error> {
        let Some(path) = self.paths.get(step) else { return Ok(None) };
        // Reads and writes take turns.
        let (op, value) =
            if step.is_multiple_of(2) { (Op::Read, &[][..]) } else { (Op::Write, &VALUE[..]) };
        out.push(op, tx_id, &[path, value]);
        Ok(Some(op))
    }
}

/// The counter, one up.
struct Count;

impl Work for Count {
    fn open(&mut self) -> bool {
        true
    }

    fn request(
        &mut self,
        step: usize,
        last: &[u8],
        tx_id: u32,
        out: &mut Out,
    ) -> Result<Option<Op>, Error> {
        match step {
            0 => {
                out.push(Op::Read, tx_id, &[COUNTER.as_bytes(), b"\0"]);
                Ok(Some(Op::Read))
            }
            1 => {
                let next = number(last).unwrap_or(0) + 1;
                let value = next.to_string();
                out.push(Op::Write, tx_id, &[COUNTER.as_bytes(), b"\0", value.as_bytes()]);
                Ok(Some(Op::Write))
            }
            _ => Ok(None),
        }
    }
}

/// A floor's value is no number.
fn number(value: &[u8]) -> Result<u64, Error> {
    std::str::from_utf8(value).ok().and_then(|v| v.parse().ok()).ok_or(Error::Garbage)
}

const COUNTER: &str = "/load/counter";
/// Of each client.
const DISJOINT_NODES: usize = 10;
