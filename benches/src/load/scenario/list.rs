//! Listing a directory of many children as libxenstore does, and changing one of them.
//!
//! A listing over 4096 bytes is refused with E2BIG, and then fetched in parts, each at the offset
//! where the one before ended. Debian's oxenstored sends it in one piece instead, which
//! libxenstore would refuse; here it is taken.

use std::time::Instant;

use myriad_ring::v1::Op;

use super::{ROOT, SET_UP_DEPTH};
use crate::{
    load::{
        Context, Error, Figures, Peer,
        pump::{Latencies, Until, pump},
        wire::Wire,
    },
    stats::float,
};

/// Options of `list`.
#[derive(clap::Args, Clone, Debug)]
pub struct List {
    /// How many children the directory has.
    #[arg(long, default_value_t = 10_000)]
    children: u32,
}

impl List {
    pub(super) fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut wire = peer.connect()?;
        let directory = format!("{ROOT}/wide");
        self.make(peer, &mut wire, &directory)?;
        let mut figures = Figures::new();
        for time in [context.warm_up, context.time] {
            let (meter, start) = (peer.meter(), Instant::now());
            let (mut latencies, mut requests) = (Latencies::default(), 0);
            while start.elapsed() < time {
                let begin = Instant::now();
                let listed = list(&mut wire, &directory)?;
                latencies.record(begin.elapsed());
                requests += listed.requests;
                // A floor lists nothing; all others must have the whole of it.
                if listed.children != self.children && !peer.is_floor() {
                    return Err(Error::Garbage);
                }
            }
            figures = vec![
                ("listing: requests".to_owned(), float(requests) / float(latencies.count())),
                ("listing: cpu µs".to_owned(), meter.cpu_us() / float(latencies.count())),
            ];
            latencies.report("listing: ", &mut figures);
        }
        self.change(peer, context, &mut wire, &directory, &mut figures)?;
        Ok(figures)
    }

    fn make(&self, peer: &Peer, wire: &mut Wire, directory: &str) -> Result<(), Error> {
        let last = format!("{directory}/{}", self.children.saturating_sub(1));
        if wire.ask(Op::Read, 0, &last).is_ok() && !peer.is_floor() {
            return Ok(());
        }
        let mut next = 0;
        let until = Until::Count(u64::from(self.children));
        pump(peer, wire, Op::Write, SET_UP_DEPTH, until, |wire| {
            wire.push(Op::Write, 0, &[format!("{directory}/{next}\0").as_bytes()]);
            next += 1;
        })?;
        Ok(())
    }

    /// A child more, and then it goes.
    fn change(
        &self,
        peer: &Peer,
        context: &Context,
        wire: &mut Wire,
        directory: &str,
        figures: &mut Figures,
    ) -> Result<(), Error> {
        let child = format!("{directory}/one-more");
        for time in [context.warm_up, context.time] {
            let (meter, start) = (peer.meter(), Instant::now());
            let mut latencies = Latencies::default();
            while start.elapsed() < time {
                for op in [Op::Write, Op::Rm] {
                    let begin = Instant::now();
                    wire.ask(op, 0, &child)?;
                    latencies.record(begin.elapsed());
                }
            }
            if time == context.time {
                let (count, label) = (float(latencies.count()), "child added or removed: ");
                figures.push((format!("{label}ops/s"), count / meter.seconds()));
                figures.push((format!("{label}cpu µs/op"), meter.cpu_us() / count));
                latencies.report(label, figures);
            }
        }
        Ok(())
    }
}

/// What a listing took and gave.
struct Listed {
    requests: u64,
    children: u32,
}

fn list(wire: &mut Wire, directory: &str) -> Result<Listed, Error> {
    match wire.ask(Op::Directory, 0, directory) {
        Ok(names) => return Ok(Listed { requests: 1, children: strings(names) }),
        Err(error) if error.is_refusal("E2BIG") => {}
        Err(error) => return Err(error),
    }
    let (mut names, mut generation, mut requests) = (Vec::new(), Vec::new(), 1);
    loop {
        let words = format!("{directory}\0{}\0", names.len());
        let part = wire.call(Op::DirectoryPart, 0, &[words.as_bytes()])?;
        requests += 1;
        let end = part.iter().position(|&b| b == 0).ok_or(Error::Garbage)?;
        let (head, rest) = part.split_at(end + 1);
        if names.is_empty() {
            generation = head.to_vec();
        } else if generation != head {
            names.clear();
            continue;
        }
        names.extend_from_slice(rest);
        // An empty string at its end says that this was the last part.
        if names.len() <= 1 || names.ends_with(b"\0\0") {
            let children = names.strip_suffix(b"\0").map_or(0, strings);
            return Ok(Listed { requests, children });
        }
    }
}

fn strings(names: &[u8]) -> u32 {
    names.iter().map(|&b| u32::from(b == 0)).sum()
}
