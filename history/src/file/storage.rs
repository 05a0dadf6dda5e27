//! What a history lies on: a file, or bytes in memory for tests.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};

use super::errors::OpenError;
use super::superblock;

/// Bytes that can be read at any place.
pub trait Source: std::fmt::Debug + Send {
    /// How many there are.
    ///
    /// # Errors
    /// The system's.
    fn size(&self) -> io::Result<u64>;

    /// Fills a buffer from a place.
    ///
    /// # Errors
    /// The system's, or that there aren't so many bytes.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()>;
}

impl<T: Source + Sync> Source for std::sync::Arc<T> {
    fn size(&self) -> io::Result<u64> {
        T::size(self)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        T::read_at(self, buffer, at)
    }
}

/// Bytes that can be written too. Their number never changes.
pub trait Storage: Source {
    /// Writes all of these bytes at a place. After an error some of them may have been written.
    ///
    /// # Errors
    /// The system's.
    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<()>;
}

/// A file on a disk, locked for one writer.
#[derive(Debug)]
pub struct Disk {
    file: File,
}

impl Disk {
    /// Opens the file, or creates it with so many bytes, all allocated. Tells whether it is new.
    ///
    /// # Errors
    /// What the file is instead, or who has it.
    pub fn open(path: &Path, size: u64) -> Result<(Disk, bool), OpenError> {
        let fail = |error| said(path, error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path).map_err(fail)?;
        if !file.metadata().map_err(fail)?.is_file() {
            return Err(OpenError::NotHistory(path.into()));
        }
        if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            return match error {
                rustix::io::Errno::WOULDBLOCK => Err(locked(path, &mut file)),
                error => Err(fail(error.into())),
            };
        }
        let len = file.metadata().map_err(fail)?.len();
        // One that was killed while it made the file has left nothing but zeroes.
        let new = len == 0 || len == size && is_blank(&file).map_err(fail)?;
        if len == 0 {
            // What can't be allocated is given up at once, so that the next try starts anew.
            allocate(&file, size).map_err(|error| {
                _ = file.set_len(0);
                match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge => {
                        OpenError::NoRoom { path: path.into(), size }
                    }
                    _ => fail(error),
                }
            })?;
        }
        Ok((Disk { file }, new))
    }

    /// Opens the file to be read alone.
    pub(crate) fn open_to_read(path: &Path) -> Result<File, OpenError> {
        let file = File::open(path).map_err(|error| said(path, error))?;
        let regular = file.metadata().map_err(|error| said(path, error))?.is_file();
        if regular { Ok(file) } else { Err(OpenError::NotHistory(path.into())) }
    }
}

impl Source for Disk {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, at)
    }
}

impl Storage for Disk {
    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }
}

/// Whether nothing has been written where the superblocks go.
fn is_blank(file: &File) -> io::Result<bool> {
    let mut start = vec![0; 2 * superblock::BYTES];
    file.read_exact_at(&mut start, 0)?;
    Ok(start.iter().all(|byte| *byte == 0))
}

/// Every block of the file, or an error; where the file system knows no such call, by zeroes.
fn allocate(file: &File, size: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, size) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let zeroes = [0; 1 << 16];
            let mut at = 0;
            while at < size {
                let len = usize::try_from(size - at).unwrap_or(zeroes.len()).min(zeroes.len());
                file.write_all_at(zeroes.get(..len).unwrap_or_default(), at)?;
                at += len as u64;
            }
            Ok(())
        }
        done => Ok(done?),
    }
}

fn said(path: &Path, error: io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::NotFound => OpenError::Missing(path.into()),
        io::ErrorKind::PermissionDenied => OpenError::Denied(path.into()),
        io::ErrorKind::IsADirectory => OpenError::NotHistory(path.into()),
        _ => OpenError::Io { path: path.into(), error },
    }
}

/// The writer's process id stands in the superblock.
fn locked(path: &Path, file: &mut File) -> OpenError {
    let mut start = Vec::new();
    let read = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.by_ref().take(2 * superblock::BYTES as u64).read_to_end(&mut start));
    let pid = read.ok().and_then(|_| superblock::Superblock::best(&start)).map(|best| best.pid);
    let who = pid.map_or("which one isn't known".to_owned(), |pid| format!("pid {pid}"));
    OpenError::Locked { path: path.into(), who }
}

/// Bytes in memory.
#[derive(Clone, Debug, Default)]
pub struct Memory(pub Vec<u8>);

impl Source for Memory {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let from = usize::try_from(at).ok().and_then(|at| self.0.get(at..)?.get(..buffer.len()));
        buffer.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl Storage for Memory {
    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        let to =
            usize::try_from(at).ok().and_then(|at| self.0.get_mut(at..)?.get_mut(..bytes.len()));
        to.ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(bytes);
        Ok(())
    }
}
