//! The workers in a process of your own: a toolstack that has the store, and serves it too.
//!
//! Programs find a socket and guests their rings, as `xenstored` would serve them; but the store is
//! yours: [`Server::edit`] and [`Server::commit`] change it with neither a connection nor a
//! transaction's round trips, and whoever watches hears of it. Reading is [`Store::pin`].
//!
//! ```
//! use myriad::embed::Server;
//! use myriad_core::{Caller, Path, Reads, Writes};
//! use myriad_ring::client::Store as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let directory = folder.path();
//! let server = Server::builder(directory).workers(1).start()?;
//! let name = Path::new("/local/domain/7/name")?;
//! server.edit(|edit| edit.write(&Caller::Control, name, b"web")).result?;
//!
//! // A program, which may be any client of xenstored.
//! let mut program = server.connect()?;
//! assert_eq!(program.read("/local/domain/7/name")?, b"web");
//! program.write("/local/domain/7/state", "4")?;
//! let state = Path::new("/local/domain/7/state")?;
//! assert_eq!(server.store().pin().read(&Caller::Control, state)?, b"4");
//! server.stop();
//! # Ok(())
//! # }
//! ```
//!
//! A directory has one server, which may as well be `xenstored`. On a control domain of Xen it
//! serves the host's domains, so that it takes the place of that daemon; elsewhere, as that does, a
//! simulated host. What `xenstored` keeps of the store (a journal below the directory, by which it
//! comes back after a crash, and history) is kept here as well, and either can go on where the
//! other has ended.
//!
//! It doesn't confine the process, catches no signal, and leaves the limit of open files at its
//! maximum. SIGPIPE has to be ignored, as it is in a Rust program. Messages go to the process's
//! `tracing` subscriber, if it has one.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Parser;
use myriad_core::{Edit, Error, Outcome, Store, Transaction};
use myriad_ring::client::{self, Client, Stream};

use crate::{
    claim::Socket,
    logs::{Destination, LogError, Logs},
    options::{Options, Places},
    server::ServeError,
    serving::{Process, Serving},
};

/// A store with its workers. It ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    /// None once it has ended.
    serving: Option<Serving>,
    store: Store,
    socket: PathBuf,
}

/// How a [`Server`] is to serve: [`Server::builder`].
pub struct Builder {
    directory: PathBuf,
    arguments: Vec<OsString>,
    failed: Arc<dyn Fn() + Send + Sync>,
}

/// Why a server can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// an option has no such value
    #[error(transparent)]
    Option(#[from] clap::Error),
    /// what is needed can't be had
    #[error(transparent)]
    Serve(#[from] ServeError),
}

impl Server {
    /// A server whose socket, simulated host, journal and history lie in this directory. It is made
    /// where there is none.
    #[must_use]
    pub fn builder(directory: impl Into<PathBuf>) -> Builder {
        Builder {
            directory: directory.into(),
            arguments: ["xenstored", "--no-fork"].map(OsString::from).into(),
            failed: Arc::new(|| {}),
        }
    }

    /// The store: to read, to open transactions, to follow the feed.
    ///
    /// What is changed by it directly is stored, but watches may hear of it late: the workers
    /// aren't told. [`Server::edit`] and [`Server::commit`] tell them. A clone of it goes on when
    /// the server has ended; but then nothing is kept of what it changes, and once the journal is
    /// full the next server starts empty. Connections' numbers are the workers': a watch of your
    /// own ([`Edit::watch`]) needs one that none gives, such as `ConnId::new(u16::MAX, 1)`.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Changes the store as [`Store::edit`] does, and has the events delivered.
    pub fn edit<R>(&self, change: impl FnMut(&mut Edit<'_>) -> Result<R, Error>) -> Outcome<R> {
        let outcome = self.store.edit(change);
        self.published();
        outcome
    }

    /// Commits a transaction as [`Transaction::commit`] does, and has the events delivered.
    pub fn commit(&self, transaction: Transaction) -> Outcome<()> {
        let outcome = transaction.commit();
        self.published();
        outcome
    }

    /// The socket, for programs.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// A client of the server: for what isn't a change of the tree, such as to introduce domains,
    /// or `CONTROL`.
    ///
    /// # Errors
    /// [`client::Error::Unreachable`].
    pub fn connect(&self) -> Result<Client<Stream>, client::Error> {
        Client::connect_to(&self.socket)
    }

    /// Where simulated guests get their rings: [`crate::sim::machine::Machine::connect`].
    #[must_use]
    pub fn machines(&self) -> PathBuf {
        self.socket.with_file_name("sim").join("machines.socket")
    }

    /// Ends the workers, writes what is left of history, and gives the socket's path up.
    pub fn stop(mut self) {
        self.end();
    }

    fn published(&self) {
        if let Some(serving) = &self.serving {
            serving.team.published();
        }
    }

    fn end(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.stop();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

impl Builder {
    /// How many threads serve; by default one for each core, at most four.
    #[must_use]
    pub fn workers(self, count: u16) -> Builder {
        self.option("--workers", count.to_string())
    }

    /// Keeps neither a journal nor history: what is in the store ends with the process, and so do
    /// the simulated domains' rings. A journal that is in the directory is removed.
    #[must_use]
    pub fn keeping_nothing(self) -> Builder {
        self.option("--journal-size", "off").option("--history-size", "off")
    }

    /// Any option of `xenstored` that has a value (its manual says which there are), such as
    /// `--quota` with `nodes=2000`. Those of its logs, its pid file and its process mean nothing
    /// here.
    #[must_use]
    pub fn option(mut self, name: &str, value: impl Into<OsString>) -> Builder {
        self.arguments.extend([OsString::from(name), value.into()]);
        self
    }

    /// What to call, on that worker's thread, if a worker ends by a fault of Myriad's: its
    /// connections are without service then. It must not panic. By default it is only said in the
    /// log.
    #[must_use]
    pub fn on_failure(mut self, failed: impl Fn() + Send + Sync + 'static) -> Builder {
        self.failed = Arc::new(failed);
        self
    }

    /// Serves.
    ///
    /// # Errors
    /// [`StartError`]: an option that isn't right, or what can't be had, such as a directory that
    /// another serves from.
    pub fn start(self) -> Result<Server, StartError> {
        let options = Options::try_parse_from(self.arguments)?.with_absolute_paths();
        options.served_by_this_version()?;
        let directory = std::path::absolute(&self.directory).unwrap_or(self.directory);
        let places = Places {
            socket: directory.join("socket"),
            root_dir: directory.clone(),
            run_dir: directory,
        };
        places.make()?;
        let socket = Socket::claim(&places.socket).map_err(ServeError::from)?;
        let logs = Logs::start(Destination::Stderr, None).map_err(LogError::Thread);
        let logs = logs.map_err(ServeError::from)?;
        let failed = self.failed;
        let serving =
            Serving::start(&options, &places, socket, logs, Process::Others, move || failed())?;
        let store = serving.store.clone();
        Ok(Server { serving: Some(serving), store, socket: places.socket })
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("directory", &self.directory)
            .field("arguments", &self.arguments)
            .finish_non_exhaustive()
    }
}
