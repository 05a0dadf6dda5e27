//! A recorded history as JSON, so that one that failed can be checked again anywhere.

use myriad_core::Perm;
use serde_json::{Value, json};

use super::{
    act::{Act, Ask},
    item::{Item, in_a_line},
    record::{Call, ClientLog, Event, History},
};

/// A history for a file.
#[must_use]
pub fn write(history: &History) -> Value {
    json!({
        "seed": history.seed,
        "history": history.number,
        "setup": history.setup.iter().map(act).collect::<Vec<_>>(),
        "clients": history.clients.iter().map(client).collect::<Vec<_>>(),
    })
}

/// The history of a file; none where it isn't one, or holds bytes that are no text.
#[must_use]
pub fn read(value: &Value) -> Option<History> {
    Some(History {
        seed: number(value, "seed")?,
        number: number(value, "history")?,
        setup: all(value, "setup", read_act)?,
        clients: all(value, "clients", read_client)?,
    })
}

fn client(client: &ClientLog) -> Value {
    json!({
        "domid": client.domid,
        "calls": client.calls.iter().map(call).collect::<Vec<_>>(),
        "after": events(&client.after),
    })
}

fn call(call: &Call) -> Value {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let mut value = act(&call.ask.act);
    let more = json!({
        "tx": call.ask.tx,
        "invoked": call.invoked,
        "answered": call.answered,
        "events": events(&call.events),
        "reply": call.reply.as_ref().ok().map(text),
        "error": call.reply.as_ref().err(),
    });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

fn act(act: &Act) -> Value {
    let text = match act {
        Act::Write(_, text) | Act::Watch(_, text) | Act::Unwatch(_, text) => text.clone(),
        Act::SetPerms(_, perms) => perms.iter().map(Perm::to_string).collect::<Vec<_>>().join(" "),
        Act::End(commit) => if *commit { "T" } else { "F" }.into(),
        Act::Commit(items) => in_a_line(items),
        Act::GetMany(paths) => paths.join(" "),
        Act::LookUp(key) => key.clone(),
        Act::WatchAll(watches) => {
            let one = |(path, token): &(String, String)| format!("{path} {token}");
            watches.iter().map(one).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    };
    json!({ "op": act.name(), "path": act.path(), "text": text })
}

fn events(events: &[Event]) -> Vec<Value> {
    let event = |e: &Event| json!({ "path": e.path, "token": e.token, "at": e.at });
    events.iter().map(event).collect()
}

fn read_client(value: &Value) -> Option<ClientLog> {
    Some(ClientLog {
        domid: u16::try_from(number(value, "domid")?).ok()?,
        calls: all(value, "calls", read_call)?,
        after: all(value, "after", read_event)?,
    })
}

fn read_call(value: &Value) -> Option<Call> {
    let reply = match value.get("error")?.as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(text(value, "reply")?.into_bytes()),
    };
    Some(Call {
        ask: Ask { act: read_act(value)?, tx: value.get("tx")?.as_bool()? },
        invoked: number(value, "invoked")?,
        answered: number(value, "answered")?,
        reply,
        events: all(value, "events", read_event)?,
    })
}

fn read_act(value: &Value) -> Option<Act> {
    let path = || text(value, "path");
    let more = || text(value, "text");
    let perms = || {
        more()?.split(' ').map(|p| Perm::parse(p.as_bytes()).ok()).collect::<Option<Vec<Perm>>>()
    };
    Some(match value.get("op")?.as_str()? {
        "READ" => Act::Read(path()?),
        "DIRECTORY" => Act::List(path()?),
        "GET_PERMS" => Act::GetPerms(path()?),
        "WRITE" => Act::Write(path()?, more()?),
        "MKDIR" => Act::Mkdir(path()?),
        "RM" => Act::Rm(path()?),
        "SET_PERMS" => Act::SetPerms(path()?, perms()?),
        "WATCH" => Act::Watch(path()?, more()?),
        "UNWATCH" => Act::Unwatch(path()?, more()?),
        "TRANSACTION_START" => Act::Start,
        "TRANSACTION_END" => Act::End(more()? == "T"),
        "COMMIT" => Act::Commit(Item::parse_all(&more()?)?),
        "GET_MANY" => Act::GetMany(more()?.split(' ').map(str::to_owned).collect()),
        "LIST" => Act::ListValues(path()?),
        "LOOKUP" => Act::LookUp(more()?),
        "WATCH_ALL" => Act::WatchAll(pairs(&more()?)),
        _ => return None,
    })
}

/// Words, two by two.
fn pairs(text: &str) -> Vec<(String, String)> {
    let words: Vec<&str> = text.split(' ').collect();
    let pair = |pair: &[&str]| match pair {
        [path, token] => Some(((*path).to_owned(), (*token).to_owned())),
        _ => None,
    };
    words.chunks(2).filter_map(pair).collect()
}

fn read_event(value: &Value) -> Option<Event> {
    Some(Event {
        path: text(value, "path")?,
        token: text(value, "token")?,
        at: number(value, "at")?,
    })
}

fn text(value: &Value, key: &str) -> Option<String> {
    Some(value.get(key)?.as_str()?.to_owned())
}

fn number(value: &Value, key: &str) -> Option<u64> {
    value.get(key)?.as_u64()
}

fn all<T>(value: &Value, key: &str, read: fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    value.get(key)?.as_array()?.iter().map(read).collect()
}
