//! The daemon's lives: how each begins and ends, and what happens in between.

use std::{sync::Arc, time::Instant};

use myriad::sim::Host;
use myriad_core::DomId;

use super::{
    daemon::{Started, was_killed},
    fault::Kind,
    limits::{ANSWERS_EACH, ANSWERS_LEAST, ANSWERS_MISSED, PATIENCE},
    point::Point,
    run::{Director, KillError, Observer},
    stage::Mortal,
};

impl Director<'_> {
    /// Lets the daemon live until it ends itself, or until so much was answered.
    pub(super) fn live(&mut self, failpoint: Option<(Point, usize)>) -> Result<(), KillError> {
        let begin = self.stage.answered();
        let actors = u64::try_from(self.actors()).unwrap_or(u64::MAX);
        let most = match failpoint {
            Some(_) => actors.saturating_mul(ANSWERS_MISSED),
            None => {
                let most = ANSWERS_EACH.saturating_mul(self.actors());
                u64::try_from(self.rng.range(ANSWERS_LEAST, most)).unwrap_or(u64::MAX)
            }
        };
        let mut last = (begin, Instant::now());
        let Some(daemon) = &mut self.daemon else { return Ok(()) };
        let ended = loop {
            if let Some(status) = daemon.look()? {
                break Some(status);
            }
            let answered = self.stage.answered();
            if answered.saturating_sub(begin) >= most {
                break None;
            }
            if answered != last.0 {
                last = (answered, Instant::now());
            } else if last.1.elapsed() > PATIENCE {
                // Whoever waits tells what for.
                break None;
            }
        };
        let point = match (ended, failpoint) {
            (Some(status), Some((point, _))) if was_killed(status) => point,
            (Some(status), _) => {
                self.fault(Kind::Start, format!("the daemon ends by itself: {status}"));
                Point::Random
            }
            (None, Some((point, _))) => {
                self.summary.points.entry(point).or_default().missed += 1;
                Point::Random
            }
            (None, None) => Point::Random,
        };
        self.before = Some(point);
        Ok(())
    }

    /// The daemon ends here, unless it has: what its log says, and what happens while none runs.
    pub(super) fn end_life(&mut self, observer: &mut dyn Observer) -> Result<(), KillError> {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill()?;
            for line in daemon.complaints() {
                self.fault(Kind::Check, line);
            }
        }
        let point = self.before.unwrap_or(Point::Random);
        self.summary.points.entry(point).or_default().kills += 1;
        self.while_down()?;
        self.gather();
        observer.progress(point, self.summary.kills(), self.summary.faults.len());
        Ok(())
    }

    /// Domains die while no daemon sees it, and ids get other tenants.
    pub(super) fn while_down(&mut self) -> Result<(), KillError> {
        let stage = Arc::clone(&self.stage);
        let mut host = None;
        for domid in stage.mortals() {
            let Some((Mortal::Alive, number)) = stage.mortal(domid) else { continue };
            if !self.rng.permille(300) {
                continue;
            }
            if host.is_none() {
                host = Some(Host::open(&stage.sim_dir(), DomId::ZERO)?);
            }
            let Some(host) = &host else { continue };
            host.destroy(DomId(domid), DomId::ZERO)?;
            host.buried(DomId(domid));
            self.summary.deaths += 1;
            if self.rng.permille(500) {
                host.create(&[DomId(domid)])?;
                self.summary.reused += 1;
            }
            stage.set_mortal(domid, Mortal::Dead, number);
        }
        Ok(())
    }

    /// Begins the next daemon; whether it serves.
    pub(super) fn start(&mut self, failpoint: Option<(Point, usize)>) -> Result<bool, KillError> {
        let life = self.stage.begin_life();
        let point = self.before.unwrap_or(Point::Random);
        match self.program.start(life, failpoint)? {
            Started::Ready(daemon) => {
                self.summary.points.entry(point).or_default().recovered += 1;
                self.summary.starts.push(daemon.start);
                self.daemon = Some(daemon);
                Ok(true)
            }
            Started::Killed if failpoint.is_some() => {
                self.before = failpoint.map(|(point, _)| point);
                Ok(false)
            }
            Started::Killed => {
                self.fault(Kind::Start, "it was killed by somebody else".into());
                self.stage.end();
                Ok(false)
            }
            Started::Failed(why) => {
                self.fault(Kind::Start, why);
                self.stage.end();
                Ok(false)
            }
        }
    }
}
