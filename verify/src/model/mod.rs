//! The store once more, as plainly as it can be said: the reference that `myriad-core` is held to.
//!
//! A [`Model`] is a sorted map of whole paths, a table of domains and a list of watches; each
//! operation is a few loops over them, usage is counted afresh whenever it is asked for, and a
//! transaction is a copy. It is slow, sequential and meant to be read beside `xenstore.txt`.
//! Answers, errors, the order of children, generations, stamps, usage and events are those that
//! the store must give (ARCHITECTURE.md, rules V1 to V4, D1 to D3, F4). What it does not have is
//! what a sequential store can't show: conflicts, versions, the feed.
//!
//! Who asks is a [`Caller`], as in the store: [`Model::caller`] gives that of a domain's present
//! life, and lives have the same numbers here as there.
//!
//! ```
//! use myriad_core::{Caller, Config, DomId};
//! use myriad_verify::model::Model;
//!
//! let mut model = Model::new(&Config::default());
//! model.know_domain(DomId(5));
//! let guest = model.caller(DomId(5)).ok_or("a known domain")?;
//! model.write(&Caller::Control, "/tool/version", b"1")?;
//! assert_eq!(model.list(&Caller::Control, "/tool")?.names, ["version"]);
//! assert!(model.read(&guest, "/tool/version").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod domains;
mod index;
mod node;
mod quota;
mod reads;
mod request;
mod transaction;
mod tree;
pub mod twin;
mod watch;

use std::collections::BTreeMap;

use myriad_core::{Access, Caller, Config, DomId, Instance, Perm, Quotas, Special};

pub use domains::{Domain, Usage};
pub use node::{Entry, Node, parent};
pub use reads::Names;
pub use request::{Answer, Request};
pub use transaction::Transaction;
pub use watch::{Event, Watch};

use index::{Definition, Key};

/// A store, sequential and naive. A clone is another store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    nodes: BTreeMap<String, Node>,
    domains: BTreeMap<DomId, Domain>,
    quotas: Quotas,
    /// Permissions of `@introduceDomain` and `@releaseDomain`.
    specials: [Vec<Entry>; 2],
    /// In order of registration.
    watches: Vec<Watch>,
    events: Vec<Event>,
    definitions: Vec<Definition>,
    /// The keys of the indices, escaped, with their matches.
    keys: BTreeMap<(usize, String), Key>,
    /// The generation in which a key last came or went.
    keys_stamp: u64,
    /// Keys whose matches have changed, until their events are raised.
    touched_keys: Vec<(usize, String)>,
    control: DomId,
    keep_orphans: bool,
    /// Requests that changed something, so far.
    generation: u64,
    /// In a transaction: all that is done counts as one request.
    one_request: bool,
    /// Nodes that were made, so far.
    made: u64,
    /// The life that the next new domain gets.
    next_life: u64,
}

impl Model {
    /// A store with nothing but the root, as [`myriad_core::Store::new`] makes it.
    #[must_use]
    pub fn new(config: &Config) -> Model {
        let control = Entry::new(Access::None, DomId::ZERO, Instance::CONTROL);
        let everyone = Entry::new(Access::Read, DomId::ANY, Instance::ANY);
        let root = Node::new(Vec::new(), vec![control], 0, 0);
        Model {
            nodes: BTreeMap::from([("/".to_owned(), root)]),
            domains: BTreeMap::new(),
            quotas: config.quotas,
            specials: [vec![control], vec![control, everyone]],
            watches: Vec::new(),
            events: Vec::new(),
            definitions: Definition::all(config),
            keys: BTreeMap::new(),
            keys_stamp: 0,
            touched_keys: Vec::new(),
            control: config.control,
            keep_orphans: config.keep_orphans,
            generation: config.generation,
            one_request: false,
            made: 0,
            next_life: FIRST_LIFE + config.generation,
        }
    }

    /// Who a domain is as a caller: in its present life, where it is known.
    #[must_use]
    pub fn caller(&self, domid: DomId) -> Option<Caller> {
        match self.life(domid)? {
            Instance::CONTROL => Some(Caller::Control),
            instance => Some(Caller::Guest { domid, instance }),
        }
    }

    /// Requests that changed something, so far.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// All nodes by path.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// A list as it is shown: without those who have died since it was set.
    #[must_use]
    pub fn shown(&self, list: &[Entry]) -> Vec<Perm> {
        let dead = |e: &Entry| e.life.number() >= FIRST_LIFE && self.life(e.domid) != Some(e.life);
        let mut shown = Vec::new();
        for (at, entry) in list.iter().enumerate() {
            match (at, dead(entry)) {
                (_, false) => shown.push(entry.perm()),
                (0, true) => shown.push(Perm { access: entry.access, domid: DomId::ZERO }),
                _ => {}
            }
        }
        shown
    }

    /// The present life of a domain that is known; the control domain's is always.
    fn life(&self, domid: DomId) -> Option<Instance> {
        if domid == DomId::ZERO || domid == self.control {
            return Some(Instance::CONTROL);
        }
        self.domains.get(&domid).map(|domain| domain.life)
    }

    /// A guest in this life, if it has not ended.
    fn living(&self, domid: DomId, life: Instance) -> Option<&Domain> {
        self.domains.get(&domid).filter(|domain| domain.life == life)
    }

    fn special(&mut self, node: Special) -> &mut Vec<Entry> {
        let [introductions, releases] = &mut self.specials;
        match node {
            Special::IntroduceDomain => introductions,
            Special::ReleaseDomain => releases,
        }
    }

    /// A request of a publication has changed nothing: it takes a generation all the same, where
    /// another of them changes something.
    pub fn pass(&mut self) {
        self.generation += 1;
    }

    /// A request has changed something.
    fn changed(&mut self) {
        if !self.one_request {
            self.generation += 1;
        }
    }

    /// The generation of the request at hand, should it change something.
    fn stamp(&self) -> u64 {
        self.generation + 1
    }
}

/// The number of the first life that a guest can have: the smaller ones stand for nobody, the
/// control domain and everybody.
const FIRST_LIFE: u64 = 3;
