//! What is there before anything is killed.

use myriad_ring::v1::Op;

use super::{
    client,
    fault::Kind,
    overseer,
    run::Plan,
    stage::{Reporter, Stage},
    wire::{Broken, Wire},
};

/// Makes what all need: the tops of the clients' subtrees, the shared node, and the guests.
pub(super) fn set_up(stage: &Stage, plan: &Plan, reporter: &Reporter) -> Result<(), Broken> {
    let no_daemon = || Broken::Wrong(Kind::Start, "no connection".into());
    let mut wire = Wire::wait(stage, reporter).ok_or_else(no_daemon)?;
    for number in 1..=plan.clients {
        wire.ok(Op::Mkdir, &overseer::words(&[&client::top(number)]))?;
        wire.ok(Op::SetPerms, &overseer::words(&[&client::top(number), "n0"]))?;
    }
    wire.ok(Op::Write, b"/shared/n\x000")?;
    for path in ["/shared", "/shared/n"] {
        wire.ok(Op::SetPerms, &overseer::words(&[path, "r0"]))?;
    }
    for path in ["/clients", "/grants", "/local/domain/0/secret"] {
        wire.ok(Op::Mkdir, &overseer::words(&[path]))?;
        wire.ok(Op::SetPerms, &overseer::words(&[path, "n0"]))?;
    }
    for domid in 1..=plan.guests {
        overseer::introduce(&mut wire, domid)?;
    }
    Ok(())
}
