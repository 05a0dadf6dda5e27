//! The memory file itself, mapped.
//!
//! # Synchronization
//! As in `end.rs`, which names the orderings. What stands in the page from the beginning is ordered
//! by the message that hands the file over.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::fs::{MemfdFlags, SealFlags};

use super::{
    places::{MAGIC, Place, VERSION},
    sizes::Sizes,
    words::Words,
};
use crate::{
    page::{Lane, Mapping, Region, layout::PAGE_SIZE},
    sync::{
        Ordering::{self, Acquire, Relaxed, SeqCst},
        fence,
    },
};

/// Two rings and their words, mapped.
#[derive(Clone, Debug)]
pub struct Rings {
    region: Region,
    sizes: Sizes,
}

impl Rings {
    /// Makes a file of rings, which nobody can shrink or grow, and maps it. All indices begin half
    /// a ring before they wrap, so that all see them wrap.
    ///
    /// # Errors
    /// The system's: too many descriptors or mappings, or no memory.
    pub fn create(sizes: Sizes) -> io::Result<(Rings, OwnedFd)> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("xenstore-rings", flags)?;
        rustix::fs::ftruncate(&file, bytes(sizes) as u64)?;
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals)?;
        let rings = Rings::map(&file, sizes)?;
        for (place, value) in [
            (Place::Magic, MAGIC),
            (Place::Version, VERSION),
            (Place::RequestsSize, sizes.requests()),
            (Place::AnswersSize, sizes.answers()),
            (Place::RequestsProduced, (sizes.requests() / 2).wrapping_neg()),
            (Place::RequestsConsumed, (sizes.requests() / 2).wrapping_neg()),
            (Place::AnswersProduced, (sizes.answers() / 2).wrapping_neg()),
            (Place::AnswersConsumed, (sizes.answers() / 2).wrapping_neg()),
        ] {
            // Whoever gets the file gets it by a message, which orders all this before.
            rings.store(place, value, Relaxed);
        }
        Ok((rings, file))
    }

    /// Maps a file that came from the daemon.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] where it is not one of rings as they are here, or could
    /// shrink; the system's.
    pub fn open(file: impl AsFd) -> io::Result<Rings> {
        let bad = |text| Err(io::Error::new(io::ErrorKind::InvalidData, text));
        let is_sealed = rustix::fs::fcntl_get_seals(&file)?.contains(SealFlags::SHRINK);
        let len = u64::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(0);
        if !is_sealed || len < PAGE_SIZE as u64 {
            return bad("rings need a memory file that is sealed against shrinking");
        }
        let head = Region::new(Mapping::of(&file, 0)?);
        let word = |place| load(&head, place, Relaxed);
        if (word(Place::Magic), word(Place::Version)) != (MAGIC, VERSION) {
            return bad("the memory file has no rings, or of a version that is not known here");
        }
        let sizes = Sizes::alleged(word(Place::RequestsSize), word(Place::AnswersSize));
        let Some(sizes) = sizes.filter(|sizes| bytes(*sizes) as u64 <= len) else {
            return bad("the rings are larger than their memory file, or of a size that none has");
        };
        Rings::map(&file, sizes)
    }

    /// How large they are.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    fn map(file: impl AsFd, sizes: Sizes) -> io::Result<Rings> {
        let region = Region::new(Mapping::of_len(file, 0, bytes(sizes))?);
        Ok(Rings { region, sizes })
    }

    /// Where a byte of a ring lies behind the words, and how many of `wanted` there are to its end.
    fn span(&self, lane: Lane, at: usize, wanted: usize) -> (usize, usize) {
        let base = match lane {
            Lane::Requests => 0,
            Lane::Responses => self.sizes.requests() as usize,
        };
        let room = (self.size(lane) as usize).saturating_sub(at).min(wanted);
        (base.saturating_add(at), room)
    }
}

impl Words for Rings {
    fn size(&self, lane: Lane) -> u32 {
        match lane {
            Lane::Requests => self.sizes.requests(),
            Lane::Responses => self.sizes.answers(),
        }
    }

    fn load(&self, place: Place, ordering: Ordering) -> u32 {
        load(&self.region, place, ordering)
    }

    fn store(&self, place: Place, value: u32, ordering: Ordering) {
        self.region.store(place.offset() / size_of::<u32>(), value, ordering);
    }

    fn copy_out(&self, lane: Lane, at: usize, to: &mut [u8]) {
        let (at, room) = self.span(lane, at, to.len());
        self.region.copy_out(at, to.get_mut(..room).unwrap_or_default());
    }

    fn copy_in(&self, lane: Lane, at: usize, from: &[u8]) {
        let (at, room) = self.span(lane, at, from.len());
        self.region.copy_in(at, from.get(..room).unwrap_or_default());
    }

    fn fence(&self) {
        fence(SeqCst); // Pairs with the other side's fence of this kind.
    }
}

/// Writes into the memory whatever it likes: a hostile client, for tests.
#[derive(Clone, Debug)]
pub struct Liar(Rings);

impl Liar {
    /// A liar about these rings.
    #[must_use]
    pub fn new(rings: Rings) -> Liar {
        Liar(rings)
    }

    /// Reads a word.
    #[must_use]
    pub fn get(&self, place: Place) -> u32 {
        // Acquire: pairs with whatever Release the server has stored the word with.
        self.0.load(place, Acquire)
    }

    /// Writes a word.
    pub fn set(&self, place: Place, value: u32) {
        self.0.store(place, value, Relaxed);
    }

    /// Writes bytes into a ring, from place `at` on and up to its end.
    pub fn scribble(&self, lane: Lane, at: usize, bytes: &[u8]) {
        self.0.copy_in(lane, at, bytes);
    }
}

fn load(region: &Region, place: Place, ordering: Ordering) -> u32 {
    region.load(place.offset() / size_of::<u32>(), ordering)
}

/// Bytes of the file.
fn bytes(sizes: Sizes) -> usize {
    PAGE_SIZE.saturating_add(sizes.requests() as usize).saturating_add(sizes.answers() as usize)
}

const _: () = assert!(Place::ClientSleeps.offset() + size_of::<u32>() <= PAGE_SIZE);
