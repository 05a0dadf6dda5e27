//! Pages of memory files: what domains of a simulated host have where real ones have a grant.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::fs::{MemfdFlags, SealFlags};

use super::{
    layout::PAGE_SIZE,
    raw::{Mapping, Page},
};

/// A page in a memory file, which can be sent to another process. Invariant: it has at least one
/// page, and is sealed against shrinking, so that whoever holds it too can't take memory away from
/// under a mapping.
#[derive(Debug)]
pub struct Memfd(OwnedFd);

impl Memfd {
    /// Makes one, zeroed.
    ///
    /// # Errors
    /// The system's, such as too many descriptors.
    pub fn create() -> io::Result<Memfd> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("xenstore-ring", flags)?;
        rustix::fs::ftruncate(&file, PAGE_SIZE as u64)?;
        rustix::fs::fcntl_add_seals(&file, SEALS)?;
        Ok(Memfd(file))
    }

    /// Takes one that came from another process.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] where it is shorter than a page or could become so; the
    /// system's, where it is no memory file at all.
    pub fn from_peer(file: OwnedFd) -> io::Result<Memfd> {
        let is_sealed = rustix::fs::fcntl_get_seals(&file)?.contains(SealFlags::SHRINK);
        let len = u64::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(0);
        if !is_sealed || len < PAGE_SIZE as u64 {
            let text = "a ring needs a memory file of 4096 bytes, sealed against shrinking";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        Ok(Memfd(file))
    }

    /// Maps it. It can be mapped more than once, in this process and in others.
    ///
    /// # Errors
    /// The system's, such as too many mappings.
    pub fn map(&self) -> io::Result<Page> {
        Mapping::of(&self.0, 0).map(Page::new)
    }
}

impl AsFd for Memfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_shrink_is_refused() {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("loose", flags).unwrap();
        rustix::fs::ftruncate(&file, PAGE_SIZE as u64).unwrap();
        let error = Memfd::from_peer(file.try_clone().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK).unwrap();
        assert!(Memfd::from_peer(file).unwrap().map().is_ok());
    }

    #[test]
    fn what_is_too_short_or_no_memory_is_refused() {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("short", flags).unwrap();
        rustix::fs::ftruncate(&file, PAGE_SIZE as u64 - 1).unwrap();
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK).unwrap();
        assert!(Memfd::from_peer(file).is_err());
        let (socket, _) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(Memfd::from_peer(socket.into()).is_err());
    }

    #[test]
    fn nobody_can_shrink_what_was_made_here() {
        let page = Memfd::create().unwrap();
        assert!(rustix::fs::ftruncate(&page, 0).is_err());
        assert!(Memfd::from_peer(page.0).is_ok());
    }
}
