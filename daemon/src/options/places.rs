//! Where the daemon's socket and run-time files lie.

use std::{ffi::OsString, path::PathBuf};

/// The paths that the environment decides, as `libxenstore` computes them
/// (`xenstore_daemon_path` in Xen's `tools/include/xen-tools/xenstore-common.h`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The directory of run-time files: `XENSTORED_RUNDIR`, else [`Places::DEFAULT_RUN_DIR`].
    pub run_dir: PathBuf,
    /// The socket: `XENSTORED_PATH`, else `socket` in the run directory.
    pub socket: PathBuf,
    /// The directory of what outlives a host: `XENSTORED_ROOTDIR`, else `XENSTORED_RUNDIR`, else
    /// [`Places::DEFAULT_ROOT_DIR`].
    pub root_dir: PathBuf,
}

impl Places {
    /// Where Xen's clients look when nothing else is said.
    pub const DEFAULT_RUN_DIR: &'static str = "/var/run/xenstored";
    /// Where Xen keeps the store's files (`XEN_LIB_STORED` of its build).
    pub const DEFAULT_ROOT_DIR: &'static str = "/var/lib/xenstored";

    /// The places that the process's environment names.
    #[must_use]
    pub fn from_env() -> Places {
        Places::from_vars(|name| std::env::var_os(name))
    }

    /// The places that `var` names; relative ones start at the working directory.
    pub fn from_vars(var: impl Fn(&str) -> Option<OsString>) -> Places {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let named = |name| var(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let run_dir = named("XENSTORED_RUNDIR").unwrap_or_else(|| Self::DEFAULT_RUN_DIR.into());
        let socket = named("XENSTORED_PATH").unwrap_or_else(|| run_dir.join("socket"));
        // A daemon beside the host's own, in a directory of its own, leaves that one's files alone.
        let beside = named("XENSTORED_RUNDIR").unwrap_or_else(|| Self::DEFAULT_ROOT_DIR.into());
        let root_dir = named("XENSTORED_ROOTDIR").unwrap_or(beside);
        Places {
            run_dir: absolute(run_dir),
            socket: absolute(socket),
            root_dir: absolute(root_dir),
        }
    }

    /// The directory of the simulated guests' sockets.
    #[must_use]
    pub fn sim_dir(&self) -> PathBuf {
        self.run_dir.join("sim")
    }

    /// The history file.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.root_dir.join("history")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(vars: &[(&str, &str)]) -> Places {
        Places::from_vars(|name| {
            vars.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_socket_follows_the_environment_as_in_libxenstore() {
        assert_eq!(places(&[]).socket, PathBuf::from("/var/run/xenstored/socket"));
        let moved = places(&[("XENSTORED_RUNDIR", "/run/x")]);
        assert_eq!(moved.socket, PathBuf::from("/run/x/socket"));
        assert_eq!(moved.sim_dir(), PathBuf::from("/run/x/sim"));
        let named = places(&[("XENSTORED_RUNDIR", "/run/x"), ("XENSTORED_PATH", "/tmp/s")]);
        assert_eq!(named.socket, PathBuf::from("/tmp/s"));
        assert_eq!(named.run_dir, PathBuf::from("/run/x"));
    }

    #[test]
    fn the_history_outlives_the_host() {
        assert_eq!(places(&[]).history(), PathBuf::from("/var/lib/xenstored/history"));
        let moved = places(&[("XENSTORED_ROOTDIR", "/srv/x"), ("XENSTORED_RUNDIR", "/run/x")]);
        assert_eq!(moved.history(), PathBuf::from("/srv/x/history"));
        let beside = places(&[("XENSTORED_RUNDIR", "/run/x")]);
        assert_eq!(beside.history(), PathBuf::from("/run/x/history"));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(places(&[("XENSTORED_RUNDIR", "")]), places(&[]));
    }
}
