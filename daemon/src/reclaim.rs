//! The thread that frees what the store retires.
//!
//! Letting go of a large version takes milliseconds, and no client should wait for that. Workers
//! look after each sweep whether something waits, and wake this thread; it sleeps otherwise.
//!
//! # Synchronization
//! `park` and `unpark` of the standard library: a wake-up that comes before the sleep is kept.
//! What is freed is handed over by the store's own queue.

use std::{
    io,
    sync::Arc,
    thread::{Builder, JoinHandle, Thread},
};

use myriad_core::Store;

use crate::sync::{AtomicBool, Ordering::Relaxed};

/// The way to the thread; every worker has its own.
#[derive(Clone, Debug)]
pub struct Reclaimer(Way);

#[derive(Clone, Debug)]
enum Way {
    Thread {
        thread: Thread,
        stop: Arc<AtomicBool>,
    },
    /// There is no thread: whoever would wake it frees.
    Here(Store),
}

impl Reclaimer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(store: Store) -> io::Result<(Reclaimer, JoinHandle<()>)> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move || {
            // What waits at the end goes with the store.
            while !stopped.load(Relaxed) {
                store.reclaim();
                std::thread::park();
            }
        };
        let handle = Builder::new().name("reclaim".into()).spawn(run)?;
        Ok((Reclaimer(Way::Thread { thread: handle.thread().clone(), stop }), handle))
    }

    /// One without a thread.
    #[must_use]
    pub fn here(store: Store) -> Reclaimer {
        Reclaimer(Way::Here(store))
    }

    /// Frees what waits, in that thread.
    pub fn wake(&self) {
        match &self.0 {
            Way::Thread { thread, .. } => thread.unpark(),
            Way::Here(store) => {
                store.reclaim();
            }
        }
    }

    /// Ends the thread.
    pub fn stop(&self) {
        if let Way::Thread { thread, stop } = &self.0 {
            stop.store(true, Relaxed);
            thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use myriad_core::{Caller, Config, Path, Writes};

    #[test]
    fn what_is_retired_is_freed_elsewhere() {
        let store = Store::new(&Config { reclaimer: true, ..Config::default() }).unwrap();
        let (reclaimer, thread) = Reclaimer::start(store.clone()).unwrap();
        let value = vec![b'x'; 2000];
        for n in 0..500 {
            let text = format!("/big/{n}");
            let path = Path::new(&text).unwrap();
            store.edit(|edit| edit.write(&Caller::Control, path, &value)).result.unwrap();
        }
        let path = Path::new("/big").unwrap();
        store.edit(|edit| edit.rm(&Caller::Control, path)).result.unwrap();
        // The version before is retired by the next publication.
        store.edit(|edit| edit.mkdir(&Caller::Control, path)).result.unwrap();
        while store.to_reclaim() > 0 {
            reclaimer.wake();
            std::thread::yield_now();
        }
        reclaimer.stop();
        thread.join().unwrap();
    }
}
