//! Confinement: once it has what it needs, the daemon gives away what it doesn't.
//!
//! Guests send bytes to this process, and it is root in the control domain. Should one of them ever
//! get it to do what it shouldn't, then the kernel refuses: no capability is left, no privilege can
//! be gained, files can be opened in few directories, most system calls are refused. Invariants:
//! - every thread is confined, those that began before and those that begin later;
//! - what the kernel can't do is said in the log and by `CONTROL confinement`, and the daemon
//!   serves without: a host whose store doesn't start is worse off;
//! - nothing is given away that serving needs: mapping a domain, journal, checkpoints, history,
//!   opening logs again, telling systemd, and removing its files at the end.
//!
//! # What is left
//! - **Capabilities**: none. Xen's drivers ask for none: `privcmd.c`, `gntdev.c`, `evtchn.c` and
//!   `xenfs` of Linux look at who may open the device, and `CAP_SYS_ADMIN` is asked for by
//!   `xenbus_backend.c` alone, which a daemon in the control domain doesn't use. So root is a user
//!   like others here, who owns what it has made; `/dev/xen/*` are root's.
//! - **Files** (`files`): landlock lets it open what lies in the run directory, its logs, the
//!   devices by which a domain is mapped, and nothing else; no program is executed, no TCP port is
//!   bound or connected to.
//! - **Calls** (`calls`): seccomp has a list of those that are allowed, some for certain arguments
//!   alone. A call that is not on it fails with `EPERM`, and the process isn't killed: either way
//!   an intruder gets nothing from it, but an entry that is missing here, or a C library that tries
//!   something new, costs a line in the log and not the store of all guests.
//!
//! # How
//! Landlock and capabilities belong to a thread, and are inherited by those that it starts. So this
//! happens when there are two: the main one and that of the log, which is handed its part. seccomp
//! is put upon all at once (`TSYNC`).
//!
//! # What a live update will need
//! A program that this process executes would inherit all of it, and can't shed it: it could not
//! be executed at all (`execve`, landlock's right to execute, pages that are executable), would
//! have no `/dev/xen/privcmd` and `/dev/xen/hypercall` to open again, no other history file or log
//! directory, no new pid file, and no capability to raise a limit. So the successor has to be
//! started by a process outside (a helper that was forked before, or systemd) and get the
//! descriptors by its socket.

mod calls;
mod capabilities;
mod files;
mod in_force;
mod needs;

use std::sync::{OnceLock, mpsc::sync_channel};

use tracing::{info, warn};

use crate::logs::Logs;

pub use in_force::{InForce, State, of_process, offered};
pub use needs::Needs;

use files::Files;

/// Confines the process. To be called by the main thread, while that of the logs is the only other.
///
/// What can't be had is said in the log, and in what is returned.
pub fn enter(needs: &Needs, logs: &Logs) -> InForce {
    let in_force = confine(needs, |other| logs.run(other));
    for (what, state) in in_force.all() {
        if let State::Missing(why) = state {
            warn!("{what} are not confined: {why}");
        }
    }
    info!("confined: {}", in_force.short());
    // It is entered once; a second time nothing more would be in force.
    let _ = IN_FORCE.set(in_force.clone());
    in_force
}

/// The same for a process whose other thread, if it has one, runs what it is given.
pub fn confine(needs: &Needs, run_in_other: impl FnOnce(Box<dyn FnOnce() + Send>)) -> InForce {
    let files = Files::prepare(needs);
    let (done, other) = sync_channel(1);
    let theirs = files.as_ref().map_err(Clone::clone).and_then(Files::try_clone);
    run_in_other(Box::new(move || {
        let part = Part::enter(theirs);
        // Nobody waits only where the main thread is gone.
        let _ = done.send(part);
    }));
    // None where there is no other thread: what it was to run is dropped then.
    let other = other.recv().ok();
    let main = Part::enter(files);
    let part = match other {
        Some(other) => main.and(other),
        None => main,
    };
    InForce {
        capabilities: part.capabilities,
        files: part.files,
        calls: State::of(calls::restrict(), |count| format!("{count} of them allowed (seccomp)")),
    }
}

/// What is in force in this process; none where [`enter`] was not called.
pub fn in_force() -> Option<&'static InForce> {
    IN_FORCE.get()
}

/// Why a file can't be opened, where that is due to confinement; for the log.
pub fn explain(error: &std::io::Error) -> &'static str {
    let refused = error.kind() == std::io::ErrorKind::PermissionDenied;
    match in_force().is_some_and(|in_force| in_force.files.is_there()) && refused {
        true => {
            "; logs go into RUNDIR, /var/log/xen and the directories of the logs that were \
             there at the start, unless with --no-confinement"
        }
        false => "",
    }
}

/// What each thread does for itself.
struct Part {
    capabilities: State,
    files: State,
}

impl Part {
    fn enter(files: Result<Files, String>) -> Part {
        // Landlock first: it needs a capability, or that no privilege can be gained, which it sets.
        let files = State::of(files.and_then(Files::restrict), |what| what);
        Part { capabilities: State::of(capabilities::give_up(), |what| what), files }
    }

    /// What holds for both.
    fn and(self, other: Part) -> Part {
        Part {
            capabilities: self.capabilities.and(other.capabilities),
            files: self.files.and(other.files),
        }
    }
}

static IN_FORCE: OnceLock<InForce> = OnceLock::new();
