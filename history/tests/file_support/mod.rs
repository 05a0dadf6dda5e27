//! A small store that keeps its history, and remembers each version to compare with.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::cast_possible_truncation, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use myriad_history::file::storage::{Memory, Storage};
use myriad_history::file::{
    Author, Change, Commit, History, Node, Options, Perm, SnapshotNode, What, WriteError, Writer,
    order,
};

/// A path that sorts as the history sorts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) String);

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> std::cmp::Ordering {
        order::compare(&self.0, &other.0)
    }
}

/// Value, permissions and the generation of the last change.
pub(crate) type Entry = (Vec<u8>, Vec<Perm>, u64);
/// All nodes.
pub(crate) type Nodes = BTreeMap<Key, Entry>;

/// A change to come.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Write(String, Vec<u8>),
    Remove(String),
    Perms(String, Vec<Perm>),
}

/// The store and its writer.
#[derive(Debug)]
pub(crate) struct Store<S: Storage> {
    pub(crate) nodes: Nodes,
    pub(crate) seq: u64,
    pub(crate) generation: u64,
    pub(crate) at: u64,
    pub(crate) writer: Writer<S>,
    /// Each version by its generation.
    pub(crate) past: BTreeMap<u64, Nodes>,
    pub(crate) remember: bool,
}

pub(crate) const CONTROL: Author =
    Author { domid: 0, instance: 1, conn: 1, request: 7, transaction: 0, op: 11 };

pub(crate) fn guest(domid: u16, instance: u64) -> Author {
    Author { domid, instance, conn: 9, request: 1, transaction: 0, op: 11 }
}

pub(crate) fn perm(access: u8, instance: u64) -> Perm {
    Perm { access, domid: instance as u16, instance }
}

impl<S: Storage> Store<S> {
    pub(crate) fn new(disk: S, options: &Options, new: bool) -> Store<S> {
        let writer = Writer::on(disk, options, new).unwrap();
        let generation = writer.last().map_or(0, |last| last.1 + 10);
        let mut nodes = Nodes::new();
        nodes.insert(Key("/".into()), (Vec::new(), vec![perm(0, 1)], 0));
        let (past, seq, at) = (BTreeMap::new(), 0, 1_000_000_000_000);
        let mut store = Store { nodes, seq, generation, at, writer, past, remember: true };
        store.remembers();
        _ = store.snapshot_if_wanted();
        store
    }

    fn remembers(&mut self) {
        if self.remember {
            self.past.insert(self.generation, self.nodes.clone());
        }
    }

    /// Applies some changes as one commit.
    pub(crate) fn commit(&mut self, author: Author, ops: &[Op]) -> Result<(), WriteError> {
        self.seq += 1;
        self.generation += 1;
        self.at += 1_000_000;
        let generation = self.generation;
        let mut made: Vec<(String, Made)> = Vec::new();
        for op in ops {
            apply(&mut self.nodes, op, generation, &mut made);
        }
        let changes: Vec<Change<'_>> = made
            .iter()
            .map(|(path, made)| Change { author, generation, path, what: made.what() })
            .collect();
        let commit = Commit { seq: self.seq, generation, at: self.at, changes: &changes };
        let done = self.writer.append(&commit);
        self.remembers();
        let then = self.snapshot_if_wanted();
        done.and(then)
    }

    pub(crate) fn snapshot_if_wanted(&mut self) -> Result<(), WriteError> {
        if self.writer.wants_snapshot() {
            let nodes = snapshot(&self.nodes);
            self.writer.snapshot(self.seq, self.generation, self.at, nodes)?;
        }
        Ok(())
    }

    pub(crate) fn tick(&mut self, later: u64) -> Result<(), WriteError> {
        self.at += later;
        self.writer.tick(self.at)?;
        self.snapshot_if_wanted()
    }
}

/// What was done to a node.
#[derive(Clone, Debug)]
pub(crate) enum Made {
    Written(Vec<u8>),
    Created(Vec<u8>, Vec<Perm>),
    Removed,
    Perms(Vec<Perm>),
}

impl Made {
    pub(crate) fn what(&self) -> What<'_> {
        match self {
            Made::Written(value) => What::Written { value },
            Made::Created(value, perms) => What::Created { value, perms },
            Made::Removed => What::Removed,
            Made::Perms(perms) => What::Perms(perms),
        }
    }
}

/// As a store would: parents come with their children.
pub(crate) fn apply(nodes: &mut Nodes, op: &Op, generation: u64, made: &mut Vec<(String, Made)>) {
    let key = |path: &str| Key(path.to_owned());
    match op {
        Op::Write(path, value) => {
            if let Some(node) = nodes.get_mut(&key(path)) {
                node.0 = value.clone();
                node.2 = generation;
                made.push((path.clone(), Made::Written(value.clone())));
                return;
            }
            let mut missing: Vec<&str> = order::ancestors(path).collect();
            missing.reverse();
            missing.retain(|path| !nodes.contains_key(&key(path)));
            for parent in missing {
                create(nodes, parent, Vec::new(), generation, made);
            }
            create(nodes, path, value.clone(), generation, made);
        }
        Op::Remove(path) => {
            if path != "/" && nodes.contains_key(&key(path)) {
                nodes.retain(|at, _| !order::is_within(&at.0, path));
                made.push((path.clone(), Made::Removed));
            }
        }
        Op::Perms(path, perms) => {
            if let Some(node) = nodes.get_mut(&key(path)) {
                node.1 = perms.clone();
                node.2 = generation;
                made.push((path.clone(), Made::Perms(perms.clone())));
            }
        }
    }
}

fn create(
    nodes: &mut Nodes,
    path: &str,
    value: Vec<u8>,
    generation: u64,
    made: &mut Vec<(String, Made)>,
) {
    let parent = order::parent(path).unwrap();
    let perms = nodes[&Key(parent.to_owned())].1.clone();
    nodes.insert(Key(path.to_owned()), (value.clone(), perms.clone(), generation));
    made.push((path.to_owned(), Made::Created(value, perms)));
}

pub(crate) fn snapshot(nodes: &Nodes) -> impl Iterator<Item = SnapshotNode<'_>> {
    nodes.iter().map(|(path, (value, perms, generation))| SnapshotNode {
        path: &path.0,
        value,
        perms,
        generation: *generation,
    })
}

/// A history of what is in memory.
pub(crate) fn read(bytes: &[u8]) -> History {
    History::on(Box::new(Memory(bytes.to_vec()))).unwrap()
}

/// Whether a node is as the model has it.
pub(crate) fn same(node: &Node, entry: &Entry) -> bool {
    *node.value == *entry.0 && *node.perms == *entry.1 && node.generation == entry.2
}

/// The tree of a kept version is what it was, as far as the file knows.
pub(crate) fn check_tree(history: &History, past: &BTreeMap<u64, Nodes>, generation: u64) {
    let tree = history.tree(generation).unwrap();
    let at = tree.version().generation;
    let nodes = past.get(&at).unwrap_or_else(|| panic!("a version {at} that never was"));
    for (path, node) in tree.iter() {
        if tree.knows(path) {
            let entry = nodes.get(&Key(path.to_owned()));
            let about = entry.map(|entry| (entry.0.len(), &entry.1, entry.2));
            let found = (node.value.len(), &node.perms, node.generation);
            let same = entry.is_some_and(|entry| same(node, entry));
            assert!(same, "{:?} {path}: {found:?} not {about:?}", tree.version());
        }
    }
    for (path, entry) in nodes {
        if tree.knows(&path.0) {
            let node = tree.get(&path.0);
            assert!(node.is_some(), "{at} {} is missing {entry:?}", path.0);
        }
    }
}

/// A small generator of numbers, the same on each run.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % n
    }

    pub(crate) fn bytes(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }

    /// A change somewhere in a small tree.
    pub(crate) fn op(&mut self, most: u64) -> Op {
        let path = match self.below(3) {
            0 => format!("/local/domain/{}", self.below(5)),
            1 => format!("/local/domain/{}/device/{}", self.below(5), self.below(9)),
            _ => format!("/vm/{}/name", self.below(9)),
        };
        match self.below(12) {
            0 => Op::Remove(path),
            1 => {
                let perms = vec![perm(self.below(4) as u8, 1), perm(3, 2 + self.below(3))];
                Op::Perms(path, perms)
            }
            _ => {
                let len = self.below(most + 1);
                Op::Write(path, self.bytes(len))
            }
        }
    }

    pub(crate) fn ops(&mut self, most: u64) -> Vec<Op> {
        let count = 1 + if self.below(10) == 0 { self.below(20) } else { self.below(3) };
        (0..count).map(|_| self.op(most)).collect()
    }
}
