//! The guest: a Linux kernel that boots as a PV guest, and one that is told to go.

use myriad_ring::v1::Op;

use crate::tool::sim::script::{
    Device::{Console, Vbd, Vif},
    Spot,
    Step::{self, Abort, Ask, Commit, Heard, Switch, Until, Watch, Word},
    absent, gives, list, read, refused, write,
};

/// From the first request to three devices that are connected.
pub(in crate::tool::sim) const BOOT: &[Step] = &[
    // The bus.
    Watch(Spot::Devices),
    Heard(Spot::Devices),
    Ask(list("device\0", "suspend\0vbd\0vif\0console\0")),
    Ask(list("device/suspend\0", "event-channel\0")),
    Ask(absent("device/suspend/event-channel/state\0")),
    Ask(list("device/vbd\0", "51712\0")),
    Ask(read("device/vbd/51712/state\0", "1")),
    Ask(list("device/vif\0", "0\0")),
    Ask(read("device/vif/0/state\0", "1")),
    Ask(list("device/console\0", "1\0")),
    Ask(read("device/console/1/state\0", "1")),
    // Shutdown, SysRq, processors, memory.
    Watch(Spot::Shutdown),
    Watch(Spot::Sysrq),
    Ask(write("control/feature-poweroff\x001")),
    Ask(write("control/feature-reboot\x001")),
    Ask(write("control/feature-suspend\x001")),
    Heard(Spot::Shutdown),
    Abort(&[read("control/shutdown\0", "")]),
    Heard(Spot::Sysrq),
    Abort(&[read("control/sysrq\0", "")]),
    Watch(Spot::Cpu),
    Heard(Spot::Cpu),
    Ask(read("cpu/0/availability\0", "online")),
    Ask(absent("cpu/1/availability\0")),
    Watch(Spot::Memory),
    Heard(Spot::Memory),
    Ask(read("memory/target\0", "$T")),
    Ask(read("memory/static-max\0", "$T")),
    // Each frontend finds its backend.
    Ask(read("device/vbd/51712/backend-id\0", "0")),
    Ask(read("device/vbd/51712/backend\0", "$b")),
    Ask(list("$b\0", VBD_NODES)),
    Watch(Spot::State(Vbd)),
    Ask(read("device/vbd/51712/virtual-device\0", "51712")),
    Ask(read("device/vif/0/backend-id\0", "0")),
    Ask(read("device/vif/0/backend\0", "$i")),
    Watch(Spot::State(Vif)),
    Ask(read("device/vif/0/mac\0", "$A")),
    Ask(read("device/console/1/backend\0", "$c")),
    Watch(Spot::State(Console)),
    // They offer their rings, …
    Until(Vbd, 2),
    Ask(read("$b/max-ring-page-order\0", "4")),
    Ask(absent("$b/multi-queue-max-queues\0")),
    Commit(&[
        write("device/vbd/51712/ring-ref\0$g"),
        write("device/vbd/51712/event-channel\x0015"),
        write("device/vbd/51712/protocol\0x86_64-abi"),
        write("device/vbd/51712/feature-persistent\x001"),
    ]),
    Switch(Vbd, 3),
    Until(Vif, 2),
    Ask(read("$i/multi-queue-max-queues\0", "2")),
    Ask(read("$i/feature-split-event-channels\0", "1")),
    Commit(&[
        write("device/vif/0/tx-ring-ref\0$g"),
        write("device/vif/0/rx-ring-ref\0$g"),
        write("device/vif/0/event-channel-tx\x0016"),
        write("device/vif/0/event-channel-rx\x0017"),
        write("device/vif/0/request-rx-copy\x001"),
        write("device/vif/0/feature-sg\x001"),
    ]),
    Ask(read("$i/feature-rx-copy\0", "1")),
    Switch(Vif, 4),
    Until(Console, 2),
    Commit(&[write("device/console/1/ring-ref\0$g"), write("device/console/1/port\x0018")]),
    Switch(Console, 3),
    // … and are connected when their backends are.
    Until(Vbd, 4),
    Ask(read("$b/sectors\0", "20971520")),
    Ask(read("$b/info\0", "0")),
    Ask(read("$b/sector-size\0", "512")),
    Ask(read("$b/feature-flush-cache\0", "1")),
    Switch(Vbd, 4),
    Until(Vif, 4),
    Until(Console, 4),
    Switch(Console, 4),
    // An agent: what it may, and what it may not.
    Ask(read("name\0", "$M")),
    Ask(read("vm\0", "/vm/$U")),
    Ask(read("/vm/$U/uuid\0", "$U")),
    Ask(gives(Op::GetDomainPath, "$N\0", "$H\0")),
    Ask(write("data/os_name\0Linux")),
    Ask(gives(Op::GetPerms, "data/os_name\0", "n$N\0r0\0")),
    Ask(refused(Op::Write, "name\0another", "EACCES")),
    Ask(refused(Op::Read, "/local/domain/0/name\0", "EACCES")),
    Ask(refused(Op::IsDomainIntroduced, "$N\0", "EACCES")),
];

/// What a guest does for the rest of its life: it waits to be told to go.
pub(in crate::tool::sim) const POWER_OFF: &[Step] =
    &[Word, Commit(&[read("control/shutdown\0", "poweroff"), write("control/shutdown\0")])];

/// The backend of the disk as toolstack and driver have made it.
const VBD_NODES: &str = "frontend\0frontend-id\0online\0state\0params\0type\0dev\0mode\0\
    feature-max-indirect-segments\0max-ring-page-order\0";
