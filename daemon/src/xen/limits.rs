//! The bounds of what is asked of Xen's devices, and around them.

use std::time::Duration;

/// Bytes of a page, of the hypervisor's and of a ring's.
pub const PAGE_BYTES: usize = 4096;
/// Domains that one hypercall lists.
pub const DOMAINS_PER_LIST: u16 = 512;
/// Domains that can exist at once: ids below `DOMID_FIRST_RESERVED` (`xen.h`).
pub const DOMAINS_MAX: usize = 0x7FF0;
/// Changes that one look at the stable interface takes: each domain once, and as many again that
/// change meanwhile. The rest comes with the next look.
pub const CHANGES_PER_LOOK: usize = 2 * DOMAINS_MAX;
/// Ports that one read from an event channel device takes.
pub const PORTS_PER_READ: usize = 256;
/// Ports that one write unmasks (the kernel takes a page of them).
pub const PORTS_PER_UNMASK: usize = 256;
/// Bytes of `/proc/xen/xsd_port` that are looked at: the digits of a `u32`, and a newline.
pub const PORT_TEXT_MAX: u64 = 16;
/// How long a daemon at the socket may take to answer before it counts as stuck.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Open files that a daemon should be allowed besides one for each guest (its device model's
/// connection, or its simulated socket).
pub const FILES_BESIDES: u64 = 64;
/// Mappings that it should be allowed besides one for each guest (its ring).
pub const MAPPINGS_BESIDES: u64 = 512;
