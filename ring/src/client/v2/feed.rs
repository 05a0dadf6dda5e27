//! Subscriptions: each commit below a path, once and in order.

use std::io::{Read, Write};

use myriad_core::DomId;

use super::{
    super::{Client, Error, limits::MAX_QUEUED_EVENTS},
    place::Place,
};
use crate::v2::{
    self, Op, answers,
    feed::{ChangeSeen, FeedSeen},
    frame::EVENT,
    records::{ALL_LEVELS, CHANGES, GAP, NOW, PART, REACHED, Subscribed, Subscription},
    records::{WITH_PERMS, WITH_VALUES},
};

/// What a subscription is told of.
///
/// ```
/// # use myriad_ring::{client::Wanted, v2::records::{CREATED, REMOVED}};
/// let domains = Wanted::below("/local/domain").depth(1).kinds(CREATED | REMOVED).values(false);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    path: Vec<u8>,
    depth: u32,
    kinds: u16,
    flags: u16,
}

impl Wanted {
    /// All changes of a node and of what is below it, with values.
    #[must_use]
    pub fn below(path: impl AsRef<[u8]>) -> Wanted {
        let path = path.as_ref().to_vec();
        Wanted { path, depth: ALL_LEVELS, kinds: CHANGES, flags: WITH_VALUES }
    }

    /// So many levels below the node and no more.
    #[must_use]
    pub fn depth(self, depth: u32) -> Wanted {
        Wanted { depth, ..self }
    }

    /// Some kinds of change: [`CREATED`](crate::v2::records::CREATED) and its like.
    #[must_use]
    pub fn kinds(self, kinds: u16) -> Wanted {
        Wanted { kinds, ..self }
    }

    /// Whether values are told.
    #[must_use]
    pub fn values(self, told: bool) -> Wanted {
        self.flag(WITH_VALUES, told)
    }

    /// Whether permissions are.
    #[must_use]
    pub fn perms(self, told: bool) -> Wanted {
        self.flag(WITH_PERMS, told)
    }

    /// The path, as text.
    pub(crate) fn path(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }

    fn flag(self, flag: u16, set: bool) -> Wanted {
        let flags = if set { self.flags | flag } else { self.flags & !flag };
        Wanted { flags, ..self }
    }
}

/// What a subscription tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A request has changed something.
    Changed(Changed),
    /// Changes up to this place can't be told: neither the store nor its history has them any more.
    /// What is wanted has to be read again; changes after it are told.
    Gap(Place),
    /// There was nothing newer when this was sent.
    Reached(Place),
}

/// What one request has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// All up to here is told.
    pub place: Place,
    /// When, in nanoseconds since 1970; 0: not known.
    pub time: u64,
    /// The connection that has asked for it, as the daemon numbers them; 0: none, or not known.
    pub conn: u64,
    /// The domain that has.
    pub domid: DomId,
    /// The changes, in order.
    pub changes: Vec<ChangeSeen>,
}

impl News {
    /// The place after it.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            News::Changed(changed) => changed.place,
            News::Gap(place) | News::Reached(place) => *place,
        }
    }
}

/// What a client has for its subscriptions.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    last_token: u64,
    /// The store's number, and the subscriptions: tokens with the parts of a frame so far.
    store: u64,
    open: Vec<(u64, Option<Changed>)>,
    news: std::collections::VecDeque<(u64, News)>,
    lost: u64,
}

impl<S: Read + Write> Client<S> {
    /// Subscribes to each commit that `wanted` names, after a place or, without one, from now on.
    /// Gives the subscription's token and the place that it begins after.
    ///
    /// ```no_run
    /// # use myriad_ring::client::{Client, News, Wanted};
    /// let mut client = Client::connect()?;
    /// client.negotiate()?;
    /// client.subscribe(&Wanted::below("/local/domain"), None)?;
    /// while let (_, News::Changed(changed)) = client.next_news()? {
    ///     println!("{}: {:?}", changed.place, changed.changes);
    /// #   break;
    /// }
    /// # Ok::<(), myriad_ring::client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::ask`]: ENOSYS of a daemon or to a client that has no feed, EINVAL for what is
    /// no path of a node, ENOSPC past the subscriptions that a connection may have.
    pub fn subscribe(
        &mut self,
        wanted: &Wanted,
        since: Option<Place>,
    ) -> Result<(u64, Place), Error> {
        let token = match &mut self.v2 {
            Some(v2) => {
                v2.feeds.last_token = v2.feeds.last_token.wrapping_add(1);
                let token = v2.feeds.last_token;
                // Before the answer: its first news may come with it.
                v2.feeds.open.push((token, None));
                token
            }
            None => 0,
        };
        let head = Subscription {
            token: token.into(),
            since: since.map_or(NOW, |place| place.generation).into(),
            store: since.map_or(0, |place| place.store).into(),
            depth: wanted.depth.into(),
            kinds: wanted.kinds.into(),
            flags: wanted.flags.into(),
            ..Subscription::default()
        };
        let answer = self.ask(&v2::Request::Subscribe(head, &wanted.path));
        let Some(v2) = &mut self.v2 else { return Err(answer.err().unwrap_or(Error::Broken)) };
        let answer = answer.inspect_err(|_| v2.feeds.forget(token))?;
        let bad = |_| Error::Protocol("an answer to SUBSCRIBE that is none");
        let begun: Subscribed = answers::record(&answer).map_err(bad)?;
        v2.feeds.store = begun.store.get();
        Ok((token, Place { store: begun.store.get(), generation: begun.generation.get() }))
    }

    /// Ends a subscription; what it has told already stays queued.
    ///
    /// # Errors
    /// As [`Client::ask`]; ENOENT where there is no such subscription.
    pub fn unsubscribe(&mut self, token: u64) -> Result<(), Error> {
        self.ask(&v2::Request::Unsubscribe(token))?;
        if let Some(v2) = &mut self.v2 {
            v2.feeds.forget(token);
        }
        Ok(())
    }

    /// The next news of any subscription, with its token: queued ones, else the next to come.
    ///
    /// # Errors
    /// [`Error::EventsLost`] once where more came with answers than is kept: subscribe again after
    /// the last place. [`Error::TimedOut`] where the stream has a timeout, and the call may be
    /// repeated; [`Error::Lost`], [`Error::Broken`], [`Error::Protocol`].
    pub fn next_news(&mut self) -> Result<(u64, News), Error> {
        loop {
            if let Some(v2) = &mut self.v2 {
                if let Some(news) = v2.feeds.news.pop_front() {
                    return Ok(news);
                }
                if v2.feeds.lost > 0 {
                    return Err(Error::EventsLost(std::mem::take(&mut v2.feeds.lost)));
                }
            }
            if self.broken {
                return Err(Error::Broken);
            }
            let Some(v2) = &mut self.v2 else { return Err(Error::Broken) };
            let (frame, body) = v2.incoming.read(&mut self.stream).inspect_err(|error| {
                self.broken = !matches!(error, Error::TimedOut);
            })?;
            self.broken = true;
            if frame.flags.get() & EVENT == 0 {
                return Err(Error::Protocol("an answer to a request that was not made"));
            }
            let event = self.heard(frame.op.get(), &body)?;
            self.broken = false;
            if let Some(event) = event {
                self.queue(event);
            }
        }
    }

    /// A FEED has come. Nothing of a subscription that has ended.
    pub(super) fn hear_news(&mut self, body: &[u8]) -> Result<(), Error> {
        let bad = |_| Error::Protocol("a FEED that is none");
        let seen = v2::feed::read(body).map_err(bad)?;
        let Some(v2) = &mut self.v2 else { return Ok(()) };
        v2.feeds.hear(seen)
    }
}

impl Feeds {
    fn forget(&mut self, token: u64) {
        self.open.retain(|(open, _)| *open != token);
    }

    fn hear(&mut self, seen: FeedSeen) -> Result<(), Error> {
        let store = self.store;
        let FeedSeen { token, asked, flags, changes } = seen;
        let Some((_, parts)) = self.open.iter_mut().find(|(open, _)| *open == token) else {
            return Ok(());
        };
        let place = Place { store, generation: asked.generation };
        let news = if flags & GAP != 0 {
            News::Gap(place)
        } else if flags & REACHED != 0 {
            News::Reached(place)
        } else {
            let (time, conn, domid) = (asked.time, asked.conn, asked.domid);
            let first = Changed { place, time, conn, domid, changes: Vec::new() };
            let mut whole = parts.take().unwrap_or(first);
            if whole.place.generation != asked.generation {
                return Err(Error::Protocol("a part of another commit than was begun"));
            }
            whole.changes.extend(changes);
            if flags & PART != 0 {
                *parts = Some(whole);
                return Ok(());
            }
            News::Changed(whole)
        };
        if self.lost > 0 || self.news.len() >= MAX_QUEUED_EVENTS {
            self.lost = self.lost.saturating_add(1);
        } else {
            self.news.push_back((token, news));
        }
        Ok(())
    }
}

/// The operation of an event is a FEED's.
pub(super) fn is_feed(op: u16) -> bool {
    op == Op::Feed as u16
}
