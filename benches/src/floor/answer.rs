//! An answer of about the length that a daemon's would have, without looking at more than the
//! request's kind.

use myriad_ring::v1::{HEADER_LEN, Header, Op, PAYLOAD_MAX};

/// What is answered.
#[derive(Debug)]
pub(super) struct Answers {
    /// The names of [`CHILDREN`] children, as DIRECTORY_PART gives them.
    names: Vec<u8>,
}

/// As many as `myriad-load list` makes, named by their numbers.
const CHILDREN: u32 = 10_000;
/// What READ gives, 64 bytes as `myriad-load` writes.
const VALUE: [u8; 64] = [b'v'; 64];

impl Answers {
    pub(super) fn new() -> Answers {
        let mut names: Vec<u8> =
            (0..CHILDREN).flat_map(|n| format!("{n}\0").into_bytes()).collect();
        names.push(0);
        Answers { names }
    }

    /// Answers all requests that are whole, and says how many bytes they were.
    pub(super) fn answer(&self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let mut done = 0;
        while let Some(rest) = input.get(done..)
            && let Some(bytes) = rest.first_chunk::<HEADER_LEN>()
        {
            let header = Header::from_bytes(*bytes);
            let end = HEADER_LEN + header.len as usize;
            let Some(payload) = rest.get(HEADER_LEN..end) else { break };
            self.one(header, payload, out);
            done += end;
        }
        done
    }

    fn one(&self, header: Header, payload: &[u8], out: &mut Vec<u8>) {
        const READ: u32 = Op::Read as u32;
        const START: u32 = Op::TransactionStart as u32;
        const DIRECTORY: u32 = Op::Directory as u32;
        const PART: u32 = Op::DirectoryPart as u32;
        match header.op {
            READ => put(header, header.op, &[&VALUE], out),
            START => put(header, header.op, &[b"1\0"], out),
            DIRECTORY => put(header, Op::Error as u32, &[b"E2BIG\0"], out),
            PART => put(header, header.op, &[b"1\0", self.part(payload)], out),
            _ => put(header, header.op, &[b"OK\0"], out),
        }
    }

    /// The names from an offset on, as many as an answer holds.
    fn part(&self, payload: &[u8]) -> &[u8] {
        let offset = payload.split(|&b| b == 0).nth(1).unwrap_or_default();
        let offset = std::str::from_utf8(offset).ok().and_then(|o| o.parse().ok()).unwrap_or(0);
        let rest = self.names.get(offset..).unwrap_or_default();
        rest.get(..PAYLOAD_MAX - 2).unwrap_or(rest)
    }
}

fn put(to: Header, op: u32, parts: &[&[u8]], out: &mut Vec<u8>) {
    let len = parts.iter().map(|part| part.len()).sum::<usize>();
    let header = Header { op, len: u32::try_from(len).unwrap_or(0), ..to };
    out.extend_from_slice(&header.to_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

#[cfg(test)]
mod tests {
    use super::Answers;
    use myriad_ring::v1::{Header, Op};

    #[test]
    fn whole_requests_are_answered_and_parts_left() {
        let mut input = Vec::new();
        for (op, payload) in [(Op::Read, &b"/a\0"[..]), (Op::Write, b"/a\0b")] {
            let len = u32::try_from(payload.len()).unwrap();
            let header = Header { op: op as u32, req_id: 7, tx_id: 0, len };
            input.extend_from_slice(&header.to_bytes());
            input.extend_from_slice(payload);
        }
        let whole = input.len();
        input.extend_from_slice(&[0; 5]);
        let mut out = Vec::new();
        assert_eq!(Answers::new().answer(&input, &mut out), whole);
        assert_eq!(out.len(), 16 + 64 + 16 + 3);
        assert!(out.ends_with(b"OK\0"));
    }
}
