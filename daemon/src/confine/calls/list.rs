//! The system calls that are left, by what needs them.
//!
//! A call that one architecture alone has stands in a list of its own: `aarch64` came without the
//! older form of many.

use std::process;

use libc::*;
use rustix::ioctl::Opcode;
use seccompiler::{
    BackendError,
    SeccompCmpArgLen::{Dword, Qword},
    SeccompCmpOp, SeccompCondition, SeccompRule,
};

use super::Rules;
use crate::xen;

/// What a C library tries first, and does without: their arguments can't be seen.
pub(super) const UNSEEN: &[c_long] =
    &[SYS_clone3, SYS_openat2, SYS_faccessat2, SYS_close_range, SYS_futex_waitv];

/// All that is allowed.
pub(super) fn allowed() -> Result<Rules, BackendError> {
    let lists = [MEMORY, THREADS, FILES, WAITING, SOCKETS, QUESTIONS, OLDER];
    let mut rules: Rules = lists.into_iter().flatten().map(|call| (*call, Vec::new())).collect();
    rules.extend(conditional()?);
    Ok(rules)
}

/// Allocators, stacks of threads, mapped files and pages.
const MEMORY: &[c_long] = &[SYS_brk, SYS_madvise, SYS_mremap, SYS_msync, SYS_munmap];

/// Threads: their beginning, waiting and end; signals to the process.
const THREADS: &[c_long] = &[
    SYS_exit,
    SYS_exit_group,
    SYS_futex,
    SYS_get_robust_list,
    SYS_getpriority,
    SYS_gettid,
    SYS_membarrier,
    SYS_restart_syscall,
    SYS_rseq,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sched_getaffinity,
    SYS_sched_yield,
    SYS_set_robust_list,
    SYS_setpriority,
    SYS_sigaltstack,
];

/// Journal, checkpoints, history, logs; the names of sockets and of the pid file. Which files is
/// for landlock to say.
const FILES: &[c_long] = &[
    SYS_close,
    SYS_dup,
    SYS_dup3,
    SYS_faccessat,
    SYS_fallocate,
    SYS_fcntl,
    SYS_fdatasync,
    SYS_flock,
    SYS_fstat,
    SYS_fsync,
    SYS_ftruncate,
    SYS_getcwd,
    SYS_getdents64,
    SYS_linkat,
    SYS_lseek,
    SYS_memfd_create,
    SYS_mkdirat,
    SYS_newfstatat,
    SYS_openat,
    SYS_pread64,
    SYS_preadv,
    SYS_pwrite64,
    SYS_pwritev,
    SYS_read,
    SYS_readlinkat,
    SYS_readv,
    SYS_renameat2,
    SYS_statx,
    SYS_unlinkat,
    SYS_write,
    SYS_writev,
];

/// Sleeping, until something happens or for a time.
const WAITING: &[c_long] = &[
    SYS_clock_nanosleep,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_epoll_pwait2,
    SYS_eventfd2,
    SYS_nanosleep,
    SYS_ppoll,
];

/// Sockets that are there; which new ones there may be is below.
const SOCKETS: &[c_long] = &[
    SYS_accept,
    SYS_accept4,
    SYS_bind,
    SYS_connect,
    SYS_getpeername,
    SYS_getsockname,
    SYS_getsockopt,
    SYS_listen,
    SYS_recvfrom,
    SYS_recvmmsg,
    SYS_recvmsg,
    SYS_sendmmsg,
    SYS_sendmsg,
    SYS_sendto,
    SYS_setsockopt,
    SYS_shutdown,
];

/// What changes nothing.
const QUESTIONS: &[c_long] = &[
    SYS_clock_getres,
    SYS_clock_gettime,
    SYS_getcpu,
    SYS_getegid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getpid,
    SYS_getppid,
    SYS_getrandom,
    SYS_getrusage,
    SYS_gettimeofday,
    SYS_getuid,
    SYS_sysinfo,
    SYS_uname,
];

/// The older forms of some of the above.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    SYS_access,
    SYS_dup2,
    SYS_epoll_wait,
    SYS_link,
    SYS_lstat,
    SYS_mkdir,
    SYS_open,
    SYS_poll,
    SYS_readlink,
    SYS_rename,
    SYS_renameat,
    SYS_stat,
    SYS_time,
    SYS_unlink,
];
/// The older forms of some of the above: `renameat` alone, whose number `libc` doesn't have
/// (`asm-generic/unistd.h`).
#[cfg(target_arch = "aarch64")]
const OLDER: &[c_long] = &[38];
/// The older forms of some of the above: there are none.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const OLDER: &[c_long] = &[];

/// What is allowed for certain arguments alone.
fn conditional() -> Result<Rules, BackendError> {
    let me = u64::from(process::id());
    let executable = bits(PROT_EXEC);
    // A thread, and no process; nothing that is not shared with the others.
    let kind = bits(CLONE_THREAD | CLONE_VM | NEW_NAMESPACES);
    let thread = bits(CLONE_THREAD | CLONE_VM);
    let is = |argument, value| one(argument, SeccompCmpOp::Eq, value);
    let has_none = |argument, mask| one(argument, SeccompCmpOp::MaskedEq(mask), 0);
    let any_of = |argument, values: &[u64]| {
        values.iter().map(|value| is(argument, *value)).collect::<Result<Vec<_>, _>>()
    };
    let requests: Vec<u64> = IOCTLS.iter().chain(&xen::REQUESTS).map(|n| u64::from(*n)).collect();
    Ok(Rules::from([
        // No page is ever executable that isn't now.
        (SYS_mmap, vec![has_none(2, executable)?]),
        (SYS_mprotect, vec![has_none(2, executable)?]),
        (SYS_clone, vec![one(0, SeccompCmpOp::MaskedEq(kind), thread)?]),
        // abort, and the tests' sudden ends.
        (SYS_kill, vec![is(0, me)?]),
        (SYS_tgkill, vec![is(0, me)?]),
        (SYS_socket, vec![is(0, bits(AF_UNIX))?]),
        (SYS_socketpair, vec![is(0, bits(AF_UNIX))?]),
        // Sockets are their owner's alone.
        (SYS_fchmod, vec![has_none(1, 0o7177)?]),
        (SYS_ioctl, any_of(1, &requests)?),
        // Names of threads and of allocations.
        (SYS_prctl, any_of(0, &[bits(PR_SET_NAME), bits(PR_GET_NAME), bits(PR_SET_VMA)])?),
        // Only to ask.
        (SYS_prlimit64, vec![no_pointer(2)?]),
    ]))
}

fn one(argument: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, Dword, op, value)?])
}

fn no_pointer(argument: u8) -> Result<SeccompRule, BackendError> {
    let null = SeccompCondition::new(argument, Qword, SeccompCmpOp::Eq, 0)?;
    SeccompRule::new(vec![null])
}

/// The bits of a C constant.
fn bits(constant: c_int) -> u64 {
    u64::from(constant.cast_unsigned())
}

/// All kinds of namespaces that `clone` makes.
const NEW_NAMESPACES: c_int = CLONE_NEWNS
    | CLONE_NEWCGROUP
    | CLONE_NEWUTS
    | CLONE_NEWIPC
    | CLONE_NEWUSER
    | CLONE_NEWPID
    | CLONE_NEWNET;

/// Requests to descriptors of any kind: whether they block (`FIONBIO`), how much can be read
/// (`FIONREAD`), whether they are closed by execution (`FIOCLEX`), and whether they are terminals
/// (`TCGETS`), as `asm-generic/ioctls.h` numbers them.
const IOCTLS: [Opcode; 4] = [0x5421, 0x541b, 0x5451, 0x5401];
