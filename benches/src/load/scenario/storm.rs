//! One toolstack that starts VMs one after another.

use std::time::Instant;

use myriad_ring::v1::Op;

use crate::{
    load::{Context, Error, Figures, Peer, pump::Latencies, vms, wire::Wire},
    rng::Rng,
    stats::float,
};

/// Options of `storm`.
#[derive(clap::Args, Clone, Debug)]
pub struct Storm {
    /// How many VMs; several, in growing order and separated by commas, are run one after another.
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    vms: Vec<u16>,
    /// Each VM's watches on a connection of its own, which stays open.
    #[arg(long)]
    connection_each: bool,
    /// Leave the VMs in the store.
    #[arg(long)]
    keep: bool,
}

/// Lookups through the index, where the daemon has one.
const LOOKUPS: usize = 1_000;

impl Storm {
    /// What is asked for is another thing with connections.
    pub(super) fn name(&self) -> &'static str {
        if self.connection_each { "storm-connections" } else { "storm" }
    }

    pub(super) fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut wire = peer.connect()?;
        vms::create_parents(&mut wire)?;
        let most = self.vms.iter().copied().max().unwrap_or(0);
        for domid in 1..=most {
            context.create_domain(&mut wire, domid)?;
        }
        let resident = peer.resident_bytes();
        let mut own: Vec<Wire> = Vec::new();
        let mut figures = Figures::new();
        let (mut made, mut first) = (0, None);
        for &count in &self.vms {
            let label = format!("{count} VMs: ");
            let (meter, from) = (peer.meter(), made);
            while made < count {
                made += 1;
                vms::create(&mut wire, vms::vm(made))?;
                if self.connection_each {
                    own.push(peer.connect()?);
                }
                vms::watch(own.last_mut().unwrap_or(&mut wire), vms::vm(made))?;
            }
            let new = f64::from(made.saturating_sub(from).max(1));
            let (ms, cpu_ms) = (meter.seconds() * 1e3 / new, meter.cpu_us() / 1e3 / new);
            figures.push((format!("{label}ms/VM"), ms));
            figures.push((format!("{label}cpu ms/VM"), cpu_ms));
            match first {
                Some((first_ms, first_cpu_ms)) => {
                    figures.push((format!("{label}ms/VM to the fewest's"), ms / first_ms));
                    let ratio = cpu_ms / first_cpu_ms;
                    figures.push((format!("{label}cpu ms/VM to the fewest"), ratio));
                }
                None => first = Some((ms, cpu_ms)),
            }
            if let (Some(before), Some(now)) = (resident, peer.resident_bytes()) {
                let kilobytes = float(now.saturating_sub(before)) / 1024.0 / f64::from(made);
                figures.push((format!("{label}resident KB/VM"), kilobytes));
            }
            lookups(peer, context, count, &label, &mut figures)?;
        }
        if !self.keep {
            for domid in 1..=made {
                if !self.connection_each {
                    vms::unwatch(&mut wire, vms::vm(domid))?;
                }
                vms::remove(&mut wire, vms::vm(domid))?;
            }
        }
        Ok(figures)
    }
}

/// From a name to a domain: as libxl does it, and through the index where there is one.
fn lookups(
    peer: &Peer,
    context: &Context,
    vms: u16,
    label: &str,
    figures: &mut Figures,
) -> Result<(), Error> {
    let mut wire = peer.connect()?;
    let start = Instant::now();
    for domid in 1..=vms {
        let name = wire.ask(Op::Read, 0, &format!("/local/domain/{domid}/name"))?;
        if name != vms::vm(domid).name().as_bytes() {
            return Err(Error::Garbage);
        }
    }
    let scan = start.elapsed().as_secs_f64() * 1e3;
    figures.push((format!("{label}name lookup by scan, ms"), scan));
    let mut rng = Rng::new(context.seed);
    let mut latencies = Latencies::default();
    for _ in 0..LOOKUPS {
        let domid = u16::try_from(1 + rng.below(usize::from(vms))).unwrap_or(1);
        let path = format!("/@index/domain-name/{}", vms::vm(domid).name());
        let start = Instant::now();
        let expected = format!("{domid}\0");
        match wire.ask(Op::Directory, 0, &path) {
            Ok(matches) if matches == expected.as_bytes() => latencies.record(start.elapsed()),
            Ok(_) => return Err(Error::Garbage),
            // A daemon without an index: nothing to show.
            Err(Error::Refused { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    figures.push((format!("{label}name lookup by index, p50 µs"), latencies.quantile_us(0.5)));
    figures.push((format!("{label}name lookup by index, requests"), 1.0));
    Ok(())
}
