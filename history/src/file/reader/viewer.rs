//! Who may read what of the past.
//!
//! **H1** A guest sees a node of a version if it may read it in the newest version and could read
//! it in that one, in the same life. Lives are compared, never domain ids, so that a new tenant of
//! a domid sees nothing of the old one's past.

use crate::file::errors::ReadError;
use crate::file::model::{CONTROL, OwnedChange, OwnedCommit, OwnedWhat, Perm, Viewer};
use crate::file::order;

use super::lookup::Found;
use super::position::Reader;
use super::tree::Tree;

/// Whether a list of permissions lets a reader read.
pub(crate) fn may_read(viewer: Viewer, perms: &[Perm]) -> bool {
    match viewer {
        Viewer::Control => true,
        Viewer::Guest { instance, .. } => allows(instance, perms),
    }
}

/// Whether a reader may read a path in a tree. Where there is no such node, the nearest one above
/// it decides.
pub(crate) fn may_read_in(viewer: Viewer, tree: &Tree, path: &str) -> bool {
    let mut up = std::iter::once(path).chain(order::ancestors(path));
    viewer == Viewer::Control
        || up.find_map(|p| tree.get(p)).is_some_and(|node| may_read(viewer, &node.perms))
}

/// Whether a reader's life had begun.
pub(crate) fn lived(viewer: Viewer, generation: u64) -> bool {
    match viewer {
        Viewer::Control => true,
        Viewer::Guest { since, .. } => generation >= since,
    }
}

/// As in `xs_wire` lists: the first entry is the owner, who may all, and its letters are those of
/// everybody that no later entry names.
fn allows(instance: u64, perms: &[Perm]) -> bool {
    let Some((owner, rest)) = perms.split_first() else { return false };
    let named = rest.iter().find(|perm| perm.instance == instance);
    let access = named.map_or(owner.access, |perm| perm.access);
    instance == CONTROL || owner.instance == instance || access & Perm::READ != 0
}

/// Which changes a reader may see.
#[derive(Debug)]
pub(crate) struct Sight<'h> {
    reader: Reader<'h>,
    viewer: Viewer,
    newest: Option<Tree>,
}

impl<'h> Sight<'h> {
    pub(crate) fn new(reader: Reader<'h>, viewer: Viewer) -> Sight<'h> {
        Sight { reader, viewer, newest: None }
    }

    /// A commit without what isn't to be seen; nothing if nothing is left of it.
    pub(crate) fn commit(
        &mut self,
        mut commit: OwnedCommit,
    ) -> Result<Option<OwnedCommit>, ReadError> {
        if self.viewer == Viewer::Control {
            return Ok(Some(commit));
        }
        if !lived(self.viewer, commit.head.generation) {
            return Ok(None);
        }
        let mut seen = Vec::new();
        for change in commit.changes {
            if lived(self.viewer, change.generation) && self.sees(&change)? {
                seen.push(change);
            }
        }
        commit.changes = seen;
        Ok((!commit.changes.is_empty()).then_some(commit))
    }

    fn sees(&mut self, change: &OwnedChange) -> Result<bool, ReadError> {
        let newest = match self.newest.take() {
            Some(newest) => newest,
            None => {
                let position = self.reader.position(u64::MAX)?.ok_or(ReadError::Empty)?;
                self.reader.tree(&position, "/")?
            }
        };
        let now = may_read_in(self.viewer, &newest, &change.path);
        self.newest = Some(newest);
        if !now {
            return Ok(false);
        }
        match &change.what {
            OwnedWhat::Created { perms, .. } | OwnedWhat::Perms(perms) => {
                Ok(may_read(self.viewer, perms))
            }
            OwnedWhat::Written { .. } => self.could(&change.path, change.generation),
            // What was there right before, if that version is kept.
            OwnedWhat::Removed => self.could(&change.path, change.generation.saturating_sub(1)),
            OwnedWhat::Noted(_) => Ok(false),
        }
    }

    /// Whether it could read a node in the newest version up to a generation.
    fn could(&self, path: &str, generation: u64) -> Result<bool, ReadError> {
        let Some(position) = self.reader.position(generation)? else { return Ok(false) };
        let found = self.reader.lookup(path, &position)?;
        Ok(matches!(found, Found::Node(Some(node)) if may_read(self.viewer, &node.perms)))
    }
}
