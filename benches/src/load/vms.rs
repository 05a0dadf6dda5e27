//! VMs as a toolstack makes them: one transaction with 41 nodes and 21 permissions, then watches.

use myriad_ring::v1::Op;

use super::{Error, wire::Wire};
use crate::vm::{self, Grant, Layout, Vm, WATCHES};

/// Where the VMs of the load lie.
pub const LAYOUT: Layout = Layout::Spread;

/// The VM of a domain id.
#[must_use]
pub fn vm(domid: u16) -> Vm {
    Vm::new(LAYOUT, domid)
}

/// The nodes above all VMs.
///
/// # Errors
/// The daemon's refusal, or a broken connection; so do all functions here.
pub fn create_parents(wire: &mut Wire) -> Result<(), Error> {
    for path in vm::parents(LAYOUT) {
        wire.ask(Op::Mkdir, 0, path)?;
    }
    Ok(())
}

/// One attempt at a VM: false where the commit failed with EAGAIN.
///
/// # Errors
/// See [`create_parents`].
pub fn try_create(wire: &mut Wire, vm: Vm) -> Result<bool, Error> {
    let id = wire.call(Op::TransactionStart, 0, &[b"\0"])?;
    let id = id.strip_suffix(b"\0").and_then(|d| std::str::from_utf8(d).ok()?.parse().ok());
    let id: u32 = id.ok_or(Error::Garbage)?;
    vm.each(|node| {
        match node.value {
            Some(value) => wire.call(Op::Write, id, &[node.path.as_bytes(), b"\0", value])?,
            None => wire.ask(Op::Mkdir, id, node.path)?,
        };
        let Some(grant) = node.grant else { return Ok(()) };
        set_perms(wire, id, node.path, grant, vm.domid)
    })?;
    match wire.call(Op::TransactionEnd, id, &[b"T\0"]) {
        Ok(_) => Ok(true),
        Err(error) if error.is_refusal("EAGAIN") => Ok(false),
        Err(error) => Err(error),
    }
}

/// A VM, tried until it is committed; gives how many attempts failed before.
///
/// # Errors
/// See [`create_parents`]; [`Error::Starved`] after [`ATTEMPTS`].
pub fn create(wire: &mut Wire, vm: Vm) -> Result<u32, Error> {
    for aborts in 0..ATTEMPTS {
        if try_create(wire, vm)? {
            return Ok(aborts);
        }
    }
    Err(Error::Starved(ATTEMPTS))
}

/// The watches of a VM, each an event right away.
///
/// # Errors
/// See [`create_parents`].
pub fn watch(wire: &mut Wire, vm: Vm) -> Result<(), Error> {
    for (number, below) in WATCHES.iter().enumerate() {
        let words = format!("{}/{below}\0{}-{number}\0", vm.home(), vm.domid);
        wire.call(Op::Watch, 0, &[words.as_bytes()])?;
    }
    Ok(())
}

/// The end of those watches.
///
/// # Errors
/// See [`create_parents`].
pub fn unwatch(wire: &mut Wire, vm: Vm) -> Result<(), Error> {
    for (number, below) in WATCHES.iter().enumerate() {
        let words = format!("{}/{below}\0{}-{number}\0", vm.home(), vm.domid);
        wire.call(Op::Unwatch, 0, &[words.as_bytes()])?;
    }
    Ok(())
}

/// The end of a VM.
///
/// # Errors
/// See [`create_parents`].
pub fn remove(wire: &mut Wire, vm: Vm) -> Result<(), Error> {
    for root in vm.roots() {
        wire.ask(Op::Rm, 0, &root)?;
    }
    Ok(())
}

fn set_perms(wire: &mut Wire, tx: u32, path: &str, grant: Grant, n: u16) -> Result<(), Error> {
    let words = match grant {
        Grant::Toolstack => format!("{path}\0n0\0r{n}\0"),
        Grant::Guest => format!("{path}\0n{n}\0r0\0"),
    };
    wire.call(Op::SetPerms, tx, &[words.as_bytes()]).map(drop)
}

/// A transaction that has failed so often will not succeed.
pub const ATTEMPTS: u32 = 1_000_000;
