//! What each request on the tree must answer, and what it changes.

use std::rc::Rc;

use myriad_core::Errno;
use myriad_ring::v1::{Op, PAYLOAD_MAX};

use super::{
    limits::{GUEST_NODE_SIZE, GUEST_NODES, GUEST_PERMS},
    text::{self, Entry, Life, NEVER},
    tree::{Answer, Asker, Node, OWN, READ, Tree, WRITE, size},
};

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

impl From<Result<Effect, Errno>> for Effect {
    fn from(result: Result<Effect, Errno>) -> Effect {
        result.unwrap_or_else(Effect::error)
    }
}

impl Tree {
    /// Carries out a request. `life` tells which life of a domain SET_PERMS means. None: the
    /// request is not one on the tree, or one on the permissions of special nodes.
    pub fn apply(
        &mut self,
        asker: Asker,
        op: Op,
        payload: &[u8],
        life: &dyn Fn(u32) -> Life,
    ) -> Option<Effect> {
        if matches!(op, Op::GetPerms | Op::SetPerms) && payload.starts_with(b"@") {
            return None;
        }
        let first = || text::split_first(payload).ok_or(Errno::EINVAL);
        let full = |path| text::node_path(path, asker.domid).ok_or(Errno::EINVAL);
        let result = match op {
            Op::Directory | Op::Read | Op::GetPerms | Op::Mkdir | Op::Rm => {
                let path = text::one_string(payload).ok_or(Errno::EINVAL).and_then(full);
                path.and_then(|path| self.apply_to(asker, op, &path))
            }
            Op::DirectoryPart => self.directory_part(asker, payload),
            Op::Write => {
                let parts = first().and_then(|(path, value)| Ok((full(path)?, value)));
                parts.and_then(|(path, value)| self.write(asker, &path, value))
            }
            Op::SetPerms => self.set_perms(asker, payload, life),
            _ => return None,
        };
        Some(result.into())
    }

    fn apply_to(&mut self, asker: Asker, op: Op, path: &str) -> Result<Effect, Errno> {
        let want = if matches!(op, Op::Mkdir | Op::Rm) { WRITE } else { READ };
        let node = match self.get(asker, path, want) {
            Ok(node) => node,
            Err(Errno::ENOENT) => {
                return match op {
                    Op::Mkdir => self.create(asker, path, &[]),
                    Op::Rm if self.contains(text::parent(path)) => Ok(Effect::ok(false)),
                    _ => Err(Errno::ENOENT),
                };
            }
            Err(errno) => return Err(errno),
        };
        Ok(match op {
            Op::Directory => match listing(node) {
                names if names.len() > PAYLOAD_MAX => Effect::error(Errno::E2BIG),
                names => Effect::reply(names),
            },
            Op::Read => Effect::reply(node.value.to_vec()),
            Op::GetPerms => {
                let shown = node.perms.iter().filter(|e| e.life == NEVER || self.lives(e));
                let ours = Some(Ok(text::perms(shown)));
                Effect { ours, ..Effect::reply(text::perms(&*node.perms)) }
            }
            Op::Rm if path == "/" => Effect::error(Errno::EINVAL),
            Op::Rm => {
                self.remove(path);
                Effect::ok(true)
            }
            // MKDIR of what is there.
            _ => Effect::ok(false),
        })
    }

    /// The generation is left out of the answer: it stands for no fact that a model could know.
    fn directory_part(&self, asker: Asker, payload: &[u8]) -> Result<Effect, Errno> {
        if text::count(payload) != 2 {
            return Err(Errno::EINVAL);
        }
        let (path, rest) = text::split_first(payload).ok_or(Errno::EINVAL)?;
        let offset = text::split_first(rest).map_or(0, |(text, _)| text::atoi(text));
        let path = text::node_path(path, asker.domid).ok_or(Errno::EINVAL)?;
        let names = listing(self.get(asker, &path, READ)?);
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(Effect::reply(names.get(offset..).unwrap_or_default().to_vec()))
    }

    fn write(&mut self, asker: Asker, path: &str, value: &[u8]) -> Result<Effect, Errno> {
        match self.get(asker, path, WRITE) {
            Ok(node) => within_size(asker, value.len(), node.perms.len())?,
            Err(Errno::ENOENT) => return self.create(asker, path, value),
            Err(errno) => return Err(errno),
        }
        if let Some(node) = Rc::make_mut(&mut self.nodes).get_mut(path) {
            node.value = value.into();
        }
        Ok(Effect::ok(true))
    }

    fn set_perms(
        &mut self,
        asker: Asker,
        payload: &[u8],
        life: &dyn Fn(u32) -> Life,
    ) -> Result<Effect, Errno> {
        let (path, rest) = text::split_first(payload).ok_or(Errno::EINVAL)?;
        let count = text::count(rest);
        if asker.is_guest() && count > GUEST_PERMS {
            return Err(Errno::ENOSPC);
        }
        let perms = text::parse_perms(rest).ok_or(Errno::EINVAL)?;
        let owner = perms.first().map_or(0, |owner| owner.domid);
        if life(owner) == NEVER {
            return Err(Errno::ENOENT);
        }
        let path = text::node_path(path, asker.domid).ok_or(Errno::EINVAL)?;
        let node = self.get(asker, &path, WRITE | OWN)?;
        if asker.is_guest() && node.perms.first().is_some_and(|was| was.domid != owner) {
            return Err(Errno::EPERM);
        }
        within_size(asker, node.value.len(), count)?;
        if let Some(node) = Rc::make_mut(&mut self.nodes).get_mut(&*path) {
            let bound = |e: &Entry| Entry { life: life(e.domid), ..*e };
            node.perms = perms.iter().map(bound).collect();
        }
        Ok(Effect::ok(true))
    }

    /// Creates a node and the parents that it lacks; each takes its parent's permissions, and a
    /// guest for its owner.
    fn create(&mut self, asker: Asker, path: &str, value: &[u8]) -> Result<Effect, Errno> {
        let (above, nearest) = self.nearest(path);
        let mut perms: Vec<Entry> = nearest.map_or(Vec::new(), |node| node.perms.to_vec());
        let below = path.get(above.len()..).unwrap_or_default().trim_start_matches('/');
        if asker.is_guest() {
            within_size(asker, value.len(), perms.len())?;
            let levels = 1 + below.matches('/').count();
            if self.owned(asker.domid) + levels > GUEST_NODES {
                return Err(Errno::ENOSPC);
            }
            if let Some(owner) = perms.first_mut() {
                (owner.domid, owner.life) = (asker.domid, self.life(asker.domid));
            }
        }
        let (perms, nodes): (Rc<[Entry]>, _) = (perms.into(), Rc::make_mut(&mut self.nodes));
        let mut parent = above.to_owned();
        for name in below.split('/') {
            if let Some(parent) = nodes.get_mut(&*parent) {
                parent.children.push(name.into());
            }
            parent = format!("{}/{name}", parent.trim_end_matches('/'));
            let node = Node { value: [].into(), perms: perms.clone(), children: Vec::new() };
            nodes.insert(parent.as_str().into(), node);
        }
        if let Some(node) = nodes.get_mut(path) {
            node.value = value.into();
        }
        Ok(Effect::ok(true))
    }

    /// How many nodes a request touches, at most: those that it removes, or those that are missing.
    #[must_use]
    pub fn touched(&self, asker: Asker, op: Op, payload: &[u8]) -> usize {
        let path = text::split_first(payload).and_then(|(p, _)| text::node_path(p, asker.domid));
        let Some(path) = path else { return 0 };
        let below = format!("{}/", path.trim_end_matches('/'));
        if self.contains(&path) {
            let removed = self.paths().filter(|p| p.starts_with(&below)).count();
            return if op == Op::Rm { 1 + removed } else { 1 };
        }
        let (above, _) = self.nearest(&path);
        path.matches('/').count() + 1 - above.trim_end_matches('/').matches('/').count()
    }

    /// Whether the size of a node that a guest writes is within the quota, but not with the names
    /// of its children, which 4.17 counts too; it also looks at the parents of what is created.
    #[must_use]
    pub fn counts_children(&self, asker: Asker, op: Op, payload: &[u8]) -> bool {
        let Some((path, rest)) = text::split_first(payload).filter(|_| asker.is_guest()) else {
            return false;
        };
        let Some(path) = text::node_path(path, asker.domid) else { return false };
        let too_big = |value: usize, perms: usize, names: usize| {
            size(value, perms) < GUEST_NODE_SIZE && size(value, perms) + names >= GUEST_NODE_SIZE
        };
        let node = self.get(asker, &path, WRITE);
        match (op, node) {
            (Op::Write, Ok(node)) => too_big(rest.len(), node.perms.len(), node.listing_len()),
            (Op::SetPerms, Ok(node)) => {
                too_big(node.value.len(), text::count(rest), node.listing_len())
            }
            (Op::Write | Op::Mkdir, Err(Errno::ENOENT)) => {
                let (above, Some(nearest)) = self.nearest(&path) else { return false };
                let below = path.get(above.len()..).unwrap_or_default().trim_start_matches('/');
                let mut names = below.split('/').map(|name| name.len() + 1);
                let first = nearest.listing_len() + names.next().unwrap_or(0);
                let perms = nearest.perms.len();
                size(nearest.value.len(), perms) + first >= GUEST_NODE_SIZE
                    || names.any(|name| size(name, perms) >= GUEST_NODE_SIZE)
            }
            _ => false,
        }
    }
}

fn within_size(asker: Asker, value: usize, perms: usize) -> Result<(), Errno> {
    let fits = !asker.is_guest() || size(value, perms) < GUEST_NODE_SIZE;
    if fits { Ok(()) } else { Err(Errno::ENOSPC) }
}

fn listing(node: &Node) -> Vec<u8> {
    let mut names = Vec::new();
    for child in &node.children {
        names.extend_from_slice(child.as_bytes());
        names.push(0);
    }
    names
}
