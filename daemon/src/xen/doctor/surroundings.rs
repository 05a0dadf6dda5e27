//! What surrounds the daemon: its run directory, and the limits of the system.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access as May, access, statfs},
    process::{Resource, getrlimit},
};

use crate::xen::limits::{FILES_BESIDES, MAPPINGS_BESIDES};

/// The directory of the socket and the other run-time files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunDir {
    /// Its path.
    pub path: PathBuf,
    /// The directory that is there: itself, or the one where it would be made.
    pub existing: PathBuf,
    /// Whether this process may make files there.
    pub writable: bool,
    /// Whether it lies in memory.
    pub in_memory: bool,
}

/// What the system allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Files that a process may have open, and to how many the daemon will raise that; none:
    /// without limit.
    pub open_files: (Option<u64>, Option<u64>),
    /// Mappings that a process may have.
    pub mappings: Option<u64>,
    /// Guests that there are to be.
    pub guests: u64,
}

impl RunDir {
    pub(super) fn of(path: &Path) -> RunDir {
        let existing = path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/"));
        let magic = statfs(existing).map_or(0, |found| found.f_type);
        RunDir {
            path: path.into(),
            existing: existing.into(),
            writable: access(existing, May::WRITE_OK | May::EXEC_OK).is_ok(),
            in_memory: [TMPFS, RAMFS].contains(&magic),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let existing = self.existing.display();
        if !self.writable {
            Some(format!("run as who may write to {existing}, or set XENSTORED_RUNDIR"))
        } else if !self.in_memory {
            Some(format!("mount a tmpfs on {existing}: nothing in it may outlive a boot"))
        } else {
            None
        }
    }
}

impl Limits {
    pub(super) fn of_this_process(guests: u64) -> Limits {
        let files = getrlimit(Resource::Nofile);
        let mappings = fs::read_to_string(MAPPINGS);
        let number = |text: String| text.trim().parse().map_err(io::Error::other);
        Limits {
            open_files: (files.current, files.maximum),
            mappings: mappings.and_then(number).ok(),
            guests,
        }
    }

    /// What to do where they are too low for the guests.
    #[must_use]
    pub fn remedies(&self) -> Vec<String> {
        let too_low = |limit: Option<u64>, need: u64| limit.is_some_and(|limit| limit < need);
        let mut all = Vec::new();
        let files = FILES_BESIDES + self.guests;
        if too_low(self.open_files.1, files) {
            let says = format!("allow {files} open files: LimitNOFILE= in the unit, or ulimit -Hn");
            all.push(says);
        }
        let mappings = MAPPINGS_BESIDES + self.guests;
        if too_low(self.mappings, mappings) {
            all.push(format!("allow {mappings} mappings: sysctl vm.max_map_count={mappings}"));
        }
        all
    }
}

impl fmt::Display for RunDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.path == self.existing { "there" } else { "would be made" };
        let may = if self.writable { "can be written" } else { "can't be written" };
        let place = if self.in_memory { "in memory" } else { "not in memory" };
        write!(f, "{}: {what}, {may}, {place}", self.path.display())
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number =
            |n: Option<u64>| n.map_or_else(|| "any number of".to_owned(), |n| n.to_string());
        let (now, most) = self.open_files;
        let (now, most, mappings) = (number(now), number(most), number(self.mappings));
        let enough = if self.remedies().is_empty() { "enough" } else { "too little" };
        write!(
            f,
            "{now} open files ({most} when raised), {mappings} mappings: {enough} for {} guests",
            self.guests
        )
    }
}

/// `TMPFS_MAGIC` and `RAMFS_MAGIC` of `linux/magic.h`.
const TMPFS: i64 = 0x0102_1994;
const RAMFS: i64 = 0x8584_58f6;
/// Where the limit of mappings stands.
const MAPPINGS: &str = "/proc/sys/vm/max_map_count";
