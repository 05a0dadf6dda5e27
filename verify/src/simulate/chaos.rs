//! What befalls the world: domains come and die, clients stall and begin anew, processes are
//! killed, guests begin to lie.

use myriad_core::DomId;
use myriad_ring::page::guest;

use super::{
    actor::Who,
    bells::{Bell, To},
    liars::Liar,
    limits::{DOMIDS, NEIGHBOURS},
    line::Line,
    world::{Resident, World},
};

#[derive(Clone, Copy)]
enum Fate {
    Create,
    Destroy,
    Stall,
    Reconnect,
    KillProcess,
    Lie,
    KillDaemon,
}

impl World {
    /// Something befalls someone.
    pub(super) fn befall(&mut self) -> Result<(), String> {
        let fates = [
            (25, Fate::Create),
            (15, Fate::Destroy),
            (12, Fate::Stall),
            (15, Fate::Reconnect),
            (3, Fate::KillProcess),
            (6, Fate::Lie),
            (12, Fate::KillDaemon),
        ];
        match self.rng.weighted(&fates) {
            Some(Fate::Create) => self.create(),
            Some(Fate::Destroy) => self.destroy(),
            Some(Fate::Stall) => {
                let at = self.rng.below(self.actors.len());
                let (step, rng) = (self.step, &mut self.rng);
                if let Some(resident) = self.actors.get_mut(at) {
                    resident.stall(step, rng);
                    self.blows += 1;
                    self.trace.note("stalls", at as u64, resident.stalled_until);
                }
            }
            Some(Fate::Reconnect) => self.reconnect(),
            Some(Fate::KillProcess) => self.kill_process()?,
            Some(Fate::Lie) => self.begin_to_lie(),
            Some(Fate::KillDaemon) => self.kill_daemon()?,
            None => {}
        }
        Ok(())
    }

    fn create(&mut self) {
        let domid = DomId(1 + u16::try_from(self.rng.below(DOMIDS.into())).unwrap_or(0));
        let lives = self.actors.iter().any(|resident| resident.actor.who == Who::Guest(domid));
        let lies = self.liars.iter().any(|liar| liar.domid == domid);
        if self.admin.is_idle() && !lives && !lies {
            self.trace.note("creates", domid.0.into(), 0);
            self.admin.create(domid);
        }
    }

    fn destroy(&mut self) {
        if !self.admin.is_idle() {
            return;
        }
        let domid = if self.liars.is_empty() {
            let at = self.rng.below(self.actors.len());
            let Some(Who::Guest(domid)) = self.actors.get(at).map(|it| it.actor.who) else {
                return;
            };
            self.move_out(at);
            domid
        } else {
            self.liars.swap_remove(0).domid
        };
        self.trace.note("destroys", domid.0.into(), 0);
        self.deaths += 1;
        self.admin.destroy(domid);
    }

    fn reconnect(&mut self) {
        let at = self.rng.below(self.actors.len());
        let Some(resident) = self.actors.get_mut(at) else { return };
        let (Line::Ring(client), false) = (&mut resident.actor.line, resident.actor.reconnecting)
        else {
            return;
        };
        client.reconnect();
        resident.actor.reconnecting = true;
        resident.is_asleep = false;
        let Who::Guest(domid) = resident.actor.who else { return };
        self.blows += 1;
        self.trace.note("reconnects", domid.0.into(), 0);
        let bell = Bell { to: To::Daemon, number: resident.neighbour, domid };
        self.bells.send(bell, self.step, &mut self.rng);
    }

    /// A process full of guests is killed; its guests go on in another.
    fn kill_process(&mut self) -> Result<(), String> {
        let number = self.rng.below(NEIGHBOURS);
        let Some(old) = self.neighbours.get(number) else { return Ok(()) };
        self.daemon.stepped.part(old);
        self.processes += 1;
        self.blows += 1;
        self.trace.note("kills process", number as u64, self.processes);
        let new =
            self.daemon.stepped.neighbour(self.processes).map_err(|error| error.to_string())?;
        if let Some(place) = self.neighbours.get_mut(number) {
            *place = new;
        }
        let mut moved = Vec::new();
        for (at, resident) in self.actors.iter().enumerate() {
            if let (Who::Guest(domid), true) = (resident.actor.who, resident.neighbour == number) {
                moved.push((at, domid));
            }
        }
        for (at, domid) in moved {
            let (line, page) = self.attach(domid, number)?;
            let Some(resident) = self.actors.get_mut(at) else { continue };
            (resident.actor.line, resident.page) = (line, Some(page));
            (resident.is_asleep, resident.actor.reconnecting) = (false, false);
            resident.actor.is_on_new_ring = true;
            resident.actor.begin_anew();
        }
        Ok(())
    }

    /// The daemon is killed, and another takes its place. Guests notice nothing.
    fn kill_daemon(&mut self) -> Result<(), String> {
        // A ring that no worker has looked at is not known to have taken another's place: the
        // watches of that one would stay (ARCHITECTURE.md, Coming back).
        let uncertain =
            |resident: &Resident| resident.actor.is_committing() || resident.actor.is_on_new_ring;
        let is_idle = self.admin.is_idle() && !self.actors.iter().any(uncertain);
        if !self.site.keeps() || !is_idle {
            return Ok(());
        }
        self.kills += 1;
        self.trace.note("kills daemon", self.kills, 0);
        // First: two can't have the same files.
        self.daemon.kill();
        self.daemon = self.site.start()?;
        self.neighbours.clear();
        for _ in 0..NEIGHBOURS {
            self.processes += 1;
            let new = self.daemon.stepped.neighbour(self.processes);
            self.neighbours.push(new.map_err(|error| error.to_string())?);
        }
        let liars = self.liars.iter().map(|liar| (liar.domid, liar.neighbour, Some(&liar.file)));
        let guests = self.actors.iter().filter_map(|resident| match resident.actor.who {
            Who::Guest(domid) => Some((domid, resident.neighbour, resident.page.as_ref())),
            Who::Program(_) => None,
        });
        for (domid, number, file) in guests.chain(liars) {
            let (Some(neighbour), Some(file)) = (self.neighbours.get(number), file) else {
                continue;
            };
            let back = self.daemon.stepped.take_back(neighbour, domid, file);
            back.map_err(|why| format!("the page of domain {domid} is not taken back: {why}"))?;
        }
        let (stepped, told) = (&mut self.daemon.stepped, |e: std::io::Error| e.to_string());
        self.admin.connect_again(Line::socket(stepped.connect().map_err(told)?));
        for resident in &mut self.actors {
            resident.is_asleep = false;
            if let Line::Socket(_) = resident.actor.line {
                resident.actor.line = Line::socket(stepped.connect().map_err(told)?);
                resident.actor.begin_anew();
            } else {
                resident.actor.go_on_after_a_crash();
            }
        }
        Ok(())
    }

    fn begin_to_lie(&mut self) {
        let at = self.rng.below(self.actors.len());
        if !self.actors.get(at).is_some_and(|resident| resident.actor.is_suspect) {
            return;
        }
        let resident = self.move_out(at);
        if let (Who::Guest(domid), Some(file)) = (resident.actor.who, resident.page)
            && let Ok(page) = file.0.map()
        {
            self.blows += 1;
            self.trace.note("begins to lie", domid.0.into(), 0);
            self.liars.push(Liar::new(domid, resident.neighbour, guest::Liar::new(page), file));
        }
    }
}
