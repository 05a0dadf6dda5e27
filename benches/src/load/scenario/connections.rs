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
        let mut first_cpu = None;
        for &count in &self.counts {
            let meter = peer.meter();
            let before = others.len();
            for number in (0..count).skip(before) {
                others.push(self.open(peer, number)?);
            }
            let opened = others.len() - before;
            if opened > 0 {
                let each = meter.seconds() * 1e3 / crate::stats::float(opened as u64);
                figures.push((format!("{count} connections: open and watch, ms each"), each));
            }
            for time in [context.warm_up, context.time] {
                let pumped = pump(peer, &mut reader, Op::Read, 1, Until::Time(time), |wire| {
                    let number = u32::try_from(rng.below(NODES as usize)).unwrap_or(0);
                    wire.push(Op::Read, 0, &[node_path(number).as_bytes(), b"\0"]);
                })?;
                if time == context.time {
                    let new = pumped.figures(&format!("{count} connections: "));
                    let cpu = new.iter().find(|(n, _)| n.ends_with("cpu µs/op")).map(|f| f.1);
                    figures.extend(new);
                    let first = *first_cpu.get_or_insert(cpu);
                    if let (Some(cpu), Some(first)) = (cpu, first) {
                        let name = format!("{count} connections: cpu to the fewest's");
                        figures.push((name, cpu / first));
                    }
                }
            }
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
