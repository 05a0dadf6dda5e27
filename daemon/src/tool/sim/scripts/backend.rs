//! The drivers of the control domain: blkback, netback, and who serves consoles.

use myriad_ring::v1::Op;

use crate::tool::sim::script::{
    Device::{Console, Vbd, Vif},
    Spot,
    Step::{self, Ask, Commit, Switch, Until, Unwatch, Watch},
    gives, read, write,
};

/// From the probe of the three devices to their connection. A frontend's state is read before
/// its other nodes, which it has written before.
pub(in crate::tool::sim) const CONNECT: &[Step] = &[
    Ask(read("$b/frontend-id\0", "$N")),
    Ask(read("$b/frontend\0", "$H/device/vbd/51712")),
    Watch(Spot::State(Vbd)),
    Ask(write("$b/feature-max-indirect-segments\x00256")),
    Ask(write("$b/max-ring-page-order\x004")),
    Switch(Vbd, 2),
    Ask(read("$i/frontend\0", "$H/device/vif/0")),
    Watch(Spot::State(Vif)),
    Commit(&[
        write("$i/feature-sg\x001"),
        write("$i/feature-gso-tcpv4\x001"),
        write("$i/feature-rx-copy\x001"),
        write("$i/feature-split-event-channels\x001"),
    ]),
    Ask(write("$i/multi-queue-max-queues\x002")),
    Switch(Vif, 2),
    Ask(read("$c/frontend\0", "$H/device/console/1")),
    Watch(Spot::State(Console)),
    Switch(Console, 2),
    // The disk.
    Until(Vbd, 3),
    Ask(read("$H/device/vbd/51712/ring-ref\0", "$g")),
    Ask(read("$H/device/vbd/51712/event-channel\0", "15")),
    Ask(read("$H/device/vbd/51712/protocol\0", "x86_64-abi")),
    Commit(&[
        write("$b/feature-flush-cache\x001"),
        write("$b/sectors\x0020971520"),
        write("$b/info\x000"),
        write("$b/sector-size\x00512"),
        write("$b/physical-sector-size\x00512"),
    ]),
    Switch(Vbd, 4),
    // The network.
    Until(Vif, 4),
    Ask(read("$H/device/vif/0/tx-ring-ref\0", "$g")),
    Ask(read("$H/device/vif/0/rx-ring-ref\0", "$g")),
    Ask(read("$H/device/vif/0/request-rx-copy\0", "1")),
    Ask(gives(Op::GetPerms, "$H/device/vif/0/tx-ring-ref\0", "n$N\0r0\0")),
    Switch(Vif, 4),
    Ask(write("$i/hotplug-status\0connected")),
    // The console.
    Until(Console, 3),
    Ask(read("$H/device/console/1/ring-ref\0", "$g")),
    Ask(write("$H/device/console/1/tty\0/dev/pts/$N")),
    Switch(Console, 4),
    Until(Vbd, 4),
    Until(Console, 4),
];

/// The end of the devices.
pub(in crate::tool::sim) const DISCONNECT: &[Step] =
    &[Unwatch(Spot::State(Vbd)), Unwatch(Spot::State(Vif)), Unwatch(Spot::State(Console))];
