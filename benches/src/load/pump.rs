//! Requests in a window of a given depth, each one's latency taken.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use myriad_ring::v1::Op;

use super::{Error, Figures, Meter, Peer, wire::Wire};
use crate::stats::float;

/// Latencies in nanoseconds, to three digits.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Latencies {
        // The bounds are within those of a histogram.
        Latencies(crate::fail::or_die("histogram", Histogram::new_with_bounds(1, LONGEST_NS, 3)))
    }
}

impl Latencies {
    /// Adds one; it counts as ten minutes if it took longer.
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds one that is given in nanoseconds.
    pub fn record_ns(&mut self, nanoseconds: f64) {
        self.record(Duration::from_secs_f64((nanoseconds / 1e9).max(0.0)));
    }

    /// Adds another's.
    pub fn add(&mut self, others: &Latencies) {
        // Both have the same bounds.
        let _ = self.0.add(&others.0);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Microseconds that such a share (0 to 1) of them does not exceed.
    #[must_use]
    pub fn quantile_us(&self, share: f64) -> f64 {
        float(self.0.value_at_quantile(share)) / 1000.0
    }

    /// The worst.
    #[must_use]
    pub fn max_us(&self) -> f64 {
        float(self.0.max()) / 1000.0
    }

    /// Median and tail, as figures.
    pub fn report(&self, label: &str, figures: &mut Figures) {
        let mut add = |name: &str, value| figures.push((format!("{label}{name}"), value));
        add("p50 µs", self.quantile_us(0.5));
        add("p99 µs", self.quantile_us(0.99));
        add("p99.9 µs", self.quantile_us(0.999));
        add("worst µs", self.max_us());
    }
}

/// Ten minutes: what takes longer counts as that.
const LONGEST_NS: u64 = 600 * 1_000_000_000;

/// When a pump ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After so long.
    Time(Duration),
    /// After so many requests.
    Count(u64),
}

/// What a pump saw.
pub struct Pumped {
    /// Of each request, from when it was sent to when its reply was read.
    pub latencies: Latencies,
    /// From the first request to the last reply.
    pub seconds: f64,
    /// The daemon's processor time meanwhile.
    pub cpu_us: f64,
}

impl Pumped {
    /// Rate, latencies and the daemon's processor time for each request.
    #[must_use]
    pub fn figures(&self, label: &str) -> Figures {
        let count = float(self.latencies.count());
        let mut figures = vec![
            (format!("{label}ops/s"), count / self.seconds),
            (format!("{label}cpu µs/op"), self.cpu_us / count),
        ];
        self.latencies.report(label, &mut figures);
        figures
    }
}

/// Keeps `depth` requests of kind `op` under way; `push` adds one of them to the connection.
///
/// # Errors
/// The first refusal, or a broken connection.
pub fn pump(
    peer: &Peer,
    wire: &mut Wire,
    op: Op,
    depth: usize,
    until: Until,
    mut push: impl FnMut(&mut Wire),
) -> Result<Pumped, Error> {
    let meter: Meter = peer.meter();
    let start = Instant::now();
    // Whole windows are sent at once and answered nearly so: the clock is read twice for each,
    // not twice for each request. Runs of requests that were sent together, and how many wait.
    let mut sent: VecDeque<(Instant, usize)> = VecDeque::with_capacity(depth);
    let (mut under_way, mut started) = (0_usize, 0_u64);
    let mut latencies = Latencies::default();
    loop {
        let now = Instant::now();
        let wanted = match until {
            Until::Time(time) if now - start >= time => 0,
            Until::Time(_) => depth - under_way,
            Until::Count(count) => {
                (depth - under_way).min(usize::try_from(count - started).unwrap_or(depth))
            }
        };
        if wanted > 0 {
            (0..wanted).for_each(|_| push(wire));
            sent.push_back((now, wanted));
            under_way += wanted;
            started += wanted as u64;
            wire.flush()?;
        }
        if under_way == 0 {
            break;
        }
        wire.reply()?.accepted(op)?;
        let now = Instant::now();
        // What came with it is taken along, so that one write refills the window.
        loop {
            under_way -= 1;
            if let Some((at, left)) = sent.front_mut() {
                latencies.record(now - *at);
                *left -= 1;
                if *left == 0 {
                    sent.pop_front();
                }
            }
            if under_way == 0 || !wire.has_reply() {
                break;
            }
            wire.reply()?.accepted(op)?;
        }
    }
    Ok(Pumped { latencies, seconds: meter.seconds(), cpu_us: meter.cpu_us() })
}

#[cfg(test)]
mod tests {
    use super::Latencies;
    use std::time::Duration;

    #[test]
    fn quantiles_of_what_was_recorded() {
        let mut latencies = Latencies::default();
        (1..=100).for_each(|us| latencies.record(Duration::from_micros(us)));
        latencies.record(Duration::from_secs(3600));
        assert_eq!(latencies.count(), 101);
        assert!((50.0..52.0).contains(&latencies.quantile_us(0.5)));
        assert!(latencies.max_us() >= 600e6);
    }
}
