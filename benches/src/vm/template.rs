//! The nodes of a VM, in the order in which a toolstack writes them.

use super::{Grant, NODES};

#[derive(Clone, Copy)]
pub(super) enum Place {
    Home,
    Backend,
    Vm,
    Libxl,
}

#[derive(Clone, Copy)]
pub(super) enum Content {
    Directory,
    Text(&'static str),
    Domid,
    Name,
    Uuid,
    VmPath,
    Mac,
    Frontend,
    Backend,
    Frame,
}

/// Where, what, and for whom.
pub(super) type Row = (Place, &'static str, Content, Option<Grant>);

/// What the toolstack grants the guest to read.
const TOOLSTACK: Option<Grant> = Some(Grant::Toolstack);
/// What the guest may write.
const GUEST: Option<Grant> = Some(Grant::Guest);

/// The part of a VM that both layouts share, all below its home.
pub(super) const SHARED: [Row; 26] = {
    use Content::{Backend, Directory, Domid, Frame, Mac, Name, Text, VmPath};
    use Place::Home;
    [
        (Home, "", Directory, TOOLSTACK),
        (Home, "vm", VmPath, None),
        (Home, "name", Name, None),
        (Home, "domid", Domid, None),
        (Home, "cpu", Directory, TOOLSTACK),
        (Home, "cpu/0", Directory, TOOLSTACK),
        (Home, "cpu/0/availability", Text("online"), TOOLSTACK),
        (Home, "memory", Directory, TOOLSTACK),
        (Home, "memory/static-max", Text("524288"), None),
        (Home, "memory/target", Text("524288"), TOOLSTACK),
        (Home, "control", Directory, TOOLSTACK),
        (Home, "control/shutdown", Text(""), GUEST),
        (Home, "data", Directory, GUEST),
        (Home, "device", Directory, TOOLSTACK),
        (Home, "device/suspend", Directory, TOOLSTACK),
        (Home, "device/suspend/event-channel", Text("9"), GUEST),
        (Home, "device/vif", Directory, TOOLSTACK),
        (Home, "device/vif/0", Directory, GUEST),
        (Home, "device/vif/0/backend", Backend, None),
        (Home, "device/vif/0/backend-id", Text("0"), None),
        (Home, "device/vif/0/state", Text("1"), None),
        (Home, "device/vif/0/mac", Mac, None),
        (Home, "console", Directory, TOOLSTACK),
        (Home, "console/port", Text("2"), TOOLSTACK),
        (Home, "console/ring-ref", Frame, TOOLSTACK),
        (Home, "console/type", Text("xenconsoled"), None),
    ]
};

/// The rest where libxl puts it.
pub(super) const SPREAD: [Row; NODES - SHARED.len()] = {
    use Content::{Directory, Domid, Frontend, Name, Text, Uuid};
    use Place::{Backend, Libxl, Vm};
    [
        (Backend, "", Directory, TOOLSTACK),
        (Backend, "0", Directory, TOOLSTACK),
        (Backend, "0/frontend", Frontend, None),
        (Backend, "0/frontend-id", Domid, None),
        (Backend, "0/online", Text("1"), None),
        (Backend, "0/state", Text("1"), None),
        (Backend, "0/bridge", Text("xenbr0"), None),
        (Backend, "0/handle", Text("0"), None),
        (Vm, "", Directory, TOOLSTACK),
        (Vm, "name", Name, None),
        (Vm, "uuid", Uuid, None),
        (Vm, "start_time", Text("1790000000.00"), None),
        (Libxl, "", Directory, TOOLSTACK),
        (Libxl, "type", Text("pvh"), None),
        (Libxl, "dm-version", Text("qemu_xen"), None),
    ]
};

/// The rest where one subtree holds all.
pub(super) const COMPACT: [Row; NODES - SHARED.len()] = {
    use Content::{Directory, Frame, Text};
    use Place::Home;
    [
        (Home, "cpu/1", Directory, TOOLSTACK),
        (Home, "cpu/1/availability", Text("online"), TOOLSTACK),
        (Home, "store", Directory, TOOLSTACK),
        (Home, "store/port", Text("1"), None),
        (Home, "store/ring-ref", Frame, None),
        (Home, "attr", Directory, GUEST),
        (Home, "attr/eth0", Directory, None),
        (Home, "attr/eth0/ip", Text("192.168.100.101"), None),
        (Home, "control/feature-poweroff", Text("1"), None),
        (Home, "control/feature-reboot", Text("1"), None),
        (Home, "control/feature-suspend", Text("1"), None),
        (Home, "console/limit", Text("1048576"), None),
        (Home, "console/tty", Text("/dev/pts/17"), None),
        (Home, "device/vif/0/handle", Text("0"), None),
        (Home, "device/vif/0/mtu", Text("1500"), None),
    ]
};
