//! What protocol v2 saves: the same VMs by requests of v1 and by commits of v2, on one daemon.

use std::time::Instant;

use myriad_ring::{
    client::{self, Client, Commit, Stream},
    v1::Op,
    v2::{
        Request,
        records::{ALL_LEVELS, Get, GetMany, Registration, VALUE},
    },
};

use crate::{
    load::{Context, Error, Figures, Peer, pump::Latencies, vms},
    stats::float,
    vm::{Grant, Vm, WATCHES},
};
use myriad_core::{Access, DomId, Perm};

/// Options of `v2`.
#[derive(clap::Args, Clone, Debug)]
pub struct V2 {
    /// How many VMs, each of 41 nodes, 21 permissions and 3 watches; made twice.
    #[arg(long, default_value_t = 1000)]
    vms: u16,
}

impl V2 {
    pub(super) fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        let mut wire = peer.connect()?;
        vms::create_parents(&mut wire)?;
        for domid in 1..=self.vms {
            context.create_domain(&mut wire, domid)?;
        }
        let mut figures = Figures::new();
        let meter = peer.meter();
        for domid in 1..=self.vms {
            vms::create(&mut wire, vms::vm(domid))?;
            vms::watch(&mut wire, vms::vm(domid))?;
        }
        let old = self.note("v1", meter.seconds(), meter.cpu_us(), &mut figures);
        for domid in 1..=self.vms {
            vms::unwatch(&mut wire, vms::vm(domid))?;
            vms::remove(&mut wire, vms::vm(domid))?;
        }
        let mut client = Client::connect_to(&peer.socket).map_err(failed)?;
        if !client.negotiate().map_err(failed)? {
            return Ok(figures);
        }
        let meter = peer.meter();
        for domid in 1..=self.vms {
            create(&mut client, vms::vm(domid))?;
        }
        let new = self.note("v2", meter.seconds(), meter.cpu_us(), &mut figures);
        figures.push(("v1 to v2: ms".to_owned(), old.0 / new.0));
        figures.push(("v1 to v2: cpu ms".to_owned(), old.1 / new.1));
        figures.push(("v2: requests/VM".to_owned(), f64::from(REQUESTS)));
        drop(client);
        for domid in 1..=self.vms {
            vms::remove(&mut wire, vms::vm(domid))?;
        }
        self.over_rings(peer, context, old, &mut figures)?;
        for domid in 1..=self.vms {
            vms::remove(&mut wire, vms::vm(domid))?;
        }
        Ok(figures)
    }

    /// The same VMs and then GETs, over rings in a memory file.
    fn over_rings(
        &self,
        peer: &Peer,
        context: &Context,
        old: (f64, f64),
        figures: &mut Figures,
    ) -> Result<(), Error> {
        let mut client = Client::connect_to_best(&peer.socket).map_err(failed)?;
        if !client.share_rings(0, 0).map_err(failed)? {
            return Ok(());
        }
        let meter = peer.meter();
        for domid in 1..=self.vms {
            create(&mut client, vms::vm(domid))?;
        }
        let new = self.note("v2 rings", meter.seconds(), meter.cpu_us(), figures);
        figures.push(("v1 to v2 rings: ms".to_owned(), old.0 / new.0));
        figures.push(("v1 to v2 rings: cpu ms".to_owned(), old.1 / new.1));
        let mut names = Vec::new();
        let _: Result<(), ()> = vms::vm(1).each(|node| {
            names.push(node.path.to_owned());
            Ok(())
        });
        for (label, count) in [("GET", 1), ("GET_MANY of 41", 41), ("GET_MANY of 492", 492)] {
            let paths: Vec<&[u8]> = names.iter().cycle().take(count).map(|n| n.as_ref()).collect();
            gets(&mut client, &paths, &format!("v2 rings: {label}: "), (peer, context), figures)?;
        }
        Ok(())
    }

    /// Notes what a VM has taken: milliseconds, and those of the daemon's processor time.
    fn note(&self, label: &str, seconds: f64, cpu_us: f64, figures: &mut Figures) -> (f64, f64) {
        let each = f64::from(self.vms.max(1));
        let (ms, cpu_ms) = (seconds * 1e3 / each, cpu_us / 1e3 / each);
        figures.push((format!("{label}: ms/VM"), ms));
        figures.push((format!("{label}: cpu ms/VM"), cpu_ms));
        (ms, cpu_ms)
    }
}

/// Reads some nodes' values again and again, with one request under way.
fn gets(
    client: &mut Client<Stream>,
    paths: &[&[u8]],
    label: &str,
    (peer, context): (&Peer, &Context),
    figures: &mut Figures,
) -> Result<(), Error> {
    let get = Get { want: VALUE.into(), ..Get::default() };
    let head = GetMany { want: VALUE.into(), ..GetMany::default() };
    let request = match paths {
        [path] => Request::Get(get, path),
        _ => Request::GetMany(head, paths.to_vec()),
    };
    let mut run = |time| -> Result<Latencies, Error> {
        let mut latencies = Latencies::default();
        let (end, mut before) = (Instant::now() + time, Instant::now());
        while before < end {
            client.ask(&request).map_err(failed)?;
            let now = Instant::now();
            latencies.record(now - before);
            before = now;
        }
        Ok(latencies)
    };
    run(context.warm_up)?;
    let meter = peer.meter();
    let latencies = run(context.time)?;
    let count = float(latencies.count()) * float(paths.len() as u64);
    figures.push((format!("{label}gets/s"), count / meter.seconds()));
    figures.push((format!("{label}cpu µs/get"), meter.cpu_us() / count));
    latencies.report(label, figures);
    Ok(())
}

/// A VM in two requests: its nodes, and its watches.
fn create(client: &mut Client<Stream>, vm: Vm) -> Result<(), Error> {
    let mut commit = Commit::new();
    let _: Result<(), ()> = vm.each(|node| {
        let made = std::mem::take(&mut commit);
        let made = match node.value {
            Some(value) => made.write(node.path, value),
            None => made.mkdir(node.path),
        };
        let perm = |access, domid| Perm { access, domid: DomId(domid) };
        let perms = match node.grant {
            Some(Grant::Toolstack) => [perm(Access::None, 0), perm(Access::Read, vm.domid)],
            Some(Grant::Guest) => [perm(Access::None, vm.domid), perm(Access::Read, 0)],
            None => {
                commit = made;
                return Ok(());
            }
        };
        commit = made.set_perms(node.path, &perms);
        Ok(())
    });
    client.commit(&commit).map_err(failed)?;
    let paths: Vec<String> = WATCHES.iter().map(|below| format!("{}/{below}", vm.home())).collect();
    let watches = (0_u64..).zip(&paths).map(|(number, path)| {
        let token = (u64::from(vm.domid) << 8 | number).into();
        let watch = Registration { token, depth: ALL_LEVELS.into(), ..Registration::default() };
        (watch, path.as_bytes())
    });
    client.ask(&Request::Watch(watches.collect())).map_err(failed)?;
    Ok(())
}

fn failed(error: client::Error) -> Error {
    match error.errno() {
        Some(errno) => Error::Refused { op: Op::TransactionEnd, name: errno.name().to_owned() },
        None => Error::Io(std::io::Error::other(error)),
    }
}

/// Requests of v2 for a VM.
const REQUESTS: u32 = 2;
