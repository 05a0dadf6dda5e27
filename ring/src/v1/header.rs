//! The sixteen bytes before each message.

/// Bytes of a header.
pub const HEADER_LEN: usize = 16;
/// Bytes of a payload, both ways (`XENSTORE_PAYLOAD_MAX`).
pub const PAYLOAD_MAX: usize = 4096;

/// A message's header: four little-endian 32-bit words.
///
/// ```
/// # use myriad_ring::v1::Header;
/// let header = Header { op: 2, req_id: 7, tx_id: 0, len: 5 };
/// assert_eq!(Header::from_bytes(header.to_bytes()), header);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The operation ([`crate::v1::Op`]), alleged until it is looked up.
    pub op: u32,
    /// Chosen by the client, echoed in the reply; 0 in events.
    pub req_id: u32,
    /// The transaction, or 0.
    pub tx_id: u32,
    /// Bytes of payload that follow, alleged until checked against [`PAYLOAD_MAX`].
    pub len: u32,
}

impl Header {
    /// Reads a header.
    #[must_use]
    pub fn from_bytes(bytes: [u8; HEADER_LEN]) -> Header {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
        Header {
            op: u32::from_le_bytes([a, b, c, d]),
            req_id: u32::from_le_bytes([e, f, g, h]),
            tx_id: u32::from_le_bytes([i, j, k, l]),
            len: u32::from_le_bytes([m, n, o, p]),
        }
    }

    /// The header as it goes over the wire.
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let words = [self.op, self.req_id, self.tx_id, self.len];
        for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}
