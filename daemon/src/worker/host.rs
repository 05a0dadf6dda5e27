//! What connections ask of the daemon around them.

use std::{sync::Arc, time::Duration};

use myriad_core::{ConnId, DomId, Errno, Instance, Store};
use myriad_ring::{
    shm::Sizes,
    v1::{
        ControlArgs, Listings,
        connection::{Conflict, ControlReply, Executed, Host, Report},
    },
    v2,
};
use tracing::{info, warn};

use super::{
    Shared,
    guests::GuestSocket,
    mailbox::{Message, RingOf},
    programs::Grants,
    real,
    trace::Trace,
};
use crate::{
    control::{self, Answer, Context, Effects},
    past::Ask,
};

/// The daemon as one worker's connections see it.
#[derive(Debug)]
pub(super) struct Around {
    shared: Arc<Shared>,
    pub(super) trace: Trace,
    listings: Listings,
    /// The connection whose request is being executed.
    pub(super) current: ConnId,
    /// The last publication that a command made besides its own.
    committed: u64,
    /// The node that made a transaction fail.
    conflict: Option<Arc<str>>,
    /// What the domain that is being introduced will be served by, and the life that has it
    /// already: one of the two.
    prepared: Option<Reach>,
    expected: Option<Instance>,
    /// The port that INTRODUCE names.
    port: u32,
    /// The rings of programs.
    pub(super) grants: Grants,
}

/// By what a domain can be reached.
#[derive(Debug)]
enum Reach {
    Socket(GuestSocket),
    Ring(RingOf),
}

impl Around {
    pub(super) fn new(shared: Arc<Shared>, first: ConnId) -> Around {
        let trace = Trace::new(shared.logs.clone());
        Around {
            shared,
            trace,
            listings: Listings::default(),
            current: first,
            committed: 0,
            conflict: None,
            prepared: None,
            expected: None,
            port: 0,
            grants: Grants::default(),
        }
    }

    /// The last publication that was made besides that of the request itself; 0 for none.
    pub(super) fn take_committed(&mut self) -> u64 {
        std::mem::take(&mut self.committed)
    }

    /// The node that made the transaction fail which the request ended.
    pub(super) fn take_conflict(&mut self) -> Option<Arc<str>> {
        self.conflict.take()
    }

    /// Makes what a domain can be reached by.
    fn reach(&self, domid: DomId) -> Result<Reach, Errno> {
        if self.shared.xen.is_some() {
            return real::guest_ring(&self.shared, domid, self.port).map(Reach::Ring).map_err(
                |error| {
                    warn!("domain {domid} can't be reached: {error}");
                    Errno::EINVAL
                },
            );
        }
        let socket = self.shared.sockets.listen(domid);
        socket.map(Reach::Socket).map_err(|error| {
            if self.shared.sockets.is_news(&error) {
                warn!("domain {domid} can't be reached: {error}");
            }
            Errno::EIO
        })
    }

    /// A life of a domain is over, and nobody but us knows.
    fn end(&mut self, domid: DomId, life: Instance) {
        let conn = self.shared.rings.get(domid);
        let seq = control::bury(&self.shared.store, domid, life, conn);
        self.committed = self.committed.max(seq);
        self.domain_gone(domid, life);
    }

    fn post_owner(&self, domid: DomId, message: Message) {
        let owner = self.shared.mailboxes.owner(domid);
        self.shared.mailboxes.post(owner, message);
    }
}

impl Host for Around {
    fn wall_clock(&self, now: Duration) -> u64 {
        self.shared.clock.wall(now)
    }

    fn unique_id(&mut self, domid: DomId) -> u64 {
        self.shared.unique_id(domid).unwrap_or(0)
    }

    fn domain_exists(&mut self, domid: DomId) -> bool {
        self.shared.has_domain(domid)
    }

    fn control_domain(&self) -> DomId {
        self.shared.settings.control
    }

    fn connect(&mut self, domid: DomId, port: u32) -> Result<(), Errno> {
        (self.prepared, self.expected, self.port) = (None, None, port);
        // What Linux says of a grant of a domain that isn't there.
        let unique_id = self.shared.unique_id(domid).ok_or(Errno::EINVAL)?;
        let known = self.shared.store.pin().domain(domid);
        if let Some(life) = known.filter(|d| d.introduced).map(|d| d.instance) {
            if domid == self.shared.settings.control || self.shared.lives.is(domid, unique_id) {
                self.expected = Some(life);
                return Ok(());
            }
            // Its end was not heard of yet, and this is the next of its id.
            self.end(domid, life);
        }
        self.shared.lives.begin(domid, unique_id);
        self.prepared = Some(self.reach(domid)?);
        Ok(())
    }

    fn store_domain(&self) -> DomId {
        self.shared.settings.store_domid
    }

    fn connection(&mut self, domid: DomId) -> Option<ConnId> {
        self.shared.rings.get(domid)
    }

    fn introduced(&mut self, domid: DomId, life: Instance) {
        let reach = match self.prepared.take() {
            None if self.expected != Some(life) => self.reach(domid).map(Some),
            prepared => Ok(prepared),
        };
        let message = match reach {
            Ok(Some(Reach::Socket(socket))) => Message::Listen { domid, life, socket },
            Ok(Some(Reach::Ring(ring))) => Message::Ring { domid, life, ring },
            Ok(None) => Message::Introduced { domid, life, port: self.port },
            // It was released meanwhile, by another client, and this is a new life.
            Err(_) => return self.end(domid, life),
        };
        self.post_owner(domid, message);
        let is_there = self.shared.unique_id(domid).is_some_and(|u| self.shared.lives.is(domid, u));
        if domid != self.shared.settings.control && !is_there {
            // It died while it was introduced, and whoever saw it die found nothing to release.
            self.end(domid, life);
        }
    }

    fn released(&mut self, domid: DomId, life: Instance) {
        self.domain_gone(domid, life);
    }

    fn quotas_changed(&mut self, domid: Option<DomId>) {
        self.shared.mailboxes.post_quotas_changed(domid);
    }

    fn store_number(&self) -> u64 {
        self.shared.store_number
    }

    fn ask_history(&mut self, question: v2::Question) -> Result<(), Errno> {
        let asker = self.shared.past.as_ref().ok_or(Errno::ENOSYS)?;
        let asked = asker.ask(self.current, Ask::History(question));
        if asked { Ok(()) } else { Err(Errno::EBUSY) }
    }

    fn listings(&mut self) -> Option<&mut Listings> {
        Some(&mut self.listings)
    }

    fn share_rings(&mut self, sizes: Sizes) -> Result<(), Errno> {
        self.grants.make(sizes)
    }

    fn control(&mut self, _: &Store, command: &ControlArgs<'_>) -> ControlReply {
        let shared = Arc::clone(&self.shared);
        let arguments: Vec<&[u8]> = command.args.collect();
        let mut context = Context {
            store: &shared.store,
            host: &shared.host,
            logs: &shared.logs,
            seen: &shared.seen,
            pins: &shared.pins,
            control: shared.settings.control,
            simulated: shared.xen.is_none(),
            effects: self,
        };
        let done = control::run(&mut context, command.command, &arguments);
        self.committed = self.committed.max(done.seq);
        match done.answer {
            Ok(Answer::Ack) => ControlReply::Done,
            Ok(Answer::Text(text)) => ControlReply::Text(text),
            Ok(Answer::Later) => ControlReply::Later,
            Err(errno) => ControlReply::Refused(errno),
        }
    }

    fn executed(&mut self, request: &Executed<'_>) {
        self.trace.executed(request);
    }

    fn executed_v2(&mut self, request: &v2::Executed<'_>) {
        self.trace.executed_v2(request);
    }

    fn conflicted(&mut self, conflict: &Conflict<'_>) {
        self.conflict = Some(conflict.path.into());
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Refused(refusal) if self.shared.refusals.is_first(&refusal) => {
                warn!("quota refused: {refusal}");
            }
            Report::AboveSoft(refusal) => warn!("above a soft quota: {refusal}"),
            Report::BelowAgain(domid, quota) => {
                info!("domain {domid} is below its quota `{quota}` again");
            }
            _ => {}
        }
    }
}

impl Effects for Around {
    fn connection(&self, domid: DomId) -> Option<ConnId> {
        self.shared.rings.get(domid)
    }

    fn domain_gone(&mut self, domid: DomId, life: Instance) {
        self.shared.refusals.forget(domid);
        self.shared.pauses.forget(domid);
        self.post_owner(domid, Message::Gone(domid, life));
    }

    fn quotas_changed(&mut self) {
        self.shared.mailboxes.post_quotas_changed(None);
    }

    fn tell_usage(&mut self, domid: DomId) {
        self.post_owner(domid, Message::Usage(domid, self.current));
    }

    fn check(&mut self) -> Result<(), Errno> {
        let (shared, conn) = (Arc::clone(&self.shared), self.current);
        let answer = move || {
            control::check(&shared.store);
            let message = Message::Answer(conn, Ok("OK".into()));
            shared.mailboxes.post(conn.worker(), message);
        };
        if !self.shared.has_threads {
            answer();
            return Ok(());
        }
        let thread = std::thread::Builder::new().name("check".into()).spawn(answer);
        thread.map(drop).map_err(|_| Errno::EAGAIN)
    }
}
