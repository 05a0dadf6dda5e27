//! All guests, on one machine that outlives the daemon: one thread that hears their doorbells.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::Arc,
    time::Instant,
};

use myriad::sim::machine::{Machine, MachineError};
use myriad_core::DomId;

use super::{
    fault::Kind,
    ledger::Ledger,
    limits::{SETUP_BATCH, TICK},
    overseer,
    seat::Seat,
    stage::{Mortal, Note, Reporter, Stage},
};

/// All guests.
pub(super) struct Guests {
    stage: Arc<Stage>,
    reporter: Reporter,
    machine: Machine,
    seats: BTreeMap<u16, Seat>,
    ready: VecDeque<u16>,
    seed: u64,
    /// The last life in which all were seen to go on.
    verified: u64,
    /// When was looked at what no doorbell tells.
    looked: Instant,
    /// When the last daemon was first known to be the last.
    closing: Option<Instant>,
}

/// The guests can't go on: the machine is of no use.
type Ended = Result<(), MachineError>;

impl Guests {
    /// Takes the rings of the guests, which were introduced.
    pub(super) fn board(
        stage: Arc<Stage>,
        reporter: Reporter,
        guests: u16,
        seed: u64,
    ) -> Result<Guests, MachineError> {
        let machine = Machine::connect(&stage.machines())?.keeping_pages();
        let (seats, ready) = (BTreeMap::new(), VecDeque::new());
        let (verified, looked, closing) = (0, Instant::now(), None);
        let mut all =
            Guests { stage, reporter, machine, seats, ready, seed, verified, looked, closing };
        all.attach(1, guests, 0, Ledger::new)?;
        Ok(all)
    }

    /// Plays all guests until the last daemon has been checked.
    pub(super) fn run(mut self) {
        if let Err(error) = self.play() {
            self.reporter.fault(&self.stage, Kind::Restart, format!("all guests: {error}"));
        }
        self.reporter.tell(Note::Done);
    }

    fn play(&mut self) -> Ended {
        self.ready.extend(self.seats.keys());
        while !self.stage.is_over() && !self.is_done() {
            let ready = &mut self.ready;
            // First: what is found from here on is not told of any more.
            self.machine.bells().hear(|domid| ready.push_back(domid));
            let had_any = !self.ready.is_empty();
            for _ in 0..self.ready.len().min(SETUP_BATCH) {
                if let Some(domid) = self.ready.pop_front() {
                    self.tend(domid)?;
                }
            }
            if self.looked.elapsed() >= TICK {
                self.looked = Instant::now();
                self.look_around()?;
            }
            if had_any {
                continue;
            }
            match self.machine.sleep_beside(&[], Some(TICK)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.reconnect()?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Looks at one guest's ring until it is quiet, and lets it go on.
    fn tend(&mut self, domid: u16) -> Ended {
        let Some(seat) = self.seats.get_mut(&domid).filter(|seat| !seat.is_lost) else {
            return Ok(());
        };
        let (mut faults, mut answered) = (Vec::new(), 0);
        let quiet = seat.pump(self.stage.final_shared(), &mut faults, &mut answered);
        let rings = seat.client.take_doorbell();
        self.stage.note_answers(answered);
        let is_quiet = quiet.unwrap_or_else(|wrong| {
            faults.push(wrong);
            seat.is_lost = true;
            true
        });
        for wrong in faults {
            self.reporter.fault_of(&self.stage, format!("guest {domid}"), wrong);
        }
        if rings {
            self.machine.ring(DomId(domid))?;
        }
        if !is_quiet {
            self.ready.push_back(domid);
        }
        Ok(())
    }

    /// What no doorbell tells.
    fn look_around(&mut self) -> Ended {
        let life = self.stage.life();
        let goes_on = |seat: &Seat| seat.is_lost || seat.ledger.acts_since_restart() > 1;
        if self.verified < life && self.seats.values().all(goes_on) {
            self.verified = life;
            self.reporter.tell(Note::Verified(life));
        }
        for (domid, seat) in &mut self.seats {
            if !seat.is_lost
                && !seat.ledger.is_idle()
                && seat.news.elapsed() > self.stage.patience()
            {
                seat.is_lost = true;
                let what = format!("nothing comes; it waits for {}", seat.ledger.waits_for());
                let wrong = (Kind::Restart, what);
                self.reporter.fault_of(&self.stage, format!("guest {domid}"), wrong);
            }
        }
        self.take_in_mortals()
    }

    /// The daemon has ended: waits for the next, and gives it the pages.
    fn reconnect(&mut self) -> Ended {
        let begin = Instant::now();
        let mut refused = Vec::new();
        loop {
            let reconnected = self.machine.reconnect(TICK, |domid, why| {
                refused.push((domid.0, why.to_owned()));
            });
            match reconnected {
                Ok(()) => break,
                Err(MachineError::Io(_)) if self.stage.is_over() => return Ok(()),
                Err(MachineError::Io(_)) if begin.elapsed() < self.stage.patience() => {}
                Err(error) => return Err(error),
            }
        }
        self.reporter.tell(Note::Pause(begin.elapsed()));
        for (domid, why) in refused {
            if let Some(seat) = self.seats.remove(&domid)
                && !self.has_died(domid, seat.number)
            {
                let wrong = (Kind::Restart, format!("its page is refused: {why}"));
                self.reporter.fault_of(&self.stage, format!("guest {domid}"), wrong);
            }
        }
        let dead: Vec<u16> = self
            .seats
            .iter()
            .filter(|(d, s)| self.has_died(**d, s.number))
            .map(|(d, _)| *d)
            .collect();
        for domid in dead {
            self.seats.remove(&domid);
            let wrong = (Kind::Dead, "it is dead, and its page is taken".to_owned());
            self.reporter.fault_of(&self.stage, format!("guest {domid}"), wrong);
        }
        for (domid, seat) in &mut self.seats {
            seat.news = Instant::now();
            if let Err(wrong) = seat.ledger.restarted() {
                self.reporter.fault_of(&self.stage, format!("guest {domid}"), wrong);
            }
        }
        self.ready = self.seats.keys().copied().collect();
        Ok(())
    }

    /// Whether this one of those that had an id died while the daemon was down; the next may have
    /// been introduced since.
    fn has_died(&self, domid: u16, number: u64) -> bool {
        let now = self.stage.mortal(domid);
        now.is_some_and(|(state, current)| state == Mortal::Dead || current != number)
    }

    /// Those whose next life was introduced take their rings.
    fn take_in_mortals(&mut self) -> Ended {
        for domid in self.stage.mortals() {
            let Some((Mortal::Ready, number)) = self.stage.mortal(domid).filter(|(_, n)| *n > 0)
            else {
                continue;
            };
            let grants = overseer::grants(domid, number);
            let ledger = |domid, seed| Ledger::new(domid, seed ^ number << 48).with_grants(grants);
            match self.attach(domid, domid, number, ledger) {
                Ok(()) => self.stage.set_mortal(domid, Mortal::Alive, number),
                // The daemon has ended meanwhile: with the next one.
                Err(MachineError::Io(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn attach(
        &mut self,
        first: u16,
        last: u16,
        number: u64,
        ledger: impl FnOnce(u16, u64) -> Ledger + Clone,
    ) -> Ended {
        let (seats, ready, seed) = (&mut self.seats, &mut self.ready, self.seed);
        self.machine.attach(DomId(first), DomId(last), |domid, page| {
            seats.insert(domid.0, Seat::new(domid.0, number, page, ledger.clone()(domid.0, seed)));
            ready.push_back(domid.0);
        })
    }

    /// Whether nothing is left to be done; what is left too long is told.
    fn is_done(&mut self) -> bool {
        let shared = self.stage.final_shared();
        if shared == 0 {
            return false;
        }
        let closing = *self.closing.get_or_insert_with(Instant::now);
        let is_late = closing.elapsed() > self.stage.patience();
        let mut done = true;
        for (domid, seat) in &mut self.seats {
            let waits = || (Kind::Restart, format!("waits for {}", seat.ledger.waits_for()));
            let is_idle = seat.is_lost || seat.ledger.is_idle();
            let Some(wrong) = seat.left(shared).or_else(|| (!is_idle).then(waits)) else {
                continue;
            };
            if is_late {
                self.reporter.fault_of(&self.stage, format!("guest {domid}"), wrong);
            }
            done = is_late;
        }
        done
    }
}
