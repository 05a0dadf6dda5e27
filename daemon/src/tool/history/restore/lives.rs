//! Which domains of the past are still there.
//!
//! An entry of a permission list names a domain in one of its lives; a client can only name the id.
//! So an entry is restored only where the domain that has the id now is known to be in that life:
//! - the daemon has it introduced; and
//! - the history since then shows no later life of the id, neither as who changed something nor in
//!   a permission; and
//! - no note says since then that the domain was released or introduced, and the store hasn't been
//!   begun anew (all of it removed).
//!
//! Where the history has a gap or changes left out since then, the newest version still names the
//! lives that there are, since a domain's home belongs to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
};

use myriad_core::DomId;
use myriad_history::file::{CONTROL, History, OwnedChange, OwnedWhat, Perm, Tree};
use myriad_ring::client::Client;

use crate::tool::{failure::Failure, history::error::PastError};

/// The lives that still go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lives {
    /// Domain id and life.
    going_on: BTreeSet<(u16, u64)>,
}

/// What the history says of the lives of domains since a version.
#[derive(Debug, Default)]
struct Since {
    /// The last life of each id.
    last: BTreeMap<u16, u64>,
    /// Ids whose life has ended, or begun anew.
    ended: BTreeSet<u16>,
    /// The store was begun anew: every life has ended.
    anew: bool,
}

impl Lives {
    /// Of all domains that a subtree of a version names.
    ///
    /// # Errors
    /// [`PastError::Read`], [`Failure::Client`].
    pub(super) fn find<S: Read + Write>(
        history: &History,
        tree: &Tree,
        top: &str,
        client: &mut Client<S>,
    ) -> Result<Lives, Failure> {
        let named = tree.within(top).flat_map(|(_, node)| node.perms.iter().copied());
        let named: BTreeSet<(u16, u64)> =
            named.filter(|entry| !always(entry)).map(|e| (e.domid, e.instance)).collect();
        if named.is_empty() {
            return Ok(Lives::default());
        }
        let since = Since::read(history, tree.version().generation)?;
        let mut lives = Lives::default();
        for (domid, instance) in named {
            if since.goes_on(domid, instance) && client.is_introduced(DomId(domid))? {
                lives.going_on.insert((domid, instance));
            }
        }
        Ok(lives)
    }

    /// Whether an entry names whom it named.
    pub(super) fn has(&self, entry: &Perm) -> bool {
        always(entry) || self.going_on.contains(&(entry.domid, entry.instance))
    }

    #[cfg(test)]
    pub(super) fn of(going_on: &[(u16, u64)]) -> Lives {
        Lives { going_on: going_on.iter().copied().collect() }
    }
}

/// The control domain doesn't die, nor does what stands for every domain.
fn always(entry: &Perm) -> bool {
    entry.instance == CONTROL || entry.domid == DomId::ANY.0
}

impl Since {
    fn read(history: &History, generation: u64) -> Result<Since, PastError> {
        let mut since = Since::default();
        let after = (std::ops::Bound::Excluded(generation), std::ops::Bound::Unbounded);
        for commit in history.commits(after) {
            commit?.changes.iter().for_each(|change| since.note(change));
        }
        if let Some(newest) = history.versions().last() {
            let tree = history.tree(newest.generation)?;
            let entries = tree.iter().flat_map(|(_, node)| node.perms.iter());
            entries.for_each(|entry| since.note_life(entry.domid, entry.instance));
        }
        Ok(since)
    }

    fn note(&mut self, change: &OwnedChange) {
        self.note_life(change.author.domid, change.author.instance);
        match &change.what {
            OwnedWhat::Created { perms, .. } | OwnedWhat::Perms(perms) => {
                perms.iter().for_each(|entry| self.note_life(entry.domid, entry.instance));
            }
            OwnedWhat::Removed => self.anew |= change.path == "/",
            OwnedWhat::Noted(text) => self.note_text(&change.path, text),
            OwnedWhat::Written { .. } => {}
        }
    }

    /// A note on a domain, at its home: see `myriad_history::Recorder`.
    fn note_text(&mut self, path: &str, text: &str) {
        let home = path.strip_prefix("/local/domain/").and_then(|domid| domid.parse().ok());
        let Some(domid) = home else { return };
        let life = text.strip_prefix("life ").and_then(|life| life.parse().ok());
        match (text, life) {
            ("released" | "introduced", _) => drop(self.ended.insert(domid)),
            (_, Some(life)) => self.note_life(domid, life),
            _ => {}
        }
    }

    fn note_life(&mut self, domid: u16, instance: u64) {
        let last = self.last.entry(domid).or_default();
        *last = instance.max(*last);
    }

    fn goes_on(&self, domid: u16, instance: u64) -> bool {
        let is_last = self.last.get(&domid).is_none_or(|last| *last <= instance);
        is_last && !self.ended.contains(&domid) && !self.anew
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use myriad_history::file::Author;

    fn change(domid: u16, instance: u64, path: &str, what: OwnedWhat) -> OwnedChange {
        let author = Author { domid, instance, ..Author::default() };
        OwnedChange { author, generation: 1, path: path.into(), what }
    }

    fn since(changes: &[OwnedChange]) -> Since {
        let mut since = Since::default();
        changes.iter().for_each(|change| since.note(change));
        since
    }

    #[test]
    fn a_life_has_ended_when_anything_says_so() {
        let written = || OwnedWhat::Written { value: Vec::new() };
        let note = |text: &str| OwnedWhat::Noted(text.into());
        let perms = |instance| OwnedWhat::Perms([Perm { access: 0, domid: 5, instance }].into());
        let table = [
            (vec![], true),
            (vec![change(5, 9, "/a", written())], true),
            (vec![change(6, 10, "/a", written())], true),
            (vec![change(5, 10, "/a", written())], false),
            (vec![change(0, CONTROL, "/a", perms(9))], true),
            (vec![change(0, CONTROL, "/a", perms(11))], false),
            (vec![change(0, CONTROL, "/local/domain/5", note("released"))], false),
            (vec![change(0, CONTROL, "/local/domain/5", note("introduced"))], false),
            (vec![change(0, CONTROL, "/local/domain/5", note("life 9"))], true),
            (vec![change(0, CONTROL, "/local/domain/5", note("life 10"))], false),
            (vec![change(0, CONTROL, "/local/domain/5", note("shut down"))], true),
            (vec![change(0, CONTROL, "/local/domain/6", note("released"))], true),
            (vec![change(0, CONTROL, "/local/domain/5", OwnedWhat::Removed)], true),
            (vec![change(0, CONTROL, "/", OwnedWhat::Removed)], false),
        ];
        for (changes, expected) in table {
            assert_eq!(since(&changes).goes_on(5, 9), expected, "{changes:?}");
        }
    }

    #[test]
    fn the_control_domain_is_always_there() {
        let entry = |domid, instance| Perm { access: 0, domid, instance };
        let lives = Lives::of(&[(5, 9)]);
        assert!(lives.has(&entry(0, CONTROL)) && lives.has(&entry(DomId::ANY.0, 2)));
        assert!(lives.has(&entry(5, 9)));
        assert!(!lives.has(&entry(5, 8)) && !lives.has(&entry(6, 9)));
    }
}
