//! Random things that happen to a store.

use myriad_core::{
    Access, Caller, ConnId, DomId, Edit, Errno, Error, Origin, Path, Perm, Quota, Seat, Special,
    Store, WatchPath, Writes,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
pub enum Op {
    Write(u8, String, Vec<u8>),
    Mkdir(u8, String),
    Rm(u8, String),
    SetPerms(u8, String, Vec<(Access, u8)>),
    Batch(u8, Vec<(String, Vec<u8>)>),
    Transaction(u8, Vec<(bool, String)>),
    Introduce(u8),
    Release(u8),
    Shutdown(u8),
    Resume(u8),
    Target(u8, u8),
    Features(u8, u32),
    Quota(Option<u8>, u32),
    Special(u8),
    Seat(u8, u64),
    MoveWatches(u8),
    Watch(u8, String, u8),
    Unwatch(u8, String, u8),
    DropWatches(u8),
}

fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof!["[a-c]", Just("name".to_owned()), Just("local".to_owned())];
    prop_oneof![
        5 => prop::collection::vec(name, 1..5).prop_map(|names| format!("/{}", names.join("/"))),
        1 => (1u8..4).prop_map(|d| format!("/local/domain/{d}/name")),
        1 => Just("/".to_owned()),
    ]
}

pub fn op() -> impl Strategy<Value = Op> {
    let value = || {
        prop_oneof![4 => prop::collection::vec(any::<u8>(), 0..6),
                               1 => prop::collection::vec(any::<u8>(), 900..1200)]
    };
    let access = prop_oneof![
        Just(Access::None),
        Just(Access::Read),
        Just(Access::Write),
        Just(Access::Both)
    ];
    let perms = prop::collection::vec((access, 0u8..4), 1..4);
    prop_oneof![
        8 => (0u8..4, path(), value()).prop_map(|(c, p, v)| Op::Write(c, p, v)),
        3 => (0u8..4, path()).prop_map(|(c, p)| Op::Mkdir(c, p)),
        3 => (0u8..4, path()).prop_map(|(c, p)| Op::Rm(c, p)),
        4 => (0u8..4, path(), perms).prop_map(|(c, p, l)| Op::SetPerms(c, p, l)),
        2 => (0u8..4, prop::collection::vec((path(), value()), 2..6))
            .prop_map(|(c, w)| Op::Batch(c, w)),
        2 => (0u8..4, prop::collection::vec((any::<bool>(), path()), 1..6))
            .prop_map(|(c, w)| Op::Transaction(c, w)),
        4 => (1u8..4).prop_map(Op::Introduce),
        1 => (1u8..4).prop_map(Op::Release),
        1 => (1u8..4).prop_map(Op::Shutdown),
        1 => (1u8..4).prop_map(Op::Resume),
        1 => (1u8..4, 1u8..4).prop_map(|(d, t)| Op::Target(d, t)),
        1 => (1u8..4, any::<u32>()).prop_map(|(d, f)| Op::Features(d, f)),
        1 => (proptest::option::of(1u8..4), 1u32..50).prop_map(|(d, q)| Op::Quota(d, q)),
        1 => (0u8..4).prop_map(Op::Special),
        1 => (1u8..4, any::<u64>()).prop_map(|(d, id)| Op::Seat(d, id)),
        1 => (0u8..4).prop_map(Op::MoveWatches),
        3 => (0u8..4, path(), 0u8..3).prop_map(|(c, p, t)| Op::Watch(c, p, t)),
        1 => (0u8..4, path(), 0u8..3).prop_map(|(c, p, t)| Op::Unwatch(c, p, t)),
        1 => (0u8..4).prop_map(Op::DropWatches),
    ]
}

/// Does one thing to a store; what is refused changes nothing, which is as good.
pub fn run(store: &Store, op: &Op, number: u32) {
    let caller = |c: u8| match store.pin().domain(DomId(c.into())) {
        Some(info) if c > 0 => Caller::Guest { domid: info.domid, instance: info.instance },
        _ => Caller::Control,
    };
    // A connection belongs to one life of a domain.
    let conn = |c: u8| {
        let life = caller(c).guest().map_or(0, |(_, life)| life.number());
        ConnId::new(0, u64::from(c) << 32 | life)
    };
    let origin = Origin { at: number.into(), request: number, op: 11, ..Origin::default() };
    let edit = |change: &dyn Fn(&mut Edit<'_>) -> Result<(), Error>| {
        let _ = store.edit(|edit| {
            edit.from(&origin);
            change(edit)
        });
    };
    match op {
        Op::Write(c, p, v) => edit(&|e| e.write(&caller(*c), Path::new(p)?, v)),
        Op::Mkdir(c, p) => edit(&|e| e.mkdir(&caller(*c), Path::new(p)?)),
        Op::Rm(c, p) => edit(&|e| e.rm(&caller(*c), Path::new(p)?)),
        Op::SetPerms(c, p, list) => {
            let perm =
                |(access, d): &(Access, u8)| Perm { access: *access, domid: DomId(u16::from(*d)) };
            let list: Vec<Perm> = list.iter().map(perm).collect();
            edit(&|e| e.set_perms(&caller(*c), Path::new(p)?, &list));
        }
        Op::Batch(c, writes) => edit(&|e| {
            for (at, (path, value)) in (0..).zip(writes) {
                if at > 0 {
                    e.next_request(&Origin { request: number + at, ..origin });
                }
                if let Err(error) = e.write(&caller(*c), Path::new(path)?, value) {
                    e.failed(Errno::from(&error));
                }
            }
            Ok(())
        }),
        Op::Transaction(c, changes) => {
            let (mut tx, caller) = (store.begin(0), caller(*c));
            for (write, path) in changes {
                let path = Path::new(path).unwrap();
                let _ = match write {
                    true => tx.write(&caller, path, b"tx"),
                    false => tx.rm(&caller, path),
                };
            }
            if number.is_multiple_of(2) {
                // So that it has to be put upon another version.
                edit(&|e| {
                    e.write(&Caller::Control, Path::new("/elsewhere")?, &number.to_le_bytes())
                });
            }
            tx.from(&origin);
            let _ = tx.commit_or_blame();
        }
        Op::Watch(c, p, t) => edit(&|e| {
            e.watch(conn(*c), &caller(*c), WatchPath::Node(Path::new(p)?), &[*t], None, 0)
        }),
        Op::Unwatch(c, p, t) => {
            edit(&|e| e.unwatch(conn(*c), WatchPath::Node(Path::new(p)?), &[*t]));
        }
        Op::DropWatches(c) => edit(&|e| moved(e, conn(*c), None)),
        Op::MoveWatches(c) => {
            let (from, to) = (conn(*c), ConnId::new(7, number.into()));
            edit(&|e| moved(e, from, Some(to)));
        }
        op => edit(&|e| domain(e, op)),
    }
}

/// All watches of a connection go, or become another's.
fn moved(edit: &mut Edit<'_>, from: ConnId, to: Option<ConnId>) -> Result<(), Error> {
    match to {
        Some(to) => edit.move_watches(from, to),
        None => edit.drop_watches(from),
    }
    Ok(())
}

/// The operations on domains and quotas.
fn domain(edit: &mut Edit<'_>, op: &Op) -> Result<(), Error> {
    let id = |d: &u8| DomId((*d).into());
    match op {
        Op::Introduce(d) => {
            edit.introduce(id(d));
            Ok(())
        }
        Op::Release(d) => edit.release(id(d)),
        Op::Shutdown(d) => {
            edit.shutdown(&[id(d)]);
            Ok(())
        }
        Op::Resume(d) => edit.resume(id(d)),
        Op::Target(d, t) => edit.set_target(id(d), id(t)),
        Op::Features(d, features) => edit.set_features(id(d), *features),
        Op::Quota(d, value) => edit.set_quota(d.as_ref().map(id), Quota::Nodes, *value),
        Op::Seat(d, unique_id) => {
            edit.seat(id(d), Seat { unique_id: *unique_id, port: 7 });
            Ok(())
        }
        Op::Special(d) => {
            let perm = |domid| Perm { access: Access::Read, domid };
            let list = [perm(DomId::ZERO), perm(id(d))];
            edit.set_special_perms(&Caller::Control, Special::ReleaseDomain, &list)
        }
        _ => Ok(()),
    }
}
