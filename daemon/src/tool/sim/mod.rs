//! `myriad sim`: guests that boot as Linux PV guests do, on the simulated host of a running
//! daemon, each answer compared with what must come.
//!
//! Each guest has three parties, which follow scripts side by side: the toolstack that makes and
//! removes the domain over the daemon's socket, as libxl does; the guest's kernel on its ring; and
//! the control domain's drivers, which shake hands with those of the guest through the states of
//! both ends of a device. One thread plays them all ([`run`]), woken by doorbells and sockets, so
//! that ten thousand guests cost no thread and no descriptor each. Where the daemon has protocol v2
//! the toolstack speaks it, and makes a guest by one commit and one batch of watches; the drivers
//! stay with v1, as their kernel does.
//!
//! Invariants:
//! - Every reply is compared with what the script says; where several are right (a state that is
//!   being changed) with the bounds of what may be seen at that time. Every event must be of a
//!   watch that is registered, and each step that follows an event waits for it: one that is lost
//!   ends the run, by [`Plan::patience`].
//! - A run ends at the first answer that is wrong, and names it ([`Wrong`]).

mod actor;
mod cast;
mod dispatch;
mod driver;
mod judge;
mod limits;
mod port;
mod preflight;
mod report;
mod script;
mod scripts;
pub(in crate::tool) mod signals;
mod states;
mod vm;
mod wrong;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use self::{
    driver::{Driver, Goal},
    signals::Signals,
};
pub(crate) use limits::PATIENCE;
pub(crate) use report::{Bar, print};
pub(crate) use wrong::machines;
pub use wrong::{SimError, Wrong};

/// Guests to be simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The daemon's socket.
    pub socket: PathBuf,
    /// Its simulated host's, for machines.
    pub machines: PathBuf,
    /// How many.
    pub guests: u16,
    /// The first one's domain id.
    pub first: u16,
    /// How many boot at a time.
    pub parallel: u16,
    /// What the guests' uuids, memory and order follow from.
    pub seed: u64,
    /// Whether the toolstack speaks v1 where the daemon has v2, too.
    pub v1: bool,
    /// Whether they stay, when they have booted, until SIGINT or SIGTERM.
    pub hold: bool,
    /// Whether they are shut down and removed at the end.
    pub destroy: bool,
    /// How long nothing may come before the daemon counts as stuck.
    pub patience: Duration,
}

/// What a run saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Guests that booted.
    pub guests: usize,
    /// Requests of all parties.
    pub requests: u64,
    /// Those of the toolstack that made the nodes and watches of guests.
    pub making: u64,
    /// Answers that were compared with what must come.
    pub checked: u64,
    /// Events, each of a watch that was registered.
    pub events: u64,
    /// Transactions that met EAGAIN, and were tried again.
    pub conflicts: u64,
    /// From the first domain's creation to the last guest that was verified.
    pub boot: Duration,
    /// How long the guests' removal took, where they were removed.
    pub removal: Option<Duration>,
    /// From a guest's first request to its last device being connected, for each guest: the
    /// median, and what 99 of 100 don't exceed.
    pub each: (Duration, Duration),
}

/// Who is told how far a run has come.
pub trait Observer {
    /// A phase begins: what is done, and with how many guests.
    fn phase(&mut self, what: &'static str, guests: usize);
    /// So many guests have come to its end.
    fn progress(&mut self, done: usize);
}

impl Observer for () {
    fn phase(&mut self, _: &'static str, _: usize) {}
    fn progress(&mut self, _: usize) {}
}

/// Boots guests, and removes them where the plan says so.
///
/// # Errors
/// [`SimError::Wrong`] for the first answer that is wrong, [`SimError::Silent`] where one doesn't
/// come; the others where the run can't begin, or the daemon goes away.
pub fn run(plan: &Plan, observer: &mut dyn Observer) -> Result<Summary, SimError> {
    let has_v2 = preflight::check(plan)?;
    // From now on: one that comes while they boot ends the wait after it.
    let signals = plan.hold.then(Signals::catch).transpose()?;
    let mut driver = Driver::new(plan, (&plan.socket, &plan.machines), has_v2)?;
    let guests = driver.vms.len();
    observer.phase("booting", guests);
    let start = Instant::now();
    driver.run(Goal::Up, observer, None)?;
    let boot = start.elapsed();
    if let Some(signals) = signals {
        observer.phase("up; until SIGINT or SIGTERM", guests);
        driver.run(Goal::Hold, observer, Some(&signals))?;
    }
    let mut removal = None;
    if plan.destroy {
        observer.phase("removing", guests);
        let start = Instant::now();
        driver.run(Goal::Gone, observer, None)?;
        removal = Some(start.elapsed());
    }
    let mut each: Vec<Duration> = driver.vms.iter().filter_map(|vm| vm.boot).collect();
    each.sort_unstable();
    let (count, world) = (driver.count, driver.world);
    Ok(Summary {
        guests: count.up,
        requests: count.requests,
        making: count.making,
        checked: count.checked,
        events: count.events,
        conflicts: world.conflicts,
        boot,
        removal,
        each: (quantile(&each, 50), quantile(&each, 99)),
    })
}

/// What so many of a hundred don't exceed; `sorted` is.
fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_those_that_are_there() {
        let all: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(quantile(&all, 50), Duration::from_millis(100));
        assert_eq!(quantile(&all, 99), Duration::from_millis(198));
        assert_eq!(quantile(&all[..1], 99), Duration::from_millis(1));
        assert_eq!(quantile(&[], 50), Duration::ZERO);
    }
}
