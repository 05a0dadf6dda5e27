//! Watches, and the events that changes raise.

use myriad_core::{Access, Caller, ConnId, DomId, Error, Quota, Special};

use super::node::{Who, rights, within};
use super::quota::watch_bytes;
use super::{Entry, Model, parent};

/// A registered watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Whose it is.
    pub conn: ConnId,
    /// Who registered it, and may see what.
    pub caller: Caller,
    /// A path, or the name of a special node.
    pub path: String,
    /// Its token.
    pub token: Vec<u8>,
    /// Levels below the path that it hears of; none for all.
    pub depth: Option<u32>,
    /// Bytes of an event's path that it isn't shown.
    pub prefix: usize,
}

/// An event, as the connection sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Whose watch fired.
    pub conn: ConnId,
    /// The path, relative where the watch was.
    pub path: String,
    /// The watch's token.
    pub token: Vec<u8>,
}

impl Watch {
    fn is(&self, conn: ConnId, path: &str, token: &[u8]) -> bool {
        self.conn == conn && self.path == path && self.token == token
    }

    /// Whether a change at `path` concerns it.
    pub(super) fn hears(&self, path: &str, exact: bool) -> bool {
        let levels = |path: &str| path.split('/').filter(|name| !name.is_empty()).count();
        let reaches = |depth| levels(path) <= levels(&self.path) + depth;
        match self.depth.and_then(|depth| usize::try_from(depth).ok()) {
            _ if exact => self.path == path,
            _ if !within(path, &self.path) => false,
            depth => depth.is_none_or(reaches),
        }
    }

    pub(super) fn event(&self, path: &str) -> Event {
        let mut shown = path.get(self.prefix..).unwrap_or_default();
        if self.prefix > 0 {
            shown = shown.strip_prefix('/').unwrap_or(shown);
        }
        Event { conn: self.conn, path: shown.to_owned(), token: self.token.clone() }
    }
}

impl Model {
    /// The watches, in order of registration.
    pub fn watches(&self) -> impl Iterator<Item = &Watch> {
        self.watches.iter()
    }

    /// The events that were raised since this was last asked, in order.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// WATCH.
    ///
    /// # Errors
    /// As [`myriad_core::Edit::watch`] says.
    pub fn watch(&mut self, watch: Watch) -> Result<(), Error> {
        if self.watches.iter().any(|w| w.is(watch.conn, &watch.path, &watch.token)) {
            return Err(Error::Exists);
        }
        if let Some((domid, life)) = watch.caller.guest() {
            let living = self.living(domid, life).is_some();
            let has = if living { self.usage(domid).watches } else { 0 };
            self.bounded(&watch.caller, Quota::Watches, has + 1)?;
            let payer = Entry::new(Access::None, domid, life);
            self.afford(&watch.caller, payer, watch_bytes(&watch.path, &watch.token))?;
        }
        self.watches.push(watch);
        self.changed();
        Ok(())
    }

    /// UNWATCH.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn unwatch(&mut self, conn: ConnId, path: &str, token: &[u8]) -> Result<(), Error> {
        let at = self.watches.iter().position(|w| w.is(conn, path, token));
        self.watches.remove(at.ok_or(Error::NotFound)?);
        self.changed();
        Ok(())
    }

    /// All watches of a connection go.
    pub fn drop_watches(&mut self, conn: ConnId) {
        let before = self.watches.len();
        self.watches.retain(|w| w.conn != conn);
        if self.watches.len() < before {
            self.changed();
        }
    }

    /// The watches of a connection become another's, which has none yet: they are the newest then.
    pub fn move_watches(&mut self, from: ConnId, to: ConnId) {
        let (moved, mut all): (Vec<Watch>, Vec<Watch>) =
            self.watches.drain(..).partition(|w| w.conn == from);
        if !moved.is_empty() {
            self.changed();
        }
        all.extend(moved.into_iter().map(|w| Watch { conn: to, ..w }));
        self.watches = all;
    }

    /// The events of a change at `path`, for those who may read it or its parent, or could before:
    /// with the permissions `before`. A node that is gone concerns those only.
    pub(super) fn fire(&mut self, path: &str, exact: bool, before: Option<&[Entry]>) {
        let node = self.nodes.get(path).map(|node| &*node.list);
        let above = parent(path).and_then(|above| self.nodes.get(above));
        let lists = [before, node, node.and(above).map(|above| &*above.list)];
        let reads = |who| lists.iter().flatten().any(|list| rights(list, who).read);
        let may = |watch: &&Watch| match self.who(&watch.caller) {
            Who::Control => before.or(node).is_some(),
            who => reads(who),
        };
        let heard = self.watches.iter().filter(|w| w.hears(path, exact)).filter(may);
        let events: Vec<Event> = heard.map(|w| w.event(path)).collect();
        self.events.extend(events);
    }

    /// The events of a subtree that goes, while it is there: of each node below the top for those
    /// who watch just that, children before their parents; then of the top.
    pub(super) fn fire_removal(&mut self, top: &str) {
        let walk = self.walk(top);
        let mut open: Vec<String> = Vec::new();
        for path in walk.into_iter().skip(1) {
            while let Some(done) = open.pop_if(|done| !within(&path, done)) {
                self.fire(&done, true, None);
            }
            open.push(path);
        }
        while let Some(done) = open.pop() {
            self.fire(&done, true, None);
        }
        self.fire(top, false, None);
    }

    /// The events of a special node for those who may read it. A watch without a depth hears of
    /// the node; one with some, or on the node of a domain, of each domain.
    pub(super) fn fire_special(&mut self, node: Special, domids: &[DomId], plain_first: bool) {
        let (name, list) = (node.name(), self.special_list(node));
        let reads = |w: &&Watch| rights(list, self.who(&w.caller)).read;
        let all = || self.watches.iter().filter(reads);
        let plain: Vec<Event> =
            all().filter(|w| w.path == name && w.depth.is_none()).map(|w| w.event(name)).collect();
        let mut named = Vec::new();
        for domid in domids {
            let path = format!("{name}/{domid}");
            let deep = |w: &&Watch| w.path == name && w.depth.is_some_and(|depth| depth > 0);
            let heard = all().filter(|w| w.path == path || deep(w));
            named.extend(heard.map(|w| w.event(&path)));
        }
        let (first, second) = if plain_first { (plain, named) } else { (named, plain) };
        self.events.extend(first);
        self.events.extend(second);
    }
}
