//! Creating, reading and writing nodes.

use myriad_ring::v1::Op;

use super::{ROOT, VALUE, clean, make_nodes, node_path};
use crate::{
    load::{
        Context, Error, Figures, Peer,
        pump::{Until, pump},
    },
    rng::Rng,
    stats::float,
};

/// Options of `create`.
#[derive(clap::Args, Clone, Debug)]
pub struct Create {
    /// How many nodes, with a value of 64 bytes.
    #[arg(long, default_value_t = 100_000)]
    nodes: u32,
}

impl Create {
    pub(super) fn run(&self, peer: &Peer) -> Result<Figures, Error> {
        clean(peer)?;
        let mut wire = peer.connect()?;
        wire.ask(Op::Mkdir, 0, ROOT)?;
        let before = peer.resident_bytes();
        let mut next = 0;
        let until = Until::Count(u64::from(self.nodes));
        let pumped = pump(peer, &mut wire, Op::Write, 1, until, |wire| {
            wire.push(Op::Write, 0, &[node_path(next).as_bytes(), b"\0", &VALUE]);
            next += 1;
        })?;
        let mut figures = pumped.figures("");
        if let (Some(before), Some(after)) = (before, peer.resident_bytes()) {
            // Only of the first round on a fresh daemon is this what a node takes.
            let grown = float(after.saturating_sub(before)) / f64::from(self.nodes);
            figures.push(("resident bytes/node".to_owned(), grown));
        }
        Ok(figures)
    }
}

/// Options of `read` and `write`.
#[derive(clap::Args, Clone, Debug)]
pub struct Access {
    /// How many nodes, with a value of 64 bytes.
    #[arg(long, default_value_t = 100_000)]
    nodes: u32,
    /// Requests under way at a time, on one connection (libxenstore has one); several, separated by
    /// commas, are run one after another.
    #[arg(long, value_delimiter = ',', default_value = "1,16")]
    depth: Vec<usize>,
}

impl Access {
    pub(super) fn run(&self, op: Op, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut wire = peer.connect()?;
        make_nodes(peer, &mut wire, self.nodes)?;
        let mut order: Vec<u32> = (0..self.nodes).collect();
        Rng::new(context.seed).shuffle(&mut order);
        let paths: Vec<Vec<u8>> =
            order.into_iter().map(|n| format!("{}\0", node_path(n)).into_bytes()).collect();
        let mut path = paths.iter().cycle();
        let value: &[u8] = if op == Op::Write { &VALUE } else { b"" };
        let mut figures = Figures::new();
        for &depth in &self.depth {
            for (time, label) in [(context.warm_up, None), (context.time, Some(depth))] {
                let pumped = pump(peer, &mut wire, op, depth, Until::Time(time), |wire| {
                    wire.push(op, 0, &[path.next().map_or(b"", Vec::as_slice), value]);
                })?;
                if let Some(depth) = label {
                    figures.extend(pumped.figures(&format!("requests, {depth} under way: ")));
                }
            }
        }
        Ok(figures)
    }
}
