//! Seeds of the codec: a byte that says in which pieces the stream arrives, and the stream.

use myriad_ring::v1::{Header, Op, PAYLOAD_MAX};

/// The seeds, by name.
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = vec![
        ("create-a-vm", stream(16, &create_a_vm())),
        ("every-operation", stream(255, &every_operation())),
        ("frontend-connects", stream(0, &frontend_connects())),
        ("longest-payload", stream(200, &[(Op::Write, 0, longest(PAYLOAD_MAX))])),
        ("names-by-listing", stream(40, &names_by_listing())),
        ("odd-paths", stream(99, &odd_paths())),
        ("odd-payloads", stream(15, &odd_payloads())),
    ];
    let mut beyond = stream(7, &frontend_connects());
    beyond.extend(message(Op::Write, 0, &longest(PAYLOAD_MAX + 1)));
    seeds.push(("too-long-a-payload", beyond));
    let mut cut = stream(3, &create_a_vm());
    cut.truncate(cut.len() - 5);
    seeds.push(("cut-off", cut));
    seeds
}

type Message = (Op, u32, Vec<u8>);

fn plain(op: Op, payload: &str) -> Message {
    (op, 0, payload.replace('|', "\0").into_bytes())
}

fn within(tx_id: u32, op: Op, payload: &str) -> Message {
    (op, tx_id, payload.replace('|', "\0").into_bytes())
}

/// As libxl does it: all of a domain's nodes in one transaction, before it is introduced.
fn create_a_vm() -> Vec<Message> {
    vec![
        plain(Op::TransactionStart, "|"),
        within(1, Op::Rm, "/local/domain/5|"),
        within(1, Op::Mkdir, "/local/domain/5|"),
        within(1, Op::SetPerms, "/local/domain/5|n0|r5|"),
        within(1, Op::Write, "/local/domain/5/name|web"),
        within(1, Op::Write, "/local/domain/5/vm|/vm/3f0e8a1c-0001-4a2b-8c3d-0123456789ab"),
        within(1, Op::Write, "/vm/3f0e8a1c-0001-4a2b-8c3d-0123456789ab/name|web"),
        within(1, Op::Mkdir, "/local/domain/5/device/vif/0|"),
        within(1, Op::SetPerms, "/local/domain/5/device/vif/0|n5|r0|"),
        within(
            1,
            Op::Write,
            "/local/domain/5/device/vif/0/backend|/local/domain/0/backend/vif/5/0",
        ),
        within(1, Op::TransactionEnd, "T|"),
        plain(Op::SetFeature, "5|14|"),
        plain(Op::Introduce, "5|1044476|3|"),
        plain(Op::SetQuota, "5|nodes|1000|"),
    ]
}

/// As Linux' frontends do it.
fn frontend_connects() -> Vec<Message> {
    vec![
        plain(Op::Watch, "/local/domain/0/backend/vif/5/0/state|FFFF8C8000A31C00|"),
        plain(Op::Directory, "device|"),
        plain(Op::Directory, "device/vif|"),
        plain(Op::Read, "device/vif/0/backend|"),
        plain(Op::TransactionStart, "|"),
        within(7, Op::Write, "device/vif/0/tx-ring-ref|768"),
        within(7, Op::Write, "device/vif/0/event-channel-tx|11"),
        within(7, Op::TransactionEnd, "T|"),
        plain(Op::Write, "device/vif/0/state|4"),
    ]
}

fn names_by_listing() -> Vec<Message> {
    vec![
        plain(Op::DirectoryPart, "/local/domain|0|"),
        plain(Op::DirectoryPart, "/local/domain|4032|"),
        plain(Op::GetDomainPath, "5|"),
        plain(Op::Read, "/local/domain/5/name|"),
        plain(Op::Read, "/@index/domain-name/web/5|"),
        plain(Op::Directory, "/@index/domain-name/web|"),
    ]
}

fn every_operation() -> Vec<Message> {
    vec![
        plain(Op::Control, "check|"),
        plain(Op::Control, "quota|set|nodes|2000|"),
        plain(Op::Directory, "/|"),
        plain(Op::Read, "/tool/xenstored|"),
        plain(Op::GetPerms, "@releaseDomain|"),
        plain(Op::Watch, "@introduceDomain|domains|"),
        plain(Op::Watch, "/local/domain|deep|2|"),
        plain(Op::Unwatch, "/local/domain|deep|"),
        plain(Op::TransactionStart, "|"),
        within(1, Op::TransactionEnd, "F|"),
        plain(Op::Introduce, "9|1|2|"),
        plain(Op::Release, "9|"),
        plain(Op::GetDomainPath, "9|"),
        plain(Op::Write, "a/b|value"),
        plain(Op::Mkdir, "a/c|"),
        plain(Op::Rm, "a|"),
        plain(Op::SetPerms, "@releaseDomain|n0|r7|"),
        plain(Op::IsDomainIntroduced, "9|"),
        plain(Op::Resume, "9|"),
        plain(Op::SetTarget, "9|10|"),
        plain(Op::ResetWatches, "|"),
        plain(Op::DirectoryPart, "/|0|"),
        plain(Op::GetFeature, ""),
        plain(Op::GetFeature, "9|"),
        plain(Op::SetFeature, "9|4|"),
        plain(Op::GetQuota, ""),
        plain(Op::GetQuota, "9|nodes|"),
        plain(Op::SetQuota, "watches|0|"),
    ]
}

fn odd_paths() -> Vec<Message> {
    let paths = ["", "//", "/a/", "/a//b", "@", "@unknown", "a\u{e9}", ".", "/a b", "/local"];
    paths.iter().flat_map(|p| [plain(Op::Read, &format!("{p}|")), plain(Op::Watch, p)]).collect()
}

fn odd_payloads() -> Vec<Message> {
    vec![
        plain(Op::Read, "no end"),
        plain(Op::Read, "/two|strings|"),
        plain(Op::Write, "|"),
        plain(Op::SetPerms, "/a|"),
        plain(Op::SetPerms, "/a|x1|b|r-1|w99999999999|"),
        plain(Op::Introduce, "5|1|-3|"),
        plain(Op::Introduce, "65536|1|1|"),
        plain(Op::TransactionEnd, "TRUE|"),
        plain(Op::DirectoryPart, "/|-1|"),
        plain(Op::Watch, "/a|b|-1|extra|"),
    ]
}

fn longest(len: usize) -> Vec<u8> {
    let mut payload = b"/a\0".to_vec();
    payload.resize(len, b'v');
    payload
}

fn stream(step: u8, messages: &[Message]) -> Vec<u8> {
    let mut bytes = vec![step];
    for (op, tx_id, payload) in messages {
        bytes.extend(message(*op, *tx_id, payload));
    }
    bytes
}

fn message(op: Op, tx_id: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let header = Header { op: op as u32, req_id: 1, tx_id, len };
    [&header.to_bytes()[..], payload].concat()
}
