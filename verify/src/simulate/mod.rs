//! The daemon's workers under a scheduler that a seed repeats exactly.
//!
//! The workers are those of the daemon ([`Stepped`](myriad::worker::Stepped)): the code that reads
//! rings and sockets, executes, tells of events, sleeps and wakes. What threads, the kernel and
//! other machines do elsewhere is drawn from a seed here: who has the next turn, how late and in
//! which order doorbells arrive, how much of a socket's bytes, how time goes on, who stalls with
//! everything full, who dies, whose process is killed, who begins to lie in its page.
//!
//! Each client alone changes what lies below its home, so it knows each answer beforehand, by the
//! reference [`model`](crate::model). What clients share shows the rest: a counter that all
//! increment in transactions, nodes that others watch. After each round everyone stops: then
//! nobody may wait for anything, the tree is as all the models say, the counter is the number of
//! commits, and who watches has been told of the last change. A wake-up that was lost is seen as a
//! client that waits while everyone sleeps.
//!
//! Not here: what happens within a worker's turn beside another's turn. For that there are the
//! models (`loom`), and the linearizability of what runs on threads.

mod actor;
mod admin;
mod answers;
mod bells;
mod chaos;
mod check;
mod daemon;
mod errand;
mod liars;
pub mod limits;
mod line;
mod trace;
mod world;

use std::{fmt, time::Duration};

use limits::{CHECK_EVERY, DRAIN_STEPS, DRAIN_WAITS, QUIET, TICK, WORKERS};
use world::World;

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What everything is drawn from.
    pub seed: u64,
    /// Steps in which clients begin something.
    pub steps: u64,
    /// Steps between two times of quiet.
    pub round: u64,
    /// One of so many doorbells is lost, to see that this is noticed.
    pub loses: Option<usize>,
}

impl Plan {
    /// That of a seed, as long as others.
    #[must_use]
    pub fn of(seed: u64) -> Plan {
        Plan { seed, steps: limits::STEPS, round: limits::ROUND, loses: None }
    }
}

/// What was simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// It differs where anything was different.
    pub hash: u64,
    /// Steps, those at the ends of rounds included.
    pub steps: u64,
    /// Requests that were answered as they must be.
    pub requests: u64,
    /// Domains that were destroyed.
    pub deaths: u64,
    /// Other things that befell clients: stalls, reconnections, processes killed, lies begun.
    pub blows: u64,
    /// How often the daemon was killed, and came back.
    pub kills: u64,
}

/// What was not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The step.
    pub step: u64,
    /// What it was.
    pub what: String,
    /// What happened before.
    pub before: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { seed, step, what, before } = self;
        write!(f, "{before}seed {seed}, step {step}: {what}")
    }
}

impl std::error::Error for Failure {}

/// Simulates; the same plan gives the same outcome, or the same failure.
///
/// # Errors
/// What was not as it must be, or a system that refuses what the daemon needs.
pub fn run(plan: &Plan) -> Result<Outcome, Box<Failure>> {
    let failed = |step, what, before| Box::new(Failure { seed: plan.seed, step, what, before });
    let directory = tempfile::tempdir().map_err(|e| failed(0, e.to_string(), String::new()))?;
    let world = World::new(plan.seed, directory.path());
    let mut world = world.map_err(|what| failed(0, what, String::new()))?;
    world.bells.loses = plan.loses;
    match world.simulate(plan) {
        Ok(()) => Ok(world.outcome()),
        Err(what) => Err(failed(world.step, what, world.trace.to_string())),
    }
}

impl World {
    fn simulate(&mut self, plan: &Plan) -> Result<(), String> {
        for _ in 0..plan.steps.div_ceil(plan.round.max(1)) {
            self.is_ending = false;
            self.actors.iter_mut().for_each(|resident| resident.is_asleep = false);
            for _ in 0..plan.round {
                self.any()?;
                if self.step.is_multiple_of(CHECK_EVERY) {
                    let checked = self.daemon.stepped.store().pin().check();
                    checked.map_err(|why| format!("the version contradicts itself: {why:?}"))?;
                }
            }
            self.is_ending = true;
            self.come_to_rest()?;
            self.check()?;
        }
        Ok(())
    }

    /// A step of anyone.
    fn any(&mut self) -> Result<(), String> {
        self.step += 1;
        match self.rng.below(100) {
            0..30 => {
                let worker = self.rng.below(WORKERS.into());
                self.step_worker(worker)?;
            }
            30..65 => {
                let at = self.rng.below(self.actors.len());
                self.step_actor(at)?;
            }
            65..92 => {
                if let Some(bell) = self.bells.arrive(self.step, &mut self.rng) {
                    self.deliver(bell)?;
                }
            }
            92..95 => {
                self.step_admin()?;
            }
            95..97 => {
                let tick = u64::try_from(TICK.as_micros()).unwrap_or(0);
                let passes = self.rng.draw() % (1 + self.rng.draw() % tick);
                self.daemon.stepped.advance(Duration::from_micros(passes));
            }
            97 => {
                let at = self.rng.below(self.liars.len());
                if let Some(liar) = self.liars.get(at) {
                    liar.lie(&mut self.rng);
                    let (number, domid) = (liar.neighbour, liar.domid);
                    let bell = bells::Bell { to: bells::To::Daemon, number, domid };
                    self.bells.send(bell, self.step, &mut self.rng);
                }
            }
            _ if self.is_ready => self.befall()?,
            _ => {}
        }
        Ok(())
    }

    /// Lets everything that was begun come to its end.
    fn come_to_rest(&mut self) -> Result<(), String> {
        let (begin, mut waits) = (self.step, 0);
        // Since when no client has had anything to do.
        let mut quiet_since = None;
        while self.step < begin + DRAIN_STEPS {
            self.step += limits::BELL_LATE as u64;
            let mut moved = self.bells.len() > 0;
            while let Some(bell) = self.bells.arrive(self.step, &mut self.rng) {
                self.deliver(bell)?;
            }
            for worker in 0..usize::from(WORKERS) {
                moved |= self.step_worker(worker)?;
            }
            let mut has_client_moved = false;
            for at in 0..self.actors.len() {
                has_client_moved |= self.step_actor(at)?;
            }
            has_client_moved |= self.step_admin()?;
            if has_client_moved {
                quiet_since = None;
            }
            if moved || has_client_moved || self.bells.len() > 0 {
                continue;
            }
            let workers = 0..usize::from(WORKERS);
            let until = workers.filter_map(|worker| self.daemon.stepped.asleep(worker)).min();
            let now = self.daemon.stepped.now();
            let until = match (self.waiting(), until) {
                // Time alone brings the rest to who has made room in its ring without a doorbell.
                (None, until) => {
                    let end = quiet_since.get_or_insert(now).saturating_add(QUIET);
                    if now >= end {
                        return Ok(());
                    }
                    until.map_or(end, |until| until.min(end))
                }
                (Some(_), Some(until)) if until < Duration::MAX && waits < DRAIN_WAITS => {
                    waits += 1;
                    until
                }
                (Some(who), _) => return Err(format!("everyone sleeps, and there waits {who}")),
            };
            self.daemon.stepped.advance(until.saturating_sub(now));
        }
        Err("it comes to no end".to_owned())
    }

    /// Who waits for something, and for what.
    fn waiting(&self) -> Option<String> {
        let busy = self.actors.iter().find(|resident| !resident.actor.is_done());
        let admin = || (!self.admin.is_idle()).then(|| self.admin.waits_for());
        busy.map(|resident| resident.actor.waits_for()).or_else(admin)
    }

    fn outcome(&self) -> Outcome {
        let living: u64 = self.actors.iter().map(|resident| resident.actor.requests).sum();
        Outcome {
            hash: self.trace.hash(),
            steps: self.step,
            requests: self.requests + living,
            deaths: self.deaths,
            blows: self.blows,
            kills: self.kills,
        }
    }
}
