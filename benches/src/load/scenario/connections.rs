//! Many connections that watch and say nothing, and one that reads.

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

/// Options of `connections`.
#[derive(clap::Args, Clone, Debug)]
pub struct Connections {
    /// How many; several, in growing order and separated by commas, are run one after another.
    #[arg(long, value_delimiter = ',', default_value = "100,1000,10000")]
    counts: Vec<u32>,
    /// Watches of each.
    #[arg(long, default_value_t = 3)]
    watches: u32,
}

/// Nodes that are read.
const NODES: u32 = 1_000;

impl Connections {
    pub(super) fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut reader = peer.connect()?;
        make_nodes(peer, &mut reader, NODES)?;
        let mut rng = Rng::new(context.seed);
        let mut others: Vec<Wire> = Vec::new();
        let mut figures = Figures::new();
        let mut fewest = None;
        let resident = peer.resident_bytes();
        for &count in &self.counts {
            let meter = peer.meter();
            let before = others.len();
            for number in (0..count).skip(before) {
                others.push(self.open(peer, number)?);
            }
            let opened = others.len() - before;
            if opened > 0 {
                let each = meter.seconds() * 1e3 / float(opened as u64);
                figures.push((format!("{count} connections: open and watch, ms each"), each));
            }
            if let (Some(before), Some(now)) = (resident, peer.resident_bytes()) {
                let each = float(now.saturating_sub(before)) / f64::from(count.max(1));
                figures.push((format!("{count} connections: resident bytes each"), each));
            }
            let mut read = |time| {
                pump(peer, &mut reader, Op::Read, 1, Until::Time(time), |wire| {
                    let number = u32::try_from(rng.below(NODES as usize)).unwrap_or(0);
                    wire.push(Op::Read, 0, &[node_path(number).as_bytes(), b"\0"]);
                })
            };
            read(context.warm_up)?;
            let pumped = read(context.time)?;
            figures.extend(pumped.figures(&format!("{count} connections: READ ")));
            let cpu = pumped.cpu_us / float(pumped.latencies.count());
            let p50 = pumped.latencies.quantile_us(0.5);
            match fewest {
                Some((first_cpu, first_p50)) => {
                    let label = format!("{count} connections: READ");
                    figures.push((format!("{label} p50 to the fewest's"), p50 / first_p50));
                    figures.push((format!("{label} cpu to the fewest's"), cpu / first_cpu));
                }
                None => fewest = Some((cpu, p50)),
            }
            // A measurement's length, not a wait for anything.
            let idle = peer.meter();
            std::thread::sleep(context.time);
            let share = idle.cpu_us() / idle.seconds() / 1e4;
            figures.push((format!("{count} connections: idle, % of a core"), share));
        }
        Ok(figures)
    }

    fn open(&self, peer: &Peer, number: u32) -> Result<Wire, Error> {
        let mut wire = peer.connect()?;
        for watch in 0..self.watches {
            let words = format!("{}/connections/{number}/{watch}\0token\0", super::ROOT);
            wire.call(Op::Watch, 0, &[words.as_bytes()])?;
        }
        Ok(wire)
    }
}
