//! A client of C's: a connection that may be there, why the last call failed, and a descriptor to
//! poll.
//!
//! Invariants:
//! 1. A connection that broke is closed in the call that tells of it, so the descriptor is not
//!    readable for ever.
//! 2. After each call the bell of the descriptor says whether an event has come with an answer.

use std::{
    ffi::{CString, OsStr, c_int},
    os::{fd::AsFd, unix::ffi::OsStrExt},
    path::Path,
    time::{Duration, Instant},
};

use myriad_ring::{
    client::{Client, Error, Event, Stream, places},
    v1, v2,
};
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::{limits, number, poll::Poll};

/// `struct myriad_client`.
#[derive(Debug)]
pub struct Handle {
    client: Option<Client<Stream>>,
    /// Why the last call that failed did.
    words: CString,
    item: u32,
    poll: Option<Poll>,
    timeout: Option<Duration>,
}

/// A call's result, or the negative number that it gives.
pub(super) type Called<T> = Result<T, c_int>;

impl Handle {
    /// A client without a connection.
    pub(super) fn new() -> Handle {
        let (words, item) = (CString::default(), v2::records::NO_ITEM);
        Handle { client: None, words, item, poll: None, timeout: None }
    }

    pub(super) fn words(&self) -> &CString {
        &self.words
    }

    pub(super) fn item(&self) -> u32 {
        self.item
    }

    /// The protocol that is spoken; 0: none.
    pub(super) fn protocol(&self) -> c_int {
        self.client.as_ref().map_or(0, |client| if client.welcome().is_some() { 2 } else { 1 })
    }

    /// Connects anew. `path`: none: wherever the daemon is.
    pub(super) fn connect(&mut self, path: Option<&[u8]>, flags: u32) -> Called<()> {
        self.disconnect();
        self.settle();
        if flags & !V1_ONLY != 0 {
            return Err(self.fail(libc::EINVAL, "myriad_connect has no such flag"));
        }
        let named = path.map(|path| [Path::new(OsStr::from_bytes(path)).to_path_buf()]);
        let found = match &named {
            Some([path]) => self.open(path, flags),
            None => {
                let [first, second] = places();
                self.open(&first, flags).or_else(|_| self.open(&second, flags))
            }
        };
        let client = found.map_err(|error| self.failed(&error))?;
        if let Some(poll) = &self.poll {
            let added = poll.add(client.stream().as_fd());
            added.map_err(|error| self.system(&error, "the connection can't be polled"))?;
        }
        self.client = Some(client);
        self.settle();
        Ok(())
    }

    fn open(&self, path: &Path, flags: u32) -> Result<Client<Stream>, Error> {
        let connect = || {
            let client = Client::connect_to(path)?;
            set_timeout(&client, self.timeout);
            Ok(client)
        };
        let mut client = connect()?;
        // The kernel's device carries many programs' requests over one ring.
        let may_ask = flags & V1_ONLY == 0 && matches!(client.stream(), Stream::Socket(_));
        if may_ask && let Err(error) = client.negotiate() {
            // An older daemon may close the connection of who asks.
            return if matches!(error, Error::Lost(_)) { connect() } else { Err(error) };
        }
        Ok(client)
    }

    /// Bounds how long an answer may take; zero: not at all.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = (!timeout.is_zero()).then_some(timeout);
        if let Some(client) = &self.client {
            set_timeout(client, self.timeout);
        }
    }

    /// Asks the daemon.
    pub(super) fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut Client<Stream>) -> Result<T, Error>,
    ) -> Called<T> {
        let Some(client) = &mut self.client else { return Err(self.unconnected()) };
        let answer = question(client);
        let answer = answer.map_err(|error| {
            // An answer that didn't come in time may still come.
            if matches!(error, Error::TimedOut) {
                self.disconnect();
            }
            self.failed(&error)
        });
        self.settle();
        answer
    }

    /// The next event, if one comes within the time; no time: when it comes.
    pub(super) fn next_event(&mut self, patience: Option<Duration>) -> Called<Option<Event>> {
        let until = patience.and_then(|patience| Instant::now().checked_add(patience));
        let left = || until.map(|until| until.saturating_duration_since(Instant::now()));
        // Ends: when an event or the time has come. Without bound it turns once for each message.
        let event = loop {
            let Some(client) = &mut self.client else { return Err(self.unconnected()) };
            match is_readable(client, left) {
                Ok(true) => {}
                Ok(false) => break Ok(None),
                Err(error) => break Err(self.system(&error, "the connection can't be polled")),
            }
            let rest = left().map(|left| left.max(limits::REST_OF_EVENT));
            set_timeout(client, rest);
            let event = client.next_event();
            set_timeout(client, self.timeout);
            match event {
                Ok(event) => break Ok(Some(event)),
                Err(Error::TimedOut) if left().is_some_and(|left| left.is_zero()) => {
                    break Ok(None);
                }
                Err(Error::TimedOut) => {}
                Err(error) => break Err(self.failed(&error)),
            }
        };
        self.settle();
        event
    }

    /// The descriptor to poll.
    pub(super) fn descriptor(&mut self) -> Called<c_int> {
        if let Some(poll) = &self.poll {
            return Ok(poll.number());
        }
        let made = Poll::new().and_then(|poll| {
            if let Some(client) = &self.client {
                poll.add(client.stream().as_fd())?;
            }
            Ok(poll)
        });
        let poll = made.map_err(|error| self.system(&error, "no descriptor to poll"))?;
        let number = self.poll.insert(poll).number();
        self.settle();
        Ok(number)
    }

    /// A failure that no daemon has told.
    pub(super) fn fail(&mut self, number: c_int, words: &str) -> c_int {
        self.item = v2::records::NO_ITEM;
        let words: String = words.chars().filter(|c| *c != '\0').take(limits::ERROR_TEXT).collect();
        self.words = CString::new(words).unwrap_or_default();
        number.saturating_neg()
    }

    /// A failure of one of the caller's records.
    pub(super) fn fail_at(&mut self, item: usize, number: c_int, words: &str) -> c_int {
        let number = self.fail(number, words);
        self.item = u32::try_from(item).unwrap_or(v2::records::NO_ITEM);
        number
    }

    /// Closes the connection. A child of fork() may have it open still, so that it isn't out of the
    /// poll's set by that.
    fn disconnect(&mut self) {
        if let (Some(client), Some(poll)) = (&self.client, &self.poll) {
            // One that isn't there is what is wanted.
            let _ = poll.remove(client.stream().as_fd());
        }
        self.client = None;
    }

    /// A failure of the client's; a connection that broke is closed.
    fn failed(&mut self, error: &Error) -> c_int {
        if matches!(error, Error::Lost(_) | Error::Broken | Error::Protocol(_)) {
            self.disconnect();
        }
        let result = self.fail(number::of(error), &error.to_string());
        if let Error::Declined { item: Some(item), .. } = error {
            self.item = *item;
        }
        result
    }

    fn system(&mut self, error: &std::io::Error, what: &str) -> c_int {
        self.fail(number::system(error), &format!("{what}: {error}"))
    }

    fn unconnected(&mut self) -> c_int {
        self.fail(libc::ENOTCONN, "there is no connection: call myriad_connect")
    }

    fn settle(&mut self) {
        let has_event = self.client.as_ref().is_some_and(Client::has_event);
        if let Some(poll) = &mut self.poll {
            poll.ring(has_event);
        }
    }
}

/// Messages of v1 that would get in the client's way.
pub(super) fn is_the_clients_own(op: u32) -> bool {
    let op = (op, v1::Op::from_number(op));
    matches!(
        op,
        (v2::records::HELLO, _) | (_, Some(v1::Op::Watch | v1::Op::Unwatch | v1::Op::ResetWatches))
    )
}

/// Bounds reads and writes; where there is no such bound, as of a device, there is none.
fn set_timeout(client: &Client<Stream>, timeout: Option<Duration>) {
    let _ = client.stream().set_read_timeout(timeout);
    let _ = client.stream().set_write_timeout(timeout);
}

/// Whether an event is here, or something that may be one comes within the time.
fn is_readable(
    client: &Client<Stream>,
    left: impl Fn() -> Option<Duration>,
) -> std::io::Result<bool> {
    if client.has_event() {
        return Ok(true);
    }
    // Ends: with the time that is left; a signal takes a turn.
    loop {
        let time = left().and_then(|left| Timespec::try_from(left).ok());
        let mut fds = [PollFd::new(client.stream(), PollFlags::IN)];
        match rustix::event::poll(&mut fds, time.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

const V1_ONLY: u32 = 1;
