//! What the server sends: replies, errors and events, appended to a buffer.
//!
//! Nothing leaves here that a client can't take: a reply over [`PAYLOAD_MAX`] becomes E2BIG
//! (XSA-72), and an event over it is not sent at all (XSA-324).

use myriad_core::{Errno, Perm};

use crate::v1::{
    header::{HEADER_LEN, Header, PAYLOAD_MAX},
    op::Op,
};

/// Appends the reply to the request of `to`, whose operation and ids it repeats; E2BIG where the
/// payload is over [`PAYLOAD_MAX`].
///
/// ```
/// # use myriad_ring::v1::{Header, reply};
/// let to = Header { op: 2, req_id: 7, tx_id: 0, len: 5 };
/// let mut out = Vec::new();
/// reply::put(&mut out, &to, b"value");
/// assert_eq!(out, b"\x02\0\0\0\x07\0\0\0\0\0\0\0\x05\0\0\0value");
/// ```
pub fn put(out: &mut Vec<u8>, to: &Header, payload: &[u8]) {
    match message_len(payload.len()) {
        Some(len) => {
            out.reserve(HEADER_LEN.saturating_add(payload.len()));
            out.extend_from_slice(&Header { len, ..*to }.to_bytes());
            out.extend_from_slice(payload);
        }
        None => put_error(out, to, Errno::E2BIG),
    }
}

/// Appends the reply of an operation that has nothing to say: `OK`.
pub fn put_ack(out: &mut Vec<u8>, to: &Header) {
    put(out, to, b"OK\0");
}

/// Appends a reply of one string, whose NUL is added here.
pub fn put_string(out: &mut Vec<u8>, to: &Header, text: &str) {
    put_with(out, to, |payload| {
        payload.extend_from_slice(text.as_bytes());
        payload.push(0);
    });
}

/// Appends the reply of GET_PERMS.
pub fn put_perms(out: &mut Vec<u8>, to: &Header, perms: &[Perm]) {
    put_with(out, to, |payload| {
        for perm in perms {
            payload.extend_from_slice(perm.to_string().as_bytes());
            payload.push(0);
        }
    });
}

/// Appends the reply of DIRECTORY_PART: the stamp of the listing, then whole names as far as
/// they fit, from byte `offset` of the listing on. An empty name closes the last part.
///
/// `names`: each with its NUL, back to back. The rules of C's `send_directory_part` hold: an
/// offset inside a name gives the rest of that name; one behind the end gives the empty name.
pub fn put_directory_part(out: &mut Vec<u8>, to: &Header, stamp: u64, names: &[u8], offset: u32) {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let rest = names.get(offset..).unwrap_or_default();
    put_with(out, to, |payload| {
        let start = payload.len();
        payload.extend_from_slice(stamp.to_string().as_bytes());
        payload.push(0);
        // One byte is kept for the empty name.
        let used = payload.len().saturating_sub(start).saturating_add(1);
        let part = whole_names(rest, PAYLOAD_MAX.saturating_sub(used));
        payload.extend_from_slice(part);
        if part.len() == rest.len() {
            payload.push(0);
        }
    });
}

/// Appends an ERROR reply to the request of `to`.
pub fn put_error(out: &mut Vec<u8>, to: &Header, error: Errno) {
    let name = error.name();
    // Every name is a few bytes.
    let len = message_len(name.len().saturating_add(1)).unwrap_or(0);
    out.extend_from_slice(&Header { op: Op::Error as u32, len, ..*to }.to_bytes());
    out.extend_from_slice(name.as_bytes());
    out.push(0);
}

/// Appends a watch event; false, with nothing appended, where it is over [`PAYLOAD_MAX`].
///
/// ```
/// # use myriad_ring::v1::reply;
/// let mut out = Vec::new();
/// assert!(reply::put_event(&mut out, b"device", b"token"));
/// assert!(!reply::put_event(&mut out, b"device", &[b't'; 4096]));
/// assert_eq!(&out[16..], b"device\0token\0");
/// ```
#[must_use]
pub fn put_event(out: &mut Vec<u8>, path: &[u8], token: &[u8]) -> bool {
    let Some(len) = event_len(path, token).and_then(message_len) else { return false };
    let header = Header { op: Op::WatchEvent as u32, req_id: 0, tx_id: 0, len };
    out.extend_from_slice(&header.to_bytes());
    for text in [path, token] {
        out.extend_from_slice(text);
        out.push(0);
    }
    true
}

/// Bytes of an event's payload.
fn event_len(path: &[u8], token: &[u8]) -> Option<usize> {
    path.len().checked_add(token.len())?.checked_add(2)
}

/// The length as a header has it, where a message can have it.
fn message_len(len: usize) -> Option<u32> {
    u32::try_from(len).ok().filter(|_| len <= PAYLOAD_MAX)
}

/// Appends a reply whose payload `fill` appends.
fn put_with(out: &mut Vec<u8>, to: &Header, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_LEN]);
    let body = out.len();
    fill(out);
    match message_len(out.len().saturating_sub(body)) {
        Some(len) => {
            let header = Header { len, ..*to }.to_bytes();
            if let Some(slot) = out.get_mut(start..body) {
                slot.copy_from_slice(&header);
            }
        }
        None => {
            out.truncate(start);
            put_error(out, to, Errno::E2BIG);
        }
    }
}

/// The longest run of whole names from the start that fits into `max` bytes.
fn whole_names(names: &[u8], max: usize) -> &[u8] {
    if names.len() <= max {
        return names;
    }
    let window = names.get(..max).unwrap_or_default();
    let end = window.iter().rposition(|&byte| byte == 0).map_or(0, |nul| nul.saturating_add(1));
    window.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use myriad_core::{Access, DomId};

    use super::*;

    const TO: Header = Header { op: 22, req_id: 9, tx_id: 3, len: 77 };

    fn part(names: &[u8], offset: u32) -> Vec<u8> {
        let mut out = vec![0xAA];
        put_directory_part(&mut out, &TO, 6, names, offset);
        let (head, payload) = out[1..].split_at(HEADER_LEN);
        let header = Header::from_bytes(head.try_into().unwrap());
        assert_eq!(header, Header { len: u32::try_from(payload.len()).unwrap(), ..TO });
        payload.to_vec()
    }

    /// What C 4.17 answers for these, seen on the wire.
    #[test]
    fn directory_parts_as_c_sends_them() {
        assert_eq!(part(b"tool\0", 0), b"6\0tool\0\0");
        assert_eq!(part(b"tool\0", 1), b"6\0ool\0\0");
        assert_eq!(part(b"tool\0", 4), b"6\0\0\0");
        assert_eq!(part(b"tool\0", 5), b"6\0\0");
        assert_eq!(part(b"tool\0", u32::MAX), b"6\0\0");
        assert_eq!(part(b"", 0), b"6\0\0");
    }

    #[test]
    fn parts_put_together_are_the_listing() {
        let names: Vec<u8> = (0..2000).flat_map(|n| format!("child-{n}\0").into_bytes()).collect();
        let (mut seen, mut parts) = (Vec::new(), 0);
        loop {
            let reply = part(&names, u32::try_from(seen.len()).unwrap());
            assert!(reply.len() <= PAYLOAD_MAX);
            parts += 1;
            let names = reply.strip_prefix(b"6\0").unwrap();
            if let Some(last) = names.strip_suffix(b"\0\0") {
                seen.extend_from_slice(last);
                seen.push(0);
                break;
            }
            assert_eq!(names.last(), Some(&0));
            seen.extend_from_slice(names);
        }
        assert_eq!(seen, names);
        assert!(parts > 4);
    }

    #[test]
    fn a_listing_that_just_fits_is_one_part() {
        // Stamp and its NUL 2, the empty name 1.
        let fits = [&[b'x'; PAYLOAD_MAX - 4][..], b"\0"].concat();
        assert_eq!(part(&fits, 0).len(), PAYLOAD_MAX);
        let over = [&[b'x'; PAYLOAD_MAX - 3][..], b"\0"].concat();
        assert_eq!(part(&over, 0), b"6\0");
    }

    #[test]
    fn a_reply_over_the_limit_becomes_an_error() {
        for (len, op) in [(PAYLOAD_MAX, TO.op), (PAYLOAD_MAX + 1, 16)] {
            let mut out = Vec::new();
            put(&mut out, &TO, &vec![1; len]);
            assert_eq!(out[0], u8::try_from(op).unwrap());
            let mut by_filling = Vec::new();
            put_with(&mut by_filling, &TO, |payload| payload.resize(payload.len() + len, 1));
            assert_eq!(out, by_filling);
        }
        let mut out = Vec::new();
        put(&mut out, &TO, &[0; PAYLOAD_MAX + 1]);
        assert_eq!(out, b"\x10\0\0\0\x09\0\0\0\x03\0\0\0\x06\0\0\0E2BIG\0");
    }

    #[test]
    fn permissions_and_strings_end_with_a_nul() {
        let perms = [
            Perm { access: Access::None, domid: DomId(0) },
            Perm { access: Access::Both, domid: DomId(32757) },
        ];
        let mut out = Vec::new();
        put_perms(&mut out, &TO, &perms);
        assert_eq!(&out[HEADER_LEN..], b"n0\0b32757\0");
        out.clear();
        put_string(&mut out, &TO, "T");
        assert_eq!(&out[HEADER_LEN..], b"T\0");
        out.clear();
        put_ack(&mut out, &TO);
        assert_eq!(&out[HEADER_LEN..], b"OK\0");
    }

    #[test]
    fn the_longest_event_is_sent() {
        let mut out = Vec::new();
        assert!(put_event(&mut out, b"/a", &[b't'; PAYLOAD_MAX - 4]));
        assert_eq!(out.len(), HEADER_LEN + PAYLOAD_MAX);
        assert_eq!(out[..HEADER_LEN], Header { op: 15, req_id: 0, tx_id: 0, len: 4096 }.to_bytes());
        assert!(!put_event(&mut out, b"/a", &[b't'; PAYLOAD_MAX - 3]));
        assert_eq!(out.len(), HEADER_LEN + PAYLOAD_MAX);
    }
}
