//! A daemon for tests of the ledger: it does what a guest asks for, and, where it is told to, lies.
//!
//! It knows just what guests here do. A kill is a [`Fake::restart`]: open transactions are
//! forgotten, and each watch fires.

use std::collections::{BTreeMap, VecDeque};

use myriad_ring::v1::{Header, Op};

use super::{Ask, Ledger};
use crate::kill::{
    stage::Wrong,
    tree::{Change, Tree},
};

/// A message to the guest.
type Message = (Header, Vec<u8>);

/// The daemon, and one guest with its ledger.
pub(super) struct Fake {
    pub(super) ledger: Ledger,
    pub(super) tree: Tree,
    /// Watches: token and path, and whether it is deaf.
    pub(super) watches: BTreeMap<String, (String, bool)>,
    /// Open transactions, with what they have seen and done.
    open: BTreeMap<u32, (Tree, Vec<Change>)>,
    next_transaction: u32,
    next_id: u32,
    /// Requests on their way, and answers and events on theirs.
    pub(super) requests: VecDeque<(u32, Ask)>,
    pub(super) messages: VecDeque<Message>,
    /// What the guest has found.
    pub(super) found: Vec<Wrong>,
    /// The shared node.
    pub(super) shared: u64,
}

const HOME: &str = "/local/domain/5/";

impl Fake {
    pub(super) fn new(seed: u64) -> Fake {
        Fake {
            ledger: Ledger::new(5, seed),
            tree: Tree::new(b"n5\0"),
            watches: BTreeMap::new(),
            open: BTreeMap::new(),
            next_transaction: 1,
            next_id: 0,
            requests: VecDeque::new(),
            messages: VecDeque::new(),
            found: Vec::new(),
            shared: 0,
        }
    }

    /// The guest begins its next act, where it waits for nothing.
    pub(super) fn act(&mut self) {
        if self.ledger.is_idle() {
            for ask in self.ledger.act() {
                self.ledger.sent(self.next_id, ask.clone());
                self.requests.push_back((self.next_id, ask));
                self.next_id += 1;
            }
        }
    }

    /// Executes the first request, if there is one.
    pub(super) fn execute(&mut self) -> Option<(u32, Ask)> {
        let (id, ask) = self.requests.pop_front()?;
        self.execute_as(id, &ask);
        Some((id, ask))
    }

    /// Executes a request, and answers it.
    pub(super) fn execute_as(&mut self, id: u32, ask: &Ask) {
        let answer = self.answer(ask);
        let (op, payload) = match answer {
            Ok(payload) => (ask.op, payload),
            Err(error) => (Op::Error, [error.as_bytes(), b"\0"].concat()),
        };
        let len = u32::try_from(payload.len()).unwrap();
        let header = Header { op: op as u32, req_id: id, tx_id: ask.tx, len };
        self.messages.push_back((header, payload));
    }

    /// The guest takes all that has come.
    pub(super) fn deliver(&mut self) {
        while let Some((header, payload)) = self.messages.pop_front() {
            self.found.extend(self.ledger.take(header, &payload).err());
        }
    }

    /// So many acts, in full.
    pub(super) fn go_on(&mut self, acts: usize) {
        for _ in 0..acts {
            self.act();
            while self.execute().is_some() {}
            self.deliver();
        }
    }

    /// The daemon is killed, and begins again.
    pub(super) fn restart(&mut self) {
        self.open.clear();
        self.next_transaction += 1000;
        let all: Vec<_> =
            self.watches.iter().map(|(t, (path, _))| (path.clone(), t.clone())).collect();
        for (path, token) in all {
            self.event(&path, &token);
        }
        self.found.extend(self.ledger.restarted().err());
    }

    /// The control domain writes the shared node.
    pub(super) fn raise(&mut self) {
        self.shared += 1;
        self.fire("/shared/n");
    }

    fn event(&mut self, path: &str, token: &str) {
        if self.watches.get(token).is_some_and(|(_, deaf)| *deaf) {
            return;
        }
        let payload = format!("{path}\0{token}\0").into_bytes();
        let len = u32::try_from(payload.len()).unwrap();
        let header = Header { op: Op::WatchEvent as u32, req_id: 0, tx_id: 0, len };
        self.messages.push_back((header, payload));
    }

    fn fire(&mut self, path: &str) {
        let concerned = self.watches.iter().filter(|(_, (watched, _))| {
            path == watched || path.starts_with(&format!("{watched}/"))
        });
        let all: Vec<_> = concerned.map(|(token, _)| token.clone()).collect();
        all.iter().for_each(|token| self.event(path, token));
    }

    fn answer(&mut self, ask: &Ask) -> Result<Vec<u8>, &'static str> {
        let (first, rest) = split(&ask.payload);
        let first = first.strip_prefix(HOME).unwrap_or(first).to_owned();
        let second = String::from_utf8_lossy(split(rest).0.as_bytes()).into_owned();
        match ask.op {
            Op::TransactionStart => {
                self.next_transaction += 1;
                self.open.insert(self.next_transaction, (self.tree.clone(), Vec::new()));
                return Ok(format!("{}\0", self.next_transaction).into_bytes());
            }
            Op::TransactionEnd => return self.end(ask.tx, &first),
            Op::Watch if self.watches.contains_key(&second) => return Err("EEXIST"),
            Op::Watch => {
                self.watches.insert(second.clone(), (first.clone(), false));
                self.event(&first, &second);
                return Ok(b"OK\0".to_vec());
            }
            Op::Unwatch => {
                return self.watches.remove(&second).map(|_| b"OK\0".to_vec()).ok_or("ENOENT");
            }
            Op::GetDomainPath => return Ok(format!("/local/domain/{first}\0").into_bytes()),
            _ => {}
        }
        if first.starts_with('/') && first != "/local/domain/5" {
            let readable = first == "/shared/n" && ask.op == Op::Read;
            return if readable { Ok(self.shared.to_string().into_bytes()) } else { Err("EACCES") };
        }
        self.of_home(ask, &first, rest)
    }

    fn of_home(&mut self, ask: &Ask, path: &str, rest: &[u8]) -> Result<Vec<u8>, &'static str> {
        let change = match ask.op {
            Op::Write => Change::Write(path.into(), rest.into()),
            Op::Mkdir => Change::Mkdir(path.into()),
            Op::Rm => Change::Rm(path.into()),
            _ => {
                let tree = match self.open.get(&ask.tx) {
                    Some((tree, _)) => tree,
                    None if ask.tx > 0 => return Err("ENOENT"),
                    None => &self.tree,
                };
                let path = if path == "/local/domain/5" { "" } else { path };
                let node = tree.0.get(path).ok_or("ENOENT")?;
                return Ok(match ask.op {
                    Op::Read => node.value.clone(),
                    Op::GetPerms => node.perms.clone(),
                    Op::Directory => node
                        .children
                        .join("\0")
                        .into_bytes()
                        .into_iter()
                        .chain((!node.children.is_empty()).then_some(0))
                        .collect(),
                    _ => return Err("ENOSYS"),
                });
            }
        };
        if ask.tx > 0 {
            let (tree, changes) = self.open.get_mut(&ask.tx).ok_or("ENOENT")?;
            tree.apply(&change);
            changes.push(change);
            return Ok(b"OK\0".to_vec());
        }
        if let Some(error) = self.tree.refusal(&change) {
            return Err(error);
        }
        self.apply(&change);
        Ok(b"OK\0".to_vec())
    }

    fn end(&mut self, tx: u32, word: &str) -> Result<Vec<u8>, &'static str> {
        let (_, changes) = self.open.remove(&tx).ok_or("EAGAIN")?;
        if word == "T" {
            changes.iter().for_each(|change| self.apply(change));
        }
        Ok(b"OK\0".to_vec())
    }

    fn apply(&mut self, change: &Change) {
        self.tree.apply(change);
        if let Change::Write(path, _) | Change::Mkdir(path) | Change::Rm(path) = change {
            self.fire(path);
        }
    }
}

fn split(bytes: &[u8]) -> (&str, &[u8]) {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let rest = bytes.get(at + 1..).unwrap_or_default();
    (std::str::from_utf8(&bytes[..at]).unwrap(), rest)
}
