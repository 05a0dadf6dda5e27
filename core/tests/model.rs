//! The store against a naive one: a sorted map of whole paths, driven by the same random
//! operations. After each step both give the same answers, and the version's accounts equal a
//! recount (ARCHITECTURE.md, invariants V1 to V4).
//!
//! The values are long and the fan-out is wide now and then, so that blocks split and directories
//! fold back all the time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;

use myriad_core::{Access, Caller, Config, DomId, Error, Origin, Path, Perm, Reads, Store, Writes};
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq)]
struct Node {
    value: Vec<u8>,
    perms: Vec<Perm>,
    /// Entries of domains that have died since, which are stored and not shown.
    buried: usize,
    order: u64,
}

/// The naive store: all callers are privileged or owners by domain id; no instances.
#[derive(Clone, Debug)]
struct Model {
    nodes: BTreeMap<String, Node>,
    order: u64,
}

impl Model {
    fn new() -> Model {
        let root = Node { value: vec![], perms: perms(&[(b'n', 0)]), buried: 0, order: 0 };
        Model { nodes: BTreeMap::from([("/".into(), root)]), order: 0 }
    }

    fn parent(path: &str) -> Option<&str> {
        match path.rfind('/') {
            _ if path == "/" => None,
            Some(0) => Some("/"),
            at => path.get(..at?),
        }
    }

    fn ancestor<'p>(&self, path: &'p str) -> &'p str {
        let mut at = path;
        while !self.nodes.contains_key(at) {
            at = Model::parent(at).expect("the root exists");
        }
        at
    }

    fn rights(&self, path: &str, domid: u16) -> (bool, bool, bool) {
        let list = &self.nodes[path].perms;
        if domid == 0 || list[0].domid.0 == domid {
            return (true, true, true);
        }
        let entry = list[1..].iter().find(|p| p.domid.0 == domid).unwrap_or(&list[0]);
        (entry.access.includes(Access::Read), entry.access.includes(Access::Write), false)
    }

    /// Ok(exists), or the error that the nearest ancestor's permissions give.
    fn place(&self, path: &str, domid: u16, write: bool, own: bool) -> Result<bool, Error> {
        let at = self.ancestor(path);
        let (r, w, o) = self.rights(at, domid);
        if at != path {
            let some = if write { w || (own && o) } else { r };
            return if some { Ok(false) } else { Err(Error::AccessDenied) };
        }
        if (write && !w) || (!write && !r) || (own && !o) {
            return Err(Error::AccessDenied);
        }
        Ok(true)
    }

    fn create(&mut self, path: &str, domid: u16, value: &[u8]) {
        let from = self.ancestor(path).to_owned();
        let Node { perms: mut list, buried, .. } = self.nodes[&from].clone();
        if domid != 0 {
            list[0].domid = DomId(domid);
        }
        let mut missing = vec![path];
        while let Some(up) = Model::parent(missing[missing.len() - 1]).filter(|p| *p != from) {
            missing.push(up);
        }
        for at in missing.into_iter().rev() {
            self.order += 1;
            let value = if at == path { value.to_vec() } else { vec![] };
            let node = Node { value, perms: list.clone(), buried, order: self.order };
            self.nodes.insert(at.to_owned(), node);
        }
    }

    fn write(&mut self, domid: u16, path: &str, value: &[u8]) -> Result<(), Error> {
        if self.place(path, domid, true, false)? {
            self.nodes.get_mut(path).expect("exists").value = value.to_vec();
        } else {
            self.create(path, domid, value);
        }
        Ok(())
    }

    fn mkdir(&mut self, domid: u16, path: &str) -> Result<(), Error> {
        if !self.place(path, domid, true, false)? {
            self.create(path, domid, b"");
        }
        Ok(())
    }

    fn rm(&mut self, domid: u16, path: &str) -> Result<(), Error> {
        let exists = self.place(path, domid, true, false)?;
        let parent = Model::parent(path).ok_or(Error::RemoveRoot)?;
        if !self.nodes.contains_key(parent) {
            return Err(Error::NotFound);
        }
        if exists {
            let below = format!("{path}/");
            self.nodes.retain(|p, _| p != path && !p.starts_with(&below));
        }
        Ok(())
    }

    fn set_perms(&mut self, domid: u16, path: &str, list: &[Perm]) -> Result<(), Error> {
        if domid != 0 && list.len() >= 5 {
            return Err(Error::Busy); // Any quota refusal: compared by kind.
        }
        if !self.place(path, domid, true, true)? {
            return Err(Error::NotFound);
        }
        let node = self.nodes.get_mut(path).expect("exists");
        if domid != 0 && node.perms[0].domid != list[0].domid {
            return Err(Error::OwnerChange);
        }
        node.perms = list.to_vec();
        node.buried = 0;
        Ok(())
    }

    fn read(&self, domid: u16, path: &str) -> Result<Vec<u8>, Error> {
        if !self.place(path, domid, false, false)? {
            return Err(Error::NotFound);
        }
        Ok(self.nodes[path].value.clone())
    }

    fn list(&self, domid: u16, path: &str) -> Result<Vec<String>, Error> {
        if !self.place(path, domid, false, false)? {
            return Err(Error::NotFound);
        }
        let mut found: Vec<(u64, &str)> = self
            .nodes
            .iter()
            .filter(|(p, _)| Model::parent(p) == Some(path))
            .map(|(p, n)| (n.order, p.rsplit('/').next().unwrap_or_default()))
            .collect();
        found.sort_unstable();
        Ok(found.into_iter().map(|(_, name)| name.to_owned()).collect())
    }

    /// Head, path, name with a NUL, permissions (the stored ones: see `buried`) and value.
    fn bytes(&self, domid: u16) -> u64 {
        let own = self.nodes.iter().filter(|(_, n)| n.perms[0].domid.0 == domid);
        let name = |path: &str| path.rsplit('/').next().map_or(0, str::len) + 1;
        let entries = |n: &Node| n.perms.len() + n.buried;
        let bytes =
            |(p, n): (&String, &Node)| 24 + p.len() + name(p) + 8 * entries(n) + n.value.len();
        own.map(bytes).sum::<usize>() as u64
    }

    fn release(&mut self, domid: u16) {
        let root = self.nodes.get_mut("/").expect("the root exists");
        if root.perms[0].domid.0 == domid {
            // It can't be removed: it goes to the control domain.
            root.perms[0].domid = DomId(0);
        }
        while let Some(path) =
            self.nodes.iter().find(|(_, n)| n.perms[0].domid.0 == domid).map(|(p, _)| p.clone())
        {
            self.rm(0, &path).expect("a node that exists");
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Write(u16, String, Vec<u8>),
    Mkdir(u16, String),
    Rm(u16, String),
    SetPerms(u16, String, Vec<Perm>),
    Read(u16, String),
    List(u16, String),
    /// The domain dies, and another gets its id.
    Reborn(u16),
}

fn perms(list: &[(u8, u16)]) -> Vec<Perm> {
    let perm = |&(l, d): &(u8, u16)| Perm {
        access: Access::from_letter(l).expect("a letter"),
        domid: DomId(d),
    };
    list.iter().map(perm).collect()
}

fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        6 => (0..4u8).prop_map(|n| format!("n{n}")),
        2 => (0..60u8).prop_map(|n| format!("wide-{n}")),
        1 => Just("name".to_owned()),
    ];
    let deep = (1..200usize).prop_map(|n| "/d".repeat(n));
    let vm = (0..4u8).prop_map(|n| format!("/local/domain/{n}/name"));
    let short = proptest::collection::vec(name, 1..5)
        .prop_map(|names| names.iter().fold(String::new(), |path, name| path + "/" + name));
    prop_oneof![1 => Just("/".to_owned()), 20 => short, 1 => deep, 3 => vm]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..12),
        1 => proptest::collection::vec(any::<u8>(), 0..1800),
    ]
}

fn list() -> impl Strategy<Value = Vec<Perm>> {
    let entry = (prop_oneof![Just(b'n'), Just(b'r'), Just(b'w'), Just(b'b')], 0..4u16);
    proptest::collection::vec(entry, 1..7).prop_map(|l| perms(&l))
}

fn op() -> impl Strategy<Value = Op> {
    let who = || prop_oneof![2 => Just(0u16), 1 => 1..4u16];
    prop_oneof![
        8 => (who(), path(), value()).prop_map(|(d, p, v)| Op::Write(d, p, v)),
        2 => (who(), path()).prop_map(|(d, p)| Op::Mkdir(d, p)),
        3 => (who(), path()).prop_map(|(d, p)| Op::Rm(d, p)),
        4 => (who(), path(), list()).prop_map(|(d, p, l)| Op::SetPerms(d, p, l)),
        2 => (who(), path()).prop_map(|(d, p)| Op::Read(d, p)),
        2 => (who(), path()).prop_map(|(d, p)| Op::List(d, p)),
        1 => (1..4u16).prop_map(Op::Reborn),
    ]
}

/// Both kinds of refusal look alike; which quota it was is another test's matter.
fn kind<T>(result: Result<T, Error>) -> Result<T, Error> {
    result.map_err(|e| if matches!(e, Error::Quota(_)) { Error::Busy } else { e })
}

fn caller(store: &Store, domid: u16) -> Caller {
    if domid == 0 {
        return Caller::Control;
    }
    let instance = store.pin().domain(DomId(domid)).expect("a known domain").instance;
    Caller::Guest { domid: DomId(domid), instance }
}

/// The nodes of the dead are gone, and their entries elsewhere.
fn bury(model: &mut Model, domid: u16) {
    model.release(domid);
    for node in model.nodes.values_mut() {
        let mut first = true;
        let before = node.perms.len();
        node.perms.retain(|p| std::mem::take(&mut first) || p.domid.0 != domid);
        node.buried += before - node.perms.len();
    }
}

fn step(store: &Store, model: &mut Model, op: &Op) -> Result<(), TestCaseError> {
    let at = |p: &str| Path::new(p).expect("a valid path").as_str().to_owned();
    match op {
        Op::Write(d, p, v) => {
            let (who, p) = (caller(store, *d), at(p));
            let path = Path::new(&p).expect("valid");
            let got = store.edit(|e| e.write(&who, path, v)).result;
            prop_assert_eq!(kind(got), model.write(*d, &p, v));
        }
        Op::Mkdir(d, p) => {
            let who = caller(store, *d);
            let path = Path::new(p).expect("valid");
            let got = store.edit(|e| e.mkdir(&who, path)).result;
            prop_assert_eq!(kind(got), model.mkdir(*d, p));
        }
        Op::Rm(d, p) => {
            let who = caller(store, *d);
            let path = Path::new(p).expect("valid");
            let got = store.edit(|e| e.rm(&who, path)).result;
            prop_assert_eq!(kind(got), model.rm(*d, p));
        }
        Op::SetPerms(d, p, l) => {
            let who = caller(store, *d);
            let path = Path::new(p).expect("valid");
            let got = store.edit(|e| e.set_perms(&who, path, l)).result;
            prop_assert_eq!(kind(got), model.set_perms(*d, p, l));
        }
        Op::Read(d, p) => {
            let who = caller(store, *d);
            let path = Path::new(p).expect("valid");
            let got = store.pin().read(&who, path).map(<[u8]>::to_vec);
            prop_assert_eq!(got, model.read(*d, p));
        }
        Op::List(d, p) => {
            let who = caller(store, *d);
            let path = Path::new(p).expect("valid");
            let names = |names: &[u8]| {
                let text = std::str::from_utf8(names).expect("ASCII").to_owned();
                text.split_terminator('\0').map(str::to_owned).collect::<Vec<_>>()
            };
            let got = store.pin().list(&who, path).map(|l| names(&l.names));
            prop_assert_eq!(got, model.list(*d, p));
        }
        Op::Reborn(d) => {
            store.edit(|e| e.release(DomId(*d))).result.expect("a known domain");
            store.edit(|e| Ok(e.know_domain(DomId(*d)))).result.expect("always");
            bury(model, *d);
        }
    }
    Ok(())
}

fn compare(store: &Store, model: &Model) -> Result<(), TestCaseError> {
    let mut view = store.pin();
    for (path, node) in &model.nodes {
        let path = Path::new(path).expect("valid");
        prop_assert_eq!(view.read(&Caller::Control, path), Ok(&node.value[..]));
        prop_assert_eq!(view.get_perms(&Caller::Control, path), Ok(node.perms.clone()));
    }
    prop_assert_eq!(view.check(), Ok(()));
    for domid in 1..4 {
        let domain = view.domain(DomId(domid)).expect("a known domain");
        prop_assert_eq!(domain.memory, model.bytes(domid), "domain {}", domid);
    }
    for key in [&b""[..], b"x"] {
        let mut found: Vec<String> = view
            .lookup("domain-name", key)
            .expect("a built-in index")
            .iter()
            .map(|m| m.captures.to_string())
            .collect();
        found.sort_unstable();
        let named = |p: &str| {
            let rest = p.strip_prefix("/local/domain/")?.strip_suffix("/name")?;
            (!rest.contains('/')).then(|| rest.to_owned())
        };
        let wanted: Vec<String> = model
            .nodes
            .iter()
            .filter(|(_, n)| n.value == key)
            .filter_map(|(p, _)| named(p))
            .collect();
        prop_assert_eq!(found, wanted);
    }
    Ok(())
}

fn store_with_domains() -> Store {
    let mut config = Config::default();
    config.quotas.set(myriad_core::Quota::Nodes, 0);
    let store = Store::new(&config).expect("a valid configuration");
    for domid in 1..4 {
        store.edit(|e| Ok(e.know_domain(DomId(domid)))).result.expect("always");
    }
    store
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn single_operations(ops in proptest::collection::vec(op(), 1..120)) {
        let store = store_with_domains();
        let mut model = Model::new();
        let mut kept = Vec::new();
        for op in &ops {
            step(&store, &mut model, op)?;
            if kept.len() < 3 {
                kept.push((store.snapshot(), model.clone()));
            }
        }
        compare(&store, &model)?;
        // Old versions are what they were.
        for (mut snapshot, model) in kept {
            for (path, node) in &model.nodes {
                let path = Path::new(path).expect("valid");
                prop_assert_eq!(snapshot.read(&Caller::Control, path), Ok(&node.value[..]));
            }
        }
    }

    /// The same operations, all within one publication: blocks are changed in place there.
    #[test]
    fn one_publication(ops in proptest::collection::vec(op(), 1..120)) {
        let store = store_with_domains();
        let mut model = Model::new();
        let callers: Vec<Caller> = (0..4).map(|d| caller(&store, d)).collect();
        let results = store.edit(|edit| {
            let mut results = Vec::new();
            for op in &ops {
                edit.next_request(&Origin::default());
                let who = |d: u16| &callers[d as usize];
                let path = |p: &'_ str| Path::new(p).map(|p| p.as_str().to_owned());
                results.push(match op {
                    Op::Write(d, p, v) => edit.write(who(*d), Path::new(&path(p)?)?, v),
                    Op::Mkdir(d, p) => edit.mkdir(who(*d), Path::new(p)?),
                    Op::Rm(d, p) => edit.rm(who(*d), Path::new(p)?),
                    Op::SetPerms(d, p, l) => edit.set_perms(who(*d), Path::new(p)?, l),
                    Op::Read(d, p) => edit.read(who(*d), Path::new(p)?).map(|_| ()),
                    Op::List(d, p) => edit.list(who(*d), Path::new(p)?).map(|_| ()),
                    Op::Reborn(_) => Ok(()),
                });
            }
            Ok(results)
        });
        for (op, result) in ops.iter().zip(results.result.expect("no error of its own")) {
            let expected = match op {
                Op::Write(d, p, v) => model.write(*d, p, v),
                Op::Mkdir(d, p) => model.mkdir(*d, p),
                Op::Rm(d, p) => model.rm(*d, p),
                Op::SetPerms(d, p, l) => model.set_perms(*d, p, l),
                Op::Read(d, p) => model.read(*d, p).map(|_| ()),
                Op::List(d, p) => model.list(*d, p).map(|_| ()),
                Op::Reborn(_) => Ok(()),
            };
            prop_assert_eq!(kind(result), expected, "{:?}", op);
        }
        compare(&store, &model)?;
    }
}
