//! Simulated guests on their rings, all in this process, with the daemon in another.
//!
//! A floor takes part with one guest: a process that answers on its page, and has no doorbells.

use std::{
    collections::VecDeque,
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use myriad::sim::machine::Machine;
use myriad_core::DomId;
use myriad_ring::{
    page::{
        Memfd,
        guest::{Client, Habits},
    },
    v1::Op,
};

use super::{
    VALUE,
    open_loop::{self, Arrivals},
};
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
    /// When the open loop's requests are due; it runs at half of what the first guest reached with
    /// the most READs under way.
    #[arg(long, value_enum, default_value_t = Arrivals::Even)]
    arrivals: Arrivals,
    /// Leave out what sleeps between requests, which takes doorbells.
    #[arg(long)]
    hot: bool,
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

/// One of the guests.
pub(super) struct Guest {
    pub(super) domid: DomId,
    pub(super) client: Client,
    /// When each request under way was sent.
    sent: VecDeque<Instant>,
}

/// The way to the daemon's host, the guests, and who else serves them.
type Booted = (Option<Machine>, Vec<Guest>, Option<Floor>);

/// The process that a floor's guest talks to; it ends with this.
struct Floor(Child);

impl Floor {
    fn start(program: &Path) -> Result<(Guest, Floor), Error> {
        let started = || {
            let memory = Memfd::create()?;
            let page = memory.map()?;
            let input = memory.as_fd().try_clone_to_owned()?;
            Ok((page, Command::new(program).stdin(input).spawn()?))
        };
        let (page, child) = started().map_err(Error::Io)?;
        let client = Client::new(page, Habits::LINUX);
        Ok((Guest { domid: DomId(1), client, sent: VecDeque::new() }, Floor(child)))
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Rings {
    pub(super) fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let (mut machine, mut guests, _floor) = self.boot(peer)?;
        let hot = self.hot || machine.is_none();
        let mut figures = Figures::new();
        let mut most_reads: f64 = 0.0;
        for &depth in &self.depth {
            for (op, name) in [(Op::Read, "read"), (Op::Write, "write")] {
                for (rest, how) in [(Rest::Spin, "hot"), (Rest::Sleep, "doorbells")] {
                    if hot && rest == Rest::Sleep {
                        continue;
                    }
                    let mut load =
                        Load { machine: machine.as_mut(), guests: &mut guests, op, rest };
                    load.run(depth, context.warm_up)?;
                    let meter = peer.meter();
                    let latencies = load.run(depth, context.time)?;
                    let label = format!("{name}, {depth} under way, {how}: ");
                    let rate = add(&mut figures, &label, &latencies, &meter);
                    if op == Op::Read && rest == Rest::Spin {
                        most_reads = most_reads.max(rate);
                    }
                }
            }
        }
        if let (Some(guest), true) = (guests.first_mut(), most_reads > 0.0) {
            let rate = most_reads / 2.0;
            let latencies = open_loop::run(machine.as_mut(), guest, context, rate, self.arrivals)?;
            let label = "read, open loop at half of that: ";
            figures.push((format!("{label}ops/s"), rate));
            latencies.report(label, &mut figures);
        }
        Ok(figures)
    }

    /// Introduces the domains, and takes their rings.
    fn boot(&self, peer: &Peer) -> Result<Booted, Error> {
        if peer.is_floor() {
            let (guest, floor) = Floor::start(&peer.socket)?;
            return Ok((None, vec![guest], Some(floor)));
        }
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
        Ok((Some(machine), guests, None))
    }
}

const LOOKS_PER_CLOCK: u64 = 16;
/// Looks in vain, one after another, before others may have the core.
pub(super) const PATIENCE: u32 = 4096;

struct Load<'a> {
    machine: Option<&'a mut Machine>,
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
        let (mut more, mut in_vain) = (true, 0_u32);
        for look in 0u64.. {
            // The clock is dear beside a look at the ring.
            if self.rest == Rest::Sleep || look.is_multiple_of(LOOKS_PER_CLOCK) {
                more = Instant::now() < end;
            }
            let (mut moved, mut under_way) = (false, false);
            if let (Rest::Sleep, Some(machine)) = (self.rest, &self.machine) {
                // First: what is found from here on is not told of any more.
                machine.bells().hear(|_| {});
            }
            for guest in &mut *self.guests {
                if more && guest.sent.len() < depth {
                    // The clock is read once for all that are sent together, or come together.
                    let now = Instant::now();
                    while guest.sent.len() < depth {
                        guest.client.ask(self.op, 0, &payload);
                        guest.sent.push_back(now);
                    }
                }
                moved |= guest.client.pump().map_err(|e| broken(&e))?;
                if let (true, Some(machine)) = (guest.client.take_doorbell(), &self.machine) {
                    machine.ring(guest.domid).map_err(|e| broken(&e))?;
                }
                let mut now = None;
                while let Some(header) = guest.client.header() {
                    if header.op != self.op as u32 {
                        return Err(Error::Machine(format!("an answer of type {}", header.op)));
                    }
                    moved = true;
                    if let Some(sent) = guest.sent.pop_front() {
                        latencies.record(*now.get_or_insert_with(Instant::now) - sent);
                    }
                }
                under_way |= !guest.sent.is_empty();
            }
            if !more && !under_way {
                return Ok(latencies);
            }
            in_vain = if moved { 0 } else { in_vain + 1 };
            if in_vain == PATIENCE {
                // Whoever answers may need this core; where each has its own, nobody waits.
                std::thread::yield_now();
                in_vain = 0;
            }
            if !moved && self.rest == Rest::Sleep {
                let mut found = false;
                for guest in &mut *self.guests {
                    found |= guest.client.look_again().map_err(|e| broken(&e))?;
                }
                if let (false, Some(machine)) = (found, &self.machine) {
                    machine.sleep().map_err(|e| broken(&e))?;
                }
            }
        }
        Ok(latencies)
    }
}

/// Adds the figures, and gives the rate.
fn add(figures: &mut Figures, label: &str, latencies: &Latencies, meter: &Meter) -> f64 {
    let count = float(latencies.count());
    let rate = count / meter.seconds();
    figures.push((format!("{label}ops/s"), rate));
    figures.push((format!("{label}cpu µs/op"), meter.cpu_us() / count));
    latencies.report(label, figures);
    rate
}
