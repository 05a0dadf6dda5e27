//! Permission lists as they are stored: with the instances they were bound to.
//!
//! Encoded, a list is a count (u16) and nine bytes per entry: letter (1), domain id (2),
//! instance (6), all little-endian. Entry 0 is the owner.
//!
//! Evaluation compares instances and nothing else (XSA-322): an entry of a domain that has died
//! stays listed, as in C, and counts for nobody.

use smallvec::SmallVec;

use crate::domain::{DomId, Instance};
use crate::perms::Access;

/// One entry, bound to the life of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) access: Access,
    pub(crate) domid: DomId,
    pub(crate) instance: Instance,
}

/// A list in its stored form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acl<'a>(&'a [u8]);

/// A list of our own; five entries fit without an allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AclBuf(SmallVec<[u8; COUNT + 5 * ENTRY]>);

/// Who a caller is, when permissions are checked: itself and the domain that it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The control domain, which may do everything.
    Control,
    /// A guest, and the target whose access it shares (`Instance::NONE`: none).
    Guest { instance: Instance, target: Instance },
}

/// What a caller may do with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) access: Access,
    pub(crate) owner: bool,
}

impl Rights {
    const ALL: Rights = Rights { access: Access::Both, owner: true };
}

impl<'a> Acl<'a> {
    /// Stands for the list of the parent, where that is shared.
    pub(crate) const SHARED: Acl<'static> = Acl(&[]);

    /// The list that begins at the start of `bytes`.
    pub(crate) fn at(bytes: &'a [u8]) -> Acl<'a> {
        let count = match bytes {
            [low, high, ..] => usize::from(u16::from_le_bytes([*low, *high])),
            _ => 0,
        };
        Acl(bytes.get(..COUNT + count * ENTRY).unwrap_or_default())
    }

    pub(crate) fn bytes(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn entries(self) -> impl Iterator<Item = Entry> + 'a {
        self.0.get(COUNT..).unwrap_or_default().as_chunks::<ENTRY>().0.iter().map(decode)
    }

    pub(crate) fn owner(self) -> Entry {
        self.entries().next().unwrap_or(NOBODY)
    }

    /// What `who` may do: everything for the control domain and the owner; else what the first
    /// entry that names the caller, its target or everyone says; else the owner entry's letter.
    pub(crate) fn rights(self, who: Who) -> Rights {
        let Who::Guest { instance, target } = who else { return Rights::ALL };
        let counts = |e: &Entry| {
            e.instance == Instance::ANY
                || (e.instance != Instance::NONE
                    && (e.instance == instance || e.instance == target))
        };
        let mut entries = self.entries();
        let owner = entries.next().unwrap_or(NOBODY);
        if counts(&owner) {
            return Rights::ALL;
        }
        let access = entries.find(counts).map_or(owner.access, |e| e.access);
        Rights { access, owner: false }
    }

    pub(crate) fn to_buf(self) -> AclBuf {
        AclBuf(SmallVec::from_slice(self.0))
    }
}

impl AclBuf {
    pub(crate) fn new(entries: impl IntoIterator<Item = Entry>) -> AclBuf {
        let mut bytes = SmallVec::from_slice(&[0; COUNT]);
        let mut count = 0u16;
        for entry in entries {
            bytes.extend_from_slice(&encode(entry));
            count += 1;
        }
        if let Some(head) = bytes.get_mut(..COUNT) {
            head.copy_from_slice(&count.to_le_bytes());
        }
        AclBuf(bytes)
    }

    /// The list of a single owner.
    pub(crate) fn owned_by_control(access: Access) -> AclBuf {
        AclBuf::new([Entry { access, domid: DomId::ZERO, instance: Instance::CONTROL }])
    }

    pub(crate) fn as_acl(&self) -> Acl<'_> {
        Acl(&self.0)
    }

    /// The list that a node created by `creator` inherits: the owner becomes the creator where
    /// that is a guest, and the owner entry's letter stays.
    pub(crate) fn inherited(parent: Acl<'_>, creator: Option<(DomId, Instance)>) -> AclBuf {
        let mut list = parent.to_buf();
        if let Some((domid, instance)) = creator {
            let access = parent.owner().access;
            if let Some(first) = list.0.get_mut(COUNT..COUNT + ENTRY) {
                first.copy_from_slice(&encode(Entry { access, domid, instance }));
            }
        }
        list
    }
}

fn encode(entry: Entry) -> [u8; ENTRY] {
    let [d0, d1] = entry.domid.0.to_le_bytes();
    let [i0, i1, i2, i3, i4, i5, _, _] = entry.instance.0.to_le_bytes();
    [entry.access as u8, d0, d1, i0, i1, i2, i3, i4, i5]
}

fn decode(bytes: &[u8; ENTRY]) -> Entry {
    let [access, d0, d1, i0, i1, i2, i3, i4, i5] = *bytes;
    Entry {
        access: Access::from_bits(access),
        domid: DomId(u16::from_le_bytes([d0, d1])),
        instance: Instance(u64::from_le_bytes([i0, i1, i2, i3, i4, i5, 0, 0])),
    }
}

const COUNT: usize = 2;
const ENTRY: usize = 9;
const NOBODY: Entry =
    Entry { access: Access::None, domid: DomId::INVALID, instance: Instance::NONE };

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(letter: u8, domid: u16, instance: u64) -> Entry {
        let access = Access::from_letter(letter).unwrap();
        Entry { access, domid: DomId(domid), instance: Instance(instance) }
    }

    fn guest(instance: u64, target: u64) -> Who {
        Who::Guest { instance: Instance(instance), target: Instance(target) }
    }

    #[test]
    fn a_list_survives_its_encoding() {
        let entries = [entry(b'n', 0, 1), entry(b'r', 5, 9), entry(b'b', 7, 0xFFFF_FFFF_FFFF)];
        let list = AclBuf::new(entries);
        assert!(Acl::at(list.as_acl().bytes()).entries().eq(entries));
    }

    #[test]
    fn the_first_entry_that_counts_decides() {
        let list = AclBuf::new([entry(b'r', 3, 33), entry(b'n', 5, 55), entry(b'w', 5, 55)]);
        let acl = list.as_acl();
        assert!(acl.rights(guest(33, 0)).owner);
        assert_eq!(acl.rights(guest(55, 0)).access, Access::None);
        assert_eq!(acl.rights(guest(66, 0)).access, Access::Read, "the default");
        assert!(acl.rights(guest(66, 33)).owner, "a stub domain shares its target's access");
        assert!(acl.rights(Who::Control).owner);
    }

    #[test]
    fn a_dead_tenants_entry_counts_for_nobody() {
        let list = AclBuf::new([entry(b'n', 0, 1), entry(b'b', 5, 0)]);
        assert_eq!(list.as_acl().rights(guest(55, 0)).access, Access::None);
    }
}
