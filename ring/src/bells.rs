//! Boards in memory files: the doorbells between the daemon and a process full of guests.
//!
//! # Synchronization
//! That of a board (`board.rs`), whose orderings are passed on.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::fs::{MemfdFlags, SealFlags};

use crate::{
    board::{Board, Place, Words},
    page::{Mapping, Memory, layout::PAGE_SIZE},
    sync::{Ordering, fence},
};

/// Boards in one memory file, which can be sent to another process.
///
/// ```
/// use myriad_ring::bells::{Bells, Boards};
///
/// let boards = Boards::create(2)?;
/// let (mine, theirs) = (Bells::map(&boards, 0)?, Bells::map(&boards, 0)?);
/// assert!(mine.sleep()); // nothing was rung
/// assert!(theirs.ring(7)); // whoever rings first must wake the sleeper …
/// assert!(!theirs.ring(9)); // … and no other
/// let mut heard = Vec::new();
/// mine.hear(|domid| heard.push(domid));
/// assert_eq!(heard, [7, 9]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Boards(OwnedFd);

impl Boards {
    /// Makes a file of so many boards. Nobody can shrink it.
    ///
    /// # Errors
    /// The system's, such as too many descriptors.
    pub fn create(count: u16) -> io::Result<Boards> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("xenstore-bells", flags)?;
        rustix::fs::ftruncate(&file, u64::from(count) * BOARD)?;
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals)?;
        Ok(Boards(file))
    }

    /// Takes a file that came from the daemon.
    #[must_use]
    pub fn from_daemon(file: OwnedFd) -> Boards {
        Boards(file)
    }
}

impl AsFd for Boards {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// One board, mapped: the doorbells that one reader hears, by domain id.
#[derive(Clone, Debug)]
pub struct Bells(Board<Pages>);

impl Bells {
    /// Maps a board of a file, by its number.
    ///
    /// # Errors
    /// The system's, such as too many mappings.
    pub fn map(boards: &Boards, number: u16) -> io::Result<Bells> {
        let at = u64::from(number) * BOARD;
        let page = |offset| Mapping::of(boards, offset).map(Memory::new);
        let (head, bits) = (page(at)?, page(at + PAGE_SIZE as u64)?);
        Ok(Bells(Board(Pages { head, bits })))
    }

    /// Rings a domain's doorbell. True where the reader sleeps: then the caller, and no other,
    /// must wake it.
    #[must_use]
    pub fn ring(&self, domid: u16) -> bool {
        self.0.post(domid)
    }

    /// Hears each doorbell that was rung since it was heard last, once.
    pub fn hear(&self, hear: impl FnMut(u16)) {
        self.0.take(hear);
    }

    /// Whether there may be one to hear: two cache lines' worth of a look.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.0.has_news()
    }

    /// The reader is about to sleep. False where it must not, since there is something to hear.
    #[must_use]
    pub fn sleep(&self) -> bool {
        self.0.sleep()
    }

    /// The reader is awake again.
    pub fn awake(&self) {
        self.0.awake();
    }
}

/// The two pages of a board: what its reader looks at all the time, and the bits.
#[derive(Clone, Debug)]
struct Pages {
    head: Memory,
    bits: Memory,
}

/// Bytes of a board.
const BOARD: u64 = 2 * PAGE_SIZE as u64;
/// The summary has cache lines of its own, away from the sleeper's word.
const SUMMARY: usize = 16;

impl Pages {
    fn find(&self, place: Place) -> (&Memory, usize) {
        match place {
            Place::Sleeping => (&self.head, 0),
            Place::Summary(group) => (&self.head, SUMMARY + group),
            Place::Bits(word) => (&self.bits, word),
        }
    }
}

impl Words for Pages {
    const BITS: usize = PAGE_SIZE / size_of::<u32>();

    fn load(&self, at: Place, ordering: Ordering) -> u32 {
        let (memory, word) = self.find(at);
        memory.load(word, ordering)
    }

    fn store(&self, at: Place, value: u32, ordering: Ordering) {
        let (memory, word) = self.find(at);
        memory.store(word, value, ordering);
    }

    fn swap(&self, at: Place, value: u32, ordering: Ordering) -> u32 {
        let (memory, word) = self.find(at);
        memory.swap(word, value, ordering)
    }

    fn set(&self, at: Place, bits: u32, ordering: Ordering) {
        let (memory, word) = self.find(at);
        memory.set(word, bits, ordering);
    }

    fn lower(&self, at: Place, ordering: Ordering) -> bool {
        let (memory, word) = self.find(at);
        memory.lower(word, ordering)
    }

    fn fence(&self) {
        fence(Ordering::SeqCst); // Pairs with the other side's fence of this kind.
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn pair() -> (Bells, Bells) {
        let boards = Boards::create(2).unwrap();
        (Bells::map(&boards, 1).unwrap(), Bells::map(&boards, 1).unwrap())
    }

    fn heard(bells: &Bells) -> Vec<u16> {
        let mut all = Vec::new();
        bells.hear(|domid| all.push(domid));
        all
    }

    #[test]
    fn every_domain_has_a_bell_which_is_heard_once() {
        let (reader, ringer) = pair();
        for domid in [0, 1, 31, 32, 1023, 1024, 32_751, 32_767] {
            assert!(!ringer.ring(domid), "nobody sleeps");
            assert!(!ringer.ring(domid));
        }
        assert!(reader.has_news());
        assert_eq!(heard(&reader), [0, 1, 31, 32, 1023, 1024, 32_751, 32_767]);
        assert!(!reader.has_news());
        assert!(!ringer.ring(0x8000) && heard(&reader).is_empty(), "no such domain");
    }

    #[test]
    fn who_would_sleep_is_told_of_news() {
        let (reader, ringer) = pair();
        assert!(!ringer.ring(3));
        assert!(!reader.sleep());
        assert_eq!(heard(&reader), [3]);
        assert!(reader.sleep());
        reader.awake();
        assert!(!ringer.ring(3), "it is awake");
    }

    #[test]
    fn no_bell_is_lost_between_threads() {
        const RINGS: u16 = 30_000;
        let (reader, ringer) = pair();
        let (wake, woken) = std::sync::mpsc::sync_channel::<()>(0);
        let thread = std::thread::spawn(move || {
            for domid in 0..RINGS {
                if ringer.ring(domid) && wake.send(()).is_err() {
                    return;
                }
            }
        });
        let mut all = BTreeSet::new();
        while all.len() < usize::from(RINGS) {
            reader.hear(|domid| assert!(all.insert(domid), "{domid} twice"));
            // Were a bell lost, the reader would sleep for ever, and be told that nobody rings.
            if all.len() < usize::from(RINGS) && reader.sleep() {
                woken.recv().unwrap();
            }
        }
        thread.join().unwrap();
    }
}
