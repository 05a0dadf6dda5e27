//! Domain ids, and the instances behind them.

use std::fmt;

/// A domain id as Xen hands them out: reused after a domain's death.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomId(pub u16);

impl DomId {
    /// dom0, the control domain unless a host says otherwise.
    pub const ZERO: DomId = DomId(0);
    /// The first id that can't be a domain's (`DOMID_FIRST_RESERVED`, `xen.h`).
    pub const FIRST_RESERVED: DomId = DomId(0x7FF0);
    /// Stands for the caller itself (`DOMID_SELF`, `xen.h`).
    pub const SELF: DomId = DomId(0x7FF0);
    /// Stands for every domain in a permission (`DOMID_ANY` in `xs_wire.h`: 32757).
    pub const ANY: DomId = DomId(0x7FF5);
    /// Stands for no domain (`DOMID_INVALID`, `xen.h`).
    pub const INVALID: DomId = DomId(0x7FF4);

    /// Whether a domain can have this id.
    #[must_use]
    pub fn is_real(self) -> bool {
        self < DomId::FIRST_RESERVED
    }
}

impl fmt::Display for DomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One life of a domain: a number that is never used again, while its [`DomId`] is.
///
/// Owners, permission entries and watches hold the instance, so that a new domain inherits
/// nothing from an earlier one of the same id (XSA-322).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instance(pub(crate) u64);

impl Instance {
    /// Belongs to no domain that lives: an entry that counts for nobody.
    pub const NONE: Instance = Instance(0);
    /// The control domain, which doesn't die.
    pub const CONTROL: Instance = Instance(1);
    /// Every domain ([`DomId::ANY`]).
    pub const ANY: Instance = Instance(2);
    pub(crate) const FIRST_FREE: u64 = 3;

    /// The number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// The life of a number that [`Instance::number`] gave, for those who have kept it.
    #[must_use]
    pub fn from_number(number: u64) -> Instance {
        Instance(number)
    }
}
