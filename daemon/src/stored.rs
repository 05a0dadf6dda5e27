//! Clients' sockets that systemd keeps while no daemon is there (`FileDescriptorStoreMax=`).
//!
//! A client whose socket is kept doesn't see a crash, if at that instant it had no request under
//! way: then nothing of it is in doubt. Its slot says so: it is taken from a client before anything
//! is read from or sent to it, and given again when all is answered and sent. Others see the end of
//! their connection, as all do where no descriptors are kept.
//!
//! # Synchronization
//! A flag for each place: taken by an exchange with Acquire, which pairs with the Release of who
//! gave it back; what lies at a place, its slot, has a guard of its own.

use std::{io, sync::Arc};

use myriad_history::limits::{RING_SLOTS, SOCKET_SLOTS};
use rustix::fd::{AsFd, FromRawFd, OwnedFd};
use sd_notify::NotifyState;
use tracing::warn;

use crate::{
    limits,
    sync::{
        AtomicBool,
        Ordering::{Acquire, Relaxed, Release},
    },
};

/// Places at systemd's for clients' sockets.
#[derive(Clone, Debug)]
pub struct Places(Arc<[AtomicBool]>);

/// A place that is taken; dropped, it is free again, and systemd lets go of the socket.
#[derive(Debug)]
pub struct Place {
    places: Places,
    number: u32,
}

impl Places {
    /// As many as systemd offers; none where it offers none, or isn't there.
    #[must_use]
    pub fn offered() -> Option<Places> {
        std::env::var_os("NOTIFY_SOCKET")?;
        let offered: u32 = std::env::var("FDSTORE").ok()?.parse().ok()?;
        let count = offered.saturating_sub(limits::FDSTORE_SPARE).min(SOCKET_SLOTS);
        let places = (0..count).map(|_| AtomicBool::new(false));
        (count > 0).then(|| Places(places.collect()))
    }

    /// Has systemd keep a client's socket; none where there is no place.
    #[must_use]
    pub fn keep(&self, socket: impl AsFd) -> Option<Place> {
        // Relaxed, then Acquire: pairs with the Release in `drop`.
        let is_free = |place: &AtomicBool| {
            !place.load(Relaxed) && place.compare_exchange(false, true, Acquire, Relaxed).is_ok()
        };
        let number = u32::try_from(self.0.iter().position(is_free)?).ok()?;
        let place = Place { places: self.clone(), number };
        let state = [NotifyState::FdStore, NotifyState::FdName(&name(number))];
        match sd_notify::notify_with_fds(&state, &[socket.as_fd()]) {
            Ok(()) => Some(place),
            Err(error) => {
                warn!("systemd doesn't keep a client's socket, who would see a crash: {error}");
                None
            }
        }
    }

    /// Takes the place of a socket that was kept over a crash.
    #[must_use]
    pub fn again(&self, number: u32) -> Option<Place> {
        let flag = self.0.get(usize::try_from(number).ok()?)?;
        // Acquire: pairs with the Release in `drop`.
        flag.compare_exchange(false, true, Acquire, Relaxed).ok()?;
        Some(Place { places: self.clone(), number })
    }
}

impl Place {
    /// Its number, from 0.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The slot of what is known of its client.
    #[must_use]
    pub fn slot(&self) -> u32 {
        slot(self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        forget(self.number);
        if let Some(flag) = usize::try_from(self.number).ok().and_then(|at| self.places.0.get(at)) {
            // Release: pairs with the Acquire of whoever takes it next.
            flag.store(false, Release);
        }
    }
}

/// The slot of a place.
#[must_use]
pub fn slot(number: u32) -> u32 {
    RING_SLOTS.saturating_add(number)
}

/// The place that a slot is of; none for a ring's.
#[must_use]
pub fn place(slot: u32) -> Option<u32> {
    slot.checked_sub(RING_SLOTS)
}

/// The sockets that systemd has kept, with their places. To be asked once, at the start.
///
/// # Errors
/// What systemd has put into the environment can't be understood.
pub fn returned() -> io::Result<Vec<(u32, OwnedFd)>> {
    let mut found = Vec::new();
    for (fd, name) in sd_notify::listen_fds_with_names()? {
        // SAFETY: systemd has opened these descriptors for this process, which asks for them once,
        // at its start: nobody else has them. A number that isn't open makes an owner whose calls
        // fail, and which closes nothing of others', since nothing has been opened meanwhile.
        #[allow(unsafe_code)]
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        if let Some(number) = name.strip_prefix(NAME).and_then(|number| number.parse().ok()) {
            found.push((number, fd));
        }
    }
    Ok(found)
}

/// Has systemd let go of a socket.
pub fn forget(number: u32) {
    let state = [NotifyState::FdStoreRemove, NotifyState::FdName(&name(number))];
    if let Err(error) = sd_notify::notify(&state) {
        warn!("systemd keeps the socket of a client that is gone: {error}");
    }
}

fn name(number: u32) -> String {
    format!("{NAME}{number}")
}

const NAME: &str = "client-";
