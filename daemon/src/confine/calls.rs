//! seccomp: which system calls the process may make.
//!
//! Two filters. The first has the calls that newer C libraries try and do without where the kernel
//! says that it hasn't them (`ENOSYS`): their arguments lie in memory, where a filter can't see
//! them, and `clone3` could make a namespace. The second has the list; what it doesn't have fails
//! with `EPERM`. Where both refuse, the kernel takes the answer of the one that came last, so that
//! what is on the first list is allowed on the second.
//!
//! A call that is allowed whatever its arguments costs nothing: the kernel (from 5.11) keeps a
//! bitmap of those, and runs no filter for them.

mod list;

use std::{collections::BTreeMap, env::consts::ARCH};

use libc::{ENOSYS, EPERM, c_long};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch,
    apply_filter_all_threads,
};

/// The rules: a call is allowed where it has none, or one of them holds.
type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Puts the filters upon all threads; says how many calls are allowed.
pub(super) fn restrict() -> Result<usize, String> {
    let unseen: Rules = list::UNSEEN.iter().map(|call| (*call, Vec::new())).collect();
    let mut allowed = list::allowed().map_err(said)?;
    let count = allowed.len();
    allowed.extend(list::UNSEEN.iter().map(|call| (*call, Vec::new())));
    let unseen = program(unseen, SeccompAction::Allow, refused(ENOSYS))?;
    let allowed = program(allowed, refused(EPERM), SeccompAction::Allow)?;
    for filter in [unseen, allowed] {
        apply_filter_all_threads(&filter).map_err(|error| error.to_string())?;
    }
    Ok(count)
}

fn program(
    rules: Rules,
    mismatch: SeccompAction,
    matches: SeccompAction,
) -> Result<BpfProgram, String> {
    let arch = TargetArch::try_from(ARCH).map_err(said)?;
    let filter = SeccompFilter::new(rules, mismatch, matches, arch).map_err(said)?;
    filter.try_into().map_err(said)
}

fn refused(errno: i32) -> SeccompAction {
    SeccompAction::Errno(errno.unsigned_abs())
}

fn said(error: BackendError) -> String {
    error.to_string()
}
