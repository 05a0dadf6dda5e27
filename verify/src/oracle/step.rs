//! What a run consists of: steps that can be written down, read back and left out.
//!
//! A step names a transaction by the client's slot, never by the id that a server gave it, so any
//! subsequence of steps is a run again. Each is one line of text:
//!
//! ```text
//! 3 WRITE 1 #77 /2 "/a\0value"      client 3, in its transaction 1, request id 77, in two writes
//! 3 TRANSACTION_START 1 #78 /1 "\0" the id that comes back is kept in slot 1
//! 3 READ - #79 /1 "/a\0"            in no transaction
//! 3 READ =5 #80 /1 "/a\0"           with the transaction id 5, whatever it is
//! 3 READ ~1 #81 /1 "/a\0"           in the transaction that ended last in slot 1
//! 3 oversized WRITE 4097            a header with a length over the limit: the connection ends
//! 3 reconnect "\x01\x00"            after these bytes of a message
//! d5 READ - #80 /1 "name\0"          domain 5, through its ring
//! d5 reconnect "\x01\x00"            domain 5 is released after that, and introduced again
//! d5 flood                           domain 5 asks, and reads only when it isn't read any more
//! d5 lie                             domain 5 stores an impossible index
//! host destroy 5                    a domain dies
//! ```

use std::fmt::Write as _;

use myriad_ring::v1::Op;

use super::who;
use crate::peer::DomainChange;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A client sends a request.
    Request(Request),
    /// A client sends a header whose length no server accepts.
    Oversized {
        /// Who.
        client: usize,
        /// The header's operation.
        op: u32,
        /// The header's length.
        len: u32,
    },
    /// A client closes its connection and opens another; a guest is released and introduced.
    Reconnect {
        /// Who.
        client: usize,
        /// The beginning of a message that it never ends.
        partial: Vec<u8>,
    },
    /// A guest sends requests until the quota of outstanding ones stops it, and then reads.
    Flood {
        /// Who.
        client: usize,
    },
    /// A guest stores an impossible index into its ring.
    Lie {
        /// Who.
        client: usize,
    },
    /// Something happens to a domain.
    Host(DomainChange),
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who sends it.
    pub client: usize,
    /// The operation, known or not.
    pub op: u32,
    /// In which transaction.
    pub tx: Tx,
    /// The request id.
    pub req_id: u32,
    /// In how many writes it goes out.
    pub pieces: usize,
    /// The payload.
    pub payload: Vec<u8>,
}

/// A transaction, as a request names it.
///
/// With TRANSACTION_START an empty slot is where the id goes; an occupied one has the request sent
/// inside that transaction, which no server accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tx {
    /// None: id 0.
    None,
    /// The one in a slot of the client; id 0 if there is none.
    Slot(usize),
    /// The one that was in that slot before and has ended; an unknown id if there was none.
    Ended(usize),
    /// This id, whatever it is.
    Raw(u32),
}

impl Request {
    /// The operation, if it is one.
    #[must_use]
    pub fn known_op(&self) -> Option<Op> {
        Op::from_number(self.op)
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Step::Request(r) => {
                let tx = match r.tx {
                    Tx::None => "-".to_owned(),
                    Tx::Slot(slot) => slot.to_string(),
                    Tx::Ended(slot) => format!("~{slot}"),
                    Tx::Raw(id) => format!("={id}"),
                };
                let (client, op) = (who::name(r.client), op_name(r.op));
                let (id, pieces) = (r.req_id, r.pieces);
                write!(f, "{client} {op} {tx} #{id} /{pieces} {}", quote(&r.payload))
            }
            Step::Oversized { client, op, len } => {
                write!(f, "{} oversized {} {len}", who::name(*client), op_name(*op))
            }
            Step::Reconnect { client, partial } => {
                write!(f, "{} reconnect {}", who::name(*client), quote(partial))
            }
            Step::Flood { client } => write!(f, "{} flood", who::name(*client)),
            Step::Lie { client } => write!(f, "{} lie", who::name(*client)),
            Step::Host(change) => write!(f, "host {change}"),
        }
    }
}

impl std::str::FromStr for Step {
    type Err = BadStep;

    fn from_str(line: &str) -> Result<Step, BadStep> {
        parse(line).ok_or_else(|| BadStep(line.to_owned()))
    }
}

/// The steps of a text, a line each; empty lines and those that begin with `#` don't count.
///
/// # Errors
/// [`BadStep`].
pub fn parse_all(text: &str) -> Result<Vec<Step>, BadStep> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::parse).collect()
}

/// a line that is no step
#[derive(Debug, thiserror::Error)]
#[error("this line is no step of a run: {0}")]
pub struct BadStep(String);

/// The name of an operation, or its number.
#[must_use]
pub fn op_name(op: u32) -> String {
    Op::from_number(op).map_or_else(|| op.to_string(), |op| op.name().to_owned())
}

/// Bytes as they can be read and typed: printable ASCII as it is, NUL as `\0`, else `\xNN`.
#[must_use]
pub fn quote(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            0 => text.push_str("\\0"),
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                // Writing to a string doesn't fail.
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text.push('"');
    text
}

fn unquote(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'0' => 0,
                b'x' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                other => other,
            },
            other => other,
        });
    }
    Some(bytes)
}

fn parse(line: &str) -> Option<Step> {
    let (first, rest) = line.trim().split_once(' ')?;
    if first == "host" {
        let (word, domid) = rest.split_once(' ').unwrap_or((rest, "0"));
        let domid = domid.parse().ok()?;
        return Some(Step::Host(match word {
            "create" => DomainChange::Create(domid),
            "shutdown" => DomainChange::ShutDown(domid),
            "resume" => DomainChange::Resume(domid),
            "destroy" => DomainChange::Destroy(domid),
            "scan" => DomainChange::Scan,
            _ => return None,
        }));
    }
    let client = who::parse(first)?;
    let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    match word {
        "flood" => Some(Step::Flood { client }),
        "lie" => Some(Step::Lie { client }),
        "oversized" => {
            let (op, len) = rest.split_once(' ')?;
            Some(Step::Oversized { client, op: op_number(op)?, len: len.parse().ok()? })
        }
        "reconnect" => Some(Step::Reconnect { client, partial: unquote(rest)? }),
        op => {
            let (tx, rest) = rest.split_once(" #")?;
            let (req_id, rest) = rest.split_once(" /")?;
            let (pieces, payload) = rest.split_once(' ')?;
            let tx = match tx.as_bytes().first()? {
                b'-' => Tx::None,
                b'~' => Tx::Ended(tx.get(1..)?.parse().ok()?),
                b'=' => Tx::Raw(tx.get(1..)?.parse().ok()?),
                _ => Tx::Slot(tx.parse().ok()?),
            };
            Some(Step::Request(Request {
                client,
                op: op_number(op)?,
                tx,
                req_id: req_id.parse().ok()?,
                pieces: pieces.parse().ok()?,
                payload: unquote(payload)?,
            }))
        }
    }
}

fn op_number(name: &str) -> Option<u32> {
    let named = Op::ALL.iter().find(|op| op.name() == name).map(|op| *op as u32);
    named.or_else(|| name.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_survive_being_written_down() {
        let request = |op, tx, payload: &[u8]| {
            let payload = payload.to_vec();
            Step::Request(Request { client: 3, op, tx, req_id: 77, pieces: 2, payload })
        };
        let every_byte: Vec<u8> = (0..=255).collect();
        for step in [
            request(11, Tx::Slot(1), &every_byte),
            request(999, Tx::None, b""),
            request(2, Tx::Ended(0), b"/a b\0"),
            request(2, Tx::Raw(u32::MAX), b"\"\\"),
            Step::Oversized { client: 0, op: 11, len: u32::MAX },
            Step::Reconnect { client: 7, partial: vec![1, 0] },
            Step::Reconnect { client: who::guest(7), partial: Vec::new() },
            Step::Lie { client: who::guest(1) },
            Step::Flood { client: who::guest(2) },
            Step::Host(DomainChange::Destroy(5)),
            Step::Host(DomainChange::Scan),
        ] {
            let line = step.to_string();
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(line.parse::<Step>().unwrap(), step, "{line}");
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for line in ["", "3", "x READ - #1 /1 \"\"", "3 READ - #1 /1 \"", "host burn 5"] {
            assert!(line.parse::<Step>().is_err(), "{line}");
        }
    }
}
