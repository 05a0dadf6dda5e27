//! Domains that come and go without end, with nodes, watches, transactions and grants to each
//! other: nothing may grow, and no right may outlive its domain.
//!
//! There are always two generations: a younger one is made, deals with the elder one, and sees it
//! die. Ids are used again as soon as all have been used, and some at once.

mod life;

use std::time::Instant;

use myriad_ring::v1::Op;

use super::ROOT;
use crate::{
    load::{
        Error, Figures, Peer,
        crew::{Crew, Member},
        wire::Wire,
    },
    machine,
    stats::{Series, float},
};

/// Options of `soak`.
#[derive(clap::Args, Clone, Debug)]
pub struct Soak {
    /// Domains that are created and destroyed.
    #[arg(long, default_value_t = 1_000_000)]
    pub domains: u64,
    /// Domains of a generation; two of them are there at a time.
    #[arg(long, default_value_t = 200)]
    pub at_once: u16,
    /// The last domain id in use, from 1; then they are used again.
    #[arg(long, default_value_t = 32_751)]
    pub ids: u16,
    /// How often the daemon is looked at.
    #[arg(long, default_value_t = 20)]
    pub samples: u64,
}

/// The daemon at some moment, with one generation there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Domains that have been created so far.
    pub domains: u64,
    /// Rights that have been found to be gone with their domains.
    pub checked: u64,
    /// Seconds since the begin.
    pub seconds: f64,
    /// Bytes that the daemon keeps resident.
    pub resident: u64,
    /// Descriptors that it has open.
    pub descriptors: u64,
    /// Nodes of all domains, the control domain included.
    pub nodes: u64,
}

/// One of its figures.
type Value = fn(&Sample) -> u64;

/// A soak under way.
struct Run<'a> {
    peer: &'a Peer,
    wire: Wire,
    crew: Crew,
    at_once: u16,
    ids: u16,
    /// The first id of the next generation.
    next: u16,
    elders: Vec<Member>,
    made: u64,
    checked: u64,
    start: Instant,
}

impl Soak {
    pub(super) fn run(&self, peer: &Peer) -> Result<Figures, Error> {
        let samples = self.soak(peer, |sample| {
            eprintln!(
                "{} domains, {:.0} a second, {:.1} MiB resident, {} descriptors, {} nodes",
                sample.domains,
                float(sample.domains) / sample.seconds,
                mib(sample.resident),
                sample.descriptors,
                sample.nodes
            );
        })?;
        Ok(figures(&samples))
    }

    /// Goes through it all, and shows each look at the daemon.
    ///
    /// # Errors
    /// [`Error::Outlived`], or what kept it from its end.
    pub fn soak(&self, peer: &Peer, mut show: impl FnMut(&Sample)) -> Result<Vec<Sample>, Error> {
        let at_once = self.at_once.clamp(2, MOST_AT_ONCE);
        let mut run = Run {
            peer,
            wire: peer.connect()?,
            crew: Crew::connect(peer, None)?,
            at_once,
            ids: self.ids.clamp(at_once.saturating_mul(3), LAST_DOMID),
            next: 1,
            elders: Vec::new(),
            made: 0,
            checked: 0,
            start: Instant::now(),
        };
        run.prepare()?;
        run.start = Instant::now();
        let mut samples = Vec::new();
        let every = (self.domains / self.samples.max(1)).max(1);
        while run.made < self.domains {
            run.generation()?;
            if run.made >= every.saturating_mul(samples.len() as u64 + 1) {
                let sample = run.sample()?;
                show(&sample);
                samples.push(sample);
            }
        }
        run.end()?;
        Ok(samples)
    }
}

impl Run<'_> {
    /// A node of the control domain's for each id, which domains of this id are given in turn.
    fn prepare(&mut self) -> Result<(), Error> {
        for chunk in (1..=self.ids).collect::<Vec<u16>>().chunks(CHUNK) {
            self.all(chunk.iter().map(|domid| (Op::Write, format!("{}\0", kept(*domid)))))?;
        }
        Ok(())
    }

    /// Sends requests of the control domain together; gives their answers.
    fn all(
        &mut self,
        requests: impl IntoIterator<Item = (Op, String)>,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let mut sent = Vec::new();
        for (op, payload) in requests {
            self.wire.push(op, 0, &[payload.as_bytes()]);
            sent.push(op);
        }
        self.wire.flush()?;
        let wire = &mut self.wire;
        sent.iter().map(|op| Ok(wire.reply()?.accepted(*op)?.to_vec())).collect()
    }

    fn sample(&mut self) -> Result<Sample, Error> {
        // A question to each worker, which stands behind the ends of those who have just died.
        for domid in 0..=self.at_once {
            let asked = self.wire.call(Op::Control, 0, &[format!("quota\0{domid}\0").as_bytes()]);
            match asked {
                Err(error) if !error.is_refusal("ENOENT") => return Err(error),
                _ => {}
            }
        }
        Ok(Sample {
            domains: self.made,
            checked: self.checked,
            seconds: self.start.elapsed().as_secs_f64(),
            resident: self.peer.resident_bytes().unwrap_or(0),
            descriptors: self.peer.pid.and_then(machine::descriptors).unwrap_or(0),
            nodes: self.nodes()?,
        })
    }

    /// Adds up what `domains` says.
    fn nodes(&mut self) -> Result<u64, Error> {
        let (mut nodes, mut command) = (0, "domains\0".to_owned());
        loop {
            let text = self.wire.call(Op::Control, 0, &[command.as_bytes()])?;
            let text = String::from_utf8_lossy(text).into_owned();
            let mut next = None;
            for line in text.trim_end_matches('\0').lines() {
                let mut words = line.split(' ');
                if let Some(first) = line.strip_prefix("... go on with: domains ") {
                    next = Some(format!("domains\0{first}\0"));
                } else if words.nth(1) == Some("nodes") {
                    nodes += words.next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
                }
            }
            match next {
                Some(next) => command = next,
                None => return Ok(nodes),
            }
        }
    }

    /// The last generation goes too.
    fn end(&mut self) -> Result<(), Error> {
        let last = std::mem::take(&mut self.elders);
        self.destroy(&last)?;
        self.wire.ask(Op::Rm, 0, ROOT).map(drop)
    }
}

/// Medians of the first quarter's looks and the last's, beside the rate.
fn figures(samples: &[Sample]) -> Figures {
    let quarter = (samples.len() / 4).max(1);
    let early: Vec<_> = samples.iter().take(quarter).collect();
    let late: Vec<_> = samples.iter().rev().take(quarter).collect();
    let median = |of: &[&Sample], value: Value| {
        Series::new(of.iter().map(|sample| float(value(sample)))).median()
    };
    let mut figures = Figures::new();
    if let Some(last) = samples.last() {
        figures.push(("domains".to_owned(), float(last.domains)));
        figures.push(("domains/s".to_owned(), float(last.domains) / last.seconds));
        figures.push(("rights found gone".to_owned(), float(last.checked)));
    }
    let values: [(&str, Value); 3] = [
        ("resident bytes", |sample| sample.resident),
        ("descriptors", |sample| sample.descriptors),
        ("nodes", |sample| sample.nodes),
    ];
    for (name, value) in values {
        let (first, last) = (median(&early, value), median(&late, value));
        figures.push((format!("{name}, first quarter"), first));
        figures.push((format!("{name}, last quarter"), last));
        figures.push((format!("{name}, last to first"), last / first));
    }
    figures
}

fn mib(bytes: u64) -> f64 {
    float(bytes) / f64::from(1 << 20)
}

/// The control domain's node that domains of an id are given in turn.
fn kept(domid: u16) -> String {
    format!("{ROOT}/kept/{}/{domid}", domid / 100)
}

/// The greatest id that a domain can have (`DOMID_FIRST_RESERVED` less one is 32751).
const LAST_DOMID: u16 = 32_751;
/// Three generations must have ids.
const MOST_AT_ONCE: u16 = LAST_DOMID / 3;
/// Requests that are sent together while nodes are made.
const CHUNK: usize = 256;
