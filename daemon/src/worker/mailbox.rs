//! What workers tell one another.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    task::{Wake, Waker},
};

use myriad_core::{ConnId, DomId, Errno, Instance};
use myriad_ring::{
    page::ServerEnd,
    v1::connection::{Remains, Ticket},
};
use rustix::fd::OwnedFd;

use super::{bell::Bell, doorbell::Doorbell, guests::GuestSocket, machine::Machine};
use crate::{past::Said, recovery::Former};

/// A message to a worker.
///
/// Mailboxes have no bound of their own. What fills them is bounded elsewhere: clients by the
/// limit of open files, the rest by requests of the control domain and of guests that are
/// answered only after they have posted.
#[derive(Debug)]
pub(super) enum Message {
    /// A program has connected; it's the worker's from now on.
    Client { socket: OwnedFd, number: u64 },
    /// A program's socket, which has outlived the daemon that had it.
    Returned { socket: OwnedFd, number: u32, remains: Box<Remains> },
    /// What an earlier daemon was about to do with a domain's ring, which may be there again soon.
    Former(DomId, Box<Former>),
    /// A domain can be reached here.
    Listen { domid: DomId, life: Instance, socket: GuestSocket },
    /// A machine full of guests has come.
    Machine(Arc<Machine>),
    /// A machine has gone.
    MachineGone(u64),
    /// A domain has a ring: one that has been started, or one that was given back.
    Ring { domid: DomId, life: Instance, ring: RingOf },
    /// A domain was introduced again: its connection starts afresh, over this port of its.
    Introduced { domid: DomId, life: Instance, port: u32 },
    /// A life of a domain is over.
    Gone(DomId, Instance),
    /// A CONTROL command of this connection asks for the usage of a domain that is served here.
    Usage(DomId, ConnId),
    /// Quotas were set, of one domain or of all: who was over one may not be any more.
    QuotasChanged(Option<DomId>),
    /// The last event of a request has left another connection.
    Resume(ConnId),
    /// The answer to a CONTROL command that was put off.
    Answer(ConnId, Result<String, Errno>),
    /// Execute no request any more that was begun before this, then say so.
    Quiesce(Round),
    /// A worker has.
    Quiet(Round),
    /// Events of this publication belong to a request that is outstanding until they are sent.
    Ticket(u64, Ticket),
    /// What this connection has asked about the past.
    Past(ConnId, Said),
    /// End.
    Stop,
}

/// A ring and its doorbell.
#[derive(Debug)]
pub(super) struct RingOf {
    pub(super) end: Box<ServerEnd>,
    pub(super) doorbell: Doorbell,
    pub(super) origin: Origin,
}

/// Where a ring comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It begins: nothing was ever sent on it to this domain's life.
    New,
    /// An earlier daemon has served it, and it is as that one has left it: the domain goes on
    /// where it was. The page's inode says which page it is.
    Returned { inode: u64 },
    /// The same, of a real domain.
    Found,
}

/// A client's question to all workers whether those whom it waits for have stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) asker: ConnId,
    /// Its number at the asker's worker.
    pub(super) number: u64,
}

/// The way to all workers; each thread has its own.
#[derive(Clone, Debug)]
pub(super) struct Mailboxes(Arc<[Mailbox]>);

#[derive(Debug)]
struct Mailbox {
    sender: Sender<Message>,
    bell: Bell,
}

/// A worker's own end.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) messages: Receiver<Message>,
    pub(super) bell: Bell,
}

impl Mailboxes {
    /// Mailboxes for `count` workers, and the ends that the workers keep.
    pub(super) fn new(count: u16) -> io::Result<(Mailboxes, Vec<Inbox>)> {
        let (mut boxes, mut inboxes) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (sender, messages) = channel();
            let bell = Bell::new()?;
            boxes.push(Mailbox { sender, bell: bell.clone() });
            inboxes.push(Inbox { messages, bell });
        }
        Ok((Mailboxes(boxes.into()), inboxes))
    }

    pub(super) fn count(&self) -> u16 {
        u16::try_from(self.0.len()).unwrap_or(u16::MAX)
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = u16> + use<> {
        0..self.count()
    }

    /// The worker that serves a domain's connection.
    pub(super) fn owner(&self, domid: DomId) -> u16 {
        domid.0.checked_rem(self.count()).unwrap_or(0)
    }

    /// Leaves a message, and wakes the worker if it sleeps.
    pub(super) fn post(&self, worker: u16, message: Message) {
        if let Some(mailbox) = self.0.get(usize::from(worker)) {
            // A worker that has ended needs no messages.
            let _ = mailbox.sender.send(message);
            mailbox.bell.ring();
        }
    }

    /// Tells the workers concerned that quotas were set, of one domain or of all.
    pub(super) fn post_quotas_changed(&self, domid: Option<DomId>) {
        match domid {
            Some(one) => self.post(self.owner(one), Message::QuotasChanged(domid)),
            None => self.workers().for_each(|w| self.post(w, Message::QuotasChanged(None))),
        }
    }

    /// Wakes a worker for what is in its feed.
    pub(super) fn wake(&self, worker: u16) {
        if let Some(mailbox) = self.0.get(usize::from(worker)) {
            mailbox.bell.ring();
        }
    }

    /// What tells a connection's worker that one of its requests is done.
    pub(super) fn waker(&self, conn: ConnId) -> Waker {
        Waker::from(Arc::new(Done { mailboxes: self.clone(), conn }))
    }
}

struct Done {
    mailboxes: Mailboxes,
    conn: ConnId,
}

impl Wake for Done {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.mailboxes.post(self.conn.worker(), Message::Resume(self.conn));
    }
}
