//! A history file, mapped to be read.
//!
//! The file's size never changes, and is compared before it is mapped, so no page of the map lies
//! beyond its end. A daemon may write it meanwhile: bytes are copied out, and what is copied is
//! trusted only once its CRC holds.

use std::fs::File;
use std::io;

use memmap2::{Mmap, MmapOptions};

use super::storage::Source;

/// A mapped file.
#[derive(Debug)]
pub(crate) struct Map {
    map: Mmap,
}

impl Map {
    /// Maps the first `size` bytes of a file.
    #[allow(unsafe_code)]
    pub(crate) fn new(file: &File, size: u64) -> io::Result<Map> {
        let len = usize::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if file.metadata()?.len() < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: the map is read-only and never handed out: `read_at` alone reads it, and copies
        // bytes, of which each value is valid. Others may write the file meanwhile; what a copy
        // gets then is old bytes or new ones, and nothing is concluded from it but by its CRC. The
        // file is never made shorter by those who keep to its format (storage.rs has no such call
        // on a file that has its size).
        let map = unsafe { MmapOptions::new().len(len).map(file)? };
        Ok(Map { map })
    }
}

impl Source for Map {
    fn size(&self) -> io::Result<u64> {
        Ok(self.map.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let from = usize::try_from(at).ok().and_then(|at| self.map.get(at..)?.get(..buffer.len()));
        buffer.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
