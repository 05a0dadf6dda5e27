//! What a client of the past may ask for, and the host that it finds.

use myriad_core::{DomId, Errno, Instance, Store};
use myriad_ring::v1::{
    ControlArgs, Op,
    connection::{ControlReply, Host},
};

/// Whether a request would change the tree, the domains or the daemon.
pub(super) fn is_refused(op: Op) -> bool {
    match op {
        Op::Write
        | Op::Mkdir
        | Op::Rm
        | Op::SetPerms
        | Op::Control
        | Op::Introduce
        | Op::Release
        | Op::Resume
        | Op::SetTarget
        | Op::SetFeature
        | Op::SetQuota => true,
        Op::Directory
        | Op::DirectoryPart
        | Op::Read
        | Op::GetPerms
        | Op::Watch
        | Op::Unwatch
        | Op::ResetWatches
        | Op::TransactionStart
        | Op::TransactionEnd
        | Op::GetDomainPath
        | Op::IsDomainIntroduced
        | Op::GetFeature
        | Op::GetQuota => false,
        // They are the server's own; the connection refuses them.
        Op::WatchEvent | Op::Error => false,
    }
}

/// There is no hypervisor in the past, and no command to the daemon.
#[derive(Debug)]
pub(super) struct Gone;

impl Host for Gone {
    fn domain_exists(&mut self, _: DomId) -> bool {
        false
    }

    fn connect(&mut self, _: DomId, _: u32) -> Result<(), Errno> {
        Err(Errno::EROFS)
    }

    fn introduced(&mut self, _: DomId, _: Instance) {}

    fn released(&mut self, _: DomId, _: Instance) {}

    fn control(&mut self, _: &Store, _: &ControlArgs<'_>) -> ControlReply {
        ControlReply::Refused(Errno::EROFS)
    }
}
