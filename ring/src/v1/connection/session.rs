//! What a connection is and has, apart from bytes: identity, transactions, watches, account.

use std::{task::Waker, time::Duration};

use myriad_core::{Caller, ConnId, DomId, Quota, Refusal, Store, Transaction};

use crate::v1::{
    connection::{
        Lost, Over,
        account::Account,
        host::{Conflict, Host, Peer, Report},
        ticket::{Outstanding, Ticket},
        transactions::Transactions,
    },
    features,
    header::HEADER_LEN,
    limits::SMALL_REPLY,
    paths::{Name, PathError, PathRules, Specials},
};

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: ConnId,
    pub(crate) peer: Peer,
    pub(crate) caller: Caller,
    pub(crate) paths: PathRules,
    pub(crate) features: u32,
    pub(crate) transactions: Transactions<Transaction>,
    /// A privileged client's conflicts since its last commit.
    pub(crate) conflicts: u32,
    /// The stamp of the condition that was unmet last, and its node.
    pub(crate) unmet: Option<(Box<str>, u64)>,
    /// What a crash has left to be taken up again.
    pub(crate) lost: Option<Box<Lost>>,
    guest: Option<Guest>,
}

/// What only an unprivileged connection has.
#[derive(Debug)]
struct Guest {
    domid: DomId,
    account: Account,
    /// The publication that the account is of.
    seen: Option<u64>,
    outstanding: Outstanding,
}

impl Session {
    pub(crate) fn new(id: ConnId, peer: Peer, caller: Caller) -> Session {
        let home = match peer {
            Peer::Socket(_) => DomId::ZERO,
            Peer::Domain(domid) => domid,
        };
        let guest = match caller {
            Caller::Control => None,
            Caller::Guest { domid, .. } => Some(Guest {
                domid,
                account: Account::new(domid),
                seen: None,
                outstanding: Outstanding::new(Waker::noop().clone()),
            }),
        };
        Session {
            id,
            peer,
            caller,
            paths: PathRules::new(home),
            features: features::OFFERED,
            transactions: Transactions::default(),
            conflicts: 0,
            unmet: None,
            lost: None,
            guest,
        }
    }

    /// Whether a transaction is open. One that was when the server ended is, too, and doomed.
    pub(crate) fn has_transaction(&mut self, id: u32, store: &Store) -> bool {
        if id == 0 || self.transactions.contains(id) {
            return true;
        }
        if !self.lost.as_mut().is_some_and(|lost| lost.take_transaction(id)) {
            return false;
        }
        let mut doomed = store.begin(self.limit(Quota::TransactionNodes));
        doomed.doom();
        self.transactions.insert_again(id, doomed);
        true
    }

    pub(crate) fn set_home(&mut self, home: DomId) {
        self.paths = PathRules::new(home);
    }

    pub(crate) fn set_waker(&mut self, waker: Waker) {
        if let Some(guest) = &mut self.guest {
            guest.outstanding = Outstanding::new(waker);
        }
    }

    pub(crate) fn is_guest(&self) -> bool {
        self.guest.is_some()
    }

    /// A path as the store knows it; one past the quota is noted as a refusal.
    pub(crate) fn resolve<'b>(
        &mut self,
        path: &'b [u8],
        specials: Specials,
        buffer: &'b mut String,
    ) -> Result<Name<'b>, PathError> {
        let max = self.limit(Quota::PathMax);
        let name = self.paths.resolve(path, max, specials, buffer);
        if name == Err(PathError::TooLong) {
            self.refuses(Quota::PathMax, usize::MAX);
        }
        name
    }

    /// Takes over what the store says of the caller's domain. (Nothing for a privileged one.)
    pub(crate) fn refresh(&mut self, store: &Store) {
        let Some(guest) = &mut self.guest else { return };
        let view = store.pin();
        let now = Some(view.seq());
        // What was published once doesn't change (V1).
        if guest.seen != now
            && let Some(info) = view.domain(guest.domid)
        {
            guest.seen = now;
            guest.account.update(&info);
            self.features = info.features;
        }
    }

    /// Stands for so many requests, one or more.
    pub(crate) fn open_ticket(&self, requests: usize) -> Option<Ticket> {
        self.guest.as_ref().map(|guest| guest.outstanding.open(requests))
    }

    /// How many more requests may be outstanding.
    pub(crate) fn room_for_requests(&self) -> usize {
        let limit = self.limit(Quota::Outstanding);
        let room = limit.saturating_sub(self.outstanding());
        if limit == 0 { usize::MAX } else { usize::try_from(room).unwrap_or(usize::MAX) }
    }

    pub(crate) fn outstanding(&self) -> u32 {
        self.guest.as_ref().map_or(0, |guest| guest.outstanding.len())
    }

    /// The quota that keeps a guest's requests from being read.
    pub(crate) fn quota_reached(&self, waiting: usize) -> Option<Quota> {
        let guest = self.guest.as_ref()?;
        guest.account.stalls(guest.outstanding.len(), waiting)
    }

    /// Bytes that a guest's memory quota leaves.
    pub(crate) fn memory_left(&self, waiting: usize) -> usize {
        self.guest.as_ref().map_or(usize::MAX, |guest| guest.account.memory_left(waiting))
    }

    /// The quota's value for this caller; 0, no limit, for a privileged one.
    pub(crate) fn limit(&self, quota: Quota) -> u32 {
        self.guest.as_ref().map_or(0, |guest| guest.account.limit(quota))
    }

    /// Whether `used` is at a guest's quota; notes the refusal.
    pub(crate) fn refuses(&mut self, quota: Quota, used: usize) -> bool {
        self.guest.as_mut().is_some_and(|guest| guest.account.refuses(quota, used))
    }

    /// What refuses, for a guest.
    pub(crate) fn refusal(&self, quota: Quota) -> Option<Refusal> {
        self.guest.as_ref().map(|guest| guest.account.refusal(quota))
    }

    /// Whether a guest's memory quota refuses `more` bytes; notes the refusal.
    pub(crate) fn memory_refuses(&mut self, waiting: usize, more: usize, now: Duration) -> bool {
        let guest = self.guest.as_mut();
        guest.is_some_and(|guest| guest.account.memory_refuses(waiting, more, now))
    }

    /// Whether a reply finds no room in a guest's memory quota. Errors and other small ones do.
    pub(crate) fn reply_refused(&mut self, reply: &[u8], waiting: usize, now: Duration) -> bool {
        reply.len() > HEADER_LEN + SMALL_REPLY && self.memory_refuses(waiting, reply.len(), now)
    }

    pub(crate) fn note_memory(&mut self, waiting: usize, now: Duration) {
        self.memory_refuses(waiting, 0, now);
    }

    pub(crate) fn note_stall(&mut self, over: Over, waiting: usize, now: Duration) {
        match over {
            Over::Quota(Quota::Memory) => self.note_memory(waiting, now),
            Over::Quota(quota) => {
                self.refuses(quota, usize::try_from(self.limit(quota)).unwrap_or(usize::MAX));
            }
            Over::Output => {}
        }
    }

    /// Notes a refusal by the store.
    pub(crate) fn refused(&mut self, refusal: Refusal, host: &mut dyn Host) {
        match &mut self.guest {
            Some(guest) => guest.account.note(refusal),
            None => host.report(Report::Refused(refusal)),
        }
    }

    /// A privileged client's transaction or COMMIT has failed because of others; at this node,
    /// where it was one. It tells the host.
    pub(crate) fn note_conflict(&mut self, path: Option<&str>, host: &mut dyn Host) {
        let in_a_row = self.conflicts.saturating_add(1);
        self.conflicts = in_a_row;
        if let Some(path) = path {
            host.conflicted(&Conflict { peer: self.peer, path, in_a_row });
        }
    }

    /// A privileged client's condition on a stamp is not met. It counts if the client has looked at
    /// the node since the last time: to ask for the same stamp again and again is in vain, whoever
    /// is held back.
    pub(crate) fn note_unmet(&mut self, path: &str, stamp: u64, host: &mut dyn Host) {
        let is_again =
            self.unmet.as_ref().is_some_and(|(node, old)| (&**node, *old) == (path, stamp));
        if !is_again {
            self.unmet = Some((path.into(), stamp));
            self.note_conflict(Some(path), host);
        }
    }

    /// Tells the host what has been noted.
    pub(crate) fn tell(&mut self, host: &mut dyn Host) {
        if let Some(guest) = &mut self.guest {
            for report in guest.account.untold() {
                host.report(report);
            }
        }
    }

    /// Drops all watches; gives the publication from which on there are none.
    pub(crate) fn drop_watches(&mut self, store: &Store) -> u64 {
        let id = self.id;
        let outcome = store.edit(|edit| {
            edit.drop_watches(id);
            Ok(())
        });
        outcome.seq
    }
}
