//! The control domain's part: the shared node, the domains that die and come again, and, after
//! each restart, whether all domains and their permissions are as they were.

use std::sync::Arc;

use myriad_ring::v1::Op;

use super::{
    client::shown,
    fault::Kind,
    limits::LAST_ACTS,
    stage::{Mortal, Note, Reporter, Stage},
    wire::{Answer, Broken, Wire},
};
use crate::oracle::rng::Rng;

/// The control domain.
pub(super) struct Overseer {
    stage: Arc<Stage>,
    reporter: Reporter,
    rng: Rng,
    guests: u16,
    /// The last value of the shared node that was acknowledged, and the last that was sent.
    shared: (u64, u64),
    /// What was seen last of each guest's counter.
    counters: Vec<u64>,
    /// The mortals whose death was looked at since.
    buried: Vec<u16>,
}

/// What a mortal may read, and may not: each life has a node of its own.
pub(super) fn grants(domid: u16, number: u64) -> Vec<(String, Result<Vec<u8>, &'static str>)> {
    let mine = (grant(domid, number), Ok(grant_value(domid, number)));
    let before = number.checked_sub(1).filter(|before| *before > 0);
    let not_mine = before.map(|before| (grant(domid, before), Err("EACCES")));
    [mine].into_iter().chain(not_mine).collect()
}

fn grant(domid: u16, number: u64) -> String {
    format!("/grants/{domid}-{number}")
}

fn grant_value(domid: u16, number: u64) -> Vec<u8> {
    format!("for {domid} in its life {number}").into_bytes()
}

/// The words of a request, each closed.
pub(super) fn words(words: &[&str]) -> Vec<u8> {
    words.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect()
}

fn home(domid: u16) -> String {
    format!("/local/domain/{domid}")
}

/// The node of a guest's counter, in a request.
fn counter(guest: u16) -> Vec<u8> {
    words(&[&format!("{}/n", home(guest))])
}

/// Makes a domain, its home and its ring's other side; all may be there already.
pub(super) fn introduce(wire: &mut Wire, domid: u16) -> Result<(), Broken> {
    match wire.ask(Op::Control, &words(&["sim", "create", &domid.to_string()]))? {
        Ok(_) => {}
        Err(error) if error == "EEXIST" => {}
        Err(error) => {
            return Err(Broken::Wrong(Kind::Domains, format!("domain {domid}: {error}")));
        }
    }
    wire.ok(Op::Mkdir, &words(&[&home(domid)]))?;
    wire.ok(Op::SetPerms, &words(&[&home(domid), &format!("n{domid}")]))?;
    wire.ok(Op::Introduce, &words(&[&domid.to_string(), "1", "1"]))?;
    Ok(())
}

impl Overseer {
    pub(super) fn new(stage: Arc<Stage>, reporter: Reporter, guests: u16, seed: u64) -> Overseer {
        Overseer {
            stage,
            reporter,
            rng: Rng::new(!seed),
            guests,
            shared: (0, 0),
            counters: vec![0; usize::from(guests) + 1],
            buried: Vec::new(),
        }
    }

    /// Works until the last daemon has been checked.
    pub(super) fn run(mut self) {
        while let Some(mut wire) = Wire::wait(&self.stage, &self.reporter) {
            match self.live(&mut wire) {
                Ok(()) => break,
                Err(Broken::Gone) => {}
                Err(Broken::Wrong(kind, what)) => self.reporter.fault(&self.stage, kind, what),
            }
        }
        self.reporter.tell(Note::Done);
    }

    fn live(&mut self, wire: &mut Wire) -> Result<(), Broken> {
        self.verify(wire)?;
        while !self.stage.is_last() && !self.stage.is_over() {
            self.act(wire)?;
        }
        for _ in 0..LAST_ACTS {
            self.act(wire)?;
        }
        self.raise(wire)?;
        self.verify(wire)?;
        self.stage.set_final_shared(self.shared.0);
        Ok(())
    }

    fn act(&mut self, wire: &mut Wire) -> Result<(), Broken> {
        match self.rng.below(4) {
            0 => self.raise(wire)?,
            _ => {
                let guest = u16::try_from(self.rng.range(1, usize::from(self.guests))).unwrap_or(1);
                self.look_at(wire, guest)?;
            }
        }
        for domid in self.stage.mortals() {
            self.renew(wire, domid)?;
        }
        self.stage.note_answers(1);
        Ok(())
    }

    /// Raises the shared node.
    fn raise(&mut self, wire: &mut Wire) -> Result<(), Broken> {
        self.shared.1 += 1;
        let payload = [b"/shared/n\0", self.shared.1.to_string().as_bytes()].concat();
        wire.ok(Op::Write, &payload)?;
        self.shared.0 = self.shared.1;
        Ok(())
    }

    /// A guest's counter never goes back.
    fn look_at(&mut self, wire: &mut Wire, guest: u16) -> Result<(), Broken> {
        let answer = wire.ask(Op::Read, &counter(guest))?;
        self.compare(guest, &answer);
        Ok(())
    }

    fn compare(&mut self, guest: u16, answer: &Answer) {
        // It may not have begun.
        let Some(found) = number(answer) else { return };
        let Some(seen) = self.counters.get_mut(usize::from(guest)) else { return };
        if found < *seen {
            let what = format!("guest {guest}'s counter was {seen} and is {found}");
            self.reporter.fault(&self.stage, Kind::Lost, what);
        }
        *seen = found;
    }

    /// Looks at everything.
    fn verify(&mut self, wire: &mut Wire) -> Result<(), Broken> {
        let life = self.stage.life();
        wire.ok(Op::Control, &words(&["check"]))?;
        let answer = wire.ask(Op::Read, &words(&["/shared/n"]))?;
        let (acknowledged, sent) = self.shared;
        match number(&answer) {
            Some(found) if found == acknowledged || found == sent => self.shared.0 = found,
            _ => {
                let kind = if number(&answer) > Some(sent) { Kind::Foreign } else { Kind::Lost };
                let what = format!(
                    "/shared/n is {}, acknowledged was {acknowledged}, sent {sent}",
                    shown(&answer)
                );
                self.reporter.fault(&self.stage, kind, what);
                self.shared.0 = number(&answer).unwrap_or(0);
            }
        }
        for first in (1..=self.guests).step_by(BATCH) {
            let last = self.guests.min(first.saturating_add(BATCH_LAST));
            for guest in first..=last {
                wire.queue(Op::IsDomainIntroduced, 0, &words(&[&guest.to_string()]));
                wire.queue(Op::GetPerms, 0, &words(&[&home(guest)]));
                wire.queue(Op::Read, 0, &counter(guest));
            }
            wire.flush()?;
            for guest in first..=last {
                let (introduced, perms) = (wire.answer()?, wire.answer()?);
                self.expect(&introduced, b"T\0", || format!("guest {guest} introduced"));
                let owner = format!("n{guest}\0").into_bytes();
                self.expect(&perms, &owner, || format!("guest {guest}'s permissions"));
                self.compare(guest, &wire.answer()?);
            }
        }
        self.reporter.tell(Note::Verified(life));
        Ok(())
    }

    fn expect(&self, answer: &Answer, wanted: &[u8], what: impl FnOnce() -> String) {
        if answer.as_deref() != Ok(wanted) {
            let (what, found) = (what(), shown(answer));
            self.reporter.fault(&self.stage, Kind::Domains, format!("{what}: {found}"));
        }
    }

    /// Looks at what is left of a mortal that died, and gives its id to the next. (The first of
    /// each begins like that, too.)
    fn renew(&mut self, wire: &mut Wire, domid: u16) -> Result<(), Broken> {
        let Some((state, number)) = self.stage.mortal(domid) else { return Ok(()) };
        let is_first = state == Mortal::Ready && number == 0;
        if state != Mortal::Dead && !is_first {
            return Ok(());
        }
        if state == Mortal::Dead && !self.buried.contains(&domid) {
            self.look_at_the_dead(wire, domid, number)?;
            self.buried.push(domid);
        }
        let next = number + 1;
        let path = grant(domid, next);
        let value = [path.as_bytes(), b"\0", &grant_value(domid, next)].concat();
        wire.ok(Op::Write, &value)?;
        introduce(wire, domid)?;
        wire.ok(Op::SetPerms, &words(&[&path, "n0", &format!("r{domid}")]))?;
        self.buried.retain(|other| *other != domid);
        self.stage.set_mortal(domid, Mortal::Ready, next);
        Ok(())
    }

    fn look_at_the_dead(&self, wire: &mut Wire, domid: u16, number: u64) -> Result<(), Broken> {
        let mut faults = Vec::new();
        let introduced = wire.ask(Op::IsDomainIntroduced, &words(&[&domid.to_string()]))?;
        if introduced.as_deref() != Ok(b"F\0") {
            faults.push(format!("it is introduced: {}", shown(&introduced)));
        }
        let nodes = wire.ask(Op::Read, &words(&[&home(domid)]))?;
        if nodes.as_deref().map_err(String::as_str) != Err("ENOENT") {
            faults.push(format!("its home is there: {}", shown(&nodes)));
        }
        let granted = wire.ask(Op::GetPerms, &words(&[&grant(domid, number)]))?;
        if granted.as_deref() != Ok(b"n0\0") {
            faults.push(format!("it is still granted something: {}", shown(&granted)));
        }
        for what in faults {
            let what = format!("domain {domid}, which died while the daemon was down: {what}");
            self.reporter.fault(&self.stage, Kind::Dead, what);
        }
        Ok(())
    }
}

fn number(answer: &Answer) -> Option<u64> {
    std::str::from_utf8(answer.as_ref().ok()?).ok()?.parse().ok()
}

/// Guests whose domains are asked for at once.
const BATCH: usize = 50;
const BATCH_LAST: u16 = 49;
