//! What VMs and watches take of a daemon's memory. It should be a fresh one: what an earlier round
//! has left is used again.

use myriad_ring::v1::Op;

use super::{ROOT, SET_UP_DEPTH};
use crate::{
    load::{
        Context, Error, Figures, Peer,
        pump::{Until, pump},
        swarm::transaction_id,
        vms,
        wire::Wire,
    },
    machine,
    stats::float,
    vm::WATCHES,
};

/// Options of `memory`.
#[derive(clap::Args, Clone, Debug)]
pub struct Memory {
    /// VMs of 41 nodes and 3 watches.
    #[arg(long, default_value_t = 10_000)]
    vms: u16,
    /// Watches beside them, on one connection.
    #[arg(long, default_value_t = 10_000)]
    watches: u32,
}

impl Memory {
    pub(super) fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut wire = context.with_domains(peer, self.vms)?;
        let mut figures = Figures::new();
        let before = Sizes::of(peer);
        for domid in 1..=self.vms {
            create(&mut wire, domid)?;
        }
        let nodes = Sizes::of(peer);
        for domid in 1..=self.vms {
            watch(&mut wire, domid)?;
        }
        let with_watches = Sizes::of(peer);
        let mut watcher = peer.connect()?;
        let mut number = 0;
        let until = Until::Count(u64::from(self.watches));
        pump(peer, &mut watcher, Op::Watch, SET_UP_DEPTH, until, |wire| {
            let words = format!("{ROOT}/unrelated/{number}\0{number}\0");
            wire.push(Op::Watch, 0, &[words.as_bytes()]);
            number += 1;
        })?;
        let after = Sizes::of(peer);
        let kilobytes = f64::from(self.vms) * 1024.0;
        let (n, watches) = (self.vms, self.watches);
        let per_vm = |to: f64, from: f64| (to - from) / kilobytes;
        let per_watch = |to: f64, from: f64| (to - from) / f64::from(watches);
        figures.extend([
            (format!("{n} VMs: resident KB/VM"), per_vm(with_watches.resident, before.resident)),
            (format!("{n} VMs: own KB/VM"), per_vm(with_watches.own, before.own)),
            (format!("{n} VMs: own KB/VM without its watches"), per_vm(nodes.own, before.own)),
            (
                format!("{watches} watches: resident bytes/watch"),
                per_watch(after.resident, with_watches.resident),
            ),
            (format!("{watches} watches: own bytes/watch"), per_watch(after.own, with_watches.own)),
            ("resident MB of the daemon itself".to_owned(), before.resident / 1e6),
        ]);
        drop(watcher);
        for domid in 1..=self.vms {
            remove(&mut wire, domid)?;
        }
        Ok(figures)
    }
}

/// A VM whose requests are sent together: how long it takes is not asked here.
fn create(wire: &mut Wire, domid: u16) -> Result<(), Error> {
    let id = transaction_id(wire.call(Op::TransactionStart, 0, &[b"\0"])?)?;
    let requests = vms::requests(vms::vm(domid));
    for (op, payload) in &requests {
        wire.push(*op, id, &[payload]);
    }
    wire.push(Op::TransactionEnd, id, &[b"T\0"]);
    wire.flush()?;
    for (op, _) in &requests {
        wire.reply()?.accepted(*op)?;
    }
    wire.reply()?.accepted(Op::TransactionEnd).map(drop)
}

/// Its watches, which end with the connection.
fn watch(wire: &mut Wire, domid: u16) -> Result<(), Error> {
    let vm = vms::vm(domid);
    for (number, below) in WATCHES.iter().enumerate() {
        let words = format!("{}/{below}\0{domid}-{number}\0", vm.home());
        wire.push(Op::Watch, 0, &[words.as_bytes()]);
    }
    wire.flush()?;
    WATCHES.iter().try_for_each(|_| wire.reply()?.accepted(Op::Watch).map(drop))
}

/// Its end.
fn remove(wire: &mut Wire, domid: u16) -> Result<(), Error> {
    let roots = vms::vm(domid).roots();
    for root in &roots {
        wire.push(Op::Rm, 0, &[root.as_bytes(), b"\0"]);
    }
    wire.flush()?;
    roots.iter().try_for_each(|_| wire.reply()?.accepted(Op::Rm).map(drop))
}

/// Bytes; NaN where they can't be read.
struct Sizes {
    resident: f64,
    /// Without files and shared memory, such as a journal's.
    own: f64,
}

impl Sizes {
    fn of(peer: &Peer) -> Sizes {
        let bytes = |bytes: Option<u64>| bytes.map_or(f64::NAN, float);
        Sizes {
            resident: bytes(peer.resident_bytes()),
            own: bytes(peer.pid.and_then(machine::own_bytes)),
        }
    }
}
