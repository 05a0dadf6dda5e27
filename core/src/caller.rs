//! Who asks.

use crate::domain::{DomId, Instance};

/// Who asks. Every operation is given one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// The control domain's ring and every Unix socket: it may do everything, and no quota holds.
    Control,
    /// A guest, in one of its lives (`View::domain` gives it).
    Guest {
        /// Its id.
        domid: DomId,
        /// Its life: a caller of an earlier one has no rights.
        instance: Instance,
    },
}

impl Caller {
    /// The guest, if it is one.
    #[must_use]
    pub fn guest(&self) -> Option<(DomId, Instance)> {
        match self {
            Caller::Control => None,
            Caller::Guest { domid, instance } => Some((*domid, *instance)),
        }
    }
}
