//! Writes beside watches that have nothing to do with them.

use myriad_ring::v1::Op;

use super::{make_nodes, node_path};
use crate::{
    load::{
        Context, Error, Figures, Peer,
        pump::{Until, pump},
        wire::Wire,
    },
    rng::Rng,
    stats::float,
};

/// Options of `watches`.
#[derive(clap::Args, Clone, Debug)]
pub struct Watches {
    /// How many; several, in growing order and separated by commas, are run one after another.
    #[arg(long, value_delimiter = ',', default_value = "0,10000")]
    counts: Vec<u32>,
    /// Watches of one connection.
    #[arg(long, default_value_t = 10_000)]
    per_connection: u32,
}

/// Nodes that are written.
const NODES: u32 = 1_000;
/// Writes under way: one pays for the waking of a worker, many for the writing alone.
const DEPTHS: [usize; 2] = [1, 16];

impl Watches {
    pub(super) fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut writer = peer.connect()?;
        make_nodes(peer, &mut writer, NODES)?;
        let mut rng = Rng::new(context.seed);
        let mut others: Vec<Wire> = Vec::new();
        let mut figures = Figures::new();
        let (mut registered, mut first_cpu) = (0, Vec::new());
        let resident = peer.resident_bytes();
        for &count in &self.counts {
            let (meter, from) = (peer.meter(), registered);
            while registered < count {
                if registered % self.per_connection.max(1) == 0 {
                    others.push(peer.connect()?);
                }
                let Some(wire) = others.last_mut() else { break };
                let words = format!("{}/unrelated/{registered}\0{registered}\0", super::ROOT);
                wire.call(Op::Watch, 0, &[words.as_bytes()])?;
                registered += 1;
            }
            if registered > from {
                let each = meter.cpu_us() / f64::from(registered - from);
                figures.push((format!("{count} watches: cpu µs to register one"), each));
                if let (Some(before), Some(now)) = (resident, peer.resident_bytes()) {
                    let bytes = float(now.saturating_sub(before)) / f64::from(registered);
                    figures.push((format!("{count} watches: resident bytes each"), bytes));
                }
            }
            for (at, depth) in DEPTHS.into_iter().enumerate() {
                let mut write = |time| {
                    pump(peer, &mut writer, Op::Write, depth, Until::Time(time), |wire| {
                        let number = u32::try_from(rng.below(NODES as usize)).unwrap_or(0);
                        wire.push(Op::Write, 0, &[node_path(number).as_bytes(), b"\0", b"value"]);
                    })
                };
                write(context.warm_up)?;
                let pumped = write(context.time)?;
                let cpu = pumped.cpu_us / float(pumped.latencies.count());
                let label = format!("{count} watches: write, {depth} under way: ");
                figures.extend(pumped.figures(&label));
                match first_cpu.get(at) {
                    Some(first) => {
                        figures.push((format!("{label}cpu to the fewest's"), cpu / first));
                    }
                    None => first_cpu.push(cpu),
                }
            }
        }
        Ok(figures)
    }
}
