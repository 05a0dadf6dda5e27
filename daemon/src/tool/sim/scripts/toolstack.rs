//! The toolstack: what libxl does for a PV guest with a disk, a network interface and two
//! consoles.

use myriad_ring::v1::Op;

use crate::tool::sim::script::{
    Device::{Console, Vbd, Vif},
    Expect, Spot,
    Step::{self, Ask, Commit, Heard, Together, Until, Unwatch, UnwatchAll, Watch, WatchAll},
    absent, chmod, gives, list, mkdir, ok, read, refused, rm, write,
};

/// A domain with its nodes, introduced, with its devices.
pub(in crate::tool::sim) const CREATE: &[Step] = &[
    Ask(ok(Op::Control, "sim\0create\0$N\0")),
    Commit(DOMAIN),
    Ask(write("$H/memory/static-max\0$T")),
    Ask(write("$H/memory/target\0$T")),
    Ask(write("$H/domid\0$N")),
    Ask(write("$H/store/port\x001")),
    Ask(write("$H/store/ring-ref\0$g")),
    Ask(write("$H/cpu/0/availability\0online")),
    Ask(gives(Op::IsDomainIntroduced, "$N\0", "F\0")),
    Watch(Spot::Released),
    Heard(Spot::Released),
    Ask(INTRODUCE),
    Ask(gives(Op::IsDomainIntroduced, "$N\0", "T\0")),
    Commit(DISK),
    Commit(NETWORK),
    Commit(CONSOLES),
];

/// The same where the daemon has protocol v2: all nodes by one commit, all watches by one request.
pub(in crate::tool::sim) const CREATE_AT_ONCE: &[Step] = &[
    Ask(ok(Op::Control, "sim\0create\0$N\0")),
    Together(&[DOMAIN, BUILT, DISK, NETWORK, CONSOLES]),
    Ask(gives(Op::IsDomainIntroduced, "$N\0", "F\0")),
    WatchAll(&[Spot::Released, Spot::State(Vbd), Spot::State(Vif), Spot::State(Console)]),
    Heard(Spot::Released),
    Ask(INTRODUCE),
    Ask(gives(Op::IsDomainIntroduced, "$N\0", "T\0")),
];

/// Until the backends wait for the frontends.
pub(in crate::tool::sim) const WAIT: &[Step] = &[
    Watch(Spot::State(Vbd)),
    Watch(Spot::State(Vif)),
    Watch(Spot::State(Console)),
    Until(Vbd, 2),
    Until(Vif, 2),
    Until(Console, 2),
    Unwatch(Spot::State(Vbd)),
    Unwatch(Spot::State(Vif)),
    Unwatch(Spot::State(Console)),
];

/// The same with the watches of [`CREATE_AT_ONCE`].
pub(in crate::tool::sim) const WAIT_AT_ONCE: &[Step] = &[
    Until(Vbd, 2),
    Until(Vif, 2),
    Until(Console, 2),
    UnwatchAll(&[Spot::State(Vbd), Spot::State(Vif), Spot::State(Console)]),
];

/// What must be there when a guest has booted.
pub(in crate::tool::sim) const VERIFY: &[Step] = &[
    Ask(read("$H/name\0", "$M")),
    Ask(list("/@index/domain-name/$M\0", "$N\0")),
    Ask(list("$H\0", HOME)),
    Ask(read("$H/device/vbd/51712/state\0", "4")),
    Ask(read("$H/device/vif/0/state\0", "4")),
    Ask(read("$H/device/console/1/state\0", "4")),
    Ask(read("$b/state\0", "4")),
    Ask(read("$i/state\0", "4")),
    Ask(read("$c/state\0", "4")),
    Ask(read("$H/data/os_name\0", "Linux")),
    Ask(read("$H/control/feature-poweroff\0", "1")),
    Ask(gives(Op::GetPerms, "$H/device/vbd/51712/ring-ref\0", "n$N\0r0\0")),
    Ask(gives(Op::GetPerms, "$H\0", "n0\0r$N\0")),
];

/// The guest is told to go.
pub(in crate::tool::sim) const SHUT_DOWN: &[Step] = &[Ask(write("$H/control/shutdown\0poweroff"))];

/// It has, and its domain stops.
pub(in crate::tool::sim) const HALT: &[Step] = &[
    Ask(read("$H/control/shutdown\0", "")),
    Ask(ok(Op::Control, "sim\0shutdown\0$N\0")),
    Heard(Spot::Released),
    Ask(read("$H/data/os_name\0", "Linux")),
];

/// The end of a domain and of its nodes.
pub(in crate::tool::sim) const DESTROY: &[Step] = &[
    Ask(ok(Op::Control, "sim\0destroy\0$N\0")),
    Heard(Spot::Released),
    Unwatch(Spot::Released),
    // What was its own went with it.
    Ask(absent("$H/data\0")),
    Ask(absent("$H/device/vif/0\0")),
    Ask(read("$H/name\0", "$M")),
    Commit(&[rm("$b\0"), rm("$i\0"), rm("$c\0")]),
    Commit(&[
        rm("$H\0"),
        rm("/vm/$U\0"),
        rm("/libxl/$N\0"),
        rm("/local/domain/0/backend/vbd/$N\0"),
        rm("/local/domain/0/backend/vif/$N\0"),
        rm("/local/domain/0/backend/console/$N\0"),
    ]),
    Ask(gives(Op::IsDomainIntroduced, "$N\0", "F\0")),
    Ask(absent("$H\0")),
    Ask(absent("/vm/$U/name\0")),
    Ask(refused(Op::Directory, "/@index/domain-name/$M\0", "ENOENT")),
];

const INTRODUCE: super::super::script::Ask = super::super::script::Ask {
    op: Op::Introduce,
    text: "$N\x001\x001\0",
    expect: Expect::Introduced,
};

/// What a build leaves behind.
const BUILT: &[super::super::script::Ask] = &[
    write("$H/memory/static-max\0$T"),
    write("$H/memory/target\0$T"),
    write("$H/domid\0$N"),
    write("$H/store/port\x001"),
    write("$H/store/ring-ref\0$g"),
    write("$H/cpu/0/availability\0online"),
];

/// In one transaction, for a domain that the daemon wasn't told of.
const DOMAIN: &[super::super::script::Ask] = &[
    rm("$H\0"),
    mkdir("$H\0"),
    chmod("$H\0n0\0r$N\0"),
    rm("/vm/$U\0"),
    mkdir("/vm/$U\0"),
    chmod("/vm/$U\0n0\0r$N\0"),
    rm("/libxl/$N\0"),
    mkdir("/libxl/$N\0"),
    chmod("/libxl/$N\0n0\0"),
    write("$H/vm\0/vm/$U"),
    write("$H/name\0$M"),
    mkdir("$H/cpu\0"),
    chmod("$H/cpu\0n0\0r$N\0"),
    mkdir("$H/memory\0"),
    chmod("$H/memory\0n0\0r$N\0"),
    mkdir("$H/device\0"),
    chmod("$H/device\0n0\0r$N\0"),
    mkdir("$H/control\0"),
    chmod("$H/control\0n0\0r$N\0"),
    write("$H/control/shutdown\0"),
    chmod("$H/control/shutdown\0n$N\0r0\0"),
    write("$H/control/sysrq\0"),
    chmod("$H/control/sysrq\0n$N\0r0\0"),
    write("$H/control/feature-poweroff\0"),
    chmod("$H/control/feature-poweroff\0n$N\0r0\0"),
    write("$H/control/feature-reboot\0"),
    chmod("$H/control/feature-reboot\0n$N\0r0\0"),
    write("$H/control/feature-suspend\0"),
    chmod("$H/control/feature-suspend\0n$N\0r0\0"),
    mkdir("$H/device/suspend/event-channel\0"),
    chmod("$H/device/suspend/event-channel\0n$N\0r0\0"),
    mkdir("$H/data\0"),
    chmod("$H/data\0n$N\0r0\0"),
    write("/vm/$U/name\0$M"),
    write("/vm/$U/uuid\0$U"),
    write("/vm/$U/start_time\x001790000000.00"),
    write("/libxl/$N/type\0pv"),
    write("/libxl/$N/dm-version\0qemu_xen"),
];

const DISK: &[super::super::script::Ask] = &[
    mkdir("$H/device/vbd/51712\0"),
    chmod("$H/device/vbd/51712\0n$N\0r0\0"),
    mkdir("$b\0"),
    chmod("$b\0n0\0r$N\0"),
    write("$H/device/vbd/51712/backend\0$b"),
    write("$H/device/vbd/51712/backend-id\x000"),
    write("$H/device/vbd/51712/state\x001"),
    write("$H/device/vbd/51712/virtual-device\x0051712"),
    write("$H/device/vbd/51712/device-type\0disk"),
    write("$b/frontend\0$H/device/vbd/51712"),
    write("$b/frontend-id\0$N"),
    write("$b/online\x001"),
    write("$b/state\x001"),
    write("$b/params\0/dev/vg/$M"),
    write("$b/type\0phy"),
    write("$b/dev\0xvda"),
    write("$b/mode\0w"),
];

const NETWORK: &[super::super::script::Ask] = &[
    mkdir("$H/device/vif/0\0"),
    chmod("$H/device/vif/0\0n$N\0r0\0"),
    mkdir("$i\0"),
    chmod("$i\0n0\0r$N\0"),
    write("$H/device/vif/0/backend\0$i"),
    write("$H/device/vif/0/backend-id\x000"),
    write("$H/device/vif/0/state\x001"),
    write("$H/device/vif/0/handle\x000"),
    write("$H/device/vif/0/mac\0$A"),
    write("$i/frontend\0$H/device/vif/0"),
    write("$i/frontend-id\0$N"),
    write("$i/online\x001"),
    write("$i/state\x001"),
    write("$i/bridge\0xenbr0"),
    write("$i/mac\0$A"),
];

/// The first one has its page in the domain's start information, and no driver of the bus.
const CONSOLES: &[super::super::script::Ask] = &[
    mkdir("$H/console\0"),
    chmod("$H/console\0n0\0r$N\0"),
    write("$H/console/type\0xenconsoled"),
    write("$H/console/port\x002"),
    write("$H/console/ring-ref\0$g"),
    write("$H/console/limit\x001048576"),
    mkdir("$H/device/console/1\0"),
    chmod("$H/device/console/1\0n$N\0r0\0"),
    mkdir("$c\0"),
    chmod("$c\0n0\0r$N\0"),
    write("$H/device/console/1/backend\0$c"),
    write("$H/device/console/1/backend-id\x000"),
    write("$H/device/console/1/state\x001"),
    write("$H/device/console/1/type\0xenconsoled"),
    write("$c/frontend\0$H/device/console/1"),
    write("$c/frontend-id\0$N"),
    write("$c/online\x001"),
    write("$c/state\x001"),
    write("$c/protocol\0vt100"),
];

/// The children of a home, in order of creation.
const HOME: &str = "vm\0name\0cpu\0memory\0device\0control\0data\0domid\0store\0console\0";
