//! What a hundred guests feel while another one floods its ring.
//!
//! The others' round trips are paced, a few at a time; quiet spells and floods take turns, so that
//! whatever else the machine does falls on both. A daemon that works all the time is the one that
//! the scheduler makes wait, though: where others use the cores too, start it with `chrt -f 10`.

use std::{
    collections::VecDeque,
    sync::mpsc::{self, TryRecvError},
    time::{Duration, Instant},
};

use myriad_ring::v1::Op;

use super::{VALUE, glutton};
use crate::{
    load::{
        Context, Error, Figures, Peer,
        crew::{Crew, Member},
        pump::Latencies,
        wire::Wire,
    },
    machine,
    stats::float,
};

/// Options of `fairness`.
#[derive(clap::Args, Clone, Debug)]
pub struct Fairness {
    /// Guests that do round trips; the one after them floods. Their domains must exist, or
    /// `--domain-command` make them.
    #[arg(long, default_value_t = 100)]
    others: u16,
    /// The first one's domain id.
    #[arg(long, default_value_t = 1)]
    first: u16,
    /// Of how many of them a round trip is under way at a time.
    #[arg(long, default_value_t = 4)]
    at_once: u16,
    /// Microseconds from one such lot to the next.
    #[arg(long, default_value_t = 1000)]
    every: u64,
    /// Requests that the flooding guest has under way.
    #[arg(long, default_value_t = 32)]
    depth: usize,
    /// What it asks for.
    #[arg(long, value_enum, default_value_t = Flood::Write)]
    flood: Flood,
    /// Quiet spells and floods, each.
    #[arg(long, default_value_t = 5)]
    spells: u16,
}

/// Requests to flood with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Flood {
    /// READ of 64 bytes.
    Read,
    /// WRITE of 64 bytes.
    Write,
    /// DIRECTORY of a hundred children.
    List,
    /// Of all kinds, by a guest at every quota at once.
    Quotas,
}

impl Fairness {
    pub(super) fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut wire = peer.connect()?;
        let flooder = self.first.saturating_add(self.others);
        for domid in self.first..=flooder {
            context.create_domain(&mut wire, domid)?;
            introduce(&mut wire, domid)?;
        }
        let mut crew = Crew::connect(peer, None)?;
        let mut others = crew.attach(self.first, flooder.saturating_sub(1))?;
        // A process's machine is one reader; the flooding guest gets one of its own.
        let mut alone = Crew::connect(peer, None)?;
        let mut flooder = alone.attach(flooder, flooder)?;
        self.make_children(&alone, &mut flooder)?;
        let (mut quiet, mut flooded) = (Latencies::default(), Latencies::default());
        let (mut floods, mut seconds) = (0, 0.0);
        let mut memory = vec![("daemon MB before".to_owned(), megabytes(peer))];
        if self.flood == Flood::Quotas {
            glutton::fill(&alone, &mut flooder)?;
        }
        self.spell(&crew, &mut others, context.warm_up, &mut Latencies::default())?;
        for _ in 0..self.spells.max(1) {
            self.spell(&crew, &mut others, context.time, &mut quiet)?;
            let (stop, stopped) = mpsc::channel::<()>();
            let start = Instant::now();
            floods += std::thread::scope(|scope| {
                let (alone, flooder) = (&alone, &mut flooder);
                let flood = scope.spawn(move || self.flood(alone, flooder, &stopped));
                let spell = self.spell(&crew, &mut others, context.time, &mut flooded);
                drop(stop);
                let count = flood.join().unwrap_or(Err(Error::Garbage));
                spell.and(count)
            })?;
            seconds += start.elapsed().as_secs_f64();
        }
        memory.push(("daemon MB afterwards".to_owned(), megabytes(peer)));
        let mut figures = vec![("flood ops/s".to_owned(), float(floods) / seconds)];
        quiet.report("others alone: ", &mut figures);
        flooded.report("others beside the flood: ", &mut figures);
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let ratio = flooded.quantile_us(share) / quiet.quantile_us(share);
            figures.push((format!("{name} beside the flood to alone"), ratio));
        }
        figures.append(&mut memory);
        Ok(figures)
    }

    /// Paced round trips of the others for so long.
    fn spell(
        &self,
        crew: &Crew,
        others: &mut [Member],
        time: Duration,
        latencies: &mut Latencies,
    ) -> Result<(), Error> {
        let every = Duration::from_micros(self.every);
        let end = Instant::now() + time;
        let mut due = Instant::now();
        loop {
            for lot in others.chunks_mut(usize::from(self.at_once.max(1))) {
                if Instant::now() >= end {
                    return Ok(());
                }
                // A pace, not a wait for anything.
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                due = Instant::now() + every;
                let sent = Instant::now();
                lot.iter_mut().for_each(|member| member.ask(Op::Read, "data\0"));
                while lot.iter().any(|member| member.waits() > 0) {
                    let mut moved = false;
                    for member in lot.iter_mut().filter(|member| member.waits() > 0) {
                        moved |= crew.pump(member)?;
                        if member.waits() == 0 {
                            latencies.record(sent.elapsed());
                            member.answer(Op::Read)?;
                        }
                    }
                    if !moved {
                        crew.rest(lot)?;
                    }
                }
            }
        }
    }

    /// Floods until the channel's other end is gone; gives how many requests were answered.
    fn flood(
        &self,
        crew: &Crew,
        flooder: &mut [Member],
        stopped: &mpsc::Receiver<()>,
    ) -> Result<u64, Error> {
        // The others' thread must not wait for this one: what counts is how long the daemon takes.
        // Where that isn't allowed, the figures say more of the system's scheduler.
        let _ = rustix::process::setpriority_process(None, NICE);
        let (mut number, mut answered) = (0, 0);
        let mut asked = VecDeque::new();
        loop {
            let more = stopped.try_recv() == Err(TryRecvError::Empty);
            let Some(member) = flooder.first_mut() else { return Ok(answered) };
            while more && member.waits() < self.depth.max(1) {
                let (op, payload) = self.request(number);
                member.ask(op, &payload);
                asked.push_back(op);
                number += 1;
            }
            let before = member.waits();
            let moved = crew.pump(member)?;
            for op in asked.drain(..before - member.waits()) {
                match member.answer(op) {
                    // That is what quotas are for.
                    Err(Error::Refused { .. }) if self.flood == Flood::Quotas => {}
                    answer => drop(answer?),
                }
                answered += 1;
            }
            if !more && member.waits() == 0 {
                return Ok(answered);
            }
            if !moved {
                crew.rest(flooder)?;
            }
        }
    }

    /// A request of the flood, by its number.
    fn request(&self, number: u64) -> (Op, String) {
        match self.flood {
            Flood::Read => (Op::Read, "data\0".to_owned()),
            Flood::Write => (Op::Write, format!("data\0{}", String::from_utf8_lossy(&VALUE))),
            Flood::List => (Op::Directory, "children\0".to_owned()),
            Flood::Quotas => glutton::flood(number),
        }
    }

    fn make_children(&self, crew: &Crew, flooder: &mut [Member]) -> Result<(), Error> {
        for member in flooder.iter_mut().filter(|_| self.flood == Flood::List) {
            (0..CHILDREN).for_each(|n| member.ask(Op::Write, &format!("children/{n}\0")));
        }
        crew.exchange(flooder)?;
        for member in flooder.iter_mut().filter(|_| self.flood == Flood::List) {
            (0..CHILDREN).try_for_each(|_| member.answer(Op::Write).map(drop))?;
        }
        Ok(())
    }
}

/// A domain with a home and a value.
fn introduce(wire: &mut Wire, domid: u16) -> Result<(), Error> {
    let home = format!("/local/domain/{domid}");
    let (data, owner) = (format!("{home}/data"), format!("n{domid}\0"));
    wire.call(Op::Write, 0, &[home.as_bytes(), b"\0"])?;
    wire.call(Op::SetPerms, 0, &[home.as_bytes(), b"\0", owner.as_bytes()])?;
    wire.call(Op::Introduce, 0, &[format!("{domid}\x001\x001\0").as_bytes()])?;
    wire.call(Op::Write, 0, &[data.as_bytes(), b"\0", &VALUE])?;
    wire.call(Op::SetPerms, 0, &[data.as_bytes(), b"\0", owner.as_bytes()]).map(drop)
}

/// Megabytes of memory that the daemon has of its own; NaN where that can't be read.
fn megabytes(peer: &Peer) -> f64 {
    let bytes = peer.pid.and_then(machine::own_bytes);
    bytes.map_or(f64::NAN, |bytes| float(bytes) / f64::from(1 << 20))
}

/// The priority of the thread that floods.
const NICE: i32 = 19;
/// What DIRECTORY lists.
const CHILDREN: u32 = 100;
