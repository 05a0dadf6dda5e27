//! Waiting until a file is written to.

use std::{path::Path, time::Duration};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, OwnedFd},
    fs::inotify::{CreateFlags, WatchFlags, add_watch, init},
};

use super::limits::FOLLOW_WAIT;

/// Tells when a file has been written to, where the system says so; at least every
/// [`FOLLOW_WAIT`].
#[derive(Debug)]
pub(crate) struct Follow {
    inotify: Option<OwnedFd>,
}

impl Follow {
    pub(crate) fn new(file: &Path) -> Follow {
        let watch = || {
            let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            add_watch(&inotify, file, WatchFlags::MODIFY)?;
            Ok::<_, rustix::io::Errno>(inotify)
        };
        Follow { inotify: watch().ok() }
    }

    /// Waits until it has been written to, or for a while.
    pub(crate) fn wait(&mut self) {
        let Some(inotify) = &self.inotify else { return std::thread::sleep(FOLLOW_WAIT) };
        let mut fds = [PollFd::from_borrowed_fd(inotify.as_fd(), PollFlags::IN)];
        // An error here means to look once too often.
        let _ = poll(&mut fds, Some(&timespec(FOLLOW_WAIT)));
        let mut buffer = [0; 4096];
        while rustix::io::read(inotify, &mut buffer).is_ok_and(|count| count > 0) {}
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX), tv_nsec: 0 }
}
