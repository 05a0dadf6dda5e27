//! Where the daemon is killed: at a named point of its own code, or at random from outside.

use std::{fmt, str::FromStr};

use crate::oracle::rng::Rng;

/// A place at which a daemon ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// Room for a record was reserved.
    Reserve,
    /// The record was copied.
    Copy,
    /// The version was swapped in.
    Cas,
    /// The record was marked as published.
    Mark,
    /// A ring's recovery slot was written.
    Slot,
    /// The index of a ring's responses was stored.
    ResponsesProduced,
    /// The index of a ring's requests was stored.
    RequestsConsumed,
    /// An answer left the process.
    Acknowledge,
    /// A checkpoint was under way.
    Checkpoint,
    /// A segment of the journal was used again.
    SegmentReuse,
    /// From outside, after a number of answers.
    Random,
}

/// no point is called so
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no point is called {0}: use one of {list}", list = names())]
pub struct UnknownPoint(String);

impl Point {
    /// Those in the daemon's code.
    pub const NAMED: [Point; 10] = [
        Point::Reserve,
        Point::Copy,
        Point::Cas,
        Point::Mark,
        Point::Slot,
        Point::ResponsesProduced,
        Point::RequestsConsumed,
        Point::Acknowledge,
        Point::Checkpoint,
        Point::SegmentReuse,
    ];

    /// Its name, as `MYRIAD_FAILPOINT` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Point::Reserve => "reserve",
            Point::Copy => "copy",
            Point::Cas => "cas",
            Point::Mark => "mark",
            Point::Slot => "slot",
            Point::ResponsesProduced => "rsp_prod",
            Point::RequestsConsumed => "req_cons",
            Point::Acknowledge => "acknowledge",
            Point::Checkpoint => "checkpoint",
            Point::SegmentReuse => "segment-reuse",
            Point::Random => "random",
        }
    }

    /// Whether much has to be written until a daemon comes there.
    pub(super) fn is_rare(self) -> bool {
        matches!(self, Point::Checkpoint | Point::SegmentReuse)
    }

    /// At which time of coming there a daemon ends, where it can be expected to come so often: as
    /// often in the midst of what follows a start as in what comes later.
    pub(super) fn draw(rng: &mut Rng, most: usize) -> usize {
        let most = if rng.permille(300) { most / 20 } else { most };
        rng.range(1, most.max(1))
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Point {
    type Err = UnknownPoint;

    fn from_str(text: &str) -> Result<Point, UnknownPoint> {
        let mut all = Point::NAMED.into_iter().chain([Point::Random]);
        all.find(|point| point.name() == text).ok_or_else(|| UnknownPoint(text.to_owned()))
    }
}

fn names() -> String {
    let names: Vec<_> = Point::NAMED.iter().map(|point| point.name()).collect();
    format!("{}, random", names.join(", "))
}
