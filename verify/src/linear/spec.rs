//! What each request does, one after another: the sequential specification.
//!
//! A [`State`] is the store as one history sees it: the tree, the watches, those of each client in
//! order of registration, and the transaction that each client has open. [`State::step`] executes a
//! request at a point in the order: it says whether the recorded answer is right there, and which
//! events follow. Rules of ARCHITECTURE.md, as they look from outside:
//!
//! - T1: requests of a transaction are answered by the state at its START and its own changes.
//!   (T3 lets a long one move on where 8 MiB were retired since; no history does that.)
//! - T2: a transaction that has changed something and commits is executed again, whole, on the
//!   state at its END: each answer must be what it was. One that has changed nothing always
//!   commits: its answers belong to its START.
//! - A transaction may fail with EAGAIN only if it has changed something and something was changed
//!   since its START.
//! - A COMMIT of v2 (`together.rs`) is a transaction that happens at one point.
//! - F4: an event goes to who may read the node or its parent, or could read the node before. In a
//!   transaction each node raises one, with the permissions right before and after the commit.

use std::rc::Rc;

use super::{
    act::{Act, Reply},
    answer::{INDEX, INDICES, Wrong, ack, answer, execute, expect},
    node::{Perms, Raised, is_within, rights},
    record::{Call, ClientLog},
    tree::Tree,
};

/// A watch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watch {
    /// Whose it is, by the client's place.
    pub client: usize,
    /// The client's domain.
    pub domid: u16,
    /// What is watched.
    pub path: Rc<str>,
    /// Its token.
    pub token: Rc<str>,
}

/// An event that is due to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The client's place.
    pub client: usize,
    /// Its path.
    pub path: Rc<str>,
    /// Its token.
    pub token: Rc<str>,
}

/// An open transaction: nothing of its state is kept, since all of its answers are looked at when
/// it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Open {
    /// The place of its START.
    start: usize,
    has_changed: bool,
    /// Something was published since START that may have broken it.
    is_overtaken: bool,
}

/// The store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    pub(super) tree: Rc<Tree>,
    pub(super) watches: Rc<Vec<Watch>>,
    open: Vec<Option<Open>>,
}

/// A client that asks: its place, and all that it asked and was told.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'h> {
    /// Its place.
    pub client: usize,
    /// Its part of the history.
    pub log: &'h ClientLog,
}

/// What a request does besides its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// The events, as they become due.
    pub due: Vec<Due>,
    /// Whether those to a client come in just this order.
    pub is_ordered: bool,
    /// Whether anything could be different after it for anybody else, here or later. (RM of what
    /// isn't there changes nothing, and would change much where it is there.)
    pub may_change: bool,
}

impl State {
    /// The state after the control domain's `setup`, for so many clients.
    #[must_use]
    pub fn after(setup: &[Act], clients: usize) -> State {
        let mut tree = Tree::default();
        for act in setup {
            // What it can't do it hasn't done.
            let _reply = execute(&mut tree, 0, act, &mut Vec::new());
        }
        State { tree: Rc::new(tree), watches: Rc::default(), open: vec![None; clients] }
    }

    /// A transaction's START, whose place is `at`, sees what is there now; its answer may come
    /// later. So all answers in the transaction are decided.
    ///
    /// # Errors
    /// The first of them that is wrong.
    pub fn begin(&mut self, asker: Asker<'_>, at: usize) -> Result<(), Wrong> {
        let (mut tree, mut raised) = (Tree::clone(&self.tree), Vec::new());
        replay(asker, at, &mut tree, &mut raised)?;
        let begun = Open { start: at, has_changed: !raised.is_empty(), is_overtaken: false };
        if let Some(open) = self.open.get_mut(asker.client) {
            *open = Some(begun);
        }
        Ok(())
    }

    /// Executes a request whose place is `at`.
    ///
    /// # Errors
    /// The right answer, where it was another.
    pub fn step(&mut self, asker: Asker<'_>, at: usize) -> Result<Effects, Wrong> {
        let Asker { client, log: &ClientLog { domid, ref calls, .. } } = asker;
        let Some(Call { ask, reply, .. }) = calls.get(at) else { return Err("nothing".into()) };
        match &ask.act {
            Act::Start if reply.is_ok() => return Ok(Effects::default()),
            Act::Start => return Err("a transaction".into()),
            Act::End(commit) => return self.end(asker, *commit, reply),
            Act::Watch(path, token) => return self.watch(asker, path, token, reply),
            Act::Commit(items) => return self.commit(asker, items, reply),
            Act::WatchAll(watches) => return self.watch_all(asker, watches, reply),
            Act::Unwatch(path, token) => {
                let is = |w: &Watch| w.client == client && *w.path == **path && *w.token == **token;
                let known = self.watches.iter().any(is);
                expect(reply, if known { ack() } else { Err("ENOENT") })?;
                Rc::make_mut(&mut self.watches).retain(|watch| !is(watch));
                return Ok(Effects { may_change: true, ..Effects::default() });
            }
            _ => {}
        }
        if ask.tx {
            return Ok(Effects::default());
        }
        let mut raised = Vec::new();
        if ask.act.changes() {
            let tree = Rc::make_mut(&mut self.tree);
            expect(reply, execute(tree, domid, &ask.act, &mut raised))?;
        } else {
            expect(reply, answer(&self.tree, domid, &ask.act))?;
        }
        if !raised.is_empty() {
            self.overtake();
        }
        let is_ordered = !matches!(ask.act, Act::Rm(_));
        let may_change = ask.act.changes() && reply.is_ok();
        Ok(Effects { due: self.due(&raised), is_ordered, may_change })
    }

    fn watch(
        &mut self,
        asker: Asker<'_>,
        path: &str,
        token: &str,
        reply: &Reply,
    ) -> Result<Effects, Wrong> {
        let Asker { client, log: &ClientLog { domid, .. } } = asker;
        let is = |w: &Watch| w.client == client && *w.path == *path && *w.token == *token;
        let known = self.watches.iter().any(is);
        expect(reply, if known { Err("EEXIST") } else { ack() })?;
        if known {
            return Ok(Effects::default());
        }
        let due = vec![self.register(client, domid, path, token)];
        Ok(Effects { due, is_ordered: true, may_change: true })
    }

    /// A watch that is new; the event that comes right away.
    pub(super) fn register(&mut self, client: usize, domid: u16, path: &str, token: &str) -> Due {
        let watch = Watch { client, domid, path: path.into(), token: token.into() };
        let due = due(&watch, &watch.path);
        // Those of one client in order of registration: only that can be seen.
        let at = self.watches.partition_point(|other| other.client <= client);
        Rc::make_mut(&mut self.watches).insert(at, watch);
        due
    }

    fn end(&mut self, asker: Asker<'_>, commit: bool, reply: &Reply) -> Result<Effects, Wrong> {
        let open = self.open.get_mut(asker.client).and_then(Option::take).ok_or("ENOENT")?;
        let may_fail = commit && open.has_changed && open.is_overtaken;
        if may_fail && reply.as_ref().is_err_and(|error| error == "EAGAIN") {
            return Ok(Effects::default());
        }
        expect(reply, ack())?;
        if !commit || !open.has_changed {
            return Ok(Effects::default());
        }
        let before = Rc::clone(&self.tree);
        let tree = Rc::make_mut(&mut self.tree);
        let mut raised = Vec::new();
        replay(asker, open.start, tree, &mut raised)
            .map_err(|right| format!("EAGAIN, since {right} now"))?;
        let raised = committed(&before, &self.tree, raised);
        self.overtake();
        Ok(Effects { due: self.due(&raised), is_ordered: false, may_change: true })
    }

    /// All open transactions are behind now.
    pub(super) fn overtake(&mut self) {
        self.open.iter_mut().flatten().for_each(|open| open.is_overtaken = true);
    }

    /// To whom changes are told.
    pub(super) fn due(&self, raised: &[Raised]) -> Vec<Due> {
        let mut all = Vec::new();
        for raised in raised {
            match raised {
                Raised::Node { path, exact, readers } => {
                    let may = |watch: &&Watch| {
                        let reads = |perms: &Perms| {
                            rights(perms, watch.domid).0.includes(myriad_core::Access::Read)
                        };
                        let hears =
                            if *exact { watch.path == *path } else { is_within(path, &watch.path) };
                        hears && readers.iter().any(reads)
                    };
                    all.extend(self.watches.iter().filter(may).map(|watch| due(watch, path)));
                }
                Raised::Key(key) => {
                    let path: Rc<str> = format!("{INDEX}/{key}").into();
                    let hears = |w: &&Watch| {
                        w.domid == 0 && w.path.starts_with(INDICES) && is_within(&path, &w.path)
                    };
                    all.extend(self.watches.iter().filter(hears).map(|watch| due(watch, &path)));
                }
            }
        }
        all
    }
}

/// Executes all requests of a transaction on a tree: each must be answered as it was.
fn replay(
    asker: Asker<'_>,
    start: usize,
    tree: &mut Tree,
    raised: &mut Vec<Raised>,
) -> Result<(), Wrong> {
    for Call { ask, reply, .. } in asker.log.calls.iter().skip(start + 1).filter(|c| c.ask.tx) {
        if matches!(ask.act, Act::End(_)) {
            break;
        }
        expect(reply, execute(tree, asker.log.domid, &ask.act, raised))
            .map_err(|right| format!("{ask} would be answered {right}"))?;
    }
    Ok(())
}

/// What a transaction's changes come to at its commit: one for each node, then the keys.
pub(super) fn committed(before: &Tree, after: &Tree, raised: Vec<Raised>) -> Vec<Raised> {
    let (mut nodes, mut keys): (Vec<(Rc<str>, bool)>, _) = (Vec::new(), Vec::new());
    for raised in raised {
        match raised {
            Raised::Key(_) => keys.push(raised),
            Raised::Node { path, exact, .. } => {
                match nodes.iter_mut().find(|(known, _)| *known == path) {
                    Some((_, was)) => *was &= exact,
                    None => nodes.push((path, exact)),
                }
            }
        }
    }
    let node = |(path, exact): (Rc<str>, bool)| {
        let readers = after.readers(&path, before.perms(&path));
        Raised::Node { path, exact, readers }
    };
    nodes.into_iter().map(node).chain(keys).collect()
}

fn due(watch: &Watch, path: &Rc<str>) -> Due {
    let (path, token) = (Rc::clone(path), Rc::clone(&watch.token));
    Due { client: watch.client, path, token }
}
