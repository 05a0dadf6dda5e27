//! Bounds of a simulation.

use std::time::Duration;

/// Steps after which nobody begins anything any more, by default.
pub const STEPS: u64 = 20_000;
/// Steps between two times of quiet, by default.
pub const ROUND: u64 = 1_500;
/// Seeds, by default.
pub const SEEDS: u64 = 100;
/// Workers.
pub const WORKERS: u16 = 2;
/// Domain ids that guests come and go with.
pub const DOMIDS: u16 = 6;
/// Clients of the socket.
pub const SOCKETS: usize = 3;
/// Requests that a guest may have outstanding, in every third seed.
pub const FEW_OUTSTANDING: u32 = 3;
/// Records that the feed keeps in every other third: who is slow is overrun.
pub const FEW_RECORDS: usize = 8;
/// Bytes of the journal, where a daemon may be killed.
pub const JOURNAL_BYTES: u64 = 2 << 20;
/// Processes full of guests.
pub const NEIGHBOURS: usize = 2;
/// Requests that one client has under way at once.
pub const UNDER_WAY: usize = 40;
/// Steps in which what was begun must have come to its end.
pub const DRAIN_STEPS: u64 = 2_000_000;
/// Times that only time can go on, at the end.
pub const DRAIN_WAITS: u32 = 300;
/// For how long no client has had anything to do at the end: in this time the daemon looks at each
/// full ring, since older MiniOS doesn't ring when it has made room.
pub const QUIET: Duration = myriad::limits::TEND_EVERY.saturating_mul(2);
/// For how long an event may wait, and hold back who caused it: no honest client is so slow.
pub const EVENT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that time goes on at once, but for where nothing else can.
pub const TICK: Duration = Duration::from_millis(20);
/// Steps for which a client does nothing at all, at most.
pub const STALL: usize = 800;
/// Steps for which a doorbell is on its way, at most.
pub const BELL_LATE: usize = 400;
/// The last things that happened, which a failure shows.
pub const SHOWN: usize = 60;
/// Steps between two looks at the whole version.
pub const CHECK_EVERY: u64 = 4_096;
