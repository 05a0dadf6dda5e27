//! Many clients in one thread: each follows a script, and waits for its own replies only.
//!
//! One thread, so that the clients take no more of the machine than they must: two cores serve
//! the load and the daemon. A reply costs a `recv` and a `send`, and a share of one `epoll_wait`.

use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

use super::{
    Error,
    wire::{Out, Reply, Wire},
};

/// What one client does.
pub trait Script {
    /// Its first requests; none if there is nothing for it to do.
    ///
    /// # Errors
    /// Whatever ends the run.
    fn begin(&mut self, out: &mut Out, at: Moment) -> Result<Next, Error>;

    /// Takes the reply to its earliest request that had none yet, and adds its next requests.
    ///
    /// # Errors
    /// Whatever ends the run.
    fn take(&mut self, reply: Reply<'_>, out: &mut Out, at: Moment) -> Result<Next, Error>;
}

/// When a reply is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Now.
    pub now: Instant,
    /// Whether new work may be begun.
    pub more: bool,
}

/// Whether a client goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It waits for replies.
    Waits,
    /// It is done.
    Done,
}

/// Runs all scripts to their end, each on its own connection. New work is begun for `time`;
/// none: until the scripts have no more.
///
/// # Errors
/// The first one of a script or a connection; [`Error::TooLong`] where nothing comes for
/// five minutes.
pub fn run<S: Script>(
    clients: &mut [(Wire, S)],
    time: Option<Duration>,
) -> Result<Duration, Error> {
    let poller = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(io)?;
    for (at, (wire, _)) in clients.iter().enumerate() {
        let data = epoll::EventData::new_u64(at as u64);
        epoll::add(&poller, wire, data, epoll::EventFlags::IN).map_err(io)?;
    }
    let start = Instant::now();
    let moment = |now: Instant| Moment { now, more: time.is_none_or(|time| now - start < time) };
    let mut busy = 0_usize;
    for (wire, script) in clients.iter_mut() {
        if script.begin(wire.out(), moment(Instant::now()))? == Next::Waits {
            busy += 1;
        }
        wire.flush()?;
    }
    let mut ready = Vec::with_capacity(clients.len());
    let silence = Timespec::try_from(SILENCE).map_err(|_| Error::TooLong(SILENCE))?;
    while busy > 0 {
        ready.clear();
        let spare = rustix::buffer::spare_capacity(&mut ready);
        if epoll::wait(&poller, spare, Some(&silence)).map_err(io)? == 0 {
            return Err(Error::TooLong(SILENCE));
        }
        for event in &ready {
            let at = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            let Some((wire, script)) = clients.get_mut(at) else { continue };
            wire.fill_here()?;
            let at = moment(Instant::now());
            while let Some((reply, out)) = wire.reply_here() {
                if script.take(reply, out, at)? == Next::Done {
                    busy -= 1;
                }
            }
            wire.flush()?;
        }
    }
    Ok(start.elapsed())
}

/// A connection for each script.
///
/// # Errors
/// [`Error::Connect`].
pub fn clients<S>(
    peer: &super::Peer,
    scripts: impl IntoIterator<Item = S>,
) -> Result<Vec<(Wire, S)>, Error> {
    scripts.into_iter().map(|script| Ok((peer.connect()?, script))).collect()
}

/// The number in a reply to TRANSACTION_START.
///
/// # Errors
/// [`Error::Refused`], [`Error::Garbage`].
pub fn transaction_id(payload: &[u8]) -> Result<u32, Error> {
    let digits = payload.strip_suffix(b"\0").unwrap_or(payload);
    std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()).ok_or(Error::Garbage)
}

fn io(error: rustix::io::Errno) -> Error {
    Error::Io(error.into())
}

/// Where no client has heard anything for so long, the daemon is stuck.
const SILENCE: Duration = Duration::from_secs(300);
