//! Everything that there is in a simulation, and its single steps.

use std::path::Path;

use myriad::worker::Neighbour;
use myriad_core::DomId;
use myriad_ring::page::{
    Memfd,
    guest::{Client, Habits},
};

use super::{
    actor::{Actor, Who},
    admin::{Admin, Done},
    bells::{Bell, Bells, To},
    daemon::{Daemon, Site},
    liars::Liar,
    limits::{NEIGHBOURS, SOCKETS, STALL},
    line::Line,
    trace::Trace,
};
use crate::oracle::rng::Rng;

/// A daemon without threads, its host, and all who speak to it.
pub(super) struct World {
    pub(super) site: Site,
    pub(super) daemon: Daemon,
    pub(super) neighbours: Vec<Neighbour>,
    /// Doorbells on their way.
    pub(super) bells: Bells,
    pub(super) actors: Vec<Resident>,
    pub(super) liars: Vec<Liar>,
    pub(super) admin: Admin,
    pub(super) rng: Rng,
    pub(super) trace: Trace,
    pub(super) step: u64,
    pub(super) is_ready: bool,
    /// Nobody begins anything more.
    pub(super) is_ending: bool,
    pub(super) lives: u64,
    /// Increments of clients that are gone: known of, and not.
    pub(super) counted: (u64, u64),
    pub(super) requests: u64,
    pub(super) deaths: u64,
    pub(super) blows: u64,
    /// How often the daemon was killed.
    pub(super) kills: u64,
    /// The number of the last process full of guests that has come.
    pub(super) processes: u64,
}

/// A client, and how it is.
pub(super) struct Resident {
    pub(super) actor: Actor,
    /// The process that it lives in.
    pub(super) neighbour: usize,
    /// It waits for a doorbell.
    pub(super) is_asleep: bool,
    /// It does nothing until then.
    pub(super) stalled_until: u64,
    pub(super) page: Option<(Memfd, u64)>,
}

impl World {
    /// A daemon on a simulated host, with a toolstack.
    pub(super) fn new(seed: u64, directory: &Path) -> Result<World, String> {
        let told = |error: std::io::Error| error.to_string();
        let site = Site::new(seed, directory.to_owned())?;
        let mut daemon = site.start()?;
        let stepped = &mut daemon.stepped;
        let admin = Admin::new(Line::socket(stepped.connect().map_err(told)?));
        let mut neighbours = Vec::new();
        for number in 0..NEIGHBOURS {
            neighbours.push(stepped.neighbour(number as u64).map_err(told)?);
        }
        Ok(World {
            site,
            daemon,
            neighbours,
            bells: Bells::default(),
            actors: Vec::new(),
            liars: Vec::new(),
            admin,
            rng: Rng::new(seed),
            trace: Trace::default(),
            step: 0,
            is_ready: false,
            is_ending: false,
            lives: 0,
            counted: (0, 0),
            requests: 0,
            deaths: 0,
            blows: 0,
            kills: 0,
            processes: NEIGHBOURS as u64,
        })
    }

    /// A worker's turn; true where it did something.
    pub(super) fn step_worker(&mut self, worker: usize) -> Result<bool, String> {
        let moved = self.daemon.stepped.step(worker);
        let moved = moved.map_err(|error| format!("a worker ends: {error}"))?;
        self.daemon.keep()?;
        self.trace.note("worker", worker as u64, u64::from(moved));
        for number in 0..self.neighbours.len() {
            let mut rung = Vec::new();
            if let Some(neighbour) = self.neighbours.get(number) {
                neighbour.hear(|domid| rung.push(domid));
            }
            for domid in rung {
                self.bells.send(Bell { to: To::Guest, number, domid }, self.step, &mut self.rng);
            }
        }
        Ok(moved)
    }

    /// A doorbell arrives.
    pub(super) fn deliver(&mut self, bell: Bell) -> Result<(), String> {
        let Bell { to, number, domid } = bell;
        self.trace.note(if to == To::Guest { "rings guest" } else { "rings" }, domid.0.into(), 0);
        if to == To::Daemon {
            let Some(neighbour) = self.neighbours.get(number) else { return Ok(()) };
            return self.daemon.stepped.ring(neighbour, domid).map_err(|error| error.to_string());
        }
        let whose = |resident: &&mut Resident| {
            resident.actor.who == Who::Guest(domid) && resident.neighbour == number
        };
        if let Some(resident) = self.actors.iter_mut().find(whose) {
            resident.is_asleep = false;
        }
        Ok(())
    }

    /// A client's turn; true where it did something.
    pub(super) fn step_actor(&mut self, at: usize) -> Result<bool, String> {
        let others = self.nodes_of_others();
        let (step, is_ending, rng) = (self.step, self.is_ending, &mut self.rng);
        let Some(resident) = self.actors.get_mut(at) else { return Ok(false) };
        // Who is in the middle of something goes on by itself.
        let waits = resident.is_asleep && (!is_ending || resident.actor.wants_nothing());
        if waits || (resident.stalled_until > step && !is_ending) {
            return Ok(false);
        }
        let who = resident.actor.who;
        let moved = resident.turn(&others, is_ending, rng, &mut self.trace);
        let moved = moved.map_err(|why| format!("{who:?}: {why}"))?;
        if resident.actor.line.take_doorbell() {
            let (number, Who::Guest(domid)) = (resident.neighbour, who) else { return Ok(moved) };
            self.bells.send(Bell { to: To::Daemon, number, domid }, step, rng);
        }
        Ok(moved)
    }

    /// The toolstack's turn.
    pub(super) fn step_admin(&mut self) -> Result<bool, String> {
        let (done, moved) = self.admin.step()?;
        match done {
            Some(Done::Ready) => {
                for number in 0..SOCKETS {
                    let stream =
                        self.daemon.stepped.connect().map_err(|error| error.to_string())?;
                    self.move_in(Who::Program(number), Line::socket(stream), 0, None);
                }
                self.is_ready = true;
            }
            Some(Done::Created(domid)) => {
                let number = self.rng.below(NEIGHBOURS);
                let (line, page) = self.attach(domid, number)?;
                self.move_in(Who::Guest(domid), line, number, Some(page));
            }
            Some(Done::Destroyed(_)) | None => {}
        }
        Ok(moved)
    }

    fn move_in(&mut self, who: Who, line: Line, neighbour: usize, page: Option<(Memfd, u64)>) {
        self.lives += 1;
        self.trace.note("moves in", self.lives, neighbour as u64);
        let is_suspect = who.is_guest() && self.rng.below(3) == 0;
        let actor = Actor::new(who, self.lives, line, is_suspect);
        self.actors.push(Resident { actor, neighbour, is_asleep: false, stalled_until: 0, page });
    }

    /// A domain's ring, and a guest's end of it.
    pub(super) fn attach(
        &mut self,
        domid: DomId,
        number: usize,
    ) -> Result<(Line, (Memfd, u64)), String> {
        let neighbour = self.neighbours.get(number).ok_or("no such process")?;
        let file = self.daemon.stepped.attach(neighbour, domid)?;
        let page = file.0.map().map_err(|error| error.to_string())?;
        let habits =
            *self.rng.pick(&Habits::LINUX, &[Habits::default(), Habits::FIRMWARE, Habits::MINIOS]);
        Ok((Line::Ring(Client::new(page, habits)), file))
    }

    /// A client is no more.
    pub(super) fn move_out(&mut self, at: usize) -> Resident {
        let mut resident = self.actors.swap_remove(at);
        let (counted, uncertain) = resident.actor.end();
        self.counted = (self.counted.0 + counted, self.counted.1 + uncertain);
        self.requests += resident.actor.requests;
        resident
    }

    /// The nodes that clients watch: those of guests, which may die, and of programs.
    fn nodes_of_others(&self) -> Vec<String> {
        let honest = self.actors.iter().filter(|resident| !resident.actor.is_suspect);
        honest.map(|resident| resident.actor.node()).collect()
    }
}

impl Resident {
    fn turn(
        &mut self,
        others: &[String],
        is_ending: bool,
        rng: &mut Rng,
        trace: &mut Trace,
    ) -> Result<bool, String> {
        let Resident { actor, .. } = self;
        if actor.reconnecting {
            let Line::Ring(client) = &mut actor.line else { return Ok(false) };
            if !client.end().has_reconnected() {
                self.is_asleep = true;
                return Ok(false);
            }
            actor.reconnecting = false;
            actor.begin_anew();
        }
        let portion = *rng.pick(&usize::MAX, &[1, 7, 100, 3000]);
        let mut moved = actor.line.pump(portion)?;
        while let Some((header, payload)) = actor.line.message() {
            trace.note_message(header, &payload);
            actor.take(header, &payload)?;
            moved = true;
        }
        // Who must come to an end doesn't look idle by drawing nothing to do.
        for _ in 0..rng.below(5).max(usize::from(is_ending)) {
            if is_ending && actor.wants_nothing() {
                break;
            }
            actor.go_on(others, rng);
        }
        moved |= actor.line.pump(portion)?;
        // Whom nobody owes an answer sleeps now and then.
        let idles = is_ending || !actor.is_quiet() || rng.below(8) == 0;
        self.is_asleep = !moved && idles && actor.line.may_sleep()?;
        Ok(moved)
    }

    /// Does nothing for a while.
    pub(super) fn stall(&mut self, step: u64, rng: &mut Rng) {
        self.stalled_until = step + rng.below(STALL) as u64;
    }
}
