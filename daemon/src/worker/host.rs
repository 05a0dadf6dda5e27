//! What connections ask of the daemon around them.

use std::sync::Arc;

use myriad_core::{ConnId, DomId, Errno, Store};
use myriad_ring::v1::{
    ControlArgs,
    connection::{Conflict, ControlReply, Executed, Host, Report},
};
use tracing::{info, warn};

use super::{Shared, mailbox::Message, real, trace::Trace};
use crate::control::{self, Answer, Context, Effects};

/// The daemon as one worker's connections see it.
#[derive(Debug)]
pub(super) struct Around {
    shared: Arc<Shared>,
    pub(super) trace: Trace,
    /// The connection whose request is being executed.
    pub(super) current: ConnId,
    /// The last publication that a command made besides its own.
    committed: u64,
    /// The node that made a transaction fail.
    conflict: Option<Arc<str>>,
    /// The ring of a real domain that is being introduced.
    ring: Option<(DomId, Message)>,
}

impl Around {
    pub(super) fn new(shared: Arc<Shared>, first: ConnId) -> Around {
        let trace = Trace::new(shared.logs.clone());
        Around { shared, trace, current: first, committed: 0, conflict: None, ring: None }
    }

    /// The last publication that was made besides that of the request itself; 0 for none.
    pub(super) fn take_committed(&mut self) -> u64 {
        std::mem::take(&mut self.committed)
    }

    /// The node that made the transaction fail which the request ended.
    pub(super) fn take_conflict(&mut self) -> Option<Arc<str>> {
        self.conflict.take()
    }

    fn post_owner(&self, domid: DomId, message: Message) {
        let owner = self.shared.mailboxes.owner(domid);
        self.shared.mailboxes.post(owner, message);
    }
}

impl Host for Around {
    fn domain_exists(&mut self, domid: DomId) -> bool {
        self.shared.has_domain(domid)
    }

    fn control_domain(&self) -> DomId {
        self.shared.settings.control
    }

    fn connect(&mut self, domid: DomId, port: u32) -> Result<(), Errno> {
        let shared = &self.shared;
        // What Linux says of a grant of a domain that isn't there.
        if !shared.has_domain(domid) {
            return Err(Errno::EINVAL);
        }
        if domid == shared.settings.control || !shared.host.attach(domid) {
            return Ok(());
        }
        if shared.xen.is_some() {
            return match real::guest_ring(shared, domid, port) {
                Ok(ring) => {
                    self.ring = Some((domid, ring));
                    Ok(())
                }
                Err(error) => {
                    warn!("domain {domid} can't be reached: {error}");
                    shared.host.detach(domid);
                    Err(Errno::EINVAL)
                }
            };
        }
        match shared.sockets.listen(domid) {
            Ok(listener) => {
                self.shared.sockets.note_success();
                self.post_owner(domid, Message::Listen { domid, listener });
                Ok(())
            }
            Err(error) => {
                if self.shared.sockets.is_news(&error) {
                    warn!("domain {domid} can't be reached: {error}");
                }
                shared.host.detach(domid);
                Err(Errno::EIO)
            }
        }
    }

    fn store_domain(&self) -> DomId {
        self.shared.settings.store_domid
    }

    fn connection(&mut self, domid: DomId) -> Option<ConnId> {
        self.shared.rings.get(domid)
    }

    fn introduced(&mut self, domid: DomId) {
        let ring = self.ring.take().filter(|(of, _)| *of == domid).map(|(_, ring)| ring);
        self.post_owner(domid, ring.unwrap_or(Message::Introduced(domid)));
        if !self.shared.has_domain(domid) {
            // It died while it was introduced, and whoever saw it die found nothing to release.
            let conn = self.shared.rings.get(domid);
            let seq = control::bury(&self.shared.store, domid, conn);
            self.committed = self.committed.max(seq);
            self.domain_gone(domid);
        }
    }

    fn released(&mut self, domid: DomId) {
        self.domain_gone(domid);
    }

    fn quotas_changed(&mut self, domid: Option<DomId>) {
        self.shared.mailboxes.post_quotas_changed(domid);
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

    fn domain_gone(&mut self, domid: DomId) {
        self.shared.refusals.forget(domid);
        self.shared.pauses.forget(domid);
        if self.shared.host.detach(domid) {
            // Here, before anyone can introduce the id again.
            self.shared.sockets.forget(domid);
        }
        self.post_owner(domid, Message::Gone(domid));
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
        let thread = std::thread::Builder::new().name("check".into()).spawn(answer);
        thread.map(drop).map_err(|_| Errno::EAGAIN)
    }
}
