//! What the daemon goes on to need of the file system.

use std::path::{Path, PathBuf};

use crate::{
    options::{AccessLog, Options, Places},
    xen,
};

/// The files that are opened, made or removed from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Directories whose files are made, changed and removed.
    pub own: Vec<PathBuf>,
    /// Files that are removed at the end.
    pub removed: Vec<PathBuf>,
    /// Files that are appended to, and opened anew when they were renamed.
    pub logs: Vec<PathBuf>,
    /// Directories in which logs may be opened.
    pub log_dirs: Vec<PathBuf>,
    /// Devices, and files like them.
    pub devices: Vec<PathBuf>,
    /// The socket by which systemd is told has no path.
    pub abstract_sockets: bool,
}

impl Needs {
    /// What a daemon with these options needs; `is_real`: it serves Xen's domains.
    #[must_use]
    pub fn of(options: &Options, places: &Places, is_real: bool) -> Needs {
        let access = match &options.access_log {
            AccessLog::File(path) => Some(path),
            AccessLog::Off => None,
        };
        let logs = options.trace_file.iter().chain(access).cloned().collect();
        // A socket's name that begins so, or with a NUL, is none of the file system's.
        let notify = std::env::var_os("NOTIFY_SOCKET");
        let is_abstract = notify.is_some_and(|name| name.as_encoded_bytes().first() == Some(&b'@'));
        let mut devices = vec![PathBuf::from(NULL)];
        if is_real {
            devices.extend(xen::OPENED_LATER.map(PathBuf::from));
        }
        Needs {
            own: vec![places.run_dir.clone()],
            removed: options.pid_file.iter().chain([&places.socket]).cloned().collect(),
            logs,
            log_dirs: vec![Path::new(XEN_LOGS).into()],
            devices,
            abstract_sockets: is_abstract,
        }
    }
}

/// What a daemon in the background has for its standard streams.
const NULL: &str = "/dev/null";
/// Where Xen's logs lie (`XEN_LOG_DIR` of its build).
const XEN_LOGS: &str = "/var/log/xen";
