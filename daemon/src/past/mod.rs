//! The thread that tells of the past, out of history: subscriptions what the store's feed has let
//! go of, and clients what they ask by HISTORY.
//!
//! Workers ask it and go on; it reads the file and posts what it found. A piece is bounded, so that
//! a client that is far behind costs one, and whoever waits behind it gets a turn. Where a piece
//! reaches what history has, the store's feed must have what follows: the thread holds a place in
//! the feed from before history was written up to there, until the worker has looked.
//!
//! # Synchronization
//! A bounded channel in, the workers' mailboxes out.

mod questions;

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread::{Builder, JoinHandle},
};

use myriad_core::{Access, After, ConnId, DomId, Feed, Perm, Since, Store};
use myriad_history::file::{History, OwnedChange, OwnedWhat, Perm as Kept, ReadError};
use myriad_ring::v2::{
    Past, Question, Told,
    feed::{Asked, Filter, Frames, To},
    records::GAP,
};
use questions::Answer;
use tracing::{error, warn};

use crate::{
    history::{Flusher, Reader},
    limits,
};

/// Where the past is to be had.
pub struct Source {
    /// Opens the history file.
    pub(crate) open: Reader,
    /// Has it written up to the present.
    pub(crate) flusher: Flusher,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

/// What a worker asks.
#[derive(Debug)]
pub(crate) enum Ask {
    /// What a subscription has to be told.
    Feed(Past),
    /// A client's question.
    History(Question),
}

/// What it is told.
#[derive(Debug)]
pub(crate) enum Said {
    /// What came next, and a place in the feed from before that: what follows is there as long as
    /// it is held.
    Feed(Told, Feed),
    /// The answer.
    History(Answer),
}

/// For whom, and what; none: end.
type Asking = Option<(ConnId, Ask)>;

/// By which workers ask.
#[derive(Clone, Debug)]
pub(crate) struct Asker(SyncSender<Asking>);

impl Asker {
    /// Starts the thread. `tell` is called with what it has found.
    pub(crate) fn start(
        source: Source,
        store: Store,
        tell: impl Fn(ConnId, Said) + Send + 'static,
    ) -> std::io::Result<(Asker, JoinHandle<()>)> {
        let (sender, questions) = sync_channel(limits::PAST_QUESTIONS);
        let mut teller = Teller { source, store, history: None };
        let run = move || {
            if let Err(error) = rustix::process::nice(limits::HISTORY_NICE) {
                warn!("reading history competes with the workers for processor time: {error}");
            }
            while let Some((conn, ask)) = teller.next(&questions) {
                let said = match ask {
                    Ask::Feed(past) => {
                        let hold = teller.store.feed();
                        Said::Feed(teller.tell(&past), hold)
                    }
                    Ask::History(question) => Said::History(teller.answer(&question)),
                };
                tell(conn, said);
            }
        };
        let thread = Builder::new().name("past".into()).spawn(run)?;
        Ok((Asker(sender), thread))
    }

    /// Asks for a connection. False where too many questions wait.
    pub(crate) fn ask(&self, conn: ConnId, ask: Ask) -> bool {
        self.0.try_send(Some((conn, ask))).is_ok()
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        // One that has ended needs no telling.
        let _ = self.0.send(None);
    }
}

struct Teller {
    source: Source,
    store: Store,
    /// The file, as it was looked at last; none while nobody asks.
    history: Option<History>,
}

impl Teller {
    /// The next question; none where there will be no more.
    fn next(&mut self, questions: &Receiver<Asking>) -> Asking {
        match questions.recv_timeout(limits::PAST_IDLE) {
            Ok(question) => question,
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                // What is known of the file takes memory.
                self.history = None;
                questions.recv().ok().flatten()
            }
        }
    }

    /// Tells what came after a place, or a piece of it.
    fn tell(&mut self, past: &Past) -> Told {
        let is_written = self.source.flusher.flush(limits::PAST_PATIENCE);
        let mut piece = Piece::new(past);
        // Ends: after so many times that the daemon was faster.
        for _ in 0..limits::PAST_TRIES {
            match self.read(&mut piece) {
                Ok(()) => break,
                Err(_) if piece.has_begun() => {
                    // From there on it is looked at anew.
                    piece.is_full = true;
                    break;
                }
                Err(ReadError::Overtaken) => {}
                Err(error) => {
                    error!("history can't be told from: {error}");
                    break;
                }
            }
        }
        if !piece.is_full {
            let follows = self.store.after(&mut Since::generation(piece.upto));
            match follows {
                After::Gone if is_written => piece.gap(self.store.now()),
                // It isn't written yet: the next look may find it.
                After::Gone => piece.is_full = true,
                _ => {}
            }
        }
        piece.told()
    }

    /// Answers a client.
    fn answer(&mut self, question: &Question) -> Answer {
        // Where it takes too long, the answer is of what is written.
        let _ = self.source.flusher.flush(limits::PAST_PATIENCE);
        let history = self.history().map_err(|error| questions::failed(&error))?;
        questions::answer(history, question)
    }

    /// The file, as it is now.
    fn history(&mut self) -> Result<&mut History, ReadError> {
        match &mut self.history {
            Some(history) => {
                history.refresh()?;
                Ok(history)
            }
            place => {
                let opened = (self.source.open)();
                let opened = opened.map_err(|error| ReadError::Io(std::io::Error::other(error)))?;
                Ok(place.insert(opened))
            }
        }
    }

    fn read(&mut self, piece: &mut Piece<'_>) -> Result<(), ReadError> {
        let history = self.history()?;
        let Some(known) = history.unbroken(&piece.past.filter.path) else {
            return Err(ReadError::Empty);
        };
        if known.after > piece.upto {
            piece.gap(Since::generation(known.after));
        }
        for commit in history.each_commit(piece.upto, &piece.past.filter.path) {
            let commit = commit?;
            if commit.head.generation <= piece.upto {
                continue;
            }
            let (at, generation) = (commit.head.at, commit.head.generation);
            piece.add(at, generation, &commit.changes);
            if piece.is_full {
                return Ok(());
            }
        }
        piece.upto = piece.upto.max(known.upto);
        Ok(())
    }
}

/// What is told at a time.
struct Piece<'p> {
    past: &'p Past,
    frames: Vec<Vec<u8>>,
    bytes: usize,
    upto: u64,
    /// More is to be asked for.
    is_full: bool,
}

impl<'p> Piece<'p> {
    fn new(past: &'p Past) -> Piece<'p> {
        Piece { past, frames: Vec::new(), bytes: 0, upto: past.after, is_full: false }
    }

    fn has_begun(&self) -> bool {
        self.upto > self.past.after
    }

    fn gap(&mut self, upto: Since) {
        self.upto = upto.known();
        self.frames.push(self.past.filter.mark(self.upto, GAP));
    }

    /// Adds a publication.
    fn add(&mut self, at: u64, generation: u64, changes: &[OwnedChange]) {
        let frames = messages(&self.past.filter, self.upto, at, changes);
        self.bytes += frames.iter().map(Vec::len).sum::<usize>();
        self.frames.extend(frames);
        self.upto = generation;
        self.is_full = self.bytes >= limits::PAST_PIECE;
    }

    fn told(self) -> Told {
        let Piece { past, frames, upto, is_full, .. } = self;
        Told { number: past.number, frames, upto, is_all: !is_full }
    }
}

/// The frames of a publication, of its requests after a generation.
fn messages(filter: &Filter, after: u64, time: u64, changes: &[OwnedChange]) -> Vec<Vec<u8>> {
    let mut frames = Frames::new(filter);
    for change in changes.iter().filter(|change| change.generation > after) {
        let author = &change.author;
        let (generation, conn) = (change.generation, author.conn);
        let asked = Asked { generation, time, conn, domid: DomId(author.domid) };
        let to = match &change.what {
            OwnedWhat::Created { value, perms } => To::Created(value, &perms[..]),
            OwnedWhat::Written { value } => To::Written(value),
            OwnedWhat::Perms(perms) => To::Granted(&perms[..]),
            OwnedWhat::Removed => To::Removed,
            OwnedWhat::Noted(_) => continue,
        };
        frames.change(asked, &change.path, to, |perms| perms.iter().map(entry));
    }
    frames.into_messages()
}

fn entry(perm: &Kept) -> Perm {
    let access = match perm.access {
        Kept::READ => Access::Read,
        Kept::WRITE => Access::Write,
        0 => Access::None,
        _ => Access::Both,
    };
    Perm { access, domid: DomId(perm.domid) }
}
