//! Seeds of protocol v2: streams of requests, and commands to the target's three clients.

use myriad_ring::{
    v1::{Header, Op},
    v2::{
        Request, Step,
        records::{self, Kind, Registration, Removal},
    },
};

use crate::scripts::random;

/// The seeds, by name.
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let long = [b'v'; 3000];
    let steps: Vec<Step<'_>> = (0..6).map(|_| step(Kind::SetValue, b"/a/b", &long)).collect();
    let mut cut = stream(9, &[create_a_vm()]);
    cut.truncate(cut.len() - 7);
    vec![
        ("every-operation", stream(255, &every_operation())),
        ("create-a-vm", stream(40, &[create_a_vm(), Request::Info])),
        ("in-fragments", stream(200, &[Request::Commit(steps), Request::Snapshot])),
        ("cut-off", cut),
        ("commands", [vec![1], random(21, 600)].concat()),
        ("more-commands", [vec![1], random(22, 1800)].concat()),
    ]
}

/// A stream for the codec, in pieces of about this size.
fn stream(pieces: u8, requests: &[Request<'_>]) -> Vec<u8> {
    let messages = (1..).zip(requests).flat_map(|(id, request)| request.encode(id));
    [0, pieces].into_iter().chain(messages).collect()
}

fn step<'a>(kind: Kind, path: &'a [u8], value: &'a [u8]) -> Step<'a> {
    Step { kind, path, value, stamp: 0 }
}

fn create_a_vm() -> Request<'static> {
    let guest: &[u8] = &[5, 0, 0, 0, 0, 0, 1, 0];
    Request::Commit(vec![
        step(Kind::IfAbsent, b"/local/domain/5", b""),
        step(Kind::Create, b"/local/domain/5", b""),
        step(Kind::SetPerms, b"/local/domain/5", guest),
        step(Kind::SetValue, b"/local/domain/5/name", b"web"),
        step(Kind::SetValue, b"/vm/3f0e8a1c-0001-4a2b-8c3d-0123456789ab/name", b"web"),
        step(Kind::Remove, b"/libxl/5", b""),
    ])
}

fn every_operation() -> Vec<Request<'static>> {
    let token = 7.into();
    let classic = Header { op: Op::GetDomainPath as u32, req_id: 1, tx_id: 0, len: 2 };
    let paths: Vec<&[u8]> = vec![b"/a", b"name", b"@releaseDomain"];
    let stamped = |kind| Step { stamp: 3, ..step(kind, b"/a", b"") };
    vec![
        Request::Info,
        Request::Get(records::Get { want: 3.into(), ..Default::default() }, b"/a"),
        Request::GetMany(records::GetMany::default(), paths),
        Request::List(records::List { flags: 1.into(), ..Default::default() }, b"/local/domain"),
        Request::Lookup { snapshot: 1, index: b"domain-name", key: b"web" },
        Request::Commit(vec![
            stamped(Kind::IfValueStamp),
            stamped(Kind::IfPermsStamp),
            stamped(Kind::IfChildrenStamp),
            step(Kind::IfValue, b"/a", b"v"),
            step(Kind::IfExists, b"/a", b""),
        ]),
        Request::Watch(vec![(Registration { token, ..Default::default() }, b"/a")]),
        Request::Unwatch(vec![(Removal { token, ..Default::default() }, b"/a")]),
        Request::Snapshot,
        Request::SnapshotEnd(1),
        Request::Classic(classic, b"5\0"),
    ]
}
