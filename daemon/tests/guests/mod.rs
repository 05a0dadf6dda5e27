//! Guests on rings, for tests of the running daemon: those that behave, and a place for those that
//! don't. Nothing here waits for ever: a watchdog ends the process of a test that hangs.
#![allow(dead_code, unused_imports, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod attack;
pub mod glutton;
mod guest;

use std::{
    ops::Deref,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::Duration,
};

use myriad::sim::machine::Machine;
use myriad_ring::{page::guest::Habits, v1::Op};

use crate::common::{self, Daemon};
pub use attack::Attack;
pub use guest::Guest;

/// A daemon, and a watchdog that ends the test's process if the test hangs.
pub struct Lab {
    daemon: Daemon,
    _watchdog: Sender<()>,
}

impl Lab {
    pub fn start(args: &[&str]) -> Lab {
        Lab::of(Daemon::start(args))
    }

    pub fn of(daemon: Daemon) -> Lab {
        let (watchdog, ended) = channel();
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        let pid = rustix::process::Pid::from_child(&daemon.child);
        std::thread::spawn(move || {
            if ended.recv_timeout(deadline()) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{name} hangs");
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                std::process::abort();
            }
        });
        Lab { daemon, _watchdog: watchdog }
    }

    /// Kills the daemon as the kernel does, and starts another in its place.
    pub fn kill_and_restart(self, args: &[&str]) -> Lab {
        Lab::of(Daemon::start_in(self.kill(), args))
    }

    /// Kills the daemon, and leaves what it has left.
    pub fn kill(mut self) -> tempfile::TempDir {
        self.daemon.child.kill().unwrap();
        self.daemon.child.wait().unwrap();
        std::mem::replace(&mut self.daemon.dir, tempfile::tempdir().unwrap())
    }

    pub fn machine(&self) -> Machine {
        Machine::connect(&self.path("sim/machines.socket")).unwrap()
    }

    /// A domain with a home, on its ring.
    pub fn boot(&self, domid: u16, habits: Habits) -> Guest {
        self.build(domid);
        self.attach(domid, habits)
    }

    /// A domain with a home, introduced.
    pub fn build(&self, domid: u16) {
        let mut dom0 = self.connect();
        dom0.control(&["sim", "create", &domid.to_string()]).unwrap();
        dom0.write(&home(domid), "").unwrap();
        dom0.set_perms(&home(domid), &[&format!("n{domid}")]);
        dom0.ok(Op::Introduce, format!("{domid}\x001\x001\0").as_bytes());
    }

    pub fn destroy(&self, domid: u16) {
        self.connect().control(&["sim", "destroy", &domid.to_string()]).unwrap();
    }

    /// Takes the ring of a domain that was introduced.
    pub fn attach(&self, domid: u16, habits: Habits) -> Guest {
        Guest::attach(self.machine(), domid, habits)
    }

    /// A guest that does round trips all the while, on a thread of its own.
    pub fn bystander(&self, domid: u16) -> Bystander {
        let mut guest = self.boot(domid, Habits::LINUX);
        let (told, stop) = channel::<()>();
        let (tell, done) = channel();
        let thread = std::thread::spawn(move || {
            assert_eq!(guest.ask(Op::Watch, "seen\0t\0"), Ok("OK".into()));
            assert_eq!(guest.event(), ("seen".into(), "t".into()));
            let mut rounds = 0_u64;
            // A sender that is gone ends it.
            while stop.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                guest.round(rounds);
                rounds += 1;
                let _ = tell.send(());
            }
        });
        Bystander { thread: Some(thread), stop: Some(told), done }
    }

    /// What CONTROL says of a domain.
    pub fn usage(&self, domid: u16) -> Usage {
        self.usage_or_none(domid).unwrap()
    }

    /// The same, if the store knows it.
    pub fn usage_or_none(&self, domid: u16) -> Option<Usage> {
        let text = self.connect().control(&["quota", &domid.to_string()]).ok()?;
        let of = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).expect(name);
            line.split(':').nth(1).unwrap().trim().parse().unwrap()
        };
        Some(Usage {
            nodes: of("nodes"),
            watches: of("watches"),
            transactions: of("transactions"),
            outstanding: of("outstanding"),
            memory: of("memory"),
        })
    }

    /// Bytes of memory that the daemon has of its own: without its files, each of a fixed size.
    pub fn resident(&self) -> u64 {
        let file = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(file).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Deref for Lab {
    type Target = Daemon;

    fn deref(&self) -> &Daemon {
        &self.daemon
    }
}

/// What a domain uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub nodes: u64,
    pub watches: u64,
    pub transactions: u64,
    pub outstanding: u64,
    pub memory: u64,
}

/// A guest that does round trips until it is asked to stop.
pub struct Bystander {
    thread: Option<JoinHandle<()>>,
    stop: Option<Sender<()>>,
    done: std::sync::mpsc::Receiver<()>,
}

impl Bystander {
    /// Waits until it has done so many more round trips from now on.
    pub fn goes_on(&self, rounds: usize) {
        self.done.try_iter().for_each(drop);
        (0..rounds).for_each(|_| self.done.recv().expect("the bystander is not served rightly"));
    }

    /// Stops it: all its answers were right.
    pub fn stop(mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

pub fn home(domid: u16) -> String {
    format!("/local/domain/{domid}")
}

/// A message as a guest puts it.
pub fn message(op: Op, payload: &[u8]) -> Vec<u8> {
    common::message(op as u32, 77, 0, payload)
}

/// Longer than any test takes, by far. (`verify/defences.sh` has less patience: there many hang.)
fn deadline() -> Duration {
    let given = std::env::var("MYRIAD_TEST_DEADLINE").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(given.unwrap_or(100))
}
