//! The real store and the model side by side: the same steps to both, and after each of them the
//! same answers, events, generation and usage, or a sentence that says what differs.
//!
//! Random steps come from `verify/tests/model.rs` and from the fuzz target `store`.

mod ask;
mod compare;
mod domains;
mod step;
mod together;

use myriad_core::{
    Caller, Config, ConnId, DomId, Error, Feed, Instance, Origin, Path, Reads, Snapshot, Store,
    Transaction, WatchPath,
};

use self::ask::{ask, look, only_reads};
use self::compare::{accounts, apart, contents, fired, same};
use super::{Model, Request, Watch};

pub use self::compare::nodes;
pub use self::step::{Asker, GUESTS, Part, SLOTS, Step, Watching};

/// A store and its model.
pub struct Twin {
    store: Store,
    model: Model,
    config: Config,
    feed: Feed,
    open: [Option<Open>; SLOTS],
    /// Connections in use, each with its caller; the last of a caller is its present one.
    conns: Vec<Caller>,
    /// Lives that have ended.
    dead: Vec<(DomId, Instance)>,
    kept: Vec<(Snapshot, Model)>,
    steps: usize,
}

/// A transaction in both.
struct Open {
    tx: Transaction,
    model: super::Transaction,
    /// The generation at which it began.
    began: u64,
}

impl Twin {
    /// Two empty stores.
    ///
    /// # Errors
    /// Where the configuration is refused.
    pub fn new(config: &Config) -> Result<Twin, String> {
        let store = Store::new(config).map_err(|error| error.to_string())?;
        let feed = store.feed();
        let (open, conns, dead, kept) = Default::default();
        let (model, config) = (Model::new(config), config.clone());
        Ok(Twin { store, model, config, feed, open, conns, dead, kept, steps: 0 })
    }

    /// Does a step to both and compares what they say. One that can't be asked, such as of a path
    /// that is none, is passed over.
    ///
    /// # Errors
    /// What differs.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        let requests = match step {
            Step::Request(_, request) | Step::Inside(_, _, request) => vec![request],
            Step::Batch(all) => all.iter().map(|(_, request)| request).collect(),
            _ => Vec::new(),
        };
        let parts = if let Step::Together(.., parts) = step { parts.as_slice() } else { &[] };
        let paths = requests.iter().filter_map(|r| ask::path(r));
        if paths.chain(parts.iter().filter_map(ask::path_of)).any(|p| Path::new(p).is_err()) {
            return Ok(());
        }
        self.act(step)?;
        if !matches!(step, Step::End(..) | Step::Together(..)) {
            same("events", fired(&mut self.feed)?, apart(self.model.take_events()))?;
        }
        accounts(&self.store.pin(), &self.model, &self.config)?;
        if self.steps.is_multiple_of(KEEP_EVERY) {
            contents(&mut self.store.snapshot(), &self.model)?;
            self.kept.push((self.store.snapshot(), self.model.clone()));
        }
        self.steps += 1;
        Ok(())
    }

    /// The real one.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Compares all there is, and versions of before, which must be what they were.
    ///
    /// # Errors
    /// What differs.
    pub fn finish(mut self) -> Result<(), String> {
        self.kept.push((self.store.snapshot(), self.model));
        self.kept.iter_mut().try_for_each(|(snapshot, model)| contents(snapshot, model))
    }

    fn act(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Request(asker, request) => self.request(*asker, request),
            Step::Batch(requests) => self.batch(requests),
            Step::Begin(slot, max_nodes) => {
                self.begin(*slot, *max_nodes);
                Ok(())
            }
            Step::Inside(slot, asker, request) => self.inside(*slot, *asker, request),
            Step::End(slot, commits) => self.end(*slot, *commits),
            Step::Together(asker, parts) => {
                let caller = self.caller(*asker);
                self.together(&caller, parts)
            }
            Step::Watch(asker, watching) => self.watch(*asker, watching),
            Step::Unwatch(asker, path, token) => {
                let (conn, Some(at)) = (self.conn(*asker), watch_path(path)) else { return Ok(()) };
                let token = [b't', *token];
                let done = self.store.edit(|e| e.unwatch(conn, at, &token)).result;
                same("UNWATCH", done, self.model.unwatch(conn, path, &token))
            }
            Step::DropWatches(asker) => {
                let conn = self.conn(*asker);
                let done = self.store.edit(|e| {
                    e.drop_watches(conn);
                    Ok(())
                });
                self.model.drop_watches(conn);
                same("dropping watches", done.result, Ok(()))
            }
            Step::MoveWatches(asker) => {
                let (from, caller) = (self.conn(*asker), self.caller(*asker));
                self.conns.push(caller);
                let to = self.conn(*asker);
                let done = self.store.edit(|e| {
                    e.move_watches(from, to);
                    Ok(())
                });
                self.model.move_watches(from, to);
                same("moving watches", done.result, Ok(()))
            }
            Step::GetSpecial(asker, node) => {
                let caller = self.caller(*asker);
                let seen = self.store.pin().get_special_perms(&caller, *node);
                same("GET_PERMS", seen, self.model.get_special_perms(&caller, *node))
            }
            Step::SetSpecial(asker, node, list) => {
                let caller = self.caller(*asker);
                let done = self.store.edit(|e| e.set_special_perms(&caller, *node, list)).result;
                same("SET_PERMS", done, self.model.set_special_perms(&caller, *node, list))
            }
            _ => domains::step(&self.store, &mut self.model, &mut self.dead, step),
        }
    }

    fn request(&mut self, asker: Asker, request: &Request) -> Result<(), String> {
        let caller = self.caller(asker);
        let answer = self.store.edit(|e| ask(e, &caller, request)).result;
        if only_reads(request) {
            let seen = look(&mut self.store.pin(), &caller, request);
            same(&format!("{request:?} at a view and in an edit"), &seen, &answer)?;
        }
        same(&format!("{request:?}"), answer, self.model.run(&caller, request))
    }

    /// Each request of a publication has a generation of its own, whether it changes something or
    /// not, if any does.
    fn batch(&mut self, requests: &[(Asker, Request)]) -> Result<(), String> {
        let callers: Vec<Caller> = requests.iter().map(|(asker, _)| self.caller(*asker)).collect();
        let all = || callers.iter().zip(requests.iter().map(|(_, request)| request));
        let outcome = self.store.edit(|edit| {
            let mut answers = Vec::new();
            for (caller, request) in all() {
                if !answers.is_empty() {
                    edit.next_request(&Origin::default());
                }
                answers.push(ask(edit, caller, request));
            }
            Ok(answers)
        });
        let (before, mut dirty) = (self.model.clone(), false);
        for ((caller, request), answer) in all().zip(outcome.result.unwrap_or_default()) {
            let then = self.model.generation();
            let wanted = self.model.run(caller, request);
            same(&format!("{request:?} of a batch"), answer, wanted)?;
            match self.model.generation() == then {
                true => self.model.pass(),
                false => dirty = true,
            }
        }
        if !dirty {
            self.model = before;
        }
        Ok(())
    }

    fn begin(&mut self, slot: usize, max_nodes: u32) {
        let tx = self.store.begin(max_nodes);
        let (model, began) = (self.model.begin(max_nodes), self.model.generation());
        if let Some(open) = self.open.get_mut(slot) {
            *open = Some(Open { tx, model, began });
        }
    }

    fn inside(&mut self, slot: usize, asker: Asker, request: &Request) -> Result<(), String> {
        if self.open.get(slot).is_some_and(Option::is_none) {
            self.begin(slot, 0);
        }
        let caller = self.caller(asker);
        let Some(Some(open)) = self.open.get_mut(slot) else { return Ok(()) };
        let answer = ask(&mut open.tx, &caller, request);
        let wanted = open.model.run(&self.model, &caller, request);
        same(&format!("{request:?} in a transaction"), answer, wanted)
    }

    /// A commit that succeeds must be one that the model would let through, and its events are
    /// those of the whole at that moment. One that fails must have a cause.
    fn end(&mut self, slot: usize, commits: bool) -> Result<(), String> {
        let Some(open) = self.open.get_mut(slot).and_then(Option::take) else { return Ok(()) };
        let before = self.model.clone();
        if commits {
            let got = open.tx.commit().result;
            if got == Err(Error::Conflict) {
                let alone = open.began == self.model.generation();
                return same("a conflict without another commit", alone, false);
            }
            same("TRANSACTION_END", got, self.model.commit(&open.model))?;
        }
        self.events_of_a_commit(&before)
    }

    fn watch(&mut self, asker: Asker, watching: &Watching) -> Result<(), String> {
        let (conn, caller) = (self.conn(asker), self.caller(asker));
        let Some(at) = watch_path(&watching.path) else { return Ok(()) };
        let (path, token) = (watching.path.clone(), vec![b't', watching.token]);
        let home = format!("/local/domain/{}", asker.domid);
        let at_home = Path::new(&home).is_ok_and(|home| match at {
            WatchPath::Node(path) => path.is_within(home),
            WatchPath::Special(_) => false,
        });
        let prefix = if watching.relative && at_home { home.len() } else { 0 };
        let depth = watching.depth;
        let done = self.store.edit(|e| e.watch(conn, &caller, at, &token, depth, prefix)).result;
        let wanted = self.model.watch(Watch { conn, caller, path, token, depth, prefix });
        same("WATCH", done, wanted)
    }

    /// Who asks: a guest that was never known is one of a life that there isn't.
    fn caller(&self, asker: Asker) -> Caller {
        let domid = DomId(asker.domid);
        let last = self.dead.iter().rev().find(|(dead, _)| *dead == domid);
        let dead = last.map_or(Instance::from_number(UNBORN), |(_, life)| *life);
        let dead = Caller::Guest { domid, instance: dead };
        match self.model.caller(domid) {
            Some(Caller::Control) => Caller::Control,
            Some(caller) if !asker.before => caller,
            _ => dead,
        }
    }

    /// The present connection of a caller.
    fn conn(&mut self, asker: Asker) -> ConnId {
        let caller = self.caller(asker);
        if !self.conns.contains(&caller) {
            self.conns.push(caller);
        }
        let at = self.conns.iter().rposition(|known| *known == caller);
        ConnId(at.and_then(|at| u64::try_from(at).ok()).unwrap_or(0))
    }
}

/// What a watch looks at, if a watch can look there.
fn watch_path(path: &str) -> Option<WatchPath<'_>> {
    match path.strip_prefix('@') {
        Some(_) => Some(WatchPath::Special(path)),
        None => Path::new(path).ok().map(WatchPath::Node),
    }
}

/// How often everything is compared, and a version kept.
const KEEP_EVERY: usize = 32;
/// The number of a life that no domain has.
const UNBORN: u64 = 1 << 40;
