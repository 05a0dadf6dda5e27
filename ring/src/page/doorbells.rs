//! When the other side of a page is told.

/// When the other side is told that indices have moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doorbells {
    /// After each sweep that moved any, as `xenstore-ring.txt` asks for.
    #[default]
    Always,
    /// Where the other side may be asleep: it had seen all that was there before, or the ring was
    /// full. So does Linux (`xenbus_comms.c`). It isn't the default since firmware and MiniOS wait
    /// for room in rings that aren't full.
    WhenNeeded,
    /// For bytes that were put, and never for room, as older MiniOS did. Who talks to such a guest
    /// must look for room by itself. Not for servers.
    ForBytes,
}
