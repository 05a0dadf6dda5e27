//! VMs as a toolstack makes them: one transaction with 41 nodes and 21 permissions, then watches.

use myriad_ring::v1::Op;

use super::{Error, swarm::transaction_id, wire::Wire};
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

/// A request's kind and payload.
pub type Request = (Op, Vec<u8>);

/// All requests that make a VM, but for the transaction around them.
#[must_use]
pub fn requests(vm: Vm) -> Vec<Request> {
    let mut requests = Vec::with_capacity(vm::NODES + vm::GRANTS);
    let _: Result<(), ()> = vm.each(|node| {
        let path = [node.path.as_bytes(), b"\0"].concat();
        requests.push(match node.value {
            Some(value) => (Op::Write, [&path, value].concat()),
            None => (Op::Mkdir, path),
        });
        let (path, n) = (node.path, vm.domid);
        let words = match node.grant {
            Some(Grant::Toolstack) => format!("{path}\0n0\0r{n}\0"),
            Some(Grant::Guest) => format!("{path}\0n{n}\0r0\0"),
            None => return Ok(()),
        };
        requests.push((Op::SetPerms, words.into_bytes()));
        Ok(())
    });
    requests
}

/// One attempt at a VM: false where the commit failed with EAGAIN.
///
/// # Errors
/// See [`create_parents`].
pub fn try_create(wire: &mut Wire, vm: Vm) -> Result<bool, Error> {
    let id = transaction_id(wire.call(Op::TransactionStart, 0, &[b"\0"])?)?;
    for (op, payload) in requests(vm) {
        wire.call(op, id, &[&payload])?;
    }
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

/// A transaction that has failed so often will not succeed.
pub const ATTEMPTS: u32 = 1_000_000;
