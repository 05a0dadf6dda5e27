//! What a connection asks of the server around it.

use std::time::Duration;

use myriad_core::{ConnId, DomId, Errno, Instance, Quota, Refusal, Store};

use crate::{
    shm::Sizes,
    v1::{ControlArgs, Listings, Op},
    v2,
};

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A client of the Unix socket, by a number that the server gave it.
    Socket(u64),
    /// A domain's ring.
    Domain(DomId),
}

/// The server around a connection: the hypervisor, the rings of other domains, the logs.
///
/// All calls come from within [`crate::v1::Connection::step`] and must not block.
pub trait Host {
    /// The time of the records that are kept, in nanoseconds since 1970; `now` is what
    /// [`crate::v1::Connection::step`] was given. 0: unknown.
    fn wall_clock(&self, now: Duration) -> u64 {
        let _ = now;
        0
    }

    /// Whether the hypervisor has such a domain, known to the store or not.
    fn domain_exists(&mut self, domid: DomId) -> bool;

    /// Which of those that have had this id a domain is, as the hypervisor tells; 0: not known.
    fn unique_id(&mut self, domid: DomId) -> u64 {
        let _ = domid;
        0
    }

    /// The control domain, which can't be released.
    fn control_domain(&self) -> DomId {
        DomId::ZERO
    }

    /// The domain in which this server runs, which can't be released either.
    fn store_domain(&self) -> DomId {
        DomId::ZERO
    }

    /// INTRODUCE, before the store learns of it: maps the domain's ring where it isn't mapped,
    /// and binds its event channel to `port`, again where it was bound.
    ///
    /// # Errors
    /// What the client is told; nothing has changed then.
    fn connect(&mut self, domid: DomId, port: u32) -> Result<(), Errno>;

    /// INTRODUCE, after the store has learned of it: resets the domain's ring and connection,
    /// or starts to serve them. (Not at once where the domain is the caller itself.)
    /// `life`: which of those that have had this id; another client's RELEASE may have come before,
    /// so that it isn't the one that [`Host::connect`] saw.
    fn introduced(&mut self, domid: DomId, life: Instance);

    /// The connection of a domain's ring, where it is served. Its watches end with the domain, or
    /// with a new INTRODUCE, in the same publication.
    fn connection(&mut self, domid: DomId) -> Option<ConnId> {
        let _ = domid;
        None
    }

    /// RELEASE: the store has forgotten the domain; its ring and connection go.
    /// (Of this life alone: the next may be there already.)
    fn released(&mut self, domid: DomId, life: Instance);

    /// SET_QUOTA: the quotas of a domain, or those of all, have changed, so that a connection
    /// that was over a limit may be under it now.
    fn quotas_changed(&mut self, domid: Option<DomId>) {
        let _ = domid;
    }

    /// Where listings are kept for the next request; none: each is made anew.
    fn listings(&mut self) -> Option<&mut Listings> {
        None
    }

    /// RING: makes rings of these sizes for the client whose request is being executed. They are
    /// its connection's from the answer on, which hands them over.
    ///
    /// # Errors
    /// What the client is told, and nothing has changed: ENOSYS where there are none, ENOSPC where
    /// there are as many as may be, ENOMEM where the system refuses.
    fn share_rings(&mut self, sizes: Sizes) -> Result<(), Errno> {
        let _ = sizes;
        Err(Errno::ENOSYS)
    }

    /// Which store this is: a number that no other has whose generations mean something else. 0:
    /// not known.
    fn store_number(&self) -> u64 {
        0
    }

    /// A question about the past, which [`crate::v1::Connection::answer_history`] will answer.
    ///
    /// # Errors
    /// ENOSYS where no history is kept, EBUSY where too many ask.
    fn ask_history(&mut self, question: v2::Question) -> Result<(), Errno> {
        drop(question);
        Err(Errno::ENOSYS)
    }

    /// A CONTROL command.
    fn control(&mut self, store: &Store, command: &ControlArgs<'_>) -> ControlReply;

    /// A request was executed: for the access log.
    fn executed(&mut self, request: &Executed<'_>) {
        let _ = request;
    }

    /// The same for a request of v2.
    fn executed_v2(&mut self, request: &v2::Executed<'_>) {
        let _ = request;
    }

    /// A transaction of a privileged client has failed, since a node changed that it depends on, or
    /// a COMMIT of v2, since a node isn't as a condition expects: whoever keeps changing it can be
    /// held back (XSA-206). The client will try again.
    fn conflicted(&mut self, conflict: &Conflict<'_>) {
        let _ = conflict;
    }

    /// Something that an operator must learn.
    fn report(&mut self, report: Report) {
        let _ = report;
    }
}

/// The answer to a CONTROL command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlReply {
    /// `OK`.
    Done,
    /// Some text, whose NUL is added.
    Text(String),
    /// An error.
    Refused(Errno),
    /// None yet: [`crate::v1::Connection::answer`] will give it.
    Later,
}

/// An executed request, as an access log shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Executed<'a> {
    /// Who sent it.
    pub peer: Peer,
    /// The operation's number, alleged.
    pub number: u32,
    /// The operation, where the number is one.
    pub op: Option<Op>,
    /// The transaction of its header.
    pub tx_id: u32,
    /// What it said.
    pub payload: &'a [u8],
    /// What the reply says, or its error. (An empty reply where there is none yet.)
    pub reply: Result<&'a [u8], Errno>,
}

/// A transaction, or a COMMIT of v2, that failed because of others' commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict<'a> {
    /// Whose it was.
    pub peer: Peer,
    /// The node that has changed.
    pub path: &'a str,
    /// How many of them have failed so since one succeeded: 1 or more.
    pub in_a_row: u32,
}

/// What an operator must learn of a domain and its quotas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report {
    /// A quota refused something, or keeps the domain's requests from being read. Once per
    /// connection and quota; for memory, again after [`Report::BelowAgain`].
    Refused(Refusal),
    /// The domain uses more memory than its soft quota.
    AboveSoft(Refusal),
    /// The domain is below [`Quota::Memory`] or [`Quota::SoftMemory`] again.
    BelowAgain(DomId, Quota),
}
