//! Questions about the past, answered out of the daemon's history.

use std::io::{Read, Write};

use myriad_core::DomId;

use super::super::{Client, Error};
use crate::v2::{
    self,
    answers::{self, NodeSeen},
    body::BadBody,
    feed::{self, ChangeSeen},
    records::{
        ASK_LIST, ASK_LOG, ASK_NODE, ASK_RANGE, AT_TIME, BELOW, Question, Range, Was as Head,
    },
};

/// A moment of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After this request.
    Generation(u64),
    /// In nanoseconds since 1970.
    Time(u64),
    /// Now, as far as it is written.
    Newest,
}

/// What history has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The oldest generation that nodes can be told of.
    pub oldest: u64,
    /// When that was, in nanoseconds since 1970.
    pub oldest_time: u64,
    /// After this one every commit is there.
    pub every: u64,
    /// The newest one.
    pub newest: u64,
}

/// Something as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Was<T> {
    /// In the version that this request has made, which is the newest up to what was asked for.
    pub generation: u64,
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// What.
    pub what: T,
}

/// A child as it was: its name and its value.
pub type PastChild = (String, Vec<u8>);

/// A change, and whose it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The request.
    pub generation: u64,
    /// When, in nanoseconds since 1970, as exactly as it is kept.
    pub time: u64,
    /// The connection that asked for it, as the daemon numbers them; 0: none, or not known.
    pub conn: u64,
    /// The domain that did.
    pub domid: DomId,
    /// What.
    pub change: ChangeSeen,
}

/// A page of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// The changes, newest first.
    pub entries: Vec<Entry>,
    /// What to ask with for the page before; none: there is none.
    pub older: Option<When>,
}

impl<S: Read + Write> Client<S> {
    /// What history has.
    ///
    /// # Errors
    /// As [`Client::ask`]; ENOSYS where no history is kept. So do all of `history_*`.
    pub fn history(&mut self) -> Result<Kept, Error> {
        let body = self.question(ASK_RANGE, b"", When::Newest, Question::default())?;
        let range: Range = answers::record(&body).map_err(bad)?;
        Ok(Kept {
            oldest: range.oldest.get(),
            oldest_time: range.oldest_time.get(),
            every: range.every.get(),
            newest: range.newest.get(),
        })
    }

    /// A node as it was; its stamps of value and permissions are that of the last change of either.
    ///
    /// # Errors
    /// As [`Client::history`]; ENOENT where it wasn't there, EINVAL of what isn't kept any more,
    /// EIO of what history had no room for.
    pub fn history_node(
        &mut self,
        path: impl AsRef<[u8]>,
        when: When,
    ) -> Result<Was<NodeSeen>, Error> {
        let body = self.question(ASK_NODE, path.as_ref(), when, Question::default())?;
        was(&body, answers::node)
    }

    /// The names and values of a node's children as they were, by name.
    ///
    /// # Errors
    /// As [`Client::history_node`].
    pub fn history_list(
        &mut self,
        path: impl AsRef<[u8]>,
        when: When,
    ) -> Result<Was<Vec<PastChild>>, Error> {
        let (mut when, mut cursor, mut all) = (when, 0_u32, Vec::new());
        // Ends: cursors grow, in one version.
        loop {
            let head = Question { cursor: cursor.into(), ..Question::default() };
            let body = self.question(ASK_LIST, path.as_ref(), when, head)?;
            let page = was(&body, answers::page)?;
            for entry in page.what.entries {
                let value = entry.value.map(|(value, _)| value).unwrap_or_default();
                all.push((entry.name, value));
            }
            when = When::Generation(page.generation);
            if page.what.cursor <= cursor {
                return Ok(Was { generation: page.generation, time: page.time, what: all });
            }
            cursor = page.what.cursor;
        }
    }

    /// A page of the changes of a node, newest first, or also of those `below` it: up to a moment,
    /// `count` at most (and all of one request), 0: as many as the daemon gives. The first is who
    /// changed it last.
    ///
    /// # Errors
    /// As [`Client::history_node`].
    pub fn history_log(
        &mut self,
        path: impl AsRef<[u8]>,
        below: bool,
        upto: When,
        count: u32,
    ) -> Result<LogPage, Error> {
        let flags = if below { BELOW } else { 0 }.into();
        let head = Question { flags, count_max: count.into(), ..Question::default() };
        let body = self.question(ASK_LOG, path.as_ref(), upto, head)?;
        let (older, seen) = feed::read_log(&body).map_err(bad)?;
        let entry = |seen: feed::FeedSeen| {
            let asked = seen.asked;
            let of = move |change| Entry {
                generation: asked.generation,
                time: asked.time,
                conn: asked.conn,
                domid: asked.domid,
                change,
            };
            seen.changes.into_iter().map(of)
        };
        let entries = seen.into_iter().flat_map(entry).collect();
        Ok(LogPage { entries, older: Some(older).filter(|o| *o != 0).map(When::Generation) })
    }

    fn question(
        &mut self,
        kind: u16,
        path: &[u8],
        when: When,
        mut head: Question,
    ) -> Result<Vec<u8>, Error> {
        let (generation, flag) = match when {
            When::Generation(generation) => (generation, 0),
            When::Time(time) => (time, AT_TIME),
            When::Newest => (u64::MAX, 0),
        };
        head.kind = kind.into();
        head.generation = generation.into();
        head.flags = (head.flags.get() | flag).into();
        self.ask(&v2::Request::History(head, path))
    }
}

fn was<T>(body: &[u8], read: fn(&[u8]) -> Result<T, BadBody>) -> Result<Was<T>, Error> {
    let (head, rest): (Head, _) = answers::headed(body).map_err(bad)?;
    let what = read(rest).map_err(bad)?;
    Ok(Was { generation: head.generation.get(), time: head.time.get(), what })
}

fn bad(_: BadBody) -> Error {
    Error::Protocol("an answer about the past that is none")
}
