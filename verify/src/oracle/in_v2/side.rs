//! One server with its clients.

use std::{collections::BTreeMap, path::Path};

use myriad_core::{Errno, Perm};
use myriad_ring::client::{Client, Commit, Error, Node, Store, Stream, Told};

use super::{
    Outcome, PATIENCE,
    steps::{CLIENTS, Part, Step},
};

/// A server, by its clients.
pub(super) struct Side {
    clients: Vec<Client<Stream>>,
    /// Nodes as they were last looked at.
    seen: BTreeMap<String, Node>,
}

impl Side {
    pub(super) fn connect(socket: &Path) -> Result<Side, Error> {
        let connect = |_| {
            let client = Client::connect_to(socket)?;
            client.stream().set_read_timeout(Some(PATIENCE)).map_err(Error::Lost)?;
            Ok(client)
        };
        let clients = (0..CLIENTS).map(connect).collect::<Result<_, Error>>()?;
        Ok(Side { clients, seen: BTreeMap::new() })
    }

    /// Agrees upon v2 with all clients.
    pub(super) fn negotiate(&mut self) -> Result<bool, Error> {
        let mut all = true;
        for client in &mut self.clients {
            all &= client.negotiate()?;
        }
        Ok(all)
    }

    /// Takes a step; all events that it causes have come then.
    pub(super) fn take(&mut self, client: usize, step: &Step) -> Result<Outcome, Error> {
        let answer = said(self.answer(client, step))?;
        let mut events = Vec::new();
        for (at, client) in self.clients.iter_mut().enumerate() {
            // Its answer comes behind whatever event is due.
            client.read("/")?;
            while let Some(event) = client.queued_event()? {
                let token = String::from_utf8_lossy(&event.token).into_owned();
                events.push((at, event.path, token));
            }
        }
        events.sort();
        let is_error = answer.is_err();
        let answer = answer.unwrap_or_else(|error| error);
        Ok(Outcome { answer, is_error, events })
    }

    fn answer(&mut self, client: usize, step: &Step) -> Result<String, Error> {
        let Side { clients, seen } = self;
        let Some(client) = clients.get_mut(client) else { return Ok(String::new()) };
        Ok(match step {
            Step::Read(path) => text(&client.read(path)?),
            Step::List(path) => format!("{:?}", client.list(path)?),
            Step::Exists(path) => client.exists(path)?.to_string(),
            Step::GetPerms(path) => words(&client.get_perms(path)?),
            Step::Write(path, value) => client.write(path, value).map(done)?,
            Step::Mkdir(path) => client.mkdir(path).map(done)?,
            Step::Rm(path) => client.rm(path).map(done)?,
            Step::SetPerms(path, perms) => client.set_perms(path, perms).map(done)?,
            Step::Watch(path, token) => client.watch(path, token).map(done)?,
            Step::Unwatch(path, token) => client.unwatch(path, token).map(done)?,
            Step::Get(path) => {
                let node = client.get(path)?;
                let text = shown(&node);
                seen.insert(path.clone(), node);
                text
            }
            Step::GetMany(paths) => {
                let nodes = client.get_many(paths)?;
                let one = |node: &Told<Node>| match node {
                    Ok(node) => shown(node),
                    Err(errno) => errno.name().to_owned(),
                };
                nodes.iter().map(one).collect::<Vec<_>>().join(", ")
            }
            Step::ListValues(path) => {
                let children = client.list_values(path)?;
                let one = |(name, value): &(String, Told<Vec<u8>>)| match value {
                    Ok(value) => format!("{name}={}", text(value)),
                    Err(errno) => format!("{name}: {}", errno.name()),
                };
                children.iter().map(one).collect::<Vec<_>>().join(", ")
            }
            Step::Commit(parts) => {
                let commit = parts.iter().fold(Commit::new(), |c, part| with(c, part, seen));
                client.commit(&commit).map(|_| done(()))?
            }
        })
    }
}

fn with(commit: Commit, part: &Part, seen: &BTreeMap<String, Node>) -> Commit {
    match part {
        Part::Write(path, value) => commit.write(path, value),
        Part::Mkdir(path) => commit.mkdir(path),
        Part::Rm(path) => commit.rm(path),
        Part::SetPerms(path, perms) => commit.set_perms(path, perms),
        Part::IfAbsent(path) => commit.if_absent(path),
        Part::IfExists(path) => commit.if_exists(path),
        Part::IfValue(path, value) => commit.if_value(path, value),
        Part::IfSame(path) => match seen.get(path) {
            // An empty value may be that of a node that has come again.
            Some(node) if !node.value.is_empty() => match node.stamps {
                Some(stamps) => commit.if_value_stamp(path, stamps.value),
                None => commit.if_value(path, &node.value),
            },
            _ => commit.if_exists(path),
        },
    }
}

/// What a server said: the answer, or the error and which item is to blame. An error of the
/// connection is none of its words.
fn said(answer: Result<String, Error>) -> Result<Result<String, String>, Error> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(Error::Refused { errno, .. }) => Ok(Err(errno.name().to_owned())),
        Err(Error::Declined { op: myriad_ring::v2::Op::Commit, errno, item, .. }) => {
            Ok(Err(format!("{} at {item:?}", errno.name())))
        }
        Err(Error::Declined { errno, .. }) => Ok(Err(Errno::name(errno).to_owned())),
        Err(error) => Err(error),
    }
}

fn shown(node: &Node) -> String {
    format!("{} ({})", text(&node.value), words(&node.perms))
}

fn text(value: &[u8]) -> String {
    format!("\"{}\"", value.escape_ascii())
}

fn words(perms: &[Perm]) -> String {
    perms.iter().map(Perm::to_string).collect::<Vec<_>>().join(" ")
}

fn done((): ()) -> String {
    "done".to_owned()
}
