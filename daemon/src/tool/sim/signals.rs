//! SIGINT and SIGTERM as something that can be waited for beside doorbells.

use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

use signal_hook::{
    SigId,
    consts::{SIGINT, SIGTERM},
    low_level::{pipe, unregister},
};

/// The two signals, which end the process no more while this lives.
#[derive(Debug)]
pub(in crate::tool) struct Signals {
    stream: UnixStream,
    registered: Vec<SigId>,
}

impl Signals {
    pub(in crate::tool) fn catch() -> io::Result<Signals> {
        let (stream, write) = UnixStream::pair()?;
        stream.set_nonblocking(true)?;
        let mut signals = Signals { stream, registered: Vec::new() };
        for signal in [SIGINT, SIGTERM] {
            signals.registered.push(pipe::register(signal, write.try_clone()?)?);
        }
        Ok(signals)
    }

    /// Whether one came since this was asked last.
    pub(in crate::tool) fn came(&self) -> bool {
        (&self.stream).read(&mut [0; 16]).is_ok_and(|count| count > 0)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            unregister(id);
        }
    }
}
