//! The stamps of a record, and how few of them it keeps.
//!
//! The three stamps of a node that was made in one go are one number, and are kept as one. The
//! *form* says what is kept: one stamp for all; one for two parts and then that of the third (what
//! has been written since has another value stamp, and no more); or all three. A path has at most
//! 4,095 bytes, so the form has the upper four bits beside the name's place: how many stamps there
//! are beyond the first, and which part has the second where there are two.

use super::record::{FIXED, STAMP};

/// The three stamps of a node: the generation in which each part last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamps {
    pub(crate) value: u64,
    pub(crate) perms: u64,
    pub(crate) children: u64,
}

/// Which stamp.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Value = 0,
    Perms = 1,
    Children = 2,
}

impl Stamps {
    /// All three of one generation.
    pub(crate) fn all(stamp: u64) -> Stamps {
        Stamps { value: stamp, perms: stamp, children: stamp }
    }

    /// The same with another stamp of one part.
    pub(super) fn with(mut self, part: Part, stamp: u64) -> Stamps {
        match part {
            Part::Value => self.value = stamp,
            Part::Perms => self.perms = stamp,
            Part::Children => self.children = stamp,
        }
        self
    }

    /// Bytes of a record before its path.
    #[inline]
    pub(super) fn head_len(&self) -> usize {
        FIXED + STAMP * Form::of(self).more()
    }
}

/// Which stamps a record keeps, in the upper four bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form(u16);

impl Form {
    /// The bits beside it.
    pub(super) const BESIDE: u16 = 0x0FFF;

    /// The one that stands beside a name's place.
    #[inline]
    pub(super) fn beside(bits: u16) -> Form {
        Form(bits & !Form::BESIDE)
    }

    /// The form, and a name's place beside it.
    pub(super) fn with(self, name_at: u16) -> u16 {
        debug_assert!(name_at <= Form::BESIDE);
        name_at | self.0
    }

    /// The shortest for these stamps.
    #[inline]
    pub(super) fn of(stamps: &Stamps) -> Form {
        let two = |part: Part| Form(1 << MORE | (part as u16) << WHICH);
        match (stamps.value == stamps.perms, stamps.perms == stamps.children) {
            (true, true) => Form(0),
            (true, false) => two(Part::Children),
            (false, true) => two(Part::Value),
            (false, false) if stamps.value == stamps.children => two(Part::Perms),
            (false, false) => Form(2 << MORE),
        }
    }

    /// Stamps beyond the first.
    #[inline]
    pub(super) fn more(self) -> usize {
        usize::from(self.0 >> MORE & 3)
    }

    /// Whether every part has a stamp of its own.
    pub(super) fn is_full(self) -> bool {
        self.more() == 2
    }

    /// The stamps to be kept, of which only so many count.
    pub(super) fn kept(self, stamps: &Stamps) -> [u64; 3] {
        let Stamps { value, perms, children } = *stamps;
        match (self.more(), self.0 >> WHICH) {
            (1, 0) => [perms, value, 0],
            (1, 1) => [value, perms, 0],
            (1, _) => [value, children, 0],
            _ => [value, perms, children],
        }
    }

    /// Which of its stamps is that of a part.
    pub(super) fn place(self, part: Part) -> usize {
        match self.more() {
            0 => 0,
            1 => usize::from(self.0 >> WHICH == part as u16),
            _ => part as usize,
        }
    }
}

/// Where the form has the number of stamps beyond the first, and the part that has the second.
const MORE: u32 = 12;
const WHICH: u32 = 14;
const _: () = assert!(crate::limits::PATH_BYTES <= Form::BESIDE as usize);

#[cfg(test)]
mod tests {
    use super::super::record::STAMPS;
    use super::super::{Block, Parts};
    use super::*;
    use crate::acl::AclBuf;
    use crate::perms::Access;

    /// Every way in which three stamps can be alike keeps them, in as few bytes as it can, and so
    /// does every change of one of them.
    #[test]
    fn stamps_are_kept_in_every_form() {
        let list = AclBuf::owned_by_control(Access::None);
        let numbers = [1, 7, (1 << 48) - 1];
        for n in 0..numbers.len().pow(3) {
            let [value, perms, children] = [n, n / 3, n / 9].map(|n| numbers[n % 3]);
            let stamps = Stamps { value, perms, children };
            let mut distinct = vec![value, perms, children];
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(stamps.head_len(), STAMPS + STAMP * distinct.len());
            let parts = Parts { value: b"value", acl: list.as_acl(), stamps };
            for part in [Part::Value, Part::Perms, Part::Children] {
                for stamp in numbers {
                    let mut block = Block::single(5, 6, b"name", &parts);
                    assert_eq!(block.root().stamps(), stamps);
                    block.set_stamp(0, part, stamp);
                    assert_eq!(block.root().stamps(), stamps.with(part, stamp));
                    assert_eq!(block.root().value(), b"value");
                    assert_eq!(block.root().acl(), list.as_acl());
                }
            }
        }
    }
}
