//! What the models of publication publish: versions that list all commits which made them.

use std::sync::Arc;

use crate::Cell;
use crate::cell::RootCell;
use crate::loom_support::{Log, begin};
use crate::publish::{Hooks, Proposal, Root, Slot, Versioned};
use loom::thread;

/// A version is the list of all commits that made it.
#[derive(Clone, Debug, Default)]
pub struct Version {
    pub applied: u64,
    pub chain: Vec<Commit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// A thread's own.
    Plain { author: usize },
    /// A thread's, announced; whoever applied it.
    Announced { owner: usize, id: u64, position: usize },
}

impl Commit {
    /// Where it was applied, as far as whoever applied it could tell.
    pub fn position(&self) -> Option<usize> {
        match self {
            Commit::Plain { .. } => None,
            Commit::Announced { position, .. } => Some(*position),
        }
    }

    /// Whose it is.
    pub fn of(&self) -> usize {
        match self {
            Commit::Plain { author } => *author,
            Commit::Announced { owner, .. } => *owner,
        }
    }
}

impl Versioned for Version {
    fn applied(&self) -> u64 {
        self.applied
    }
}

impl Version {
    pub fn then(&self, commit: Commit) -> Version {
        Version { applied: self.applied, chain: [&self.chain[..], &[commit]].concat() }
    }
}

/// The announced commit of a thread.
#[derive(Clone, Debug)]
pub struct Big(pub usize);

impl Proposal<Version> for Big {
    fn apply(&self, base: &Version, id: u64) -> Version {
        let position = base.chain.len();
        Version { applied: id, ..base.then(Commit::Announced { owner: self.0, id, position }) }
    }
}

/// Hears what `Inner` hears in production: whoever builds says on what, and replaces just that.
pub struct Told;

impl Hooks<Version> for Told {
    fn building_on(&self, _: &Arc<Version>) {}

    fn replaced(&self, old: Arc<Version>, new: &Arc<Version>) {
        assert_eq!(new.chain[..old.chain.len()], old.chain, "a version was lost");
        assert_eq!(new.chain.len(), old.chain.len() + 1);
    }
}

pub type RootOf = Root<Cell<Version>, Cell<Slot<Big>>>;

/// The numbers of a root's cells: of the version, and of the slot.
pub const VERSION: usize = 0;
pub const SLOT: usize = 1;

/// Announces, as `transaction::publish` does. Says where in the chain it stands; none where the
/// slot is taken.
pub fn announce(root: &RootOf, owner: usize) -> Option<usize> {
    // What the version says that the owner sees it in.
    let read = |version: &Version| {
        let at = version.chain.iter().rposition(|c| c.of() == owner).expect("it is in");
        assert_eq!(version.chain[at].position(), Some(at), "its owner sees its result");
        at
    };
    root.announce(Big(owner), read, &Told).ok()
}

/// Threads 1… run `other` beside thread 0, which runs `first`; each says where in the chain its
/// commits stand, and they must be there, each once and nothing else (P1, P2). `slot`: whether any
/// of them uses the slot, which must be empty at the end.
pub fn race(
    slot: bool,
    others: usize,
    first: impl FnOnce(&RootOf) -> Vec<usize>,
    other: fn(&RootOf, usize) -> Vec<usize>,
) -> (Log, Vec<Commit>) {
    let log = begin((!slot).then_some(SLOT));
    let root: Arc<RootOf> = Arc::new(Root::new(Cell::new(Version::default()), Cell::new(None)));
    let spawned: Vec<_> = (1..=others)
        .map(|n| {
            let root = root.clone();
            (n, thread::spawn(move || other(&root, n)))
        })
        .collect();
    let mut told = vec![(0, first(&root))];
    told.extend(spawned.into_iter().map(|(n, thread)| (n, thread.join().unwrap())));
    let chain = root.cell().load().chain.clone();
    check(&chain, &told);
    let is_slot = |e: &&(_, usize, _, _)| e.1 == SLOT && e.2 == crate::loom_support::Did::Swap;
    assert!(log.entries().iter().filter(is_slot).count() % 2 == 0, "something is left in the slot");
    (log, chain)
}

/// The chain holds so many commits of each thread, at the places that they were told.
fn check(chain: &[Commit], expected: &[(usize, Vec<usize>)]) {
    assert_eq!(chain.len(), expected.iter().map(|(_, at)| at.len()).sum::<usize>(), "{chain:?}");
    for (thread, told) in expected {
        let of = |(at, c): (usize, &Commit)| (c.of() == *thread).then_some(at);
        let at: Vec<usize> = chain.iter().enumerate().filter_map(of).collect();
        assert_eq!(at, *told, "commits of thread {thread} in {chain:?}");
    }
}
