//! From trees of the history to what a store or a directory is made of.

use myriad_core::{Access, DomId, Perm};
use myriad_history::file::{Difference, History, Tree};

use super::{diff::is_one, error::PastError, past::Becomes, source::is_node};

/// What two kept versions have differently, of what can be shown, parents before children.
///
/// # Errors
/// [`PastError::Read`].
pub(crate) fn differences(
    history: &History,
    a: u64,
    b: u64,
    below: &str,
) -> Result<Vec<Difference>, PastError> {
    let mut all = history.diff(a, b, below)?;
    all.retain(|difference| is_one(difference) && is_node(&difference.path));
    Ok(all)
}

/// What nodes become in a version, for a store that is to show it.
pub(crate) fn becomes<'t>(
    tree: &'t Tree,
    paths: impl Iterator<Item = &'t str>,
) -> Vec<Becomes<'t>> {
    let becomes = |path| {
        let node = tree.get(path);
        Becomes { path, node: node.map(|node| (&*node.value, perms(&node.perms))) }
    };
    paths.map(becomes).collect()
}

/// Permissions as the protocol has them. Of two lives of one domain the newer one counts.
pub(crate) fn perms(recorded: &[myriad_history::file::Perm]) -> Vec<Perm> {
    let mut perms: Vec<(Perm, u64)> = Vec::with_capacity(recorded.len());
    for (at, entry) in recorded.iter().enumerate() {
        let perm = Perm { access: access(entry.access), domid: DomId(entry.domid) };
        // The owner's entry is not about a domain alone: it says what everyone may.
        let mut rest = perms.iter_mut().skip(1);
        match rest.find(|(other, _)| at > 0 && other.domid == perm.domid) {
            Some(other) if other.1 < entry.instance => *other = (perm, entry.instance),
            Some(_) => {}
            None => perms.push((perm, entry.instance)),
        }
    }
    perms.into_iter().map(|(perm, _)| perm).collect()
}

/// What an entry allows.
pub(crate) fn access(bits: u8) -> Access {
    use myriad_history::file::Perm as Recorded;
    match (bits & Recorded::READ != 0, bits & Recorded::WRITE != 0) {
        (false, false) => Access::None,
        (true, false) => Access::Read,
        (false, true) => Access::Write,
        (true, true) => Access::Both,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use myriad_history::file::Perm as Recorded;

    #[test]
    fn of_two_lives_the_newer_one_counts() {
        let entry = |access, domid, instance| Recorded { access, domid, instance };
        let list = [entry(0, 5, 9), entry(1, 5, 9), entry(1, 6, 4), entry(3, 6, 8), entry(2, 7, 1)];
        let shown: Vec<String> = perms(&list).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["n5", "r5", "b6", "w7"]);
    }
}
