//! Any bytes, and requests as clients write them.

use myriad_core::Errno;
use proptest::prelude::*;

use crate::v1::{DomArg, Op, QuotaQuery, Request, RequestError, fuzz};

fn parse(op: Op, payload: &[u8]) -> Result<Request<'_>, RequestError> {
    Request::parse(op, payload)
}

/// The rules of payloads, one line per rule: refused ones first.
#[test]
fn payloads_that_are_refused() {
    use Op::*;
    let one_string: &[&[u8]] = &[b"", b"/", b"/\0x", b"/\0\0", b"a\0b\0"];
    for op in [Directory, Read, GetPerms, Mkdir, Rm, Release, GetDomainPath, Resume] {
        for payload in one_string {
            assert_eq!(parse(op, payload), Err(RequestError::NotOneString), "{op:?} {payload:?}");
        }
    }
    let refused: &[(Op, &[u8], RequestError)] = &[
        (Control, b"", RequestError::StringCount),
        (Control, b"help", RequestError::StringCount),
        (Watch, b"", RequestError::StringCount),
        (Watch, b"a\0", RequestError::StringCount),
        (Watch, b"a\0b\x001\x002\0", RequestError::StringCount),
        (Watch, b"a\0b\0-1\0", RequestError::NegativeDepth),
        (Unwatch, b"a\0", RequestError::StringCount),
        (Unwatch, b"a\0b\0c\0", RequestError::StringCount),
        (TransactionEnd, b"", RequestError::NotOneString),
        (TransactionEnd, b"T", RequestError::NotOneString),
        (TransactionEnd, b"t\0", RequestError::NeitherTrueNorFalse),
        (TransactionEnd, b"TT\0", RequestError::NeitherTrueNorFalse),
        (TransactionEnd, b"\0", RequestError::NeitherTrueNorFalse),
        (Introduce, b"5\x001\0", RequestError::StringCount),
        (Introduce, b"5\x001\x002", RequestError::StringCount),
        (Introduce, b"5\x001\x000\0", RequestError::NoPort),
        (Introduce, b"5\x001\0-3\0", RequestError::NoPort),
        (Introduce, b"5\x001\0x\0", RequestError::NoPort),
        (Write, b"", RequestError::StringCount),
        (Write, b"/a", RequestError::StringCount),
        (SetPerms, b"", RequestError::StringCount),
        (SetPerms, b"/a\0", RequestError::StringCount),
        (SetPerms, b"/a\0n0", RequestError::StringCount),
        (WatchEvent, b"a\0b\0", RequestError::NoRequest),
        (Error, b"EINVAL\0", RequestError::NoRequest),
        (IsDomainIntroduced, b"5", RequestError::NotOneString),
        (SetTarget, b"5\0", RequestError::StringCount),
        (SetTarget, b"5\x006", RequestError::StringCount),
        (DirectoryPart, b"/\0", RequestError::StringCount),
        (DirectoryPart, b"/\x000\x000\0", RequestError::StringCount),
        (SetFeature, b"5\0", RequestError::StringCount),
        (SetFeature, b"5\x006\x007\0", RequestError::StringCount),
        (SetFeature, b"5x\x006\0", RequestError::NoDomid),
        (GetQuota, b"5\0nodes\0x\0", RequestError::StringCount),
        (GetQuota, b"x\0nodes\0", RequestError::NoDomid),
        (SetQuota, b"", RequestError::StringCount),
        (SetQuota, b"nodes\0", RequestError::StringCount),
        (SetQuota, b"5\0nodes\x001\x002\0", RequestError::StringCount),
        (SetQuota, b"70000\0nodes\x001\0", RequestError::NoDomid),
    ];
    for &(op, payload, error) in refused {
        assert_eq!(parse(op, payload), Err(error), "{op:?} {payload:?}");
        let errno = if error == RequestError::NoRequest { Errno::ENOSYS } else { Errno::EINVAL };
        assert_eq!(Errno::from(error), errno);
    }
}

#[test]
fn payloads_that_pass() {
    use Op::*;
    let (path, token) = (&b"a"[..], &b"t"[..]);
    let passed: &[(Op, &[u8], Request<'_>)] = &[
        (Read, b"a\0", Request::Read { path }),
        (Directory, b"\0", Request::Directory { path: b"" }),
        (Watch, b"a\0t\0", Request::Watch { path, token, depth: None }),
        (Watch, b"a\0t\0tail", Request::Watch { path, token, depth: None }),
        (Watch, b"a\0t\0 2x\0tail", Request::Watch { path, token, depth: Some(2) }),
        (Watch, b"a\0t\0\0", Request::Watch { path, token, depth: Some(0) }),
        (Unwatch, b"a\0t\0tail", Request::Unwatch { path, token }),
        (TransactionStart, b"", Request::TransactionStart),
        (TransactionStart, b"\0\0tail", Request::TransactionStart),
        (TransactionEnd, b"T\0", Request::TransactionEnd { commit: true }),
        (TransactionEnd, b"F\0", Request::TransactionEnd { commit: false }),
        (Introduce, b"5\0\x007\0", Request::Introduce { domid: DomArg(5), port: 7 }),
        (Introduce, b"5\0g\x007\0more\0tail", Request::Introduce { domid: DomArg(5), port: 7 }),
        (Release, b"x\0", Request::Release { domid: DomArg(0) }),
        (GetDomainPath, b"-1\0", Request::GetDomainPath { domid: DomArg(u32::MAX) }),
        (Write, b"a\0", Request::Write { path, value: b"" }),
        (Write, b"a\0b\0c", Request::Write { path, value: b"b\0c" }),
        (SetTarget, b"5\x006\x007\0", Request::SetTarget { domid: DomArg(5), target: DomArg(6) }),
        (ResetWatches, b"tail", Request::ResetWatches),
        (DirectoryPart, b"a\0-1\0tail", Request::DirectoryPart { path, offset: u32::MAX }),
        (GetFeature, b"", Request::GetFeature { of: None }),
        (GetFeature, b"tail", Request::GetFeature { of: None }),
        (GetFeature, b"5\0", Request::GetFeature { of: Some(Ok(DomArg(5))) }),
        (GetFeature, b"x\0", Request::GetFeature { of: Some(Err(RequestError::NoDomid)) }),
        (GetFeature, b"\0\0", Request::GetFeature { of: Some(Err(RequestError::StringCount)) }),
        (SetFeature, b"5\x006\0", Request::SetFeature { domid: DomArg(5), features: 6 }),
        (GetQuota, b"tail", Request::GetQuota(QuotaQuery::Names)),
        (GetQuota, b"q\0", Request::GetQuota(QuotaQuery::Global { name: b"q" })),
        (
            GetQuota,
            b"5\0q\0",
            Request::GetQuota(QuotaQuery::Domain { domid: DomArg(5), name: b"q" }),
        ),
        (SetQuota, b"q\x005\0", Request::SetQuota { of: None, name: b"q", value: 5 }),
        (
            SetQuota,
            b"\0q\0-1\0",
            Request::SetQuota { of: Some(DomArg(0)), name: b"q", value: u32::MAX },
        ),
    ];
    for &(op, payload, request) in passed {
        assert_eq!(parse(op, payload), Ok(request), "{op:?} {payload:?}");
    }
}

#[test]
fn control_has_a_command_and_arguments() {
    let Ok(Request::Control(args)) = parse(Op::Control, b"quota\0set\0nodes\0tail") else {
        panic!("refused");
    };
    assert_eq!(args.command, b"quota");
    assert_eq!(args.args.collect::<Vec<_>>(), [&b"set"[..], b"nodes"]);
}

#[test]
fn permissions_are_counted_before_they_are_read() {
    let cases: &[(&[u8], usize, Result<usize, RequestError>)] = &[
        (b"/\0n5\0", 1, Ok(1)),
        (b"/\0n5\0r0x10\0b 7\0tail", 3, Ok(3)),
        (b"/\0\0", 1, Err(RequestError::Permission)),
        (b"/\0n\0", 1, Err(RequestError::Permission)),
        (b"/\0x5\0", 1, Err(RequestError::Permission)),
        (b"/\0n5\0r5x\0", 2, Err(RequestError::Permission)),
        (b"/\0n70000\0", 1, Err(RequestError::Owner)),
        (b"/\0n70000\0r70000\0", 2, Err(RequestError::Owner)),
        (b"/\0n70000\0r\0", 2, Err(RequestError::Permission)),
        (b"/\0n5\0r70000\0", 2, Err(RequestError::Permission)),
    ];
    for &(payload, count, ref read) in cases {
        let Ok(Request::SetPerms { perms, .. }) = parse(Op::SetPerms, payload) else {
            panic!("refused: {payload:?}");
        };
        assert_eq!(perms.len(), count);
        assert_eq!(&perms.parse().map(|perms| perms.len()), read, "{payload:?}");
    }
    assert_eq!(Errno::from(RequestError::Owner), Errno::ENOENT);
}

#[test]
fn every_operation_has_its_rules() {
    use crate::v1::TransactionUse::{Ignored, Validated, Within};
    let rules: Vec<(u32, bool, char)> = Op::ALL
        .iter()
        .filter(|op| op.is_request())
        .map(|op| {
            let tx = match op.transaction_use() {
                Within => 'Y',
                Validated => 'V',
                Ignored => 'I',
            };
            (*op as u32, op.needs_privilege(), tx)
        })
        .collect();
    // The columns "Priv" and "Tx" of the protocol's table.
    let table = "0PV 1-Y 2-Y 3-Y 4-I 5-I 6-V 7-Y 8PV 9PV 10-V 11-Y 12-Y 13-Y 14-Y 17PV 18PV \
                 19PV 21-V 22-Y 23-V 24PV 25PV 26PV";
    let expected: Vec<(u32, bool, char)> = table
        .split_whitespace()
        .map(|row| {
            let (number, flags) = row.split_at(row.len() - 2);
            (number.parse().unwrap(), flags.starts_with('P'), flags.chars().last().unwrap())
        })
        .collect();
    assert_eq!(rules, expected);
    assert_eq!(Op::from_number(20), None);
    assert_eq!(Op::from_number(27), None);
}

/// A stream of messages that mostly have the form of one, with any op, payload and claim.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(&b"\0"[..]),
        Just(&b"/"[..]),
        Just(&b"a"[..]),
        Just(&b"@releaseDomain"[..]),
        Just(&b"/local/domain/7/"[..]),
        Just(&b"n0"[..]),
        Just(&b"-1"[..]),
        Just(&b"4294967296"[..]),
        Just(&b"T"[..]),
        Just(&b"\xff "[..]),
    ];
    let payload = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    let message = (0u32..28, any::<u32>(), payload, prop_oneof![9 => Just(0i32), 1 => -3..3i32])
        .prop_map(|(op, id, payload, lie)| {
            let len = u32::try_from(payload.len()).unwrap().saturating_add_signed(lie);
            let header = crate::v1::Header { op, req_id: id, tx_id: id & 1, len };
            [&header.to_bytes()[..], &payload].concat()
        });
    prop::collection::vec(message, 0..6).prop_map(|messages| messages.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz::codec(&data);
    }

    #[test]
    fn streams_are_survived(step in any::<u8>(), stream in stream()) {
        fuzz::codec(&[&[step][..], &stream].concat());
    }

    #[test]
    fn connections_survive_any_commands(data in prop::collection::vec(any::<u8>(), 0..1200)) {
        fuzz::connection(&data);
    }

    #[test]
    fn payloads_come_back(
        path in "[a-z0-9/]{1,30}",
        token in "[a-z0-9]{0,9}",
        value in prop::collection::vec(any::<u8>(), 0..300),
        depth in 0u32..0x8000_0000,
    ) {
        let (path, token) = (path.as_bytes(), token.as_bytes());
        let one = [path, b"\0"].concat();
        prop_assert_eq!(parse(Op::Rm, &one), Ok(Request::Rm { path }));
        let write = [path, b"\0", &value].concat();
        prop_assert_eq!(parse(Op::Write, &write), Ok(Request::Write { path, value: &value }));
        let watch = [path, b"\0", token, b"\0", depth.to_string().as_bytes(), b"\0"].concat();
        let depth = Some(depth);
        prop_assert_eq!(parse(Op::Watch, &watch), Ok(Request::Watch { path, token, depth }));
    }
}
