//! The words of the first page, and where they lie. `PROTOCOL-V2.md` has them as a table.
//!
//! What one side writes while the other reads has a cache line of its own, and the line that a
//! processor fetches with it.

use crate::page::Lane;

/// `MYRR`, in the file's first bytes.
pub const MAGIC: u32 = 0x5252_594D;
/// Of this layout.
pub const VERSION: u32 = 1;

/// A word of the first page, in the machine's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// [`MAGIC`].
    Magic,
    /// [`VERSION`].
    Version,
    /// Bytes of the ring of requests, which begins behind the page.
    RequestsSize,
    /// Bytes of the ring of answers and events, which begins behind that.
    AnswersSize,
    /// Why the server has given the rings up: 0, or a number as a guest's page has it
    /// ([`crate::page::layout::ERROR_RINGIDX`]).
    Error,
    /// The index of the next byte that the client puts.
    RequestsProduced,
    /// The index of the next byte that the server takes.
    RequestsConsumed,
    /// The index of the next byte that the server puts.
    AnswersProduced,
    /// The index of the next byte that the client takes.
    AnswersConsumed,
    /// What the server sleeps for: [`FOR_BYTES`], [`FOR_ROOM`], both, or 0: it is awake.
    ServerSleeps,
    /// The same of the client.
    ClientSleeps,
}

/// It waits for bytes.
pub const FOR_BYTES: u32 = 1;
/// It waits for room.
pub const FOR_ROOM: u32 = 2;

impl Place {
    /// All of them, in the order of the page.
    pub const ALL: [Place; 11] = [
        Place::Magic,
        Place::Version,
        Place::RequestsSize,
        Place::AnswersSize,
        Place::Error,
        Place::RequestsProduced,
        Place::RequestsConsumed,
        Place::AnswersProduced,
        Place::AnswersConsumed,
        Place::ServerSleeps,
        Place::ClientSleeps,
    ];

    /// Where it lies: bytes from the beginning of the file, a multiple of 4.
    #[must_use]
    pub const fn offset(self) -> usize {
        match self {
            Place::Magic => 0,
            Place::Version => 4,
            Place::RequestsSize => 8,
            Place::AnswersSize => 12,
            Place::Error => 16,
            Place::RequestsProduced => 128,
            Place::RequestsConsumed => 256,
            Place::AnswersProduced => 384,
            Place::AnswersConsumed => 512,
            Place::ServerSleeps => 640,
            Place::ClientSleeps => 768,
        }
    }

    /// The name that C gives to its offset.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Place::Magic => "MAGIC",
            Place::Version => "VERSION",
            Place::RequestsSize => "REQUESTS_SIZE",
            Place::AnswersSize => "ANSWERS_SIZE",
            Place::Error => "ERROR",
            Place::RequestsProduced => "REQUESTS_PRODUCED",
            Place::RequestsConsumed => "REQUESTS_CONSUMED",
            Place::AnswersProduced => "ANSWERS_PRODUCED",
            Place::AnswersConsumed => "ANSWERS_CONSUMED",
            Place::ServerSleeps => "SERVER_SLEEPS",
            Place::ClientSleeps => "CLIENT_SLEEPS",
        }
    }

    /// The index of the next byte to be taken out of a ring.
    pub(crate) const fn consumed(lane: Lane) -> Place {
        match lane {
            Lane::Requests => Place::RequestsConsumed,
            Lane::Responses => Place::AnswersConsumed,
        }
    }

    /// The index of the next byte to be put into it.
    pub(crate) const fn produced(lane: Lane) -> Place {
        match lane {
            Lane::Requests => Place::RequestsProduced,
            Lane::Responses => Place::AnswersProduced,
        }
    }

    /// What the side sleeps for that takes from a ring.
    pub(crate) const fn sleeps(inbound: Lane) -> Place {
        match inbound {
            Lane::Requests => Place::ServerSleeps,
            Lane::Responses => Place::ClientSleeps,
        }
    }
}
