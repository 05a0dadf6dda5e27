//! What a client feels while another one does something big.

use std::{
    sync::mpsc::{self, TryRecvError},
    time::{Duration, Instant},
};

use myriad_ring::v1::Op;

use super::{ROOT, SET_UP_DEPTH, VALUE, make_nodes, node_path};
use crate::{
    load::{
        Context, Error, Figures, Peer,
        pump::{Latencies, Until, pump},
        vms,
        wire::Wire,
    },
    rng::Rng,
};

/// Options of `victim`.
#[derive(clap::Args, Clone, Debug)]
pub struct Victim {
    /// What the other one does.
    #[arg(long, value_enum, default_value_t = Disturbance::Death)]
    disturbance: Disturbance,
    /// Nodes of the domain that dies, or of the subtree that is removed.
    #[arg(long, default_value_t = 10_000)]
    nodes: u32,
    /// Nodes in the store that have nothing to do with it.
    #[arg(long, default_value_t = 100_000)]
    others: u32,
    /// How often it is done.
    #[arg(long, default_value_t = 10)]
    times: u16,
    /// Connections that read all the while, beside the one that is watched.
    #[arg(long, default_value_t = 1)]
    load: u16,
}

/// Something big.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Disturbance {
    /// RELEASE of a domain that owns the nodes.
    Death,
    /// RM of the subtree.
    Remove,
    /// A VM in a transaction.
    Vm,
}

/// The domain that dies; far from those of the VMs.
const DOMID: u16 = 30_000;
/// A request's start and end.
type Span = (Instant, Instant);

impl Victim {
    pub(super) fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut wire = peer.connect()?;
        make_nodes(peer, &mut wire, self.others.max(1))?;
        if self.disturbance == Disturbance::Vm {
            vms::create_parents(&mut wire)?;
            context.create_domain(&mut wire, DOMID)?;
        }
        std::thread::scope(|scope| {
            let mut stops = Vec::new();
            let mut readers = Vec::new();
            for number in 0..=self.load {
                let (stop, stopped) = mpsc::channel::<()>();
                let seed = context.seed + u64::from(number);
                stops.push(stop);
                readers.push(scope.spawn(move || self.read_until(peer, seed, &stopped)));
            }
            let spans = self.disturb_often(peer, context, &mut wire);
            drop(stops);
            let mut reads = readers.into_iter().map(|r| r.join().unwrap_or(Err(Error::Garbage)));
            let victim = reads.next().unwrap_or(Err(Error::Garbage))?;
            reads.collect::<Result<Vec<_>, Error>>()?;
            let (quiet, spans) = spans?;
            Ok(report(&victim, quiet, &spans))
        })
    }

    /// Reads at random until the channel's other end is gone.
    fn read_until(
        &self,
        peer: &Peer,
        seed: u64,
        stopped: &mpsc::Receiver<()>,
    ) -> Result<Vec<Span>, Error> {
        let mut wire = peer.connect()?;
        let mut rng = Rng::new(seed);
        let mut reads = Vec::new();
        while stopped.try_recv() == Err(TryRecvError::Empty) {
            let number = u32::try_from(rng.below(self.others.max(1) as usize)).unwrap_or(0);
            let path = node_path(number);
            let start = Instant::now();
            wire.ask(Op::Read, 0, &path)?;
            reads.push((start, Instant::now()));
        }
        Ok(reads)
    }

    /// A quiet time first; then the disturbances, each prepared outside of its span.
    fn disturb_often(
        &self,
        peer: &Peer,
        context: &Context,
        wire: &mut Wire,
    ) -> Result<(Span, Vec<Span>), Error> {
        // A measurement's length, not a wait for anything.
        std::thread::sleep(context.warm_up);
        let start = Instant::now();
        std::thread::sleep(context.time);
        let quiet = (start, Instant::now());
        let mut spans = Vec::new();
        for _ in 0..self.times {
            self.prepare(peer, context, wire)?;
            let start = Instant::now();
            match self.disturbance {
                Disturbance::Death => wire.ask(Op::Release, 0, &DOMID.to_string()).map(drop)?,
                Disturbance::Remove => wire.ask(Op::Rm, 0, &owned()).map(drop)?,
                Disturbance::Vm => vms::create(wire, vms::vm(DOMID)).map(drop)?,
            }
            spans.push((start, Instant::now()));
            match self.disturbance {
                Disturbance::Vm => vms::remove(wire, vms::vm(DOMID))?,
                // Gone with its owner, where the daemon does that; removed where not.
                Disturbance::Death | Disturbance::Remove => {
                    wire.ask(Op::Rm, 0, &owned()).map(drop)?;
                }
            }
        }
        Ok((quiet, spans))
    }

    fn prepare(&self, peer: &Peer, context: &Context, wire: &mut Wire) -> Result<(), Error> {
        if self.disturbance == Disturbance::Vm {
            return Ok(());
        }
        wire.ask(Op::Mkdir, 0, &owned())?;
        if self.disturbance == Disturbance::Death {
            context.create_domain(wire, DOMID)?;
            let words = format!("{DOMID}\0{DOMID}\0{}\0", 1);
            wire.call(Op::Introduce, 0, &[words.as_bytes()])?;
            let words = format!("{}\0n{DOMID}\0", owned());
            wire.call(Op::SetPerms, 0, &[words.as_bytes()])?;
        }
        let mut next = 0;
        let until = Until::Count(u64::from(self.nodes));
        pump(peer, wire, Op::Write, SET_UP_DEPTH, until, |wire| {
            let path = format!("{}/{}/{}", owned(), next / 100, next % 100);
            wire.push(Op::Write, 0, &[path.as_bytes(), b"\0", &VALUE]);
            next += 1;
        })?;
        Ok(())
    }
}

/// The subtree that goes.
fn owned() -> String {
    format!("{ROOT}/owned")
}

fn report(reads: &[Span], quiet: Span, spans: &[Span]) -> Figures {
    let overlaps = |read: &Span, span: &Span| read.0 < span.1 && read.1 > span.0;
    let (mut calm, mut disturbed) = (Latencies::default(), Latencies::default());
    for read in reads {
        if overlaps(read, &quiet) {
            calm.record(read.1 - read.0);
        } else if spans.iter().any(|span| overlaps(read, span)) {
            disturbed.record(read.1 - read.0);
        }
    }
    let mut lengths = Latencies::default();
    spans.iter().for_each(|span| lengths.record(span.1 - span.0));
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    let worst = spans.iter().map(|s| ms(s.1 - s.0)).fold(0.0, f64::max);
    let mut figures = vec![
        ("disturbance p50 ms".to_owned(), lengths.quantile_us(0.5) / 1e3),
        ("disturbance worst ms".to_owned(), worst),
        ("reads meanwhile".to_owned(), crate::stats::float(disturbed.count())),
    ];
    calm.report("quiet: ", &mut figures);
    disturbed.report("meanwhile: ", &mut figures);
    let ratio = disturbed.quantile_us(0.99) / calm.quantile_us(0.99);
    figures.push(("p99 meanwhile to quiet".to_owned(), ratio));
    figures
}
