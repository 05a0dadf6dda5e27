//! Named points at which a process can be made to kill itself, to show that it loses nothing.
//!
//! With the feature `failpoints` and `MYRIAD_FAILPOINT=mark:137` in its environment, a process
//! sends itself SIGKILL when it comes to the point `mark` for the 137th time. Without the feature
//! [`hit`] is nothing at all.
//!
//! # Synchronization
//! The count carries no data: relaxed.

/// Where a process can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The journal's space is taken, and nothing is written in it.
    Reserve,
    /// A record is written but for its stamp.
    Copy,
    /// Beside the swap of the current version (the store calls it).
    Cas,
    /// Right before a record is marked.
    Mark,
    /// Within the writing of a slot, at each of its steps.
    Slot,
    /// Beside the store of a ring's response index (the ring calls it).
    RspProd,
    /// Beside the store of a ring's request index (the ring calls it).
    ReqCons,
    /// Before an answer leaves for a socket (the daemon calls it).
    Acknowledge,
    /// Within the writing of a checkpoint, at each of its steps.
    Checkpoint,
    /// While a segment is made ready to be used again, at each line and at the end.
    SegmentReuse,
}

impl Point {
    /// All of them.
    pub const ALL: [Point; 10] = [
        Point::Reserve,
        Point::Copy,
        Point::Cas,
        Point::Mark,
        Point::Slot,
        Point::RspProd,
        Point::ReqCons,
        Point::Acknowledge,
        Point::Checkpoint,
        Point::SegmentReuse,
    ];

    /// Its name in the environment.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Point::Reserve => "reserve",
            Point::Copy => "copy",
            Point::Cas => "cas",
            Point::Mark => "mark",
            Point::Slot => "slot",
            Point::RspProd => "rsp_prod",
            Point::ReqCons => "req_cons",
            Point::Acknowledge => "acknowledge",
            Point::Checkpoint => "checkpoint",
            Point::SegmentReuse => "segment-reuse",
        }
    }
}

/// Where it is: the variable of the environment.
pub const VARIABLE: &str = "MYRIAD_FAILPOINT";

/// Comes to a point.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_: Point) {}

/// Comes to a point.
#[cfg(feature = "failpoints")]
pub fn hit(point: Point) {
    if let Some(armed) = ARMED.as_ref().filter(|armed| armed.point == point) {
        armed.count();
    }
}

/// What the environment asks for.
#[cfg(feature = "failpoints")]
struct Armed {
    point: Point,
    at: u64,
    hits: crate::sync::MappedU64,
}

#[cfg(feature = "failpoints")]
impl Armed {
    fn of_environment() -> Option<Armed> {
        let (point, at) = parse(&std::env::var(VARIABLE).ok()?)?;
        Some(Armed { point, at, hits: crate::sync::MappedU64::new(0) })
    }

    fn count(&self) {
        // Relaxed: a count.
        if self.hits.fetch_add(1, crate::sync::Ordering::Relaxed) + 1 == self.at {
            let me = rustix::process::getpid();
            // It can't be refused; where it were, the test would miss its kill.
            let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
            loop {
                std::thread::park(); // The signal is on its way.
            }
        }
    }
}

#[cfg(feature = "failpoints")]
static ARMED: std::sync::LazyLock<Option<Armed>> = std::sync::LazyLock::new(Armed::of_environment);

/// A point and the number of the hit, of `NAME:NUMBER`.
#[must_use]
pub fn parse(text: &str) -> Option<(Point, u64)> {
    let (name, at) = text.split_once(':')?;
    let point = Point::ALL.into_iter().find(|point| point.name() == name)?;
    Some((point, at.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_has_its_own_name() {
        for point in Point::ALL {
            assert_eq!(parse(&format!("{}:137", point.name())), Some((point, 137)));
        }
        assert_eq!(parse("mark"), None);
        assert_eq!(parse("mark:"), None);
        assert_eq!(parse("nowhere:1"), None);
    }
}
