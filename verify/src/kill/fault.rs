//! What can be found wrong, and who found it.

use std::fmt;

use super::limits::SHOWN;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Something that was acknowledged, or that someone has seen, is gone.
    Lost,
    /// A request was executed or answered twice.
    Twice,
    /// A part of a transaction, or of one request, is there without the rest.
    Torn,
    /// Something is there that nobody has made.
    Foreign,
    /// A request got no answer, or a ring can't be used any more: the guest needs a restart.
    Restart,
    /// A watch was lost: what it should have told was not told.
    Watch,
    /// An answer that fits nothing.
    Wrong,
    /// Children are listed in another order than that of their creation.
    Order,
    /// What CONTROL `check` finds, or an error in the daemon's log.
    Check,
    /// Which domains are introduced, or their permissions, isn't as before.
    Domains,
    /// A dead domain's end wasn't noticed, or the next tenant has something of it.
    Dead,
    /// The daemon doesn't start again.
    Start,
    /// A point isn't reached, and nothing is known of it.
    Point,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 13] = [
        Kind::Lost,
        Kind::Twice,
        Kind::Torn,
        Kind::Foreign,
        Kind::Restart,
        Kind::Watch,
        Kind::Wrong,
        Kind::Order,
        Kind::Check,
        Kind::Domains,
        Kind::Dead,
        Kind::Start,
        Kind::Point,
    ];

    /// What it is called in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Lost => "acknowledged and lost",
            Kind::Twice => "executed or answered twice",
            Kind::Torn => "applied in part",
            Kind::Foreign => "written by nobody",
            Kind::Restart => "needs a restart",
            Kind::Watch => "lost watch",
            Kind::Wrong => "wrong answer",
            Kind::Order => "order of children",
            Kind::Check => "found by check",
            Kind::Domains => "domains or permissions",
            Kind::Dead => "death not noticed",
            Kind::Start => "does not start",
            Kind::Point => "point not reached",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub kind: Kind,
    /// Whose: a client, a guest, or the daemon.
    pub who: String,
    /// In which life of the daemon, from 1.
    pub life: u64,
    /// What was found, and what should have been.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { kind, who, life, what } = self;
        write!(f, "life {life}, {who}: {kind}: {what}")
    }
}

/// Bytes as a person reads them, cut where they are long.
#[must_use]
pub(super) fn show(bytes: &[u8]) -> String {
    let cut = bytes.get(..SHOWN).unwrap_or(bytes);
    let more = bytes.len() - cut.len();
    let text = cut.escape_ascii();
    if more > 0 { format!("\"{text}\" and {more} bytes more") } else { format!("\"{text}\"") }
}
