//! Slots: what each ring was about to do, written before its page is touched.
//!
//! A file of slots of a fixed size, one for each ring, with one writer each; read after a kill
//! alone. What is small lies in mapped words and costs no system call; what is larger is written
//! by one, so that memory is only taken by slots that use it and a full file system is an error.
//!
//! ```text
//! page 0      "MYRSLOT1", version, boot id, slots, CRC32C of these five words
//! byte 4096   slots, 256 bytes each (`slot.rs`); allocated a page at a time
//!      …      overflow: two times 16 KiB for each slot, most of it holes
//! ```
//!
//! # Synchronization
//! A slot's writer is taken by a bit: its Acquire pairs with the Release in `SlotWriter::drop`.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::Arc,
};

use rustix::fs::{FallocateFlags, fallocate};

use super::{
    directory::{Directory, SLOTS as NAME, options},
    error::RecoveryError,
    header::sum,
    map::Map,
    slot::{self, FIRST_WORD, HALF_WORDS, Overflow, SLOT_WORDS, Seen, SlotContent, Spot},
    slot_writer::SlotWriter,
    words::{WORD, index},
};
use crate::{
    limits::{SLOT_INLINE_BYTES, SLOT_OVERFLOW_BYTES, SLOTS},
    sync::{AtomicU64, Ordering::Acquire},
};

/// The slots of a daemon.
#[derive(Debug)]
pub struct Slots {
    pub(super) words: Map,
    pub(super) file: Pages,
    path: PathBuf,
    /// A bit for each slot that has a writer.
    taken: Box<[AtomicU64]>,
    /// Bytes of overflow that are allocated, about.
    pub(super) held: AtomicU64,
}

/// A slot that was found.
#[derive(Debug)]
pub struct UsedSlot {
    /// Its number.
    pub slot: u32,
    /// What it holds, or what is wrong with it.
    pub content: Result<SlotContent, SlotError>,
}

/// Why a slot can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SlotError {
    /// there is no such slot, or it has a writer
    #[error("slot {0} is none, or has a writer already")]
    Taken(u32),
    /// the content is too long
    #[error(
        "a slot takes {SLOT_INLINE_BYTES} bytes and {SLOT_OVERFLOW_BYTES} more, \
        not {inline} and {overflow}"
    )]
    TooLong {
        /// Bytes of the inline part.
        inline: usize,
        /// Bytes of the overflow.
        overflow: usize,
    },
    /// the system refused it; the slot has its old content
    #[error("slot {slot}: {source}")]
    System {
        /// The slot.
        slot: u32,
        /// Why not.
        source: io::Error,
    },
    /// what was found isn't what was written
    #[error("slot {0} is damaged: its ring has to connect anew")]
    Damaged(u32),
}

impl Slots {
    /// Makes the file anew: every slot is free.
    ///
    /// # Errors
    /// The system's.
    pub fn create(directory: &Directory) -> Result<Slots, RecoveryError> {
        let path = directory.file(NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(RecoveryError::system(path, "remove it")(error));
            }
            _ => {}
        }
        Slots::open(directory)
    }

    /// The slots that are there, as a killed daemon of this life of the host left them; else new
    /// ones.
    ///
    /// # Errors
    /// [`RecoveryError::Version`], [`RecoveryError::Damaged`]; the system's.
    pub fn open(directory: &Directory) -> Result<Slots, RecoveryError> {
        let path = directory.file(NAME);
        let system = |doing| RecoveryError::system(&path, doing);
        let file = options().create(true).truncate(false).open(&path).map_err(system("open it"))?;
        let mut bytes = [0; HEAD_WORDS * WORD];
        let length = file.metadata().map_err(system("look at it"))?.len();
        let whole = Spot(SLOTS).overflow(0, SLOTS);
        // The length comes last: a file without it was never used.
        if length == whole {
            file.read_exact_at(&mut bytes, 0).map_err(system("read it"))?;
        }
        let boot = directory.boot().words();
        let head = [MAGIC, VERSION, boot[0], boot[1], u64::from(SLOTS)];
        let found = bytes.as_chunks::<WORD>().0.iter().map(|word| u64::from_ne_bytes(*word));
        let found: Vec<u64> = found.collect();
        match found.as_slice() {
            [MAGIC, version, one, two, ..] if [*one, *two] == boot && *version != VERSION => {
                let found = *version;
                return Err(RecoveryError::Version { path, found, known: VERSION });
            }
            [MAGIC, _, one, two, ..] if [*one, *two] != boot => {
                initialise(&file, &head, whole).map_err(system("write it"))?;
            }
            [here @ .., crc] if here == head && *crc == sum(&head) => {}
            [0, ..] => initialise(&file, &head, whole).map_err(system("write it"))?,
            _ => return Err(RecoveryError::damaged(path, "its head is damaged")),
        }
        let words = Map::of(&file, slot::file_words(SLOTS) * WORD as u64);
        let words = words.map_err(system("map it"))?;
        let taken = (0..SLOTS.div_ceil(u64::BITS)).map(|_| AtomicU64::new(0)).collect();
        Ok(Slots { words, file: Pages(file), path, taken, held: AtomicU64::new(0) })
    }

    /// The slots that aren't free, with what they hold. To be read before they are written.
    ///
    /// # Errors
    /// The system's. What is wrong with one slot is said of that one.
    pub fn used(&self) -> Result<Vec<UsedSlot>, RecoveryError> {
        // Read and not mapped, so that holes stay holes.
        let mut bytes = vec![0; index(slot::file_words(SLOTS)) * WORD];
        let read = self.file.0.read_exact_at(&mut bytes, 0);
        read.map_err(RecoveryError::system(&self.path, "read it"))?;
        let (words, _) = bytes.as_chunks::<WORD>();
        let words: Vec<u64> = words.iter().map(|word| u64::from_ne_bytes(*word)).collect();
        let slots = words.get(FIRST_WORD..).unwrap_or_default().chunks_exact(SLOT_WORDS);
        let used = (0..SLOTS).zip(slots).filter_map(|(number, words)| {
            let (seen, half) = slot::see(words).filter(|(seen, _)| !seen.is_free())?;
            let half = words.chunks_exact(HALF_WORDS).nth(half).unwrap_or_default();
            let content = self.content(Spot(number), seen, half);
            Some(UsedSlot { slot: number, content })
        });
        Ok(used.collect())
    }

    fn content(&self, spot: Spot, seen: Seen, half: &[u64]) -> Result<SlotContent, SlotError> {
        let mut overflow = vec![0; usize::from(seen.overflow).min(SLOT_OVERFLOW_BYTES)];
        if !overflow.is_empty() {
            let read = self.file.0.read_exact_at(&mut overflow, spot.overflow(seen.turn, SLOTS));
            read.map_err(|source| SlotError::System { slot: spot.0, source })?;
        }
        seen.content(spot, half, overflow).ok_or(SlotError::Damaged(spot.0))
    }

    /// Takes a slot for writing. It has the content that it had, or none.
    ///
    /// # Errors
    /// [`SlotError::Taken`]; [`SlotError::System`] where there is no memory for it.
    pub fn writer(self: &Arc<Slots>, slot: u32) -> Result<SlotWriter, SlotError> {
        let (word, bit) = self.bit(slot).filter(|_| slot < SLOTS).ok_or(SlotError::Taken(slot))?;
        // Acquire: pairs with the Release in `SlotWriter::drop`. A bit is set by one alone.
        if word.fetch_or(bit, Acquire) & bit != 0 {
            return Err(SlotError::Taken(slot));
        }
        SlotWriter::take(Arc::clone(self), Spot(slot))
            .map_err(|source| SlotError::System { slot, source })
    }

    pub(super) fn bit(&self, slot: u32) -> Option<(&AtomicU64, u64)> {
        let word = self.taken.get((slot / u64::BITS) as usize)?;
        Some((word, 1 << (slot % u64::BITS)))
    }
}

/// The file of the slots.
#[derive(Debug)]
pub(super) struct Pages(File);

impl Pages {
    pub(super) fn allocate(&self, at: u64, len: u64) -> io::Result<()> {
        Ok(fallocate(&self.0, FallocateFlags::empty(), at, len)?)
    }
}

impl Overflow for Pages {
    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    fn forget(&self, at: u64, len: u64) -> io::Result<()> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        Ok(fallocate(&self.0, flags, at, len)?)
    }
}

fn initialise(file: &File, head: &[u64; 5], length: u64) -> io::Result<()> {
    let crc = [sum(head)];
    let bytes: Vec<u8> = head.iter().chain(&crc).flat_map(|word| word.to_ne_bytes()).collect();
    file.set_len(0)?; // All that may be there from a start that was cut short.
    file.write_all_at(&bytes, 0)?;
    file.set_len(length)
}

const MAGIC: u64 = u64::from_le_bytes(*b"MYRSLOT1");
/// The format that is written here. Words 0 to 3 are the same in every one.
const VERSION: u64 = 1;
const HEAD_WORDS: usize = 6;
