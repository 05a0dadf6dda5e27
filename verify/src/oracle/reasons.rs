//! How the differences of the table are recognised.

use myriad_core::Errno;
use myriad_ring::v1::Op;

use super::{
    compare,
    differences::{Ahead, Case},
    limits::PATH_MAX,
    text, who,
};

/// Whether C 4.17 refuses a request without setting `errno`, from which it then takes the error.
pub(super) fn forgets_error(client: usize, op: Op, payload: &[u8]) -> bool {
    let wants_one = matches!(op, Op::Directory | Op::Read | Op::GetPerms | Op::Mkdir | Op::Rm);
    let special = op == Op::SetPerms && payload.starts_with(b"@");
    (wants_one && text::one_string(payload).is_none())
        || is_unknown_special(op, payload)
        || (special && who::domid(client).is_some())
}

pub(super) fn is_unknown_special(op: Op, payload: &[u8]) -> bool {
    let path = text::split_first(payload).map(|(path, _)| path).unwrap_or_default();
    op == Op::SetPerms && path.starts_with(b"@") && !text::is_special(path)
}

/// Whether C 4.17 has refused a guest the permissions of a special node, with a forgotten error.
pub(super) fn forgotten_refusal(case: &Case<'_>) -> bool {
    let special = case.op == Op::SetPerms && case.request.payload.starts_with(b"@");
    let refused = (case.answers.left, case.answers.right);
    let guests = who::domid(case.request.client).is_some();
    special && guests && refused == (&Err(Errno::EINVAL), &Err(Errno::EACCES))
}

pub(super) fn as_of_start(case: &Case<'_>) -> bool {
    let (Some(tx), Some(model)) = (case.tx, case.model) else { return false };
    let right = case.answers.right;
    case.world.moved(tx) && compare::agrees(case.op, model, right, true)
}

pub(super) fn entries_of_the_dead(case: &Case<'_>) -> bool {
    let Some(model) = case.model else { return false };
    case.op == Op::GetPerms
        && *case.answers.left == model.answer
        && Some(case.answers.right) == model.ours.as_ref()
}

pub(super) fn generation(case: &Case<'_>) -> bool {
    match (case.answers.left, case.answers.right) {
        (Ok(left), Ok(right)) => case.op == Op::DirectoryPart && compare::same_part(left, right),
        _ => false,
    }
}

pub(super) fn special_permissions(case: &Case<'_>) -> bool {
    let path = text::one_string(&case.request.payload);
    case.op == Op::GetPerms
        && path.is_some_and(|path| path.starts_with(b"@"))
        && *case.answers.left == Err(Errno::EINVAL)
}

pub(super) fn numbers(case: &Case<'_>) -> bool {
    let odd = text::strings(&case.request.payload).iter().any(|t| !text::is_plain_number(t));
    names_domains(case.op) && odd && *case.answers.right == Err(Errno::EINVAL)
}

pub(super) fn numbers_with_effect(ahead: &Ahead<'_>) -> bool {
    let (world, op, payload) = (ahead.world, ahead.op, &ahead.request.payload);
    let texts = text::strings(payload);
    let odd = texts.iter().any(|text| !text::is_plain_number(text));
    let meant = texts.first().map_or(0, |text| text::atoi(text));
    match op {
        // dom0 can't be released, and its port is nothing to C's shim.
        Op::Release | Op::Resume => odd && world.hosts.is_introduced(meant) && meant != 0,
        // The second number, the frame, is not looked at.
        Op::Introduce => match texts.as_slice() {
            [domid, _, port, ..] => {
                let odd = [domid, port].iter().any(|text| !text::is_plain_number(text));
                odd && meant != 0
            }
            _ => false,
        },
        Op::SetTarget => odd && texts.iter().all(|t| world.hosts.is_introduced(text::atoi(t))),
        Op::SetPerms => text::split_first(payload).is_some_and(|(_, rest)| {
            let plain = |t: &&[u8]| t.get(1..).is_some_and(text::is_plain_number);
            text::parse_perms(rest).is_some() && !text::strings(rest).iter().all(plain)
        }),
        _ => false,
    }
}

pub(super) fn names_domains(op: Op) -> bool {
    matches!(
        op,
        Op::GetDomainPath
            | Op::IsDomainIntroduced
            | Op::Release
            | Op::Resume
            | Op::SetTarget
            | Op::Introduce
    )
}

pub(super) fn owned_root(ahead: &Ahead<'_>) -> bool {
    let Some((path, rest)) = text::split_first(&ahead.request.payload) else { return false };
    let owner = text::parse_perms(rest).and_then(|perms| perms.first().copied());
    ahead.op == Op::SetPerms && path == b"/" && owner.is_some_and(|owner| owner.domid != 0)
}

pub(super) fn dangling_target(ahead: &Ahead<'_>) -> bool {
    !ahead.is_guests() && !ahead.world.hosts.survives(ahead.op, &ahead.request.payload)
}

/// A path as the quota counts it: the bytes that follow a home.
fn counted(path: &str) -> usize {
    path.len() - text::home_len(path)
}

pub(super) fn longest_path(ahead: &Ahead<'_>) -> bool {
    let Some((path, _)) = text::split_first(&ahead.request.payload) else { return false };
    let full = text::node_path(path, who::home(ahead.request.client));
    ahead.is_guests() && full.is_some_and(|path| counted(&path) == PATH_MAX)
}

pub(super) fn watch_quota(case: &Case<'_>) -> bool {
    let refused = (case.answers.left, case.answers.right);
    case.op == Op::Watch && refused == (&Err(Errno::E2BIG), &Err(Errno::ENOSPC))
}

pub(super) fn quota_in_transaction(case: &Case<'_>) -> bool {
    let (Some(tx), Some(model)) = (case.tx, case.model) else { return false };
    let full = Err(Errno::ENOSPC);
    let refused = [case.answers.left, case.answers.right].contains(&&full) || tx.parted;
    let guests = who::domid(case.request.client).is_some();
    refused && guests && compare::agrees(case.op, model, case.answers.right, true)
}

pub(super) fn poisoned(case: &Case<'_>) -> bool {
    case.tx.is_some_and(|tx| tx.poisoned) && *case.answers.right == Err(Errno::ENOMEM)
}

pub(super) fn domid_any(ahead: &Ahead<'_>) -> bool {
    let rest = text::split_first(&ahead.request.payload).and_then(|(_, r)| text::parse_perms(r));
    ahead.op == Op::SetPerms && rest.is_some_and(|list| list.iter().any(|e| e.domid == ANY))
}

pub(super) fn memory_account(case: &Case<'_>) -> bool {
    let (Ok(left), Ok(right)) = (case.answers.left, case.answers.right) else { return false };
    let of_a_domain = case.request.payload.starts_with(b"quota\0");
    let rest = |text: &[u8]| {
        let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
        lines.filter(|line| !line.starts_with(b"memory")).collect::<Vec<_>>()
    };
    case.op == Op::Control && of_a_domain && rest(left) == rest(right)
}

pub(super) fn long_paths(ahead: &Ahead<'_>) -> bool {
    let (op, payload) = (ahead.op, ahead.request.payload.as_slice());
    let path = text::split_first(payload).map_or(payload, |(path, _)| path);
    let too_long = path.len() + text::home(0).len() > PATH_MAX && !ahead.is_guests();
    let a_path_comes_first = !names_domains(op)
        && !matches!(
            op,
            Op::Control | Op::TransactionStart | Op::TransactionEnd | Op::ResetWatches
        );
    a_path_comes_first && too_long && text::node_path(path, 0).is_none()
}

/// DOMID_ANY of Xen's public headers.
const ANY: u32 = 0x7FF5;
