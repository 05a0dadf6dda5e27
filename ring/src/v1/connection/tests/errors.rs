//! Each cell of the table of operations and errors that one request can reach.

use myriad_core::DomId;

use crate::v1::{HEADER_LEN, Header, Op, world::World};

/// A world with a node of every kind for guest 5: `/mine` (owned), `/open` (b), `/read` (r),
/// `/write` (w), `/shut` (n), and a socket.
fn world() -> (World, usize, usize) {
    let mut world = World::new();
    let dom0 = world.socket();
    let guest = world.guest(5);
    world.desk.alive.push(DomId(9));
    for (node, perms) in
        [("mine", "n5"), ("open", "b0"), ("read", "r0"), ("write", "w0"), ("shut", "n0")]
    {
        world.ok(dom0, Op::Write, 0, format!("/{node}\0value").as_bytes());
        world.ok(dom0, Op::SetPerms, 0, format!("/{node}\0{perms}\0").as_bytes());
    }
    (world, dom0, guest)
}

#[test]
fn malformed_payloads_and_paths_are_einval() {
    use Op::*;
    let (mut world, dom0, guest) = world();
    let one_path = [Directory, Read, GetPerms, Mkdir, Rm];
    let two_strings = [(Write, "x"), (DirectoryPart, "0\0"), (SetPerms, "n0\0")];
    for path in ["", "//", "/a//b", "/a/", "/a b", "@releaseDomain", "@x"] {
        for op in one_path {
            if op != GetPerms || path != "@releaseDomain" {
                let got = world.ask(dom0, op, 0, format!("{path}\0").as_bytes());
                assert_eq!(got, Err("EINVAL".into()), "{op:?} {path:?}");
            }
        }
        for (op, rest) in two_strings {
            if op != SetPerms || path != "@releaseDomain" {
                let got = world.ask(dom0, op, 0, format!("{path}\0{rest}").as_bytes());
                assert_eq!(got, Err("EINVAL".into()), "{op:?} {path:?}");
            }
        }
        if !path.starts_with('@') {
            let watch = format!("{path}\0t\0");
            assert_eq!(world.ask(dom0, Watch, 0, watch.as_bytes()), Err("EINVAL".into()));
            assert_eq!(world.ask(dom0, Unwatch, 0, watch.as_bytes()), Err("ENOENT".into()));
        }
    }
    for op in Op::ALL.iter().copied().filter(|op| op.is_request()) {
        let any = [TransactionStart, ResetWatches, GetFeature, GetQuota];
        for caller in [dom0, guest] {
            if !any.contains(&op) && (caller == dom0 || !op.needs_privilege()) {
                let got = world.ask(caller, op, 0, b"no string");
                assert_eq!(got, Err("EINVAL".into()), "{op:?}");
            }
        }
    }
}

#[test]
fn privileged_clients_meet_these_errors() {
    use Op::*;
    let (mut world, dom0, _) = world();
    let tx = world.start(dom0);
    let cells: &[(Op, u32, &str, &str)] = &[
        (Control, 0, "no-such\0", "EINVAL"),
        (Directory, 0, "/absent\0", "ENOENT"),
        (Read, 0, "/absent\0", "ENOENT"),
        (Read, tx, "/absent\0", "ENOENT"),
        (GetPerms, 0, "/absent/too\0", "ENOENT"),
        (Unwatch, 0, "/mine\0t\0", "ENOENT"),
        (TransactionStart, tx, "", "EBUSY"),
        (TransactionEnd, 0, "T\0", "ENOENT"),
        (TransactionEnd, tx, "t\0", "EINVAL"),
        (Introduce, 0, "x\x001\x000\0", "EINVAL"),
        (Introduce, 0, "70000\x001\x001\0", "EINVAL"),
        (Introduce, 0, "32752\x001\x001\0", "EINVAL"),
        (Release, 0, "0\0", "EINVAL"),
        (Release, 0, "x\0", "EINVAL"),
        (Release, 0, "7\0", "ENOENT"),
        (Release, 0, "9\0", "ENOENT"),
        (Release, 0, "70000\0", "ENOENT"),
        (Rm, 0, "/\0", "EINVAL"),
        (Rm, 0, "/absent/child\0", "ENOENT"),
        (SetPerms, 0, "/absent\0n0\0", "ENOENT"),
        (SetPerms, 0, "/mine\0n7\0", "ENOENT"),
        (SetPerms, 0, "/mine\0n70000\0", "ENOENT"),
        (SetPerms, 0, "//\0n7\0", "ENOENT"),
        (SetPerms, 0, "//\0n0\0", "EINVAL"),
        (SetPerms, 0, "/mine\0x0\0", "EINVAL"),
        (SetPerms, 0, "/mine\0n\0", "EINVAL"),
        (Resume, 0, "0\0", "EINVAL"),
        (Resume, 0, "7\0", "ENOENT"),
        (SetTarget, 0, "5\x007\0", "ENOENT"),
        (SetTarget, 0, "7\x005\0", "ENOENT"),
        (DirectoryPart, 0, "/absent\x000\0", "ENOENT"),
        (GetFeature, 0, "x\0", "EINVAL"),
        (GetFeature, 0, "5\x006\0", "EINVAL"),
        (GetFeature, 0, "7\0", "ENOENT"),
        (SetFeature, 0, "5\x002\0", "EBUSY"),
        (SetFeature, 0, "9\x001\0", "EINVAL"),
        (SetFeature, 0, "7\x002\0", "ENOENT"),
        (SetFeature, 0, "70000\x002\0", "EINVAL"),
        (GetQuota, 0, "no-such\0", "EINVAL"),
        (GetQuota, 0, "7\0nodes\0", "ENOENT"),
        (GetQuota, 0, "5\0no-such\0", "EINVAL"),
        (SetQuota, 0, "no-such\x001\0", "EINVAL"),
        (SetQuota, 0, "nodes\0-1\0", "EINVAL"),
        (SetQuota, 0, "7\0nodes\0-1\0", "ENOENT"),
        (SetQuota, 0, "soft-nodes\x001\0", "EINVAL"),
    ];
    for &(op, tx, payload, errno) in cells {
        let got = world.ask(dom0, op, tx, payload.as_bytes());
        assert_eq!(got, Err(errno.into()), "{op:?} {payload:?}");
    }
    world.ok(dom0, Watch, 0, b"/mine\0t\0");
    assert_eq!(world.ask(dom0, Watch, 0, b"/mine\0t\x005\0"), Err("EEXIST".into()));
}

#[test]
fn guests_meet_these_errors() {
    use Op::*;
    let (mut world, _, guest) = world();
    let cells: &[(Op, &str, &str)] = &[
        (Directory, "/shut\0", "EACCES"),
        (Read, "/shut\0", "EACCES"),
        (Read, "/write\0", "EACCES"),
        (Read, "/shut/absent\0", "EACCES"),
        (Read, "/read/absent\0", "ENOENT"),
        (Read, "/mine/absent\0", "ENOENT"),
        (GetPerms, "/shut\0", "EACCES"),
        (GetPerms, "@introduceDomain\0", "EACCES"),
        (Write, "/read\0x", "EACCES"),
        (Write, "/read/new\0x", "EACCES"),
        (Mkdir, "/read\0", "EACCES"),
        (Mkdir, "/shut/new\0", "EACCES"),
        (Rm, "/read\0", "EACCES"),
        (Rm, "/read/absent\0", "EACCES"),
        (SetPerms, "/open\0b0\0", "EACCES"),
        (SetPerms, "/mine\0n0\0", "EPERM"),
        (SetPerms, "/mine\0n7\0", "ENOENT"),
        (SetPerms, "/mine/absent\0n5\0", "ENOENT"),
        (SetPerms, "/mine\0n5\0r1\0r2\0r3\0r4\0", "ENOSPC"),
        (SetPerms, "@releaseDomain\0n5\0", "EACCES"),
        (DirectoryPart, "/shut\x000\0", "EACCES"),
        (GetFeature, "5\0", "EACCES"),
        (GetFeature, "5\x006\0", "EACCES"),
        (TransactionEnd, "T\0", "ENOENT"),
        (Unwatch, "/mine\0t\0", "ENOENT"),
    ];
    for &(op, payload, errno) in cells {
        let got = world.ask(guest, op, 0, payload.as_bytes());
        assert_eq!(got, Err(errno.into()), "{op:?} {payload:?}");
    }
}

/// ENOSYS, then EACCES, then ENOENT for the transaction, then the operation's own.
#[test]
fn errors_come_in_order() {
    let (mut world, dom0, guest) = world();
    for caller in [dom0, guest] {
        for number in [15, 16, 20, 27, 4096, u32::MAX] {
            let header = Header { op: number, req_id: 3, tx_id: 99, len: 0 };
            world.bytes(caller, &header.to_bytes());
            let seen = world.seen(caller);
            assert_eq!(seen.len(), 1);
            assert_eq!(seen[0].header, Header { op: 16, req_id: 3, tx_id: 99, len: 7 });
            assert_eq!(seen[0].payload, b"ENOSYS\0");
        }
        for op in Op::ALL.iter().copied().filter(|op| op.is_request()) {
            let expected = if caller == guest && op.needs_privilege() {
                "EACCES"
            } else if matches!(op, Op::Watch | Op::Unwatch) {
                "EINVAL"
            } else {
                "ENOENT"
            };
            let got = world.ask(caller, op, 99, b"");
            assert_eq!(got, Err(expected.into()), "{op:?}");
        }
    }
}

#[test]
fn the_access_log_has_every_request() {
    let (mut world, dom0, guest) = world();
    world.desk.log.clear();
    world.ok(guest, Op::Write, 0, b"/mine\0new");
    let _ = world.ask(guest, Op::Read, 0, b"/shut\0");
    let tx = world.start(dom0);
    world.ok(dom0, Op::TransactionEnd, tx, b"T\0");
    let header = Header { op: 99, req_id: 1, tx_id: 0, len: 0 };
    world.bytes(dom0, &header.to_bytes());
    assert_eq!(
        world.desk.log,
        [
            r#"Domain(DomId(5)).0 WRITE "/mine\0new" "OK\0""#,
            r#"Domain(DomId(5)).0 READ "/shut\0" "EACCES""#,
            r#"Socket(1).0 TRANSACTION_START "\0" "1\0""#,
            r#"Socket(1).1 TRANSACTION_END "T\0" "OK\0""#,
            r#"Socket(1).0 ? "" "ENOSYS""#,
        ]
    );
    assert_eq!(world.take(dom0, usize::MAX).len(), HEADER_LEN + 7);
}
