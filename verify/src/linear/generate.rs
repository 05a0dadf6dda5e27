//! The program of a history: what each client asks for, drawn from a seed and a number.
//!
//! All paths are few and everybody's, so that most requests meet others'. Values are used once, so
//! that an answer says whose write it has seen; names come from three, so that their index has
//! keys with several matches and keys that come and go. Some of the nodes change hands while they
//! are written. A client of v2 has no transactions but snapshots, and changes most of what it
//! changes by commits, half of them with a condition that may hold.

use myriad_core::Perm;

mod new;

use super::{
    act::{Act, Ask},
    answer::INDEX,
    limits::{BATCH, MORE_TRANSACTIONS, REQUESTS_EACH, TRANSACTION, WATCHES},
};
use crate::oracle::rng::Rng;

/// Requests that are put together.
pub type Batch = Vec<Ask>;

/// What a history is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What the control domain does before.
    pub setup: Vec<Act>,
    /// What it does after.
    pub cleanup: Vec<Act>,
    /// A node that everybody may read.
    pub home: String,
    /// What each client does.
    pub clients: Vec<Vec<Batch>>,
}

/// Whether a client of these speaks v2: the first of the socket or another, by the seed, and where
/// there are more than two every second one.
#[must_use]
pub fn speaks_v2(seed: u64, clients: &[u16], at: usize) -> bool {
    let sockets = clients.iter().filter(|domid| **domid == 0).count().max(1);
    let first = usize::try_from(seed % 2).unwrap_or(0) % sockets;
    clients.get(at) == Some(&0) && at % 2 == first % 2
}

/// The program of a history for these clients: 0 for one of the socket, else the guest's domain.
#[must_use]
pub fn program(seed: u64, number: u64, clients: &[u16]) -> Program {
    let mut rng = Rng::new(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    rng.draw();
    let places = Places::new(number);
    let more = rng.permille(MORE_TRANSACTIONS);
    let play = |(at, domid): (usize, &u16)| {
        let rng = Rng::new(rng.clone().draw().wrapping_add(at as u64));
        Player {
            rng,
            places: &places,
            at,
            domid: *domid,
            is_new: speaks_v2(seed, clients, at),
            more,
            written: 0,
            watches: Vec::new(),
            last: None,
        }
        .play()
    };
    let played = clients.iter().enumerate().map(play).collect();
    let cleanup = [&places.home, &places.domains[0], &places.domains[1]];
    Program {
        setup: places.setup(),
        cleanup: cleanup.map(|path| Act::Rm(path.clone())).into(),
        home: places.home,
        clients: played,
    }
}

/// The paths of a history.
struct Places {
    home: String,
    nodes: [String; 8],
    domains: [String; 2],
    names: [String; 3],
}

impl Places {
    fn new(number: u64) -> Places {
        let home = format!("/linear/{number}");
        let nodes = ["a", "a/x", "a/y", "b", "b/x", "g", "g/x", "s"];
        Places {
            nodes: nodes.map(|node| format!("{home}/{node}")),
            domains: ["a", "b"].map(|d| format!("/local/domain/h{number}{d}")),
            names: ["a", "b", "c"].map(|n| format!("n{number}{n}")),
            home,
        }
    }

    fn setup(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        let mut make = |path: &String, list: &[&str]| {
            acts.push(Act::Mkdir(path.clone()));
            acts.push(Act::SetPerms(path.clone(), perms(list)));
        };
        make(&self.home, &["b0"]);
        make(&format!("{}/b", self.home), &["r0", "b1"]);
        make(&format!("{}/g", self.home), &["n1", "r2"]);
        make(&self.domains[0], &["b0"]);
        make(&self.domains[1], &["r0", "n1"]);
        acts
    }

    fn name(&self, rng: &mut Rng) -> String {
        let [a, b] = &self.domains;
        format!("{}/name", rng.pick(a, std::slice::from_ref(b)))
    }
}

/// One client while its part is drawn.
struct Player<'p> {
    rng: Rng,
    places: &'p Places,
    at: usize,
    domid: u16,
    /// Whether it speaks v2.
    is_new: bool,
    /// Whether one of the socket has several transactions.
    more: bool,
    written: usize,
    watches: Vec<(String, String)>,
    /// What it has written last, and where.
    last: Option<(String, String)>,
}

impl Player<'_> {
    fn play(mut self) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        let (mut requests, mut transactions) = (0, 0);
        while requests < REQUESTS_EACH {
            let may = self.domid != 0 || self.more || transactions == 0;
            if may && self.rng.permille(220) {
                transactions += 1;
                batches.extend(if self.is_new { self.snapshot() } else { self.transaction() });
            } else {
                let length = if self.rng.permille(400) { 1 } else { self.rng.range(2, BATCH) };
                // Writes that are at hand together share a publication.
                let writes = self.rng.permille(500);
                batches.push((0..length).map(|_| plain(self.act(writes))).collect());
            }
            requests = batches.iter().map(Vec::len).sum();
        }
        batches
    }

    /// A transaction in two to four parts, with requests outside of it here and there.
    fn transaction(&mut self) -> Vec<Batch> {
        let mut begin: Batch = Vec::new();
        if self.rng.permille(300) {
            begin.push(plain(self.act(true)));
        }
        begin.push(plain(Act::Start));
        let mut batches = vec![begin];
        let mut batch = Vec::new();
        for _ in 0..self.rng.range(1, TRANSACTION) {
            let writes = self.rng.permille(300);
            batch.push(Ask { act: self.node_act(writes), tx: true });
            if self.rng.permille(120) {
                batch.push(plain(self.act(true)));
            }
            if self.rng.permille(450) {
                batches.push(std::mem::take(&mut batch));
            }
        }
        batch.push(Ask { act: Act::End(self.rng.permille(900)), tx: true });
        batches.push(batch);
        batches
    }

    fn act(&mut self, writes: bool) -> Act {
        match () {
            () if !writes && self.rng.permille(130) => self.watch(),
            () if self.is_new && self.rng.permille(650) => self.new_act(writes),
            () => self.node_act(writes),
        }
    }

    fn node_act(&mut self, writes: bool) -> Act {
        let path = self.path();
        let drawn = if writes { self.rng.below(60) } else { self.rng.below(110) };
        match drawn {
            0..=34 => self.write(path),
            35..=42 => Act::Mkdir(path),
            43..=51 => Act::Rm(path),
            52..=59 => self.set_perms(path),
            60 => Act::Read(self.places.home.clone()),
            61..=79 => Act::Read(path),
            80..=91 => Act::List(self.parent()),
            92..=95 => Act::GetPerms(path),
            _ if self.domid == 0 => self.look_up(),
            _ => Act::Read(path),
        }
    }

    fn path(&mut self) -> String {
        if self.rng.permille(170) {
            return self.places.name(&mut self.rng);
        }
        let [first, others @ ..] = &self.places.nodes;
        self.rng.pick(first, others).clone()
    }

    /// What may have children.
    fn parent(&mut self) -> String {
        let drawn = self.rng.pick(&"a", &["b", "g"]);
        match self.rng.below(4) {
            0 => self.places.home.clone(),
            _ => format!("{}/{drawn}", self.places.home),
        }
    }

    fn write(&mut self, path: String) -> Act {
        if path.ends_with("/name") {
            let [first, others @ ..] = &self.places.names;
            return Act::Write(path, self.rng.pick(first, others).clone());
        }
        self.written += 1;
        let value = format!("{}-{}", self.at, self.written);
        self.last = Some((path.clone(), value.clone()));
        Act::Write(path, value)
    }

    fn set_perms(&mut self, path: String) -> Act {
        let own = [format!("b{}", self.domid), format!("n{}", self.domid)];
        let list: Vec<&str> = match self.rng.below(8) {
            0 if self.domid == 0 => vec!["n0", "b1"],
            1 if self.domid == 0 => vec!["r0", "w2"],
            2 if self.domid == 0 => vec!["n0", "r1", "b2"],
            3 if self.domid == 0 => vec!["n1", "r2"],
            4 if self.domid == 0 => vec!["n2"],
            0 | 1 => vec![&own[1], "r2", "r1"],
            2 => vec![&own[1]],
            _ => vec![&own[0]],
        };
        Act::SetPerms(path, perms(&list))
    }

    fn look_up(&mut self) -> Act {
        let [first, others @ ..] = &self.places.names;
        let name = self.rng.pick(first, others);
        match self.rng.below(5) {
            0 => Act::List(INDEX.into()),
            1 => Act::List(format!("{INDEX}/{name}")),
            2 => {
                let [a, b] = &self.places.domains;
                let domain = self.rng.pick(a, std::slice::from_ref(b));
                let domain = domain.rsplit_once('/').map_or("", |(_, domain)| domain);
                Act::Read(format!("{INDEX}/{name}/{domain}"))
            }
            _ => Act::Read(format!("{INDEX}/{name}")),
        }
    }

    fn watch(&mut self) -> Act {
        if self.watches.len() >= WATCHES || !self.watches.is_empty() && self.rng.permille(250) {
            let at = self.rng.below(self.watches.len());
            let (path, token) = self.watches.swap_remove(at);
            return Act::Unwatch(path, token);
        }
        let [first, others @ ..] = &self.places.names;
        let path = match self.rng.below(6) {
            0 if self.domid == 0 => format!("{INDEX}/{}", self.rng.pick(first, others)),
            0 | 1 => self.places.home.clone(),
            2 => self.places.name(&mut self.rng),
            _ => self.path(),
        };
        let token = format!("t{}", self.rng.below(4));
        if !self.watches.contains(&(path.clone(), token.clone())) {
            self.watches.push((path.clone(), token.clone()));
        }
        Act::Watch(path, token)
    }
}

fn plain(act: Act) -> Ask {
    Ask { act, tx: false }
}

/// Permissions of a program.
fn perms(list: &[&str]) -> Vec<Perm> {
    list.iter().filter_map(|text| Perm::parse(text.as_bytes()).ok()).collect()
}
