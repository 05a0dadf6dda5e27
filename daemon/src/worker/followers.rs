//! Clients with subscriptions: they are told of every commit, so their workers are woken for each.
//!
//! A worker says that it has such clients, and whoever publishes something rings for those that
//! do. A subscription that the store's feed doesn't reach back for is told out of history, by a
//! thread of its own, so that no worker waits for a disk.
//!
//! # Synchronization
//! A publisher makes its publication visible, fences, and looks who follows; a worker says that it
//! follows, and before it sleeps fences ([`Bell::sleep`](super::bell::Bell::sleep)) and looks for
//! publications. Both fences are SeqCst, so at least one of them sees the other.

use std::{io, thread::JoinHandle};

use myriad_core::ConnId;
use myriad_ring::v2::Followed;

use super::{
    Shared,
    clients::number_of,
    mailbox::{Mailboxes, Message},
    run::Worker,
};
use crate::{
    past::{self, Ask, Said},
    sync::{
        AtomicBool, AtomicU32,
        Ordering::{Relaxed, SeqCst},
        fence,
    },
};

/// The workers that have clients with subscriptions.
#[derive(Debug)]
pub(super) struct Followers {
    /// How many there are.
    count: AtomicU32,
    workers: Box<[AtomicBool]>,
}

impl Followers {
    pub(super) fn new(workers: u16) -> Followers {
        let workers = (0..workers).map(|_| AtomicBool::new(false)).collect();
        Followers { count: AtomicU32::new(0), workers }
    }

    /// A worker follows from now on, or doesn't any more.
    fn set(&self, worker: u16, follows: bool) {
        let Some(said) = self.workers.get(usize::from(worker)) else { return };
        // Relaxed: only that worker sets it, and before it sleeps it fences.
        if said.swap(follows, Relaxed) != follows {
            if follows {
                self.count.fetch_add(1, Relaxed);
            } else {
                self.count.fetch_sub(1, Relaxed);
            }
        }
    }

    /// Something was published: wakes the others that follow.
    pub(super) fn call(&self, mailboxes: &Mailboxes, own: u16) {
        // Pairs with the fence in `Bell::sleep`.
        fence(SeqCst);
        // Relaxed: the fences make the order, here and below.
        if self.count.load(Relaxed) == 0 {
            return;
        }
        for (worker, follows) in (0..).zip(&*self.workers) {
            if worker != own && follows.load(Relaxed) {
                mailboxes.wake(worker);
            }
        }
    }
}

impl Shared {
    /// Has the past told by a thread of its own.
    pub(super) fn ask_of(
        &mut self,
        past: Option<past::Source>,
    ) -> io::Result<Option<JoinHandle<()>>> {
        let Some(source) = past else { return Ok(None) };
        let mailboxes = self.mailboxes.clone();
        let tell = move |conn: ConnId, said| {
            mailboxes.post(conn.worker(), Message::Past(conn, said));
        };
        let (asker, thread) = past::Asker::start(source, self.store.clone(), tell)?;
        self.past = Some(asker);
        Ok(Some(thread))
    }
}

/// The clients of a worker that have subscriptions, by number, and which of them had more to be
/// told than there was room for.
#[derive(Debug, Default)]
pub(super) struct Following(Vec<(u64, bool)>);

impl Worker {
    /// A client may have subscribed.
    pub(super) fn note_follower(&mut self, number: u64) {
        let all = &mut self.following.0;
        let follows = self.clients.get(number).is_some_and(|client| client.conn.has_feeds());
        if follows && !all.iter().any(|(other, _)| *other == number) {
            all.push((number, false));
            self.shared.followers.set(self.id, true);
        }
    }

    /// Queues what subscriptions have to be told.
    pub(super) fn follow(&mut self) {
        if self.following.0.is_empty() {
            return;
        }
        let mut all = std::mem::take(&mut self.following.0);
        all.retain_mut(|(number, more)| {
            let follows = self.follow_one(*number);
            *more = follows == Some(Followed::More);
            follows.is_some()
        });
        self.shared.followers.set(self.id, !all.is_empty());
        self.following.0 = all;
    }

    /// None where the client has no subscription any more.
    fn follow_one(&mut self, number: u64) -> Option<Followed> {
        let store = &self.shared.store;
        let client = self.clients.get(number).filter(|client| client.conn.has_feeds())?;
        let mut followed = client.conn.follow(store);
        while let Some(past) = client.conn.asks() {
            let (id, number) = (client.conn.id(), past.number);
            match &self.shared.past {
                Some(asker) if asker.ask(id, Ask::Feed(past)) => {}
                Some(_) => {
                    client.conn.ask_later(number);
                    followed = Followed::More;
                    break;
                }
                None => {
                    client.conn.tell(store, number, None);
                    followed = Followed::More;
                }
            }
        }
        self.clients.note_output(number);
        Some(followed)
    }

    /// A connection is told of the past.
    pub(super) fn told(&mut self, conn: ConnId, said: Said) {
        let number = number_of(conn);
        match said {
            Said::Feed(told, hold) => {
                if let Some(client) = self.clients.get(number) {
                    client.conn.tell(&self.shared.store, told.number, Some(told));
                }
                drop(hold);
            }
            Said::History(answer) => {
                self.deliver(None);
                if let Some(client) = self.clients.get(number) {
                    client.conn.answer_history(answer);
                    self.clients.note_output(number);
                    self.clients.note_busy(number);
                }
            }
        }
    }

    /// After all that could be sent was: who has more to be told, and room for it, has its next
    /// turn in the next sweep. Whose socket is full waits for that.
    pub(super) fn follow_on(&mut self) {
        for at in 0..self.following.0.len() {
            let Some(&(number, more)) = self.following.0.get(at) else { continue };
            let has_room = |client: &mut super::client::Client| client.conn.can_follow();
            if more && self.clients.get(number).is_some_and(has_room) {
                self.clients.note_busy(number);
            }
        }
    }
}
