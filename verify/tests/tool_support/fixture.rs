//! What both programs find, and who they are.

use myriad_core::Perm;
use myriad_ring::client::{Client, Store, Stream};

use super::{Program, peer};

/// The tree that each command line finds.
pub(crate) fn prepare(client: &mut Client<Stream>) {
    client.mkdir("/local/domain/0").unwrap();
    client.rm("/local/domain/0/relative").unwrap();
    client.rm("/t").unwrap();
    client
        .transact(|tx| {
            tx.write("/t/a", "1")?;
            tx.write("/t/b", "two words")?;
            tx.write("/t/blank", "")?;
            tx.write("/t/bin", b"\x00\x01\x07\x08\t\n\r\\\x1f \"~\x7f\x80\xff")?;
            tx.write("/t/high", b"\xc3\xa9")?;
            tx.write("/t/binary-that-is-cut", b"\x80".repeat(30))?;
            for len in [40, 55, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 120] {
                tx.write(format!("/t/len-{len}"), "v".repeat(len))?;
            }
            tx.write(format!("/t/{}", "n".repeat(75)), "v")?;
            tx.write(format!("/t/{}/below", "m".repeat(90)), "v")?;
            tx.write("/t/deep/1/2/3/4", "bottom")?;
            tx.write("/t/deep/1/2", "middle")?;
            tx.mkdir("/t/only/child/below")?;
            tx.set_perms("/t/b", &[perm("b0"), perm("r0"), perm("w0")])
        })
        .unwrap();
    // More than fits into one message.
    for n in 0..150 {
        client.write(format!("/t/many/a-rather-long-name-for-a-child-{n}"), "").unwrap();
    }
}

fn perm(text: &str) -> Perm {
    Perm::parse(text.as_bytes()).unwrap()
}

/// Debian's program for a name; what it makes of a name that it doesn't know is the same for all.
pub(crate) fn their(name: &str) -> Program {
    let known = NAMES.contains(&name.trim_start_matches("xenstore-"));
    peer(if known { name } else { "xenstore" })
}

const NAMES: [&str; 10] =
    ["chmod", "control", "exists", "list", "ls", "read", "rm", "watch", "write", "xenstore"];
