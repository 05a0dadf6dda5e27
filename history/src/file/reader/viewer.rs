//! Who may read what of the past.
//!
//! **H1** A guest sees a node of a version if it may read it in the newest version and could read it
//! in that one, in the same life. Lives are compared, never domain ids, so that a new tenant of a
//! domid sees nothing of the old one's past.

use crate::file::model::{CONTROL, Perm, Viewer};
use crate::file::order;

use super::tree::Tree;

/// Whether a list of permissions lets a reader read.
pub(crate) fn may_read(viewer: Viewer, perms: &[Perm]) -> bool {
    match viewer {
        Viewer::Control => true,
        Viewer::Guest { instance, .. } => allows(instance, perms, Perm::READ),
    }
}

/// Whether a life of a guest may write by a list of permissions.
pub(crate) fn may_write(instance: u64, perms: &[Perm]) -> bool {
    allows(instance, perms, Perm::WRITE)
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
fn allows(instance: u64, perms: &[Perm], letter: u8) -> bool {
    let Some((owner, rest)) = perms.split_first() else { return false };
    let named = rest.iter().find(|perm| perm.instance == instance);
    let access = named.map_or(owner.access, |perm| perm.access);
    instance == CONTROL || owner.instance == instance || access & letter != 0
}
