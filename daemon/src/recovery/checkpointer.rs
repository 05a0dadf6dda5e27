//! The thread that writes checkpoints.
//!
//! # Synchronization
//! `park` and `unpark` of the standard library: a wake-up that comes before the sleep is kept.

use std::{
    io,
    sync::Arc,
    thread::{Builder, JoinHandle},
};

use myriad_core::Store;
use myriad_history::recovery::{Directory, Journal, Keeper};
use tracing::{error, info};

use super::{RecoverError, Recovery};
use crate::{
    limits,
    sync::{AtomicBool, Ordering::Relaxed},
};

/// The thread; dropped, it ends.
#[derive(Debug)]
pub struct Checkpointer {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Checkpointer {
    pub(super) fn start(
        directory: Directory,
        keeper: Arc<Keeper>,
        store: Store,
    ) -> io::Result<Checkpointer> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, waking) = (Arc::clone(&stop), Arc::clone(&keeper));
        let run = move || {
            let (mut failed, mut suspended) = (false, false);
            // Relaxed: the thread is woken after it was set.
            while !stopped.load(Relaxed) {
                let is_suspended = keeper.journal().is_some_and(Journal::is_suspended);
                if is_suspended && !suspended {
                    error!(
                        "the journal is full: until a checkpoint is complete, a crash loses the \
                         store; --journal-size gives it more room"
                    );
                }
                suspended = is_suspended;
                if keeper.is_due() {
                    failed = checkpoint(&directory, &keeper, &store, failed);
                }
                match failed {
                    true => std::thread::park_timeout(limits::CHECKPOINT_PAUSE),
                    false => std::thread::park(),
                }
            }
        };
        let thread = Builder::new().name("checkpoints".into()).spawn(run)?;
        waking.wakes(thread.thread().clone());
        Ok(Checkpointer { thread: Some(thread), stop })
    }
}

impl Recovery {
    /// Writes a checkpoint, where it is time for one: for who has no thread for that.
    ///
    /// # Errors
    /// [`RecoverError::Files`].
    pub fn checkpoint_if_due(&self, store: &Store) -> Result<(), RecoverError> {
        if self.keeper.is_due() {
            self.keeper.checkpoint(&self.directory, store)?;
        }
        Ok(())
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Writes one; whether that failed.
fn checkpoint(directory: &Directory, keeper: &Keeper, store: &Store, failed_before: bool) -> bool {
    match keeper.checkpoint(directory, store) {
        Ok(ended) => {
            if ended.is_some_and(|ended| ended.resumed) {
                info!("commits are recorded again: a crash loses nothing from now on");
            }
            false
        }
        Err(error) => {
            if !failed_before {
                error!(
                    "no checkpoint can be written: {error}; once the journal is full, a crash \
                        loses the store"
                );
            }
            true
        }
    }
}
