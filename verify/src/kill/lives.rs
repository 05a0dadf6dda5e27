//! The daemon's lives: how each begins and ends, and what happens in between.

use std::{sync::Arc, time::Instant};

use myriad::sim::Host;
use myriad_core::DomId;

use super::{
    daemon::{Daemon, Started, was_killed},
    fault::Kind,
    limits::{
        ANSWERS_EACH, ANSWERS_LEAST, ANSWERS_MISSED, ANSWERS_MISSED_RARE, HITS_EACH, HITS_RARE,
        MISSES,
    },
    point::Point,
    run::{Director, KillError, Observer},
    stage::Mortal,
};

impl Director<'_> {
    /// Lets the daemon live until it ends itself, or until so much was answered.
    pub(super) fn live(&mut self, failpoint: Option<(Point, usize)>) -> Result<(), KillError> {
        let life = self.stage.life();
        // Half of those that end at random are looked at in full before.
        let settles = failpoint.is_none() && (self.plan.settles || self.rng.permille(500));
        let most = match failpoint {
            Some((point, _)) if point.is_rare() => {
                ANSWERS_MISSED_RARE.saturating_mul(self.actors())
            }
            Some(_) => ANSWERS_MISSED.saturating_mul(self.actors()),
            None => self.rng.range(ANSWERS_LEAST, ANSWERS_EACH.saturating_mul(self.actors())),
        };
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let mut begin = self.stage.answered();
        let mut last = (begin, Instant::now());
        let ended = loop {
            if let Some(status) = self.daemon.as_mut().map_or(Ok(None), Daemon::look)? {
                break Some(status);
            }
            let answered = self.stage.answered();
            if settles && self.verified != (life, self.crew) {
                self.gather();
                begin = answered;
            }
            if answered.saturating_sub(begin) >= most {
                break None;
            }
            if answered != last.0 {
                last = (answered, Instant::now());
            } else if last.1.elapsed() > self.plan.patience {
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
            (None, Some((point, draw))) => {
                self.summary.points.entry(point).or_default().missed += 1;
                self.reach.insert(point, draw / 2);
                Point::Random
            }
            (None, None) => Point::Random,
        };
        self.before = Some(point);
        Ok(())
    }

    /// At which time of coming to a point the next daemon ends.
    pub(super) fn draw(&mut self, point: Point) -> Option<(Point, usize)> {
        let most = match point.is_rare() {
            true => HITS_RARE,
            false => HITS_EACH.saturating_mul(self.actors()),
        };
        let most = *self.reach.entry(point).or_insert(most);
        (point != Point::Random).then(|| (point, Point::draw(&mut self.rng, most)))
    }

    /// Whether a point was missed so often that it isn't there.
    pub(super) fn gives_up(&mut self, point: Point, left: u32) -> bool {
        let at = self.summary.points.get(&point).copied().unwrap_or_default();
        let gives_up = at.missed > at.kills.saturating_add(MISSES);
        if gives_up {
            let what = format!(
                "`{point}` is not reached, {left} kills are missing; is it built with the feature \
                 `failpoints`, and with little room for its journal?"
            );
            self.fault(Kind::Point, what);
        }
        gives_up
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
        self.waiting.extend(self.before);
        self.program.note(life, failpoint)?;
        match self.program.start(life, failpoint)? {
            Started::Ready(daemon) => {
                for point in self.waiting.drain(..) {
                    self.summary.points.entry(point).or_default().recovered += 1;
                }
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
