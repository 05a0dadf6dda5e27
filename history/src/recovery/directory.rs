//! The directory of recovery: whose it is, and of which life of the host.
//!
//! ```text
//! RUNDIR/recovery/   0700, files 0600
//!     lock           locked by the daemon, with its process id
//!     journal        checkpoint.0   checkpoint.1   slots
//! ```

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::FlockOperation;

use super::error::RecoveryError;

/// The directory, held by this process alone until the value is dropped.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    boot: BootId,
    /// Locked as long as it is open.
    _lock: File,
}

/// Which life of the host: memory doesn't outlive it, and neither do domains.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BootId(pub [u8; 16]);

impl Directory {
    /// Makes the directory where it is missing, and takes it.
    ///
    /// # Errors
    /// [`RecoveryError::Locked`] where another process has it; the system's.
    pub fn open(path: &Path, boot: BootId) -> Result<Directory, RecoveryError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(RecoveryError::system(path, "make the directory"))?;
        let name = path.join("lock");
        let file = options().create(true).truncate(false).open(&name);
        let mut file = file.map_err(RecoveryError::system(&name, "open it"))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let pid = holder(&mut file);
                return Err(RecoveryError::Locked { path: name, pid });
            }
            Err(error) => return Err(RecoveryError::system(&name, "lock it")(error.into())),
        }
        write_holder(&mut file).map_err(RecoveryError::system(&name, "write it"))?;
        Ok(Directory { path: path.to_owned(), boot, _lock: file })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The host's present life.
    #[must_use]
    pub fn boot(&self) -> BootId {
        self.boot
    }

    /// Removes all that was remembered: the store starts empty.
    ///
    /// # Errors
    /// The system's.
    pub fn clear(&self) -> Result<(), RecoveryError> {
        // The journal last: while it is there it says which checkpoint it needs, so that whoever
        // is killed here leaves all, an error, or nothing, and never an older store.
        for name in [SLOTS, CHECKPOINTS[0], CHECKPOINTS[1], JOURNAL_NEW, JOURNAL] {
            let path = self.file(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(RecoveryError::system(path, "remove it")(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl BootId {
    /// This host's, of `/proc/sys/kernel/random/boot_id`.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::InvalidData`] where it isn't in the form of a UUID.
    pub fn of_host() -> io::Result<BootId> {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        BootId::parse(text.trim()).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Of a UUID, with or without dashes.
    #[must_use]
    pub fn parse(text: &str) -> Option<BootId> {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        let value = u128::from_str_radix(&digits, 16).ok()?;
        (digits.len() == 32).then(|| BootId(value.to_be_bytes()))
    }

    pub(crate) fn words(self) -> [u64; 2] {
        let value = u128::from_be_bytes(self.0).to_le_bytes();
        let (halves, _) = value.as_chunks::<8>();
        let mut words = halves.iter().map(|half| u64::from_le_bytes(*half));
        [words.next().unwrap_or(0), words.next().unwrap_or(0)]
    }
}

impl fmt::Debug for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BootId({:032x})", u128::from_be_bytes(self.0))
    }
}

/// For reading and writing, by the owner alone.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

pub(crate) const JOURNAL: &str = "journal";
pub(crate) const JOURNAL_NEW: &str = "journal.new";
pub(crate) const CHECKPOINTS: [&str; 2] = ["checkpoint.0", "checkpoint.1"];
pub(crate) const SLOTS: &str = "slots";
const PID_BYTES: u64 = 20;
