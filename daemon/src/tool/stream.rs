//! `myriad stream`: what is in a migration stream.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use clap::Subcommand;
use myriad_history::migration::{
    Counts, Depth, Link, Links, Node, Permissions, Reader, Record, StreamError,
};
use serde_json::{Value, json};

use super::{
    escape::quote,
    output::{json_bytes, json_line, line},
};

/// What `stream` was asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Stream {
    /// Print the records of a migration stream, and whether they belong together
    #[command(after_help = DUMP)]
    Dump {
        /// The stream, such as state_dump in the run directory; - for standard input
        file: PathBuf,
    },
}

/// Why a stream can't be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamFailure {
    /// the file
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// the output
    #[error("can't write the output: {0}")]
    Output(#[from] io::Error),
    /// what it holds
    #[error("{path}: {source}")]
    Wrong {
        /// Which file.
        path: String,
        /// What is wrong.
        source: StreamError,
    },
}

/// Prints a stream, up to its end or to what is wrong with it.
pub(crate) fn dump(file: &Path, json: bool, out: &mut dyn Write) -> Result<(), StreamFailure> {
    let path = || file.display().to_string();
    let bytes = take(file).map_err(|source| StreamFailure::File { path: path(), source })?;
    let wrong = |source| StreamFailure::Wrong { path: path(), source };
    let mut reader = Reader::new(&bytes).map_err(wrong)?;
    let mut links = Links::default();
    beginning(&reader, json, out)?;
    loop {
        let offset = reader.offset();
        let Some(record) = reader.next_record().map_err(wrong)? else { break };
        match json {
            true => json_line(out, &as_json(&record))?,
            false => line(out, as_text(&record).as_bytes())?,
        }
        links.note(&record).map_err(|what| wrong(StreamError { offset, wrong: what }))?;
    }
    Ok(end(links.counts(), json, out)?)
}

fn take(file: &Path) -> io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn beginning(reader: &Reader<'_>, json: bool, out: &mut dyn Write) -> io::Result<()> {
    let version = reader.version() as u32;
    let order = if reader.is_big_endian() { "big-endian" } else { "little-endian" };
    match json {
        true => json_line(out, &json!({"stream": "xenstore", "version": version, "order": order})),
        false => writeln!(out, "xenstore migration stream, version {version}, {order}"),
    }
}

fn end(counts: Counts, json: bool, out: &mut dyn Write) -> io::Result<()> {
    let Counts { connections, watches, transactions, nodes, domains, .. } = counts;
    if json {
        let counts = json!({"connections": connections, "watches": watches, "nodes": nodes,
            "transactions": transactions, "domains": domains});
        return json_line(out, &json!({"end": counts}));
    }
    writeln!(
        out,
        "complete: {connections} connections, {watches} watches, {transactions} transactions, \
         {nodes} nodes, {domains} domains with quotas of their own",
    )
}

fn as_text(record: &Record<'_>) -> String {
    let fd = |fd: Option<i32>| fd.map_or_else(|| "none".to_owned(), |fd| fd.to_string());
    match record {
        Record::Global(global) => {
            format!(
                "global       socket {}, event channels {}",
                fd(global.socket),
                fd(global.evtchn)
            )
        }
        Record::Connection(connection) => {
            let link = match connection.link {
                Link::Ring { domid, target, evtchn } => {
                    let target = target.map_or_else(String::new, |it| format!(" for domain {it}"));
                    format!("ring of domain {domid}{target}, event channel {evtchn}")
                }
                Link::Socket { fd } => format!("socket {fd}"),
            };
            let bytes = (connection.input.len(), connection.output.len(), connection.partial);
            let unique = connection.unique_id;
            let unique = unique.map_or_else(String::new, |id| format!(", unique id {id}"));
            format!(
                "connection   {} {link}{unique}, {} bytes received, {} to send ({} of them begun)",
                connection.id, bytes.0, bytes.1, bytes.2
            )
        }
        Record::Watch(watch) => {
            let depth = match watch.depth {
                Depth::All => String::new(),
                Depth::Levels(levels) => format!(", {levels} levels"),
                Depth::Lost => ", of a depth that C xenstored has not written".to_owned(),
            };
            format!(
                "watch        {} {} token {}{depth}",
                watch.conn,
                text(watch.path),
                text(watch.token)
            )
        }
        Record::Transaction(open) => format!("transaction  {} number {}", open.conn, open.id),
        Record::Node(node) => format!(
            "node         {}{} ({}) = \"{}\"",
            of_transaction(node),
            text(node.path),
            letters(node.perms()),
            text(node.value)
        ),
        Record::GlobalQuota(quota) => format!(
            "quotas       of each domain {}; of all {}",
            quotas(&quota.per_domain),
            quotas(&quota.global)
        ),
        Record::Domain(domain) => {
            let features = domain.features;
            let features = features.map_or_else(String::new, |bits| format!(" features {bits:#x}"));
            format!("domain       {}{features} {}", domain.domid, quotas(&domain.quotas))
        }
    }
}

fn as_json(record: &Record<'_>) -> Value {
    match record {
        Record::Global(global) => {
            json!({"global": {"socket": global.socket, "evtchn": global.evtchn}})
        }
        Record::Connection(connection) => {
            let link = match connection.link {
                Link::Ring { domid, target, evtchn } => {
                    json!({"domain": domid, "target": target, "evtchn": evtchn})
                }
                Link::Socket { fd } => json!({"socket": fd}),
            };
            let (input, output) = (json_bytes(connection.input), json_bytes(connection.output));
            json!({"connection": {"id": connection.id, "link": link, "input": input,
                "output": output, "partial": connection.partial,
                "unique_id": connection.unique_id}})
        }
        Record::Watch(watch) => {
            let depth = match watch.depth {
                Depth::All => Value::Null,
                Depth::Levels(levels) => levels.into(),
                Depth::Lost => "lost".into(),
            };
            let (path, token) = (json_bytes(watch.path), json_bytes(watch.token));
            json!({"watch": {"connection": watch.conn, "path": path, "token": token,
                "depth": depth}})
        }
        Record::Transaction(open) => {
            json!({"transaction": {"connection": open.conn, "id": open.id}})
        }
        Record::Node(node) => {
            let (path, value) = (json_bytes(node.path), json_bytes(node.value));
            let transaction = (node.conn != 0).then_some((node.conn, node.tx));
            json!({"node": {"path": path, "value": value, "perms": letters(node.perms()),
                "transaction": transaction, "access": node.access}})
        }
        Record::GlobalQuota(quota) => {
            json!({"quotas": {"each": pairs(&quota.per_domain), "all": pairs(&quota.global)}})
        }
        Record::Domain(domain) => json!({"domain": {"domid": domain.domid,
            "features": domain.features, "quotas": pairs(&domain.quotas)}}),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&quote(bytes)).into()
}

fn of_transaction(node: &Node<'_>) -> String {
    if node.conn == 0 {
        return String::new();
    }
    format!("of transaction {} of {}: ", node.tx, node.conn)
}

/// Such as `n0,r5`; entries of domains that are gone in brackets.
fn letters(perms: Permissions<'_>) -> String {
    let perms: Vec<String> = perms
        .map(|perm| {
            let text = format!("{}{}", char::from(perm.letter), perm.domid);
            if perm.is_stale { format!("[{text}]") } else { text }
        })
        .collect();
    perms.join(",")
}

fn quotas(quotas: &[(&[u8], u32)]) -> String {
    let all: Vec<String> =
        quotas.iter().map(|(name, value)| format!("{}={value}", text(name))).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(" ") }
}

fn pairs(quotas: &[(&[u8], u32)]) -> Value {
    quotas.iter().map(|(name, value)| (text(name), Value::from(*value))).collect()
}

const DUMP: &str = "\
A stream is what a xenstored hands to its successor at a live update (xenstore-control
live-update), and what a domain's migration carries. Versions 1 and 2 are read, in both byte
orders. Exit code 8: the stream can't be read, or its records don't belong together.";

#[cfg(test)]
mod tests {
    use super::*;
    use myriad_history::migration::{Permission, Version, Writer};

    fn shown(bytes: &[u8], json: bool) -> (String, Option<String>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut out = Vec::new();
        let error = dump(file.path(), json, &mut out).err().map(|error| error.to_string());
        (String::from_utf8(out).unwrap(), error)
    }

    fn stream() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), Version::V1).unwrap();
        let perms = [(b'n', false, 0), (b'r', true, 5)]
            .map(|(letter, is_stale, domid)| Permission { letter, is_stale, domid });
        writer.put(&Record::Node(Node::committed(b"/", b"", &perms))).unwrap();
        writer.put(&Record::Node(Node::committed(b"/a", b"1\x1b[2J", &perms))).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn a_stream_is_shown_and_steers_no_terminal() {
        let (text, error) = shown(&stream(), false);
        assert_eq!(error, None);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "xenstore migration stream, version 1, little-endian");
        assert_eq!(lines[2], "node         /a (n0,[r5]) = \"1\\x1b[2J\"");
        assert!(lines[3].starts_with("complete: 0 connections") && lines.len() == 4);
        let (text, _) = shown(&stream(), true);
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["end"]["nodes"], 2);
    }

    #[test]
    fn what_is_wrong_is_named_after_what_is_right() {
        let mut bytes = stream();
        bytes.truncate(bytes.len() - 9);
        let (text, error) = shown(&bytes, false);
        assert_eq!(text.lines().count(), 2);
        assert!(error.unwrap().contains("is wrong at byte 56: it is cut off"));
        let (_, error) = shown(b"a log", false);
        assert!(error.unwrap().contains("no migration stream"));
        let missing = dump(Path::new("/nonexistent"), false, &mut Vec::new()).unwrap_err();
        assert!(missing.to_string().starts_with("/nonexistent: No such file"));
    }
}
