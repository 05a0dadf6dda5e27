//! A model of the tree as the control domain sees it: what each request on it must answer.
//!
//! The two servers are compared with each other; the model is the third voice where they may
//! differ, inside transactions. There Myriad answers from the tree as it was at the start, and C
//! from the tree as it was when the transaction first touched a node, so that only a model can say
//! what Myriad's answer must be. Everywhere else the model is held to C, request by request.
//!
//! Invariants: a node's parent exists; a node is in its parent's list exactly once, in order of
//! creation; cloning is cheap, and a clone never changes.

use std::{collections::BTreeMap, ops::Bound, rc::Rc};

use myriad_core::Errno;
use myriad_ring::v1::{Op, PAYLOAD_MAX};

use super::text::{self, Entry, Life};

/// The tree at one moment.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Rc<BTreeMap<Rc<str>, Node>>,
}

#[derive(Clone, Debug)]
struct Node {
    value: Rc<[u8]>,
    perms: Rc<[Entry]>,
    children: Vec<Rc<str>>,
}

/// What a request on the tree answers.
pub type Answer = Result<Vec<u8>, Errno>;

/// What a request did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The reply's payload, or the error.
    pub answer: Answer,
    /// What Myriad says instead, where the table of differences knows of it.
    pub ours: Option<Answer>,
    /// Whether the tree is another one now.
    pub changed: bool,
}

impl Effect {
    fn reply(payload: Vec<u8>) -> Effect {
        Effect { answer: Ok(payload), ours: None, changed: false }
    }

    fn ok(changed: bool) -> Effect {
        Effect { answer: Ok(b"OK\0".to_vec()), ours: None, changed }
    }

    fn error(errno: Errno) -> Effect {
        Effect { answer: Err(errno), ours: None, changed: false }
    }
}

impl Default for Tree {
    /// The tree of a server that has just started.
    fn default() -> Tree {
        let perms: Rc<[Entry]> = [Entry { letter: b'n', domid: 0, life: Life::Living }].into();
        let node = |child: &str| Node {
            value: [].into(),
            perms: perms.clone(),
            children: if child.is_empty() { Vec::new() } else { vec![child.into()] },
        };
        let nodes = [("/", "tool"), ("/tool", "xenstored"), ("/tool/xenstored", "")]
            .map(|(p, c)| (p.into(), node(c)));
        Tree { nodes: Rc::new(nodes.into()) }
    }
}

impl Tree {
    /// Carries out a request of a socket client. `exists` tells which domains do. None: the request
    /// is not one on the tree, or one on the permissions of special nodes.
    pub fn apply(
        &mut self,
        op: Op,
        payload: &[u8],
        exists: &dyn Fn(u32) -> bool,
    ) -> Option<Effect> {
        if matches!(op, Op::GetPerms | Op::SetPerms) && payload.starts_with(b"@") {
            return None;
        }
        Some(match op {
            Op::Directory | Op::Read | Op::GetPerms | Op::Mkdir | Op::Rm => {
                match text::one_string(payload).and_then(text::node_path) {
                    None => Effect::error(Errno::EINVAL),
                    Some(path) => self.apply_to(op, &path),
                }
            }
            Op::DirectoryPart => self.directory_part(payload),
            Op::Write => match text::split_first(payload) {
                None => Effect::error(Errno::EINVAL),
                Some((path, value)) => match text::node_path(path) {
                    None => Effect::error(Errno::EINVAL),
                    Some(path) => self.write(&path, value),
                },
            },
            Op::SetPerms => self.set_perms(payload, exists),
            _ => return None,
        })
    }

    /// Removes what a domain owned when it dies, with all below, and marks its entries elsewhere.
    pub fn bury(&mut self, domid: u32) {
        let owned = |node: &Node| node.perms.first().is_some_and(|owner| owner.domid == domid);
        while let Some(path) = self.nodes.iter().find(|(_, n)| owned(n)).map(|(p, _)| p.clone()) {
            self.remove(&path);
        }
        let its_own = |entry: &Entry| entry.domid == domid && entry.life == Life::Living;
        for node in Rc::make_mut(&mut self.nodes).values_mut() {
            if node.perms.iter().any(its_own) {
                let life = |e: &Entry| if its_own(e) { Life::Over } else { e.life };
                node.perms = node.perms.iter().map(|e| Entry { life: life(e), ..*e }).collect();
            }
        }
    }

    /// Whether a node exists.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.nodes.contains_key(path)
    }

    /// The `at`-th node of all, in order of their paths, counted around.
    #[must_use]
    pub fn nth(&self, at: usize) -> &str {
        self.nodes.keys().nth(at % self.len().max(1)).map_or("/", |path| path)
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node, which never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Bytes of a node's listing: its children's names, each with a NUL.
    #[must_use]
    pub fn listing_len(&self, path: &str) -> usize {
        self.nodes.get(path).map_or(0, |n| n.children.iter().map(|c| c.len() + 1).sum())
    }

    fn apply_to(&mut self, op: Op, path: &str) -> Effect {
        let Some(node) = self.nodes.get(path) else {
            return match op {
                Op::Mkdir => self.create(path, &[]),
                Op::Rm if self.contains(text::parent(path)) => Effect::ok(false),
                _ => Effect::error(Errno::ENOENT),
            };
        };
        match op {
            Op::Directory => match listing(node) {
                names if names.len() > PAYLOAD_MAX => Effect::error(Errno::E2BIG),
                names => Effect::reply(names),
            },
            Op::Read => Effect::reply(node.value.to_vec()),
            Op::GetPerms => {
                let living = node.perms.iter().filter(|entry| entry.life != Life::Over);
                let ours = Some(Ok(text::perms(living)));
                Effect { ours, ..Effect::reply(text::perms(&*node.perms)) }
            }
            Op::Rm if path == "/" => Effect::error(Errno::EINVAL),
            Op::Rm => {
                self.remove(path);
                Effect::ok(true)
            }
            // MKDIR of what is there.
            _ => Effect::ok(false),
        }
    }

    /// The generation is left out of the answer: it stands for no fact that a model could know.
    fn directory_part(&self, payload: &[u8]) -> Effect {
        if text::count(payload) != 2 {
            return Effect::error(Errno::EINVAL);
        }
        let Some((path, rest)) = text::split_first(payload) else {
            return Effect::error(Errno::EINVAL);
        };
        let offset = text::split_first(rest).map_or(0, |(text, _)| text::atoi(text));
        match text::node_path(path) {
            None => Effect::error(Errno::EINVAL),
            Some(path) => match self.nodes.get(&*path) {
                None => Effect::error(Errno::ENOENT),
                Some(node) => {
                    let names = listing(node);
                    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                    Effect::reply(names.get(offset..).unwrap_or_default().to_vec())
                }
            },
        }
    }

    fn write(&mut self, path: &str, value: &[u8]) -> Effect {
        match Rc::make_mut(&mut self.nodes).get_mut(path) {
            Some(node) => {
                node.value = value.into();
                Effect::ok(true)
            }
            None => self.create(path, value),
        }
    }

    fn set_perms(&mut self, payload: &[u8], exists: &dyn Fn(u32) -> bool) -> Effect {
        let Some((path, rest)) = text::split_first(payload) else {
            return Effect::error(Errno::EINVAL);
        };
        let Some(perms) = text::parse_perms(rest) else { return Effect::error(Errno::EINVAL) };
        if !perms.first().is_some_and(|owner| exists(owner.domid)) {
            return Effect::error(Errno::ENOENT);
        }
        let Some(path) = text::node_path(path) else { return Effect::error(Errno::EINVAL) };
        match Rc::make_mut(&mut self.nodes).get_mut(&*path) {
            None => Effect::error(Errno::ENOENT),
            Some(node) => {
                let life = |domid| if exists(domid) { Life::Living } else { Life::Never };
                let bound = |e: &Entry| Entry { life: life(e.domid), ..*e };
                node.perms = perms.iter().map(bound).collect();
                Effect::ok(true)
            }
        }
    }

    /// Creates a node and the parents that it lacks; each takes its parent's permissions.
    fn create(&mut self, path: &str, value: &[u8]) -> Effect {
        let parent = text::parent(path);
        if !self.contains(parent) {
            self.create(parent, &[]);
        }
        let nodes = Rc::make_mut(&mut self.nodes);
        let mut perms: Rc<[Entry]> = [].into();
        if let Some(parent) = nodes.get_mut(parent) {
            parent.children.push(text::leaf(path).into());
            perms = parent.perms.clone();
        }
        nodes.insert(path.into(), Node { value: value.into(), perms, children: Vec::new() });
        Effect::ok(true)
    }

    fn remove(&mut self, path: &str) {
        let nodes = Rc::make_mut(&mut self.nodes);
        let below = format!("{path}/");
        let from = (Bound::Included(below.as_str()), Bound::Unbounded);
        let inside = nodes.range::<str, _>(from).map(|(p, _)| p.clone());
        let inside: Vec<_> = inside.take_while(|p| p.starts_with(&below)).collect();
        for gone in inside {
            nodes.remove(&gone);
        }
        nodes.remove(path);
        if let Some(parent) = nodes.get_mut(text::parent(path)) {
            parent.children.retain(|child| **child != *text::leaf(path));
        }
    }
}

fn listing(node: &Node) -> Vec<u8> {
    let mut names = Vec::new();
    for child in &node.children {
        names.extend_from_slice(child.as_bytes());
        names.push(0);
    }
    names
}
