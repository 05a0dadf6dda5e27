//! Lines of the access log and of the trace file.
//!
//! The access log has oxenstored's form (`access_logging` in its `logging.ml`), which operators
//! grep: `[TIME]  DOM3.7       write     /path value`. The trace file has C's (`trace_io` in
//! `core.c`). Both show client data with blanks for NULs and escapes for what doesn't print, and
//! both are bounded, so that no client can forge or flood a line.

use std::io::Write;

use myriad_ring::v1::{Op, connection::Peer};

use super::Stamp;
use crate::limits;

/// A client as logs name it: `DOM3` is a domain, `A12` a program of the control domain by the
/// number of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name(pub Peer);

impl Name {
    /// The domain that C's trace shows: a program counts as the control domain.
    fn domid(self) -> u16 {
        match self.0 {
            Peer::Domain(domid) => domid.0,
            Peer::Socket(_) => 0,
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Peer::Domain(domid) => write!(f, "DOM{domid}"),
            Peer::Socket(number) => write!(f, "A{number}"),
        }
    }
}

/// What the access log says of a request or reply.
#[must_use]
pub fn access_name(op: Op) -> &'static str {
    match op {
        Op::Control => "debug",
        Op::Directory => "directory",
        Op::Read => "read",
        Op::GetPerms => "getperms",
        Op::Watch => "watch",
        Op::Unwatch => "unwatch",
        Op::TransactionStart => "t start",
        Op::TransactionEnd => "t end",
        Op::Introduce => "introduce",
        Op::Release => "release",
        Op::GetDomainPath => "getdomain",
        Op::Write => "write",
        Op::Mkdir => "mkdir",
        Op::Rm => "rm",
        Op::SetPerms => "setperms",
        Op::WatchEvent => "w event",
        Op::Error => "error",
        Op::IsDomainIntroduced => "is introduced",
        Op::Resume => "resume",
        Op::SetTarget => "settarget",
        Op::ResetWatches => "reset watches",
        Op::DirectoryPart => "directory part",
        Op::GetFeature => "get feature",
        Op::SetFeature => "set feature",
        Op::GetQuota => "get quota",
        Op::SetQuota => "set quota",
    }
}

/// Appends a line of the access log. `tx`: the transaction, or 0.
pub fn access_line(out: &mut Vec<u8>, at: Stamp, peer: Peer, tx: u32, what: &str, data: &[u8]) {
    let name = Name(peer);
    let who = if tx == 0 { name.to_string() } else { format!("{name}.{tx}") };
    // Writing into a Vec can't fail.
    let _ = write!(out, "[{at}]  {who:<12} {what:<9} ");
    escape(out, data);
    out.push(b'\n');
}

/// Appends a line of the trace file: `io: IN 17 (d3) 20261123 02:01:06 READ (/a )`.
pub fn trace_line(out: &mut Vec<u8>, at: Stamp, peer: Peer, way: &str, what: &str, data: &[u8]) {
    let name = Name(peer);
    let domid = name.domid();
    let _ = write!(out, "io: {way} {name} (d{domid}) {} {what} (", at.spaced());
    escape(out, data);
    out.extend_from_slice(b")\n");
}

/// Appends a line of the trace file as a JSON object: what `fill` appends is its message.
pub fn json_line(out: &mut Vec<u8>, at: Stamp, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut line = Vec::new();
    fill(&mut line);
    let _ = write!(out, "{{\"timestamp\":\"{at}\",\"level\":\"TRACE\",\"message\":\"");
    for &byte in line.strip_suffix(b"\n").unwrap_or(&line) {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.extend_from_slice(b"\"}\n");
}

/// Appends client data: NUL as a blank, the rest of what doesn't print as escapes, the end cut
/// off past [`limits::LOG_DATA_MAX`].
pub fn escape(out: &mut Vec<u8>, data: &[u8]) {
    let shown = data.get(..limits::LOG_DATA_MAX).unwrap_or(data);
    for &byte in shown {
        match byte {
            0 => out.push(b' '),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            // OCaml's `String.escaped` writes three decimal digits.
            other => {
                let _ = write!(out, "\\{other:03}");
            }
        }
    }
    if shown.len() < data.len() {
        out.extend_from_slice(b"..");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use myriad_core::DomId;
    use std::time::UNIX_EPOCH;

    #[test]
    fn lines_have_oxenstoreds_form() {
        let mut out = Vec::new();
        let peer = Peer::Domain(DomId(3));
        access_line(&mut out, UNIX_EPOCH.into(), peer, 7, "write", b"/a\0b");
        access_line(&mut out, UNIX_EPOCH.into(), Peer::Socket(12), 0, "newconn", b"");
        let expected = "[19700101T00:00:00.000Z]  DOM3.7       write     /a b\n\
                        [19700101T00:00:00.000Z]  A12          newconn   \n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn client_data_cannot_forge_a_line_or_grow_one() {
        let mut out = Vec::new();
        escape(&mut out, b"a\n[1970]\x1b\xff\"\\\t");
        assert_eq!(out, br#"a\n[1970]\027\255\"\\\t"#);
        out.clear();
        escape(&mut out, &[b'x'; limits::LOG_DATA_MAX + 1]);
        assert_eq!(out.len(), limits::LOG_DATA_MAX + 2);
        assert!(out.ends_with(b"x.."));
    }

    #[test]
    fn traces_can_be_json_objects() {
        let mut out = Vec::new();
        json_line(&mut out, UNIX_EPOCH.into(), |line| {
            trace_line(line, UNIX_EPOCH.into(), Peer::Socket(2), "IN", "WRITE", b"/a\0\"\n");
        });
        let expected = [
            r#"{"timestamp":"19700101T00:00:00.000Z","level":"TRACE","#,
            r#""message":"io: IN A2 (d0) 19700101 00:00:00 WRITE (/a \\\"\\n)"}"#,
        ];
        assert_eq!(String::from_utf8(out).unwrap(), expected.concat() + "\n");
    }

    #[test]
    fn traces_have_cs_form() {
        let mut out = Vec::new();
        trace_line(&mut out, UNIX_EPOCH.into(), Peer::Socket(2), "IN", "READ", b"/a\0");
        assert_eq!(out, b"io: IN A2 (d0) 19700101 00:00:00 READ (/a )\n");
    }
}
