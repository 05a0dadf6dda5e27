//! Which request a change came from.

use crate::watch::ConnId;

/// Which request a change came from, and when: for those who keep the record. All zeros: from no
/// client's request, such as the daemon's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// When it was executed, in nanoseconds since 1970.
    pub at: u64,
    /// The connection; 0: none.
    pub conn: ConnId,
    /// Bytes of that connection's requests up to and with this one; 0: not counted. By it a server
    /// that comes back after a crash knows which requests it has executed.
    pub upto: u64,
    /// The request's id, as the client numbers them.
    pub request: u32,
    /// Its transaction; 0: none.
    pub transaction: u32,
    /// The operation's number in protocol v1; 128 more than in v2.
    pub op: u8,
}
