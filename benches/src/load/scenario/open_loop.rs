//! Requests at a fixed rate from one guest on its ring, whether or not the answers keep up.
//!
//! A latency counts from when the request was to be sent, not from when it was: a server that
//! pauses is charged for all that should have been answered meanwhile (no coordinated omission).

use std::{collections::VecDeque, time::Instant};

use myriad::sim::machine::Machine;
use myriad_ring::v1::Op;

use super::rings::{Guest, PATIENCE};
use crate::{
    load::{Context, Error, pump::Latencies},
    rng::Rng,
};

/// When requests are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Arrivals {
    /// One after another, equally far apart.
    Even,
    /// At random (a Poisson process): they come in bursts, as those of many do.
    Poisson,
}

/// Sends `rate` requests a second for the context's warm-up and time; gives the latencies of the
/// latter.
pub(super) fn run(
    machine: Option<&mut Machine>,
    guest: &mut Guest,
    context: &Context,
    rate: f64,
    arrivals: Arrivals,
) -> Result<Latencies, Error> {
    let mut rng = Rng::new(context.seed);
    let mut gap = || match arrivals {
        Arrivals::Even => 1e9 / rate,
        Arrivals::Poisson => -(1.0 - unit(&mut rng)).ln() * 1e9 / rate,
    };
    let warm = nanoseconds(context.warm_up);
    let end = warm + nanoseconds(context.time);
    let mut latencies = Latencies::default();
    // When each request under way was due, in nanoseconds from the start.
    let mut under_way: VecDeque<f64> = VecDeque::new();
    let broken = |error: &dyn std::fmt::Display| Error::Machine(error.to_string());
    let start = Instant::now();
    let (mut due, mut in_vain) = (0.0, 0_u32);
    loop {
        let now = nanoseconds(start.elapsed());
        while due <= now && due < end && under_way.len() < MOST_UNDER_WAY {
            guest.client.ask(Op::Read, 0, b"data\0");
            under_way.push_back(due);
            due += gap();
        }
        let moved = guest.client.pump().map_err(|e| broken(&e))?;
        in_vain = if moved { 0 } else { in_vain + 1 };
        if in_vain == PATIENCE {
            std::thread::yield_now();
            in_vain = 0;
        }
        if let (true, Some(machine)) = (guest.client.take_doorbell(), &machine) {
            machine.ring(guest.domid).map_err(|e| broken(&e))?;
        }
        let mut came = None;
        while let Some(header) = guest.client.header() {
            if header.op != Op::Read as u32 {
                return Err(Error::Machine(format!("an answer of type {}", header.op)));
            }
            let Some(intended) = under_way.pop_front() else { return Err(Error::Garbage) };
            // The clock is read once for all that came together.
            let came = *came.get_or_insert_with(|| nanoseconds(start.elapsed()));
            if intended >= warm {
                latencies.record_ns(came - intended);
            }
        }
        if due >= end && under_way.is_empty() {
            return Ok(latencies);
        }
    }
}

/// From 0 to 1, without the latter.
fn unit(rng: &mut Rng) -> f64 {
    crate::stats::float(rng.next_u64() >> 11) / crate::stats::float(1 << 53)
}

fn nanoseconds(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// Requests that wait for their answers; beyond that, due ones wait for their turn, and are
/// charged for it.
const MOST_UNDER_WAY: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::{Rng, unit};

    #[test]
    fn random_gaps_have_the_mean_that_the_rate_says() {
        let mut rng = Rng::new(7);
        let sum: f64 = (0..100_000).map(|_| -(1.0 - unit(&mut rng)).ln()).sum();
        assert!((0.98..1.02).contains(&(sum / 100_000.0)), "{sum}");
    }
}
