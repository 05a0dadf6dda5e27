//! From a write to the event that it causes.

use std::time::Instant;

use myriad_ring::v1::Op;

use super::ROOT;
use crate::load::{Context, Error, Figures, Peer, pump::Latencies, wire::Wire};

/// Options of `events`.
#[derive(clap::Args, Clone, Debug)]
pub struct Events {
    /// Watches that have nothing to do with it; several, in growing order and separated by commas,
    /// are run one after another.
    #[arg(long, value_delimiter = ',', default_value = "0,10000")]
    counts: Vec<u32>,
    /// Connections that all watch one node; 0: none.
    #[arg(long, default_value_t = 100)]
    fan_out: u32,
}

impl Events {
    pub(super) fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut figures = Figures::new();
        let (mut writer, mut watcher) = (peer.connect()?, peer.connect()?);
        let (watched, plain) = (format!("{ROOT}/watched\0"), format!("{ROOT}/plain\0"));
        writer.call(Op::Write, 0, &[watched.as_bytes()])?;
        writer.call(Op::Write, 0, &[plain.as_bytes()])?;
        watch(&mut watcher, &watched)?;
        let mut unrelated = peer.connect()?;
        let mut registered = 0;
        for &count in &self.counts {
            while registered < count {
                let words = format!("{ROOT}/unrelated/{registered}\0{registered}\0");
                unrelated.call(Op::Watch, 0, &[words.as_bytes()])?;
                registered += 1;
            }
            for time in [context.warm_up, context.time] {
                // They take turns, so that whatever else the machine does falls on both.
                let (mut events, mut trips) = (Latencies::default(), Latencies::default());
                let start = Instant::now();
                while start.elapsed() < time {
                    let begin = Instant::now();
                    writer.push(Op::Write, 0, &[watched.as_bytes(), b"value"]);
                    writer.flush()?;
                    watcher.wait_for_events(watcher.events() + 1)?;
                    events.record(begin.elapsed());
                    writer.reply()?.accepted(Op::Write)?;
                    let begin = Instant::now();
                    writer.call(Op::Write, 0, &[plain.as_bytes(), b"value"])?;
                    trips.record(begin.elapsed());
                }
                if time == context.time {
                    let label = format!("{count} watches: ");
                    events.report(&format!("{label}write to event, "), &mut figures);
                    trips.report(&format!("{label}round trip, "), &mut figures);
                    let ratio = events.quantile_us(0.5) / trips.quantile_us(0.5);
                    figures.push((format!("{label}event p50 to a round trip's"), ratio));
                }
            }
        }
        if self.fan_out > 0 {
            self.fan_out(peer, context, &mut writer, &mut figures)?;
        }
        Ok(figures)
    }

    /// From a write to the last of its events.
    fn fan_out(
        &self,
        peer: &Peer,
        context: &Context,
        writer: &mut Wire,
        figures: &mut Figures,
    ) -> Result<(), Error> {
        let node = format!("{ROOT}/fan-out\0");
        writer.call(Op::Write, 0, &[node.as_bytes()])?;
        let mut watchers = Vec::new();
        for _ in 0..self.fan_out {
            let mut wire = peer.connect()?;
            watch(&mut wire, &node)?;
            watchers.push(wire);
        }
        for time in [context.warm_up, context.time] {
            let mut latencies = Latencies::default();
            let (start, meter) = (Instant::now(), peer.meter());
            while start.elapsed() < time {
                let begin = Instant::now();
                writer.push(Op::Write, 0, &[node.as_bytes(), b"value"]);
                writer.flush()?;
                for wire in &mut watchers {
                    wire.wait_for_events(wire.events() + 1)?;
                }
                latencies.record(begin.elapsed());
                writer.reply()?.accepted(Op::Write)?;
            }
            if time == context.time {
                let label = format!("fan-out to {}, last event: ", self.fan_out);
                latencies.report(&label, figures);
                let cpu = meter.cpu_us() / crate::stats::float(latencies.count());
                figures.push((format!("{label}cpu µs/write"), cpu));
            }
        }
        Ok(())
    }
}

/// Watches a node, and takes the event that comes at once.
fn watch(wire: &mut Wire, node: &str) -> Result<(), Error> {
    let before = wire.events();
    wire.call(Op::Watch, 0, &[node.as_bytes(), b"token\0"])?;
    wire.wait_for_events(before + 1)
}
