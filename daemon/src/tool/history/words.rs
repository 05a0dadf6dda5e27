//! The past in words and in JSON: times, authors, permissions and changes.

use jiff::{Timestamp, tz::TimeZone};
use myriad_history::file::{Author, CONTROL, Head, Node, OwnedChange, OwnedWhat, Perm};
use myriad_ring::{v1::Op, v2};
use serde_json::{Map, Value, json};

use super::name::timestamp;
use crate::tool::{escape::quote, output::json_bytes};

/// A time as people read it, in the zone of this host, to the millisecond.
pub(crate) fn time(at: u64) -> String {
    timestamp(at).to_zoned(TimeZone::system()).strftime("%F %T%.3f").to_string()
}

/// A time as programs read it: UTC, exact.
pub(crate) fn json_time(at: u64) -> String {
    timestamp(at).to_string()
}

/// A number of nanoseconds since 1970.
pub(crate) fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or(0)
}

/// Permissions as clients write them.
pub(crate) fn perms(perms: &[Perm]) -> String {
    let words: Vec<String> = perms.iter().map(perm).collect();
    words.join(",")
}

/// An entry of them.
pub(crate) fn perm(perm: &Perm) -> String {
    let letter = match perm.access & (Perm::READ | Perm::WRITE) {
        0 => 'n',
        Perm::READ => 'r',
        Perm::WRITE => 'w',
        _ => 'b',
    };
    format!("{letter}{}", perm.domid)
}

/// A value between quotes, all of it printable.
pub(crate) fn value(value: &[u8]) -> String {
    // Quoting leaves nothing but ASCII.
    format!("\"{}\"", String::from_utf8_lossy(&quote(value)))
}

/// A path: valid ones as they are, and what a damaged file may hold all printable.
pub(crate) fn path(path: &str) -> String {
    path.escape_default().to_string()
}

/// Who, in short.
pub(crate) fn who(author: &Author) -> String {
    match author.instance {
        0 => "nobody known".into(),
        CONTROL if author.domid == 0 => "control".into(),
        CONTROL => format!("control (domain {})", author.domid),
        _ => format!("domain {}", author.domid),
    }
}

/// Who, by which request.
pub(crate) fn author(author: &Author) -> String {
    let mut text = who(author);
    if author.conn != 0 {
        text.push_str(&format!(", connection {}", author.conn));
    }
    if let Some(op) = op(author) {
        text.push_str(&format!(", {op}"));
    }
    if author.transaction != 0 {
        text.push_str(&format!(" in transaction {}", author.transaction));
    }
    text
}

fn op(author: &Author) -> Option<&'static str> {
    if let Some(op) = v2::Op::from_records(author.op) {
        return Some(op.name());
    }
    // CONTROL is 0, and so is what isn't known; nothing of CONTROL is kept without a note.
    Op::from_number(author.op.into()).filter(|op| *op != Op::Control).map(Op::name)
}

/// Who, for programs.
pub(crate) fn json_author(author: &Author) -> Value {
    json!({
        "domid": author.domid,
        "instance": author.instance,
        "connection": author.conn,
        "request": author.request,
        "transaction": author.transaction,
        "op": op(author),
    })
}

/// A change as a line: a letter (A added, M value changed, P permissions changed, D removed, - a
/// note), the path, and what is there now.
pub(crate) fn change(change: &OwnedChange) -> String {
    let path = self::path(&change.path);
    match &change.what {
        OwnedWhat::Created { value: bytes, perms: list } => {
            format!("A {path} = {}  ({})", value(bytes), perms(list))
        }
        OwnedWhat::Written { value: bytes } => format!("M {path} = {}", value(bytes)),
        OwnedWhat::Removed => format!("D {path}"),
        OwnedWhat::Perms(list) => format!("P {path}  ({})", perms(list)),
        OwnedWhat::Noted(text) => format!("- {path} {}", text.escape_default()),
    }
}

/// A change for programs.
pub(crate) fn json_change(change: &OwnedChange) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| drop(object.insert(key.into(), value));
    put("path", change.path.as_str().into());
    put("generation", change.generation.into());
    put("author", json_author(&change.author));
    match &change.what {
        OwnedWhat::Created { value, perms } => {
            put("change", "created".into());
            put("value", json_bytes(value));
            put("permissions", json_perms(perms));
        }
        OwnedWhat::Written { value } => {
            put("change", "written".into());
            put("value", json_bytes(value));
        }
        OwnedWhat::Removed => put("change", "removed".into()),
        OwnedWhat::Perms(perms) => {
            put("change", "permissions".into());
            put("permissions", json_perms(perms));
        }
        OwnedWhat::Noted(text) => {
            put("change", "noted".into());
            put("note", text.as_str().into());
        }
    }
    Value::Object(object)
}

/// Permissions for programs.
pub(crate) fn json_perms(perms: &[Perm]) -> Value {
    perms.iter().map(perm).collect()
}

/// A node for programs.
pub(crate) fn json_node(node: &Node) -> Value {
    json!({
        "value": json_bytes(&node.value),
        "permissions": json_perms(&node.perms),
        "generation": node.generation,
    })
}

/// Which commit, for programs.
pub(crate) fn json_head(head: &Head) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("generation".into(), head.generation.into());
    object.insert("seq".into(), head.seq.into());
    object.insert("time".into(), json_time(head.at).into());
    object.insert("tier".into(), head.tier.0.into());
    object.insert("merged".into(), head.merged.into());
    object.insert("incarnation".into(), head.incarnation.into());
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change_of(what: OwnedWhat) -> OwnedChange {
        let author = Author { domid: 5, instance: 9, conn: 3, request: 1, transaction: 7, op: 11 };
        OwnedChange { author, generation: 4, path: "/a".into(), what }
    }

    #[test]
    fn changes_are_one_printable_line_each() {
        let list: std::sync::Arc<[Perm]> = [(0, 5), (1, 0), (2, 6), (3, 7)]
            .map(|(access, domid)| Perm { access, domid, instance: 1 })
            .into();
        let table = [
            (
                OwnedWhat::Created { value: b"1\n\x80".to_vec(), perms: list.clone() },
                r#"A /a = "1\n\x80"  (n5,r0,w6,b7)"#,
            ),
            (OwnedWhat::Written { value: Vec::new() }, r#"M /a = """#),
            (OwnedWhat::Removed, "D /a"),
            (OwnedWhat::Perms(list), "P /a  (n5,r0,w6,b7)"),
            (OwnedWhat::Noted("intro\x1b[31m".into()), r"- /a intro\u{1b}[31m"),
        ];
        for (what, expected) in table {
            assert_eq!(change(&change_of(what)), expected);
        }
    }

    #[test]
    fn authors_are_told_as_far_as_they_are_known() {
        let change = change_of(OwnedWhat::Removed);
        assert_eq!(author(&change.author), "domain 5, connection 3, WRITE in transaction 7");
        assert_eq!(author(&Author { instance: CONTROL, ..Author::default() }), "control");
        assert_eq!(author(&Author::default()), "nobody known");
        let json = json_change(&change);
        assert_eq!((&json["change"], &json["author"]["op"]), (&json!("removed"), &json!("WRITE")));
    }
}
