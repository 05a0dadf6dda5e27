//! Histories written by hand, and whether each can have happened.

mod brute;
mod classics;
mod events;
mod reference;
mod together;
mod transactions;

use myriad_core::Perm;
use myriad_verify::linear::{
    act::{Act, Ask, Reply},
    check::{Verdict, check},
    item::Item,
    record::{Call, ClientLog, Event, History},
};

/// A history of clients, each with its domain and a line for each request or event.
///
/// A request is `SENT..ANSWERED [tx] OP [PATH [TEXT...]] -> ANSWER`, an event `AT event PATH
/// TOKEN`. An answer is `OK`, a number, an error, `'a value'`, or `[children ...]`, which are also
/// the several values of an answer of v2.
pub(crate) fn history(clients: &[(u16, &str)]) -> History {
    let setup = vec![
        Act::Mkdir("/h".into()),
        Act::SetPerms("/h".into(), perms("b0")),
        Act::Write("/h/x".into(), "0".into()),
        Act::Write("/h/y".into(), "0".into()),
    ];
    let clients = clients.iter().map(|(domid, lines)| client(*domid, lines)).collect();
    History { seed: 1, number: 2, setup, clients }
}

/// The same, and it must be explained.
pub(crate) fn right(clients: &[(u16, &str)]) {
    let verdict = check(&history(clients));
    assert!(matches!(verdict, Verdict::Right(_)), "{verdict:?}");
}

/// The same, and it can't be.
pub(crate) fn wrong(clients: &[(u16, &str)]) {
    let verdict = check(&history(clients));
    assert!(matches!(verdict, Verdict::Wrong(_)), "{verdict:?}");
}

/// Some that are right, of several kinds.
pub(crate) fn samples() -> Vec<History> {
    let texts: [&[(u16, &str)]; 3] = [
        &[(0, "1..2 WRITE /h/x 1 -> OK"), (1, "3..4 READ /h/x -> '1'")],
        &[(0, "1..5 RM /h/x -> OK\n2..6 READ /h/x -> ENOENT"), (1, "3..4 READ /h/x -> '0'")],
        &[(
            0,
            "1..2 TRANSACTION_START -> 1\n3..4 tx WRITE /h/x 1 -> OK
             5..6 tx TRANSACTION_END T -> OK\n7..8 READ /h/x -> '1'",
        )],
    ];
    texts.map(history).into()
}

fn client(domid: u16, lines: &str) -> ClientLog {
    let mut client = ClientLog { domid, ..ClientLog::default() };
    let mut events = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (time, rest) = line.split_once(' ').unwrap();
        if let Some(event) = rest.strip_prefix("event ") {
            let (path, token) = event.split_once(' ').unwrap();
            let at = time.parse().unwrap();
            events.push(Event { path: path.into(), token: token.into(), at });
            continue;
        }
        let (invoked, answered) = time.split_once("..").unwrap();
        let (asked, answer) = rest.split_once(" -> ").unwrap();
        let tx = asked.starts_with("tx ");
        client.calls.push(Call {
            ask: Ask { act: act(asked.strip_prefix("tx ").unwrap_or(asked)), tx },
            invoked: invoked.parse().unwrap(),
            answered: answered.parse().unwrap(),
            reply: reply(answer),
            events: std::mem::take(&mut events),
        });
    }
    client.after = events;
    client
}

fn act(text: &str) -> Act {
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    let words = || rest.split(' ').map(str::to_owned).collect::<Vec<_>>();
    match verb {
        "COMMIT" => return Act::Commit(Item::parse_all(rest).unwrap()),
        "GET_MANY" => return Act::GetMany(words()),
        "LIST" => return Act::ListValues(rest.into()),
        "LOOKUP" => return Act::LookUp(rest.into()),
        "WATCH_ALL" => {
            let pair = |pair: &[String]| (pair[0].clone(), pair[1].clone());
            return Act::WatchAll(words().chunks(2).map(pair).collect());
        }
        _ => {}
    }
    let mut words = text.splitn(3, ' ');
    let mut next = || words.next().unwrap_or_default().to_owned();
    let (op, path, more) = (next(), next(), next());
    match op.as_str() {
        "READ" => Act::Read(path),
        "DIRECTORY" => Act::List(path),
        "WRITE" => Act::Write(path, more),
        "MKDIR" => Act::Mkdir(path),
        "RM" => Act::Rm(path),
        "SET_PERMS" => Act::SetPerms(path, perms(&more)),
        "WATCH" => Act::Watch(path, more),
        "UNWATCH" => Act::Unwatch(path, more),
        "TRANSACTION_START" => Act::Start,
        "TRANSACTION_END" => Act::End(path == "T"),
        other => panic!("{other} is no operation"),
    }
}

fn perms(text: &str) -> Vec<Perm> {
    text.split(' ').map(|perm| Perm::parse(perm.as_bytes()).unwrap()).collect()
}

fn reply(text: &str) -> Reply {
    let between = |open, close| text.strip_prefix(open).and_then(|t| t.strip_suffix(close));
    if let Some(value) = between('\'', '\'') {
        return Ok(value.into());
    }
    if let Some(names) = between('[', ']') {
        return Ok(names.split_whitespace().flat_map(|n| n.bytes().chain([0])).collect());
    }
    if text.starts_with('E') { Err(text.into()) } else { Ok(format!("{text}\0").into()) }
}
