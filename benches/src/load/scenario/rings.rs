//! Simulated guests on their rings, all in this process, with the daemon in another.

use std::{
    collections::VecDeque,
    path::PathBuf,
    time::{Duration, Instant},
};

use myriad::sim::machine::Machine;
use myriad_core::DomId;
use myriad_ring::{
    page::guest::{Client, Habits},
    v1::Op,
};

use super::VALUE;
use crate::{
    load::{Context, Error, Figures, Meter, Peer, pump::Latencies},
    stats::float,
};

/// Options of `rings`.
#[derive(clap::Args, Clone, Debug)]
pub struct Rings {
    /// Guests, which take turns; their domains, from --first on, must exist.
    #[arg(long, default_value_t = 1)]
    guests: u16,
    /// The first one's domain id.
    #[arg(long, default_value_t = 1)]
    first: u16,
    /// Requests under way of each guest; several, separated by commas, are run one after another.
    #[arg(long, value_delimiter = ',', default_value = "1,16")]
    depth: Vec<usize>,
    /// Where the daemon's simulated host takes machines in (default: sim/machines.socket beside
    /// its socket).
    #[arg(long)]
    machines: Option<PathBuf>,
}

/// What a guest does while nothing comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// It looks at the ring.
    Spin,
    /// It waits for its doorbell.
    Sleep,
}

struct Guest {
    domid: DomId,
    client: Client,
    /// When each request under way was sent.
    sent: VecDeque<Instant>,
}

impl Rings {
    pub(super) fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let (mut machine, mut guests) = self.boot(peer)?;
        let mut figures = Figures::new();
        for &depth in &self.depth {
            for (op, name) in [(Op::Read, "read"), (Op::Write, "write")] {
                for (rest, how) in [(Rest::Spin, "hot"), (Rest::Sleep, "doorbells")] {
                    let mut load = Load { machine: &mut machine, guests: &mut guests, op, rest };
                    load.run(depth, context.warm_up)?;
                    let meter = peer.meter();
                    let latencies = load.run(depth, context.time)?;
                    let label = format!("{name}, {depth} at a time, {how}: ");
                    add(&mut figures, &label, &latencies, &meter);
                }
            }
        }
        Ok(figures)
    }

    /// Introduces the domains, and takes their rings.
    fn boot(&self, peer: &Peer) -> Result<(Machine, Vec<Guest>), Error> {
        let mut wire = peer.connect()?;
        let last = self.first.saturating_add(self.guests.max(1) - 1);
        for domid in self.first..=last {
            let home = format!("/local/domain/{domid}");
            wire.call(Op::Write, 0, &[home.as_bytes(), b"\0"])?;
            wire.call(
                Op::SetPerms,
                0,
                &[home.as_bytes(), b"\0", format!("n{domid}\0").as_bytes()],
            )?;
            wire.call(Op::Introduce, 0, &[format!("{domid}\x001\x001\0").as_bytes()])?;
            let node = format!("{home}/data");
            wire.call(Op::Write, 0, &[node.as_bytes(), b"\0", &VALUE])?;
            let perms = format!("{node}\0n{domid}\0");
            wire.call(Op::SetPerms, 0, &[perms.as_bytes()])?;
        }
        let beside = peer.socket.parent().map(|dir| dir.join("sim/machines.socket"));
        let path = self.machines.clone().or(beside).unwrap_or_default();
        let broken = |error: &dyn std::fmt::Display| Error::Machine(error.to_string());
        let mut machine = Machine::connect(&path).map_err(|e| broken(&e))?;
        let mut guests = Vec::new();
        machine
            .attach(DomId(self.first), DomId(last), |domid, page| {
                let client = Client::new(page, Habits::LINUX);
                guests.push(Guest { domid, client, sent: VecDeque::new() });
            })
            .map_err(|e| broken(&e))?;
        Ok((machine, guests))
    }
}

const LOOKS_PER_CLOCK: u64 = 16;

struct Load<'a> {
    machine: &'a mut Machine,
    guests: &'a mut [Guest],
    op: Op,
    rest: Rest,
}

impl Load<'_> {
    fn run(&mut self, depth: usize, time: Duration) -> Result<Latencies, Error> {
        let mut latencies = Latencies::default();
        let mut payload = b"data\0".to_vec();
        if self.op == Op::Write {
            payload.extend_from_slice(&VALUE);
        }
        let broken = |error: &dyn std::fmt::Display| Error::Machine(error.to_string());
        let end = Instant::now() + time;
        let mut more = true;
        for look in 0u64.. {
            // The clock is dear beside a look at the ring.
            if self.rest == Rest::Sleep || look.is_multiple_of(LOOKS_PER_CLOCK) {
                more = Instant::now() < end;
            }
            let (mut moved, mut under_way) = (false, false);
            if self.rest == Rest::Sleep {
                // First: what is found from here on is not told of any more.
                self.machine.bells().hear(|_| {});
            }
            for guest in &mut *self.guests {
                while more && guest.sent.len() < depth {
                    guest.client.ask(self.op, 0, &payload);
                    guest.sent.push_back(Instant::now());
                }
                moved |= guest.client.pump().map_err(|e| broken(&e))?;
                if guest.client.take_doorbell() {
                    self.machine.ring(guest.domid).map_err(|e| broken(&e))?;
                }
                while let Some((header, _)) = guest.client.message() {
                    if header.op != self.op as u32 {
                        return Err(Error::Machine(format!("an answer of type {}", header.op)));
                    }
                    moved = true;
                    if let Some(sent) = guest.sent.pop_front() {
                        latencies.record(sent.elapsed());
                    }
                }
                under_way |= !guest.sent.is_empty();
            }
            if !more && !under_way {
                return Ok(latencies);
            }
            if !moved && self.rest == Rest::Sleep {
                let mut found = false;
                for guest in &mut *self.guests {
                    found |= guest.client.look_again().map_err(|e| broken(&e))?;
                }
                if !found {
                    self.machine.sleep().map_err(|e| broken(&e))?;
                }
            }
        }
        Ok(latencies)
    }
}

fn add(figures: &mut Figures, label: &str, latencies: &Latencies, meter: &Meter) {
    let count = float(latencies.count());
    figures.push((format!("{label}ops/s"), count / meter.seconds()));
    figures.push((format!("{label}cpu µs/op"), meter.cpu_us() / count));
    latencies.report(label, figures);
}
