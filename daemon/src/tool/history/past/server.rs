//! The thread that serves the past.
//!
//! # Synchronization
//!
//! The thread and its owner share the store, and a pair of sockets: a byte says that the store
//! has moved, and the end of the stream that the thread must end.

use std::{
    io::{self, Read, Write},
    os::{
        fd::AsFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
    time::Instant,
};

use myriad_core::{Feed, FeedItem, Store};
use myriad_ring::v1::connection::Event;
use rustix::event::{PollFd, PollFlags, poll};

use super::{
    Past,
    client::{Client, State},
};
use crate::tool::history::limits::PAST_CLIENTS;

/// A socket that serves a [`Past`]; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    path: PathBuf,
    control: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

/// the past can't be served
#[derive(Debug, thiserror::Error)]
#[error("can't serve the past at {}: {source}; name another place with --socket", path.display())]
pub(crate) struct ServerError {
    path: PathBuf,
    source: io::Error,
}

impl Server {
    /// Serves a store at a path where nothing is yet.
    ///
    /// # Errors
    /// [`ServerError`].
    pub(crate) fn start(path: &Path, past: &Past) -> Result<Server, ServerError> {
        let failed = |source| ServerError { path: path.to_owned(), source };
        let listener = UnixListener::bind(path).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let (control, told) = UnixStream::pair().map_err(failed)?;
        told.set_nonblocking(true).map_err(failed)?;
        let served = Served {
            listener,
            told,
            feed: past.store.feed(),
            store: past.store.clone(),
            clients: Vec::new(),
            accepted: 0,
            begin: Instant::now(),
        };
        let thread = thread::Builder::new().name("past".into()).spawn(move || served.run());
        let thread = Some(thread.map_err(failed)?);
        Ok(Server { path: path.to_owned(), control: Some(control), thread })
    }

    /// Where it serves.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The store has moved: watches may have to fire.
    pub(crate) fn moved(&mut self) {
        if let Some(control) = &mut self.control {
            // Where nobody listens any more, nobody is served either.
            let _ = control.write(&[0]);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.control.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The thread's side.
struct Served {
    listener: UnixListener,
    told: UnixStream,
    store: Store,
    feed: Feed,
    clients: Vec<Client>,
    accepted: u64,
    begin: Instant,
}

impl Served {
    fn run(mut self) {
        // Ends with the owner's side of the pair.
        while let Some((accepts, ready)) = self.wait() {
            if !self.is_wanted() {
                return;
            }
            if accepts && let Ok((socket, _)) = self.listener.accept() {
                self.accepted += 1;
                self.clients.extend(Client::new(socket, self.accepted).ok());
            }
            // From the last on, since one that ends is removed.
            for (at, is_readable) in ready.into_iter().enumerate().rev() {
                if is_readable {
                    self.serve(at);
                }
            }
            self.deliver(None);
            self.send();
        }
    }

    /// Waits. Says whether a client waits to be accepted, and which of the clients can be read.
    fn wait(&self) -> Option<(bool, Vec<bool>)> {
        let has_room = self.clients.len() < PAST_CLIENTS;
        let flags = |wanted| if wanted { PollFlags::IN } else { PollFlags::empty() };
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.told.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.listener.as_fd(), flags(has_room)),
        ];
        fds.extend(self.clients.iter().map(|client| {
            let mut flags = flags(client.wants_input());
            flags.set(PollFlags::OUT, client.has_output());
            PollFd::from_borrowed_fd(client.socket.as_fd(), flags)
        }));
        loop {
            match poll(&mut fds, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        let readable = |fd: &PollFd<'_>| {
            fd.revents().intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR)
        };
        let accepts = fds.get(1).is_some_and(readable);
        Some((accepts, fds.iter().skip(2).map(readable).collect()))
    }

    /// Whether the owner is still there; takes what it has said.
    fn is_wanted(&mut self) -> bool {
        let mut bytes = [0; 64];
        loop {
            match self.told.read(&mut bytes) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }

    fn serve(&mut self, at: usize) {
        let now = self.begin.elapsed();
        let Some(client) = self.clients.get_mut(at) else { return };
        let mut state = client.read();
        while state != State::Ended {
            let Some(client) = self.clients.get_mut(at) else { return };
            state = client.serve(&self.store, now);
            let State::Held(seq) = state else { break };
            self.deliver(Some(seq));
            if let Some(client) = self.clients.get_mut(at) {
                client.release(now);
            }
        }
        if state == State::Ended {
            self.end(at);
        }
    }

    fn end(&mut self, at: usize) {
        let mut client = self.clients.remove(at);
        // It may read the answers to what it asked before it went.
        let _ = client.send(&self.store);
        client.conn.close(&self.store);
    }

    /// Queues the events up to a publication, or all there are.
    fn deliver(&mut self, until: Option<u64>) {
        let now = self.begin.elapsed();
        while until.is_none_or(|until| self.feed.seq() < until) {
            let record = match self.feed.next() {
                FeedItem::Empty => return,
                FeedItem::Overrun => {
                    self.clients
                        .iter_mut()
                        .for_each(|client| client.conn.overrun(&self.store, now));
                    continue;
                }
                FeedItem::Record(record) => record,
            };
            for (at, fire) in record.fires.iter().enumerate() {
                let mut clients = self.clients.iter_mut();
                let Some(client) = clients.find(|client| client.conn.id() == fire.conn()) else {
                    continue;
                };
                let (path, token) = (fire.path().as_bytes(), fire.token());
                let event = Event { seq: record.seq, at, path, token, ticket: None };
                client.conn.deliver(event, now);
            }
        }
    }

    fn send(&mut self) {
        for at in (0..self.clients.len()).rev() {
            let state = self.clients.get_mut(at).map(|client| client.send(&self.store));
            if state == Some(State::Ended) {
                self.end(at);
            }
        }
    }
}
