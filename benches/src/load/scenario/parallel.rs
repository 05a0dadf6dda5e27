//! Many toolstacks that start VMs at once.

use std::{
    sync::Barrier,
    time::{Duration, Instant},
};

use crate::load::{Context, Error, Figures, Peer, vms};

/// Options of `parallel`.
#[derive(clap::Args, Clone, Debug)]
pub struct Parallel {
    /// How many toolstacks.
    #[arg(long, default_value_t = 32)]
    clients: u16,
    /// How many VMs in all.
    #[arg(long, default_value_t = 400)]
    vms: u16,
    /// Seconds after which it counts as not done.
    #[arg(long, default_value_t = 300)]
    most_seconds: u64,
}

impl Parallel {
    pub(super) fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut wire = peer.connect()?;
        vms::create_parents(&mut wire)?;
        for domid in 1..=self.vms {
            context.create_domain(&mut wire, domid)?;
        }
        let barrier = Barrier::new(usize::from(self.clients) + 1);
        let (meter, aborts) = std::thread::scope(|scope| {
            let client = |number| {
                let barrier = &barrier;
                scope.spawn(move || self.client(peer, number, barrier))
            };
            let clients: Vec<_> = (0..self.clients).map(client).collect();
            barrier.wait();
            let meter = peer.meter();
            let counts: Vec<_> =
                clients.into_iter().map(|c| c.join().unwrap_or(Err(Error::Garbage))).collect();
            (meter, counts.into_iter().sum::<Result<u64, Error>>())
        });
        let (seconds, cpu_us, aborts) =
            (meter.seconds(), meter.cpu_us(), crate::stats::float(aborts?));
        let made = f64::from(self.vms);
        for domid in 1..=self.vms {
            vms::remove(&mut wire, vms::vm(domid))?;
        }
        Ok(vec![
            ("VM/s".to_owned(), made / seconds),
            ("aborts".to_owned(), aborts),
            ("aborts, % of commits".to_owned(), 100.0 * aborts / (made + aborts)),
            ("cpu ms/VM".to_owned(), cpu_us / 1e3 / made),
        ])
    }

    /// Makes every so-manieth VM, and gives how many commits failed.
    fn client(&self, peer: &Peer, number: u16, barrier: &Barrier) -> Result<u64, Error> {
        let connected = peer.connect();
        // All of them meet here, also one that could not connect: else the others would wait.
        barrier.wait();
        let mut wire = connected?;
        let most = Duration::from_secs(self.most_seconds);
        let (start, mut aborts) = (Instant::now(), 0);
        for domid in (1 + number..=self.vms).step_by(usize::from(self.clients.max(1))) {
            while !vms::try_create(&mut wire, vms::vm(domid))? {
                aborts += 1;
                if start.elapsed() > most {
                    return Err(Error::TooLong(most));
                }
            }
        }
        Ok(aborts)
    }
}
