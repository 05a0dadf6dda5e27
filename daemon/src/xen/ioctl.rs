//! The ioctls of Xen's devices: their numbers, what they take, and the calls themselves.
//!
//! The layouts are those of Linux's `xen/evtchn.h`, `xen/gntdev.h` and `xen/privcmd.h`, which
//! number all of them with `_IOC(_IOC_NONE, group, number, size)`. Each struct here has no padding
//! that the kernel could read uninitialised; constant assertions hold sizes and offsets.
#![allow(unsafe_code, reason = "ioctl has no safe form")]

use std::{ffi::c_void, mem::offset_of};

use rustix::{
    fd::BorrowedFd,
    io::Errno,
    ioctl::{self, Direction, Ioctl, IoctlOutput, Opcode, opcode::from_components},
};

/// What one ioctl takes and gives.
///
/// # Safety
/// The ioctl of this number reads and writes nothing in this process but the value itself.
// SAFETY: what each implementation promises is above, and each says why it holds.
pub(super) unsafe trait Request {
    /// Its number.
    const OPCODE: Opcode;
}

/// Makes the call; the answer is what the kernel returns, such as a port.
pub(super) fn call<R: Request>(device: BorrowedFd<'_>, request: &mut R) -> Result<u32, Errno> {
    // SAFETY: `Call` gives the number and address of a `Request`, which the kernel stays within.
    let answer = unsafe { ioctl::ioctl(device, Call(request)) }?;
    u32::try_from(answer).map_err(|_| Errno::RANGE)
}

/// Makes the hypercall `number`; the answer is what the hypervisor returns.
///
/// # Safety
/// What the hypercall reads and writes at addresses among `arguments`, and at those within what
/// these point to, must be valid for that while it runs, and locked in memory.
pub(super) unsafe fn hypercall(
    privcmd: BorrowedFd<'_>,
    number: u64,
    arguments: [u64; 5],
) -> Result<u32, Errno> {
    // SAFETY: the kernel itself reads the struct alone; for the rest the caller vouches.
    let answer = unsafe { ioctl::ioctl(privcmd, Hypercall { number, arguments }) }?;
    u32::try_from(answer).map_err(|_| Errno::RANGE)
}

/// `IOCTL_EVTCHN_BIND_VIRQ`: the answer is the local port.
#[repr(C)]
pub(super) struct BindVirq {
    pub(super) virq: u32,
}

/// `IOCTL_EVTCHN_BIND_INTERDOMAIN`: the answer is the local port.
#[repr(C)]
pub(super) struct BindInterdomain {
    pub(super) remote_domain: u32,
    pub(super) remote_port: u32,
}

/// `IOCTL_EVTCHN_UNBIND`.
#[repr(C)]
pub(super) struct Unbind {
    pub(super) port: u32,
}

/// `IOCTL_EVTCHN_NOTIFY`.
#[repr(C)]
pub(super) struct Notify {
    pub(super) port: u32,
}

/// `IOCTL_GNTDEV_MAP_GRANT_REF` of one grant: `index` comes back, the place for mmap.
#[repr(C)]
pub(super) struct MapGrantRef {
    pub(super) count: u32,
    pub(super) pad: u32,
    pub(super) index: u64,
    pub(super) domid: u32,
    pub(super) grant_ref: u32,
}

/// All requests that this daemon makes; confinement refuses others.
pub const REQUESTS: [Opcode; 6] = [
    BindVirq::OPCODE,
    BindInterdomain::OPCODE,
    Unbind::OPCODE,
    Notify::OPCODE,
    MapGrantRef::OPCODE,
    number::<Hypercall>(b'P', 0),
];

/// `privcmd_hypercall_t`.
#[repr(C)]
struct Hypercall {
    number: u64,
    arguments: [u64; 5],
}

const _: () = {
    assert!(size_of::<BindVirq>() == 4);
    assert!(size_of::<BindInterdomain>() == 8 && offset_of!(BindInterdomain, remote_port) == 4);
    assert!(size_of::<Unbind>() == 4 && size_of::<Notify>() == 4);
    assert!(size_of::<MapGrantRef>() == 24 && offset_of!(MapGrantRef, index) == 8);
    assert!(offset_of!(MapGrantRef, domid) == 16 && offset_of!(MapGrantRef, grant_ref) == 20);
    assert!(size_of::<Hypercall>() == 48 && offset_of!(Hypercall, arguments) == 8);
};

// SAFETY: takes a number, gives a port.
unsafe impl Request for BindVirq {
    const OPCODE: Opcode = number::<Self>(b'E', 0);
}

// SAFETY: takes two numbers, gives a port.
unsafe impl Request for BindInterdomain {
    const OPCODE: Opcode = number::<Self>(b'E', 1);
}

// SAFETY: takes a port.
unsafe impl Request for Unbind {
    const OPCODE: Opcode = number::<Self>(b'E', 3);
}

// SAFETY: takes a port.
unsafe impl Request for Notify {
    const OPCODE: Opcode = number::<Self>(b'E', 4);
}

// SAFETY: with a count of one, which is all the room that the struct has, the kernel reads it and
// writes `index`; nothing is mapped before mmap is called.
unsafe impl Request for MapGrantRef {
    const OPCODE: Opcode = number::<Self>(b'G', 0);
}

const fn number<T>(group: u8, number: u8) -> Opcode {
    from_components(Direction::None, group, number, size_of::<T>())
}

/// A request on its way.
struct Call<'a, R>(&'a mut R);

// SAFETY: the number belongs to the struct that the pointer is to, as `Request` promises, and the
// struct is borrowed for as long as this is.
unsafe impl<R: Request> Ioctl for Call<'_, R> {
    type Output = IoctlOutput;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        R::OPCODE
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(answer: IoctlOutput, _: *mut c_void) -> Result<IoctlOutput, Errno> {
        Ok(answer)
    }
}

// SAFETY: the number belongs to the struct, which the pointer is to. It is no `Request`: only
// `hypercall` makes one, whose caller vouches for what the arguments point to.
unsafe impl Ioctl for Hypercall {
    type Output = IoctlOutput;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        number::<Hypercall>(b'P', 0)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::from_mut(self).cast()
    }

    unsafe fn output_from_ptr(answer: IoctlOutput, _: *mut c_void) -> Result<IoctlOutput, Errno> {
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_the_stock_daemon_was_seen_to_use() {
        assert_eq!(BindVirq::OPCODE, 0x44500);
        assert_eq!(BindInterdomain::OPCODE, 0x84501);
        assert_eq!(Unbind::OPCODE, 0x44503);
        assert_eq!(Notify::OPCODE, 0x44504);
        assert_eq!(MapGrantRef::OPCODE, 0x18_4700);
        assert_eq!(number::<Hypercall>(b'P', 0), 0x30_5000);
    }

    #[test]
    fn a_descriptor_that_is_no_device_of_xen_refuses() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let device = std::os::fd::AsFd::as_fd(&file);
        assert_eq!(call(device, &mut Notify { port: 1 }), Err(Errno::NOTTY));
        // SAFETY: no device of Xen's is behind it, so nothing is called.
        let answer = unsafe { hypercall(device, 17, [0; 5]) };
        assert_eq!(answer, Err(Errno::NOTTY));
    }
}
