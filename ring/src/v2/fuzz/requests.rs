//! Requests out of a fuzzer's bytes.

use crate::{
    v1::Header,
    v2::{
        Request, Step,
        records::{self, Kind, Registration, Removal},
    },
};

const PATHS: [&[u8]; 12] = [
    b"a",
    b"a/b",
    b"/local/domain/5/a",
    b"/local/domain/5",
    b"/local/domain/6/b/c",
    b"/shared",
    b"/shared/x",
    b"/shared/x/y",
    b"/",
    b"@releaseDomain",
    b"/@index/domain-name",
    b"\xff",
];
const LISTS: [&[u8]; 4] = [&[5, 0, 0, 0], &[6, 0, 3, 0], &[0, 0, 1, 0, 5, 0, 2, 0], &[9, 0, 9, 0]];

/// A request out of some bytes, and what becomes of it.
pub(super) fn with_request(
    data: &mut impl Iterator<Item = u8>,
    then: impl FnOnce(&Request<'_>) -> Vec<u8>,
) -> Vec<u8> {
    let mut byte = || data.next().unwrap_or(0);
    let (op, few) = (byte() % 16, byte());
    let path = PATHS.get(usize::from(few % 12)).copied().unwrap_or_default();
    let snapshot = u32::from(few / 64).into();
    let value = vec![b'v'; usize::from(byte()) * 40];
    let count = byte() % 8;
    match op {
        0 => then(&Request::Info),
        1 => then(&Request::Get(
            records::Get { snapshot, want: 3.into(), ..Default::default() },
            path,
        )),
        2 => {
            let paths = (0..count).filter_map(|n| PATHS.get(usize::from(n + few % 4))).copied();
            let head = records::GetMany { snapshot, want: 1.into(), ..Default::default() };
            then(&Request::GetMany(head, paths.collect()))
        }
        3 => {
            let (flags, cursor) = (u16::from(count % 2).into(), u32::from(byte() / 64).into());
            let list = records::List { snapshot, flags, cursor, ..Default::default() };
            then(&Request::List(list, path))
        }
        4 => then(&Request::Lookup { snapshot: few.into(), index: b"domain-name", key: b"v" }),
        5..=7 => {
            let step = |_| {
                let kind =
                    Kind::ALL.get(usize::from(byte() % 10)).copied().unwrap_or(Kind::IfExists);
                let path = PATHS.get(usize::from(byte() % 12)).copied().unwrap_or_default();
                let value: &[u8] = match kind {
                    Kind::SetPerms => {
                        LISTS.get(usize::from(byte() % 4)).copied().unwrap_or_default()
                    }
                    Kind::SetValue | Kind::IfValue => &value,
                    _ => b"",
                };
                let stamp = if kind.has_stamp() { byte().into() } else { 0 };
                Step { kind, path, value, stamp }
            };
            then(&Request::Commit((0..count).map(step).collect()))
        }
        8 | 9 => {
            let token = u64::from(byte() % 4).into();
            let kinds = u16::from(few / 16) << records::KINDS_SHIFT;
            let flags = (u16::from(few % 2) | kinds).into();
            let depth = u32::from(few % 3).into();
            let watch = Registration { token, depth, flags, ..Registration::default() };
            let removal = Removal { token, ..Removal::default() };
            let paths = (0..=count % 2).map(|_| path);
            if op == 8 {
                then(&Request::Watch(paths.map(|path| (watch, path)).collect()))
            } else {
                then(&Request::Unwatch(paths.map(|path| (removal, path)).collect()))
            }
        }
        10 => then(&Request::Snapshot),
        11 => then(&Request::SnapshotEnd(few.into())),
        12 if few % 4 == 0 => then(&Request::Ring(records::RingSizes::default())),
        13..=15 => then(&past(op, few, count, byte(), path)),
        _ => {
            let payload = [path, b"\0"].concat();
            let op = u32::from(byte() % 28);
            let len = u32::try_from(payload.len()).unwrap_or(0);
            then(&Request::Classic(Header { op, req_id: 1, tx_id: 0, len }, &payload))
        }
    }
}

/// One about what comes after a generation, or was before.
fn past(op: u8, few: u8, count: u8, since: u8, path: &[u8]) -> Request<'_> {
    if op == 15 && count < 4 {
        return Request::Unsubscribe(u64::from(few / 64));
    }
    if op == 15 {
        let question = records::Question {
            kind: u16::from(count).into(),
            flags: u16::from(few % 4).into(),
            ..Default::default()
        };
        return Request::History(question, path);
    }
    let subscription = records::Subscription {
        token: u64::from(few / 64).into(),
        since: if count < 4 { records::NOW } else { u64::from(since) }.into(),
        store: u64::from(count / 7).into(),
        depth: u32::from(few % 3).into(),
        kinds: u16::from(count).into(),
        flags: u16::from(few % 4).into(),
        ..Default::default()
    };
    Request::Subscribe(subscription, path)
}
