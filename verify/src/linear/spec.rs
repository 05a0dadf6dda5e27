//! What each request does, one after another: the sequential specification.
//!
//! A [`State`] is the store as one history sees it: the tree, the watches in order of
//! registration, and the transaction that each client has open. [`State::step`] executes a request
//! at a point in the order: it says whether the recorded answer is right there, and which events
//! follow. Rules of ARCHITECTURE.md, as they look from outside:
//!
//! - T1: requests of a transaction are answered by the state at its START and its own changes.
//!   (T3 lets a long one move on where 8 MiB were retired since; no history does that.)
//! - T2: a transaction that has changed something and commits is executed again, whole, on the
//!   state at its END: each answer must be what it was. One that has changed nothing always
//!   commits: its answers belong to its START.
//! - A transaction may fail with EAGAIN only if it has changed something and something was changed
//!   since its START.
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

/// An open transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Open {
    tree: Rc<Tree>,
    /// The calls so far, by their places.
    calls: Vec<usize>,
    has_changed: bool,
    /// Something was published since START that may have broken it.
    is_overtaken: bool,
}

/// The store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    tree: Rc<Tree>,
    watches: Rc<Vec<Watch>>,
    open: Vec<Option<Rc<Open>>>,
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

    /// A transaction's START sees what is there now; its answer may come later.
    pub fn begin(&mut self, client: usize) {
        if let Some(open) = self.open.get_mut(client) {
            let tree = Rc::clone(&self.tree);
            let begun = Open { tree, calls: Vec::new(), has_changed: false, is_overtaken: false };
            *open = Some(Rc::new(begun));
        }
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
            Act::Unwatch(path, token) => {
                let is = |w: &Watch| w.client == client && *w.path == **path && *w.token == **token;
                let known = self.watches.iter().any(is);
                expect(reply, if known { ack() } else { Err("ENOENT") })?;
                Rc::make_mut(&mut self.watches).retain(|watch| !is(watch));
                return Ok(Effects { may_change: true, ..Effects::default() });
            }
            _ => {}
        }
        let mut raised = Vec::new();
        if ask.tx {
            let open = self.open.get_mut(client).and_then(Option::as_mut);
            let open = open.map(Rc::make_mut).ok_or("ENOENT")?;
            let tree = Rc::make_mut(&mut open.tree);
            expect(reply, execute(tree, domid, &ask.act, &mut raised))?;
            open.calls.push(at);
            open.has_changed |= !raised.is_empty();
            return Ok(Effects::default());
        }
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
        let watch = Watch { client, domid, path: path.into(), token: token.into() };
        let due = vec![due(&watch, &watch.path)];
        Rc::make_mut(&mut self.watches).push(watch);
        Ok(Effects { due, is_ordered: true, may_change: true })
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
        for at in &open.calls {
            let Some(Call { ask, reply, .. }) = asker.log.calls.get(*at) else { continue };
            expect(reply, execute(tree, asker.log.domid, &ask.act, &mut raised))
                .map_err(|right| format!("EAGAIN, since {ask} would be answered {right} now"))?;
        }
        let raised = committed(&before, &self.tree, raised);
        self.overtake();
        Ok(Effects { due: self.due(&raised), is_ordered: false, may_change: true })
    }

    /// All open transactions are behind now.
    fn overtake(&mut self) {
        for open in self.open.iter_mut().flatten().filter(|open| !open.is_overtaken) {
            Rc::make_mut(open).is_overtaken = true;
        }
    }

    /// To whom changes are told.
    fn due(&self, raised: &[Raised]) -> Vec<Due> {
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

/// What a transaction's changes come to at its commit: one for each node, then the keys.
fn committed(before: &Tree, after: &Tree, raised: Vec<Raised>) -> Vec<Raised> {
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
