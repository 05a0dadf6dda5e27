//! Many toolstacks that start VMs at once.

use std::time::Duration;

use myriad_ring::v1::Op;

use super::transacting::{Tally, Transacting, Work};
use crate::{
    load::{
        Context, Error, Figures, Peer, swarm,
        vms::{self, Request},
        wire::Out,
    },
    stats::float,
};

/// Options of `parallel`.
#[derive(clap::Args, Clone, Debug)]
pub struct Parallel {
    /// How many toolstacks; several, separated by commas, are run one after another.
    #[arg(long, value_delimiter = ',', default_value = "1,8,32")]
    clients: Vec<u16>,
    /// How many VMs in all.
    #[arg(long, default_value_t = 400)]
    vms: u16,
    /// Seconds after which it ends, whatever is made by then.
    #[arg(long, default_value_t = 300)]
    most_seconds: u64,
}

impl Parallel {
    pub(super) fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut wire = context.with_domains(peer, self.vms)?;
        let mut figures = Figures::new();
        for &count in &self.clients {
            // Its requests are put together before the clock starts.
            let toolstacks = (0..count).map(|n| Transacting::new(self.toolstack(n, count)));
            let mut clients = swarm::clients(peer, toolstacks)?;
            let most = Duration::from_secs(self.most_seconds);
            let meter = peer.meter();
            let seconds = swarm::run(&mut clients, Some(most))?.as_secs_f64();
            let cpu_us = meter.cpu_us();
            let tallies: Vec<&Tally> = clients.iter().map(|(_, client)| &client.tally).collect();
            let made: u64 = tallies.iter().map(|tally| tally.commits).sum();
            let aborts: u64 = tallies.iter().map(|tally| tally.aborts).sum();
            let label = format!("{count} toolstack{}: ", if count == 1 { "" } else { "s" });
            figures.extend([
                (format!("{label}VM/s"), float(made) / seconds),
                (format!("{label}aborts"), float(aborts)),
                (format!("{label}aborts, % of commits"), share(aborts, made)),
                (format!("{label}cpu ms/VM"), cpu_us / 1e3 / float(made)),
            ]);
            for domid in 1..=self.vms {
                match vms::remove(&mut wire, vms::vm(domid)) {
                    // It was not made in time.
                    Err(error) if error.is_refusal("ENOENT") => {}
                    done => done?,
                }
            }
        }
        Ok(figures)
    }

    /// It makes every so-manieth VM.
    fn toolstack(&self, number: u16, of: u16) -> Toolstack {
        let domids = (1 + number..=self.vms).step_by(usize::from(of.max(1)));
        let vms = domids.map(|domid| vms::requests(vms::vm(domid))).collect();
        Toolstack { vms, begun: 0 }
    }
}

fn share(aborts: u64, commits: u64) -> f64 {
    100.0 * float(aborts) / float((commits + aborts).max(1))
}

/// VMs that one toolstack makes.
struct Toolstack {
    vms: Vec<Vec<Request>>,
    /// How many of them have been begun.
    begun: usize,
}

impl Work for Toolstack {
    fn open(&mut self) -> bool {
        self.begun += 1;
        self.begun <= self.vms.len()
    }

    fn request(
        &mut self,
        step: usize,
        _last: &[u8],
        tx_id: u32,
        out: &mut Out,
    ) -> Result<Option<Op>, Error> {
        let vm = self.vms.get(self.begun.saturating_sub(1));
        let Some((op, payload)) = vm.and_then(|vm| vm.get(step)) else { return Ok(None) };
        out.push(*op, tx_id, &[payload]);
        Ok(Some(*op))
    }
}
