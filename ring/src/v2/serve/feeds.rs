//! SUBSCRIBE and UNSUBSCRIBE, and what subscriptions are told.
//!
//! A subscription is a place among the requests: the client has been told of all up to it. It moves
//! on while there is room in what waits to be sent, through the store's feed; where that doesn't
//! reach back so far, through what whoever keeps history gives ([`Past`], [`Told`]). So a client
//! that is slow, or comes back late, costs no memory; and what it is told has no hole, unless a
//! frame says so.

use std::collections::VecDeque;

use myriad_core::{After, Errno, Since, Store};

use super::{Around, Done, Failed, Speaker};
use crate::v2::{
    body::put,
    feed::{Filter, Frames},
    limits::{FEED_RECORDS, FEED_SAY_EVERY, SUBSCRIPTIONS_MAX},
    records::{GAP, NOW, REACHED, Subscribed, Subscription},
};

/// The subscriptions of a connection.
#[derive(Debug, Default)]
pub(crate) struct Feeds {
    all: Vec<Feed>,
    /// Whose turn it is.
    next: usize,
    /// How many there have been.
    numbered: u64,
}

#[derive(Debug)]
struct Feed {
    /// Its number on this connection, never used twice.
    number: u64,
    filter: Filter,
    /// All up to here is in the frames that were made.
    since: Since,
    /// The last generation that a frame has named.
    said: u64,
    source: Source,
    /// It says so when it has told all there is.
    must_say: bool,
    /// Frames that were made and wait for room.
    made: VecDeque<Vec<u8>>,
}

/// Where what comes next is to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Store,
    /// History is to be asked,
    History,
    /// and was.
    Asked,
}

/// What a subscription wants to know of the past. [`Told`] answers it.
#[derive(Clone, Debug)]
pub struct Past {
    /// The subscription's number on its connection.
    pub number: u64,
    /// What it wants.
    pub filter: Filter,
    /// The last generation that it knows all of.
    pub after: u64,
}

/// What the past was like.
#[derive(Debug)]
pub struct Told {
    /// The subscription's number.
    pub number: u64,
    /// FEED messages ([`Frames::into_messages`], [`Filter::mark`]), up to a generation.
    pub frames: Vec<Vec<u8>>,
    /// That generation.
    pub upto: u64,
    /// Whether the store's own feed has what comes next; else the past is asked again.
    pub is_all: bool,
}

/// What [`Connection::follow`](crate::v1::Connection::follow) came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// Until something is published, or sent to the client, there is nothing to do.
    All,
    /// There is more to be told, now.
    More,
}

impl Speaker {
    pub(super) fn subscribe(
        &mut self,
        of: &Subscription,
        path: &[u8],
        around: &mut Around<'_>,
        out: &mut Vec<u8>,
    ) -> Done {
        let mut buffer = String::new();
        let path = around.node(path, &mut buffer)?;
        if path.as_str() == "/@index" || path.as_str().starts_with("/@index/") {
            return Err(Failed::new(Errno::EINVAL, "indices have no feed: watch them"));
        }
        let filter = Filter::new(of, path.as_str());
        if self.feeds.find(filter.token).is_some() {
            return Err(Failed::new(Errno::EEXIST, "a subscription has this token already"));
        }
        if self.feeds.all.len() >= SUBSCRIPTIONS_MAX {
            return Err(Failed::new(Errno::ENOSPC, "this connection has no subscription left"));
        }
        let (now, store) = (around.store.now(), around.host.store_number());
        self.feeds.numbered = self.feeds.numbered.saturating_add(1);
        let mut feed = Feed {
            number: self.feeds.numbered,
            filter,
            since: now,
            said: now.known(),
            source: Source::Store,
            must_say: false,
            made: VecDeque::new(),
        };
        let wanted = of.since.get();
        let is_of_another = of.store.get() != 0 && of.store.get() != store;
        if wanted != NOW && (wanted > now.known() || is_of_another) {
            // What it knows is nothing of this store's.
            feed.made.push_back(feed.filter.mark(now.known(), GAP));
            feed.must_say = true;
        } else if wanted != NOW {
            (feed.since, feed.said, feed.must_say) = (Since::generation(wanted), wanted, true);
        }
        let generation = feed.since.known().into();
        put(out, &Subscribed { generation, store: store.into() });
        self.feeds.all.push(feed);
        Ok(0)
    }
}

impl Feeds {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn find(&mut self, token: u64) -> Option<usize> {
        self.all.iter().position(|feed| feed.filter.token == token)
    }

    pub(super) fn end(&mut self, token: u64) -> Result<(), Failed> {
        let at = self.find(token);
        let at = at.ok_or_else(|| Failed::new(Errno::ENOENT, "no subscription has this token"))?;
        drop(self.all.remove(at));
        Ok(())
    }

    /// Makes frames and hands them to `send`, which says how many bytes more there is room for.
    pub(crate) fn follow(
        &mut self,
        store: &Store,
        mut room: usize,
        mut send: impl FnMut(Vec<u8>) -> usize,
    ) -> Followed {
        let mut followed = Followed::All;
        let count = self.all.len();
        for turn in 0..count {
            let at = self.next.wrapping_add(turn).checked_rem(count).unwrap_or(0);
            let Some(feed) = self.all.get_mut(at) else { continue };
            // Ends: each turn looks at a publication.
            for left in (0..=FEED_RECORDS).rev() {
                while room > 0
                    && let Some(message) = feed.made.pop_front()
                {
                    room = send(message);
                }
                if room == 0 {
                    // Who didn't come to its turn has it next.
                    self.next = at;
                    return Followed::More;
                }
                if feed.source != Source::Store {
                    break;
                }
                if left == 0 {
                    followed = Followed::More;
                    break;
                }
                if !feed.step(store) {
                    break;
                }
            }
            while room > 0
                && let Some(message) = feed.made.pop_front()
            {
                room = send(message);
            }
        }
        followed
    }

    /// What is to be asked of the past next.
    pub(crate) fn ask(&mut self) -> Option<Past> {
        let is_due = |feed: &&mut Feed| feed.source == Source::History && feed.made.is_empty();
        let feed = self.all.iter_mut().find(is_due)?;
        feed.source = Source::Asked;
        let (number, filter, after) = (feed.number, feed.filter.clone(), feed.since.known());
        Some(Past { number, filter, after })
    }

    /// The past could not be asked: later.
    pub(crate) fn ask_later(&mut self, number: u64) {
        if let Some(feed) = self.all.iter_mut().find(|feed| feed.number == number) {
            feed.source = Source::History;
        }
    }

    /// What the past was like; none where nobody keeps it.
    pub(crate) fn tell(&mut self, store: &Store, number: u64, told: Option<Told>) {
        let Some(feed) = self.all.iter_mut().find(|feed| feed.number == number) else { return };
        if feed.source != Source::Asked {
            return;
        }
        match told {
            Some(told) => {
                feed.made.extend(told.frames);
                feed.since = Since::generation(told.upto.max(feed.since.known()));
                feed.said = feed.since.known();
                feed.source = if told.is_all { Source::Store } else { Source::History };
            }
            None => {
                feed.since = store.now();
                feed.said = feed.since.known();
                feed.made.push_back(feed.filter.mark(feed.said, GAP));
                feed.source = Source::Store;
            }
        }
        feed.must_say = true;
        if feed.source == Source::Store && feed.made.is_empty() {
            // While whoever has told it keeps the store's feed from letting go.
            feed.step(store);
        }
    }
}

impl Feed {
    /// Goes on by one publication. False where there is none, or not here.
    fn step(&mut self, store: &Store) -> bool {
        let after = self.since.known();
        match store.after(&mut self.since) {
            After::Record(record) => {
                let mut frames = Frames::new(&self.filter);
                frames.publication(&record, after);
                let messages = frames.into_messages();
                if !messages.is_empty() {
                    self.said = self.since.known();
                }
                self.made.extend(messages);
                true
            }
            After::Nothing => {
                let now = self.since.known();
                if self.must_say || now.saturating_sub(self.said) >= FEED_SAY_EVERY {
                    (self.must_say, self.said) = (false, now);
                    self.made.push_back(self.filter.mark(now, REACHED));
                }
                false
            }
            After::Gone => {
                self.source = Source::History;
                false
            }
        }
    }
}
