//! What a party of a simulated guest does, as tables: steps, requests, and what must come back.
//!
//! Texts are templates: `$` and a letter stand for what differs between guests
//! ([`Cast::render`](super::cast::Cast::render)).

use myriad_ring::v1::Op;

/// One step of a script.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A request.
    Ask(Ask),
    /// Requests in a transaction, which is committed, and tried again on EAGAIN.
    Commit(&'static [Ask]),
    /// The changes of several transactions, in one commit of v2.
    Together(&'static [&'static [Ask]]),
    /// Requests in a transaction, which is given up.
    Abort(&'static [Ask]),
    /// Registers a watch.
    Watch(Spot),
    /// Removes a watch.
    Unwatch(Spot),
    /// Registers several watches by one request of v2.
    WatchAll(&'static [Spot]),
    /// Removes several.
    UnwatchAll(&'static [Spot]),
    /// Waits for an event of a watch.
    Heard(Spot),
    /// Waits until the other end of a device has come to a state, by the events of a watch and
    /// a look at the state after each.
    Until(Device, u8),
    /// Waits for the word to power off, by the events of a watch and a look after each.
    Word,
    /// Changes the own end's state as `xenbus_switch_state` does: in a transaction.
    Switch(Device, u8),
}

/// A request, and what must come back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// The operation.
    pub(super) op: Op,
    /// The template of the payload.
    pub(super) text: &'static str,
    /// What must come.
    pub(super) expect: Expect,
}

/// What must come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// `OK`.
    Ok,
    /// This payload, a template.
    Text(&'static str),
    /// This error.
    Error(&'static str),
    /// The id of a transaction.
    Id,
    /// `OK`, or EAGAIN: somebody came between.
    Commit,
    /// The state of a device's end: one that it was in between the request and the reply.
    State(Device, End),
    /// `OK`, after the event of `@introduceDomain`.
    Introduced,
    /// `poweroff`; or nothing, where nobody is known to have written that.
    Word,
}

/// A device of each guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Device {
    /// A disk.
    Vbd,
    /// A network interface.
    Vif,
    /// A second console.
    Console,
}

/// An end of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The guest's.
    Front,
    /// The control domain's.
    Back,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// What libxl does, over the socket.
    Toolstack,
    /// The guest's kernel, over its ring.
    Guest,
    /// The drivers of the control domain, over a socket too.
    Backend,
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// New devices.
    Devices,
    /// `control/shutdown`.
    Shutdown,
    /// `control/sysrq`.
    Sysrq,
    /// The processors.
    Cpu,
    /// The memory target.
    Memory,
    /// The state of a device's other end.
    State(Device),
    /// The domain's end.
    Released,
    /// New domains; one watch for all guests.
    Introduced,
}

impl Device {
    pub(super) const ALL: [Device; 3] = [Device::Vbd, Device::Vif, Device::Console];

    /// What belongs to it among the same of all devices.
    pub(super) fn of<T>(self, [vbd, vif, console]: &[T; 3]) -> &T {
        match self {
            Device::Vbd => vbd,
            Device::Vif => vif,
            Device::Console => console,
        }
    }

    /// The same, to be changed.
    pub(super) fn of_mut<T>(self, [vbd, vif, console]: &mut [T; 3]) -> &mut T {
        match self {
            Device::Vbd => vbd,
            Device::Vif => vif,
            Device::Console => console,
        }
    }

    /// Where an end keeps its state; a template. The guest's own is relative for itself.
    pub(super) fn state(self, end: End, role: Role) -> &'static str {
        match (self, end, role) {
            (Device::Vbd, End::Front, Role::Guest) => "device/vbd/51712/state",
            (Device::Vif, End::Front, Role::Guest) => "device/vif/0/state",
            (Device::Console, End::Front, Role::Guest) => "device/console/1/state",
            (Device::Vbd, End::Front, _) => "$H/device/vbd/51712/state",
            (Device::Vif, End::Front, _) => "$H/device/vif/0/state",
            (Device::Console, End::Front, _) => "$H/device/console/1/state",
            (Device::Vbd, End::Back, _) => "$b/state",
            (Device::Vif, End::Back, _) => "$i/state",
            (Device::Console, End::Back, _) => "$c/state",
        }
    }
}

impl Role {
    /// Which end of the devices is its own.
    pub(super) fn end(self) -> End {
        if self == Role::Guest { End::Front } else { End::Back }
    }

    /// Which end of the devices it watches.
    pub(super) fn other_end(self) -> End {
        if self == Role::Backend { End::Front } else { End::Back }
    }

    /// Its name, for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Role::Toolstack => "toolstack",
            Role::Guest => "guest",
            Role::Backend => "backend",
        }
    }
}

impl Spot {
    /// Its number, below 16.
    pub(super) fn number(self) -> u8 {
        match self {
            Spot::Devices => 0,
            Spot::Shutdown => 1,
            Spot::Sysrq => 2,
            Spot::Cpu => 3,
            Spot::Memory => 4,
            Spot::State(Device::Vbd) => 5,
            Spot::State(Device::Vif) => 6,
            Spot::State(Device::Console) => 7,
            Spot::Released => 8,
            Spot::Introduced => 9,
        }
    }

    /// The spot of a number.
    pub(super) fn of_number(number: u8) -> Option<Spot> {
        let [vbd, vif, console] = Device::ALL.map(Spot::State);
        let first = [Spot::Devices, Spot::Shutdown, Spot::Sysrq, Spot::Cpu, Spot::Memory];
        let last = [vbd, vif, console, Spot::Released, Spot::Introduced];
        first.into_iter().chain(last).find(|spot| spot.number() == number)
    }

    /// The path that a role watches there; a template.
    pub(super) fn path(self, role: Role) -> &'static str {
        match self {
            Spot::Devices => "device",
            Spot::Shutdown => "control/shutdown",
            Spot::Sysrq => "control/sysrq",
            Spot::Cpu => "cpu",
            Spot::Memory => "memory/target",
            Spot::State(device) => device.state(role.other_end(), role),
            Spot::Released => "@releaseDomain/$N",
            Spot::Introduced => "@introduceDomain",
        }
    }
}

/// A request that is answered by `OK`.
pub(super) const fn ok(op: Op, text: &'static str) -> Ask {
    Ask { op, text, expect: Expect::Ok }
}

/// A request that is answered by this.
pub(super) const fn gives(op: Op, text: &'static str, answer: &'static str) -> Ask {
    Ask { op, text, expect: Expect::Text(answer) }
}

/// A request that is refused.
pub(super) const fn refused(op: Op, text: &'static str, errno: &'static str) -> Ask {
    Ask { op, text, expect: Expect::Error(errno) }
}

/// WRITE.
pub(super) const fn write(text: &'static str) -> Ask {
    ok(Op::Write, text)
}

/// MKDIR.
pub(super) const fn mkdir(text: &'static str) -> Ask {
    ok(Op::Mkdir, text)
}

/// SET_PERMS.
pub(super) const fn chmod(text: &'static str) -> Ask {
    ok(Op::SetPerms, text)
}

/// RM.
pub(super) const fn rm(text: &'static str) -> Ask {
    ok(Op::Rm, text)
}

/// READ.
pub(super) const fn read(path: &'static str, value: &'static str) -> Ask {
    gives(Op::Read, path, value)
}

/// DIRECTORY.
pub(super) const fn list(path: &'static str, names: &'static str) -> Ask {
    gives(Op::Directory, path, names)
}

/// READ of a node that isn't there.
pub(super) const fn absent(path: &'static str) -> Ask {
    refused(Op::Read, path, "ENOENT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spot_has_a_number_of_its_own() {
        for number in 0..10 {
            assert_eq!(Spot::of_number(number).map(Spot::number), Some(number));
        }
        assert_eq!(Spot::of_number(10), None);
    }
}
