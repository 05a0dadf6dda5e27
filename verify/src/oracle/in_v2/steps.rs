//! What is asked for, drawn from a seed.

use std::fmt;

use myriad_core::{Access, DomId, Perm};

use crate::oracle::rng::Rng;

/// A call of the client library.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Read(String),
    List(String),
    Exists(String),
    GetPerms(String),
    Write(String, String),
    Mkdir(String),
    Rm(String),
    SetPerms(String, Vec<Perm>),
    Watch(String, String),
    Unwatch(String, String),
    Get(String),
    GetMany(Vec<String>),
    ListValues(String),
    Commit(Vec<Part>),
}

/// A part of a commit.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Write(String, String),
    Mkdir(String),
    Rm(String),
    SetPerms(String, Vec<Perm>),
    IfAbsent(String),
    IfExists(String),
    IfValue(String, String),
    /// The value is the one that was last looked at by a GET.
    IfSame(String),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Who deals the steps.
pub(super) struct Dealer {
    rng: Rng,
    written: u64,
    /// What was written last.
    last: (String, String),
    watches: Vec<(usize, String, String)>,
}

impl Dealer {
    pub(super) fn new(seed: u64) -> Dealer {
        let last = ("/o/a".into(), "none".into());
        Dealer { rng: Rng::new(seed), written: 0, last, watches: Vec::new() }
    }

    /// A directory whose listing takes several pages, and its names several messages of v1.
    pub(super) fn setup(&mut self) -> Vec<Step> {
        let child = |n: usize| Part::Write(format!("/o/many/{n:064}"), format!("value {n}"));
        vec![Step::Commit((0..MANY).map(child).collect()), Step::ListValues("/o/many".into())]
    }

    /// Whose step is next, and what it is.
    pub(super) fn deal(&mut self) -> (usize, Step) {
        let client = self.rng.below(CLIENTS);
        let path = self.path();
        let step = match self.rng.below(100) {
            0..=7 => Step::Read(path),
            8..=11 => Step::List(path),
            12..=14 => Step::Exists(path),
            15..=18 => Step::GetPerms(path),
            19..=26 => Step::Write(path.clone(), self.value(&path)),
            27..=29 => Step::Mkdir(path),
            30..=33 => Step::Rm(path),
            34..=37 => Step::SetPerms(path, self.perms()),
            38..=43 => self.watch(client),
            44..=52 => Step::Get(path),
            53..=60 => Step::GetMany((0..self.rng.range(1, 6)).map(|_| self.path()).collect()),
            61..=66 => Step::ListValues(path),
            67 if self.rng.permille(200) => Step::ListValues("/o/many".into()),
            _ => Step::Commit((0..self.rng.range(1, 6)).map(|_| self.part()).collect()),
        };
        (client, step)
    }

    fn part(&mut self) -> Part {
        let path = self.path();
        match self.rng.below(20) {
            0..=7 => Part::Write(path.clone(), self.value(&path)),
            8..=9 => Part::Mkdir(path),
            10..=11 => Part::Rm(path),
            12..=13 => Part::SetPerms(path, self.perms()),
            14 => Part::IfAbsent(path),
            15 => Part::IfExists(path),
            16 => Part::IfValue(self.last.0.clone(), self.last.1.clone()),
            17 => Part::IfValue(path, self.last.1.clone()),
            _ => Part::IfSame(path),
        }
    }

    fn path(&mut self) -> String {
        let among = if self.rng.permille(60) { &BAD[..] } else { &PATHS[..] };
        among.get(self.rng.below(among.len())).copied().unwrap_or("/o").to_owned()
    }

    /// One that nobody has written before.
    fn value(&mut self, path: &str) -> String {
        self.written += 1;
        let long = if self.rng.permille(30) { 2000 } else { 0 };
        let value = format!("{}{:>long$}", self.written, "");
        self.last = (path.to_owned(), value.clone());
        value
    }

    fn perms(&mut self) -> Vec<Perm> {
        let access = [Access::None, Access::Read, Access::Write, Access::Both];
        let mut one = |domid: usize| Perm {
            access: access.get(self.rng.below(access.len())).copied().unwrap_or(Access::None),
            domid: DomId(u16::try_from(domid).unwrap_or(0)),
        };
        let all = [one(0), one(1), one(2), one(3)];
        let (from, count) = (self.rng.below(3), self.rng.range(1, 3));
        all.into_iter().skip(from).take(count).collect()
    }

    fn watch(&mut self, client: usize) -> Step {
        if self.watches.len() >= WATCHES || self.rng.permille(250) {
            let of_client = self.watches.iter().position(|watch| watch.0 == client);
            if let Some(at) = of_client {
                let (_, path, token) = self.watches.swap_remove(at);
                return Step::Unwatch(path, token);
            }
        }
        if let Some((_, path, token)) = self.watches.first().filter(|_| self.rng.permille(150)) {
            return Step::Watch(path.clone(), token.clone());
        }
        // Each has a token of its own: two watches with one send one event in v1 where both would
        // wait, and in v2 two, since they have two numbers.
        self.written += 1;
        let (path, token) = (self.path(), format!("t{}", self.written));
        self.watches.push((client, path.clone(), token.clone()));
        Step::Watch(path, token)
    }
}

/// Clients of each server.
pub(super) const CLIENTS: usize = 2;
/// Watches that are registered at a time, about.
const WATCHES: usize = 12;
/// Children of the large directory.
const MANY: usize = 600;
/// Paths of nodes, the second half of it below the first.
const PATHS: [&str; 14] = [
    "/o",
    "/o/a",
    "/o/a/x",
    "/o/a/y",
    "/o/a/x/deep",
    "/o/b",
    "/o/b/x",
    "/o/b/y/z",
    "/o/c",
    "/o/c/d/e/f",
    "/p",
    "/p/q",
    "here",
    "here/below",
];
/// Such that are none, or that can't be had.
const BAD: [&str; 7] = ["/o/a/", "/o//b", "//o", "/o/a b", "", "/o/none/at/all", "/"];
