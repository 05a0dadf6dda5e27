//! What C asks for, as the client takes it.

use std::ffi::c_int;

use myriad_core::{Access, DomId, Perm};
use myriad_ring::{client::Commit, v2::records::Kind};

use crate::raw::Step;

/// Why a step is none.
pub(super) struct BadStep(pub(super) c_int, pub(super) &'static str);

const INVALID: c_int = libc::EINVAL;

/// A commit with one step more.
pub(super) fn add(commit: Commit, step: &Step<'_>) -> Result<Commit, BadStep> {
    let kind = Kind::from_number(step.kind);
    let kind = kind.ok_or(BadStep(INVALID, "a step of a kind that there isn't"))?;
    let path = step.path.bytes().ok_or(BadStep(INVALID, "a step without a path"))?;
    let no_value = BadStep(INVALID, "a step whose value is NULL, but has a size");
    let value = step.value().ok_or(no_value)?;
    if (step.reserved0, step.reserved1) != (0, 0) {
        return Err(BadStep(INVALID, "a step with a reserved field that is not 0"));
    }
    Ok(match kind {
        Kind::SetValue => commit.write(path, value),
        Kind::Create => commit.mkdir(path),
        Kind::Remove => commit.rm(path),
        Kind::SetPerms => commit.set_perms(path, &permissions(value)?),
        Kind::IfValueStamp => commit.if_value_stamp(path, step.stamp),
        Kind::IfPermsStamp => commit.if_perms_stamp(path, step.stamp),
        Kind::IfChildrenStamp => commit.if_children_stamp(path, step.stamp),
        Kind::IfValue => commit.if_value(path, value),
        Kind::IfAbsent => commit.if_absent(path),
        Kind::IfExists => commit.if_exists(path),
    })
}

/// An array of `struct myriad_permission`, as bytes.
fn permissions(bytes: &[u8]) -> Result<Vec<Perm>, BadStep> {
    let (each, rest) = bytes.as_chunks::<4>();
    if each.is_empty() || !rest.is_empty() {
        return Err(BadStep(INVALID, "permissions that are no array of struct myriad_permission"));
    }
    let one = |&[low, high, access, reserved]: &[u8; 4]| {
        let access = match (access, reserved) {
            (0, 0) => Access::None,
            (1, 0) => Access::Read,
            (2, 0) => Access::Write,
            (3, 0) => Access::Both,
            _ => return Err(BadStep(INVALID, "a permission with an access that there isn't")),
        };
        Ok(Perm { access, domid: DomId(u16::from_ne_bytes([low, high])) })
    };
    each.iter().map(one).collect()
}

/// The text that stands for a token: v1's are text.
pub(super) fn token(number: u64) -> String {
    format!("{number:x}")
}

/// The token of a text; that of a text which is none is 0, and no watch of ours has such.
pub(super) fn token_from(text: &[u8]) -> u64 {
    let text = std::str::from_utf8(text).unwrap_or_default();
    u64::from_str_radix(text, 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back() {
        for number in [0, 1, 0xdead_beef, u64::MAX] {
            assert_eq!(token_from(token(number).as_bytes()), number);
        }
    }

    #[test]
    fn permissions_are_whole() {
        let domid = 7_u16.to_ne_bytes();
        let good = [domid[0], domid[1], 3, 0];
        let found = permissions(&good).map_err(|bad| bad.1).unwrap();
        assert_eq!(found, [Perm { access: Access::Both, domid: DomId(7) }]);
        for bad in [&good[..3], &[], &[0, 0, 4, 0], &[0, 0, 1, 1]] {
            assert!(permissions(bad).is_err(), "{bad:?}");
        }
    }
}
