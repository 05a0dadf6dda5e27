//! The toolstack: a program of the control domain that creates domains and destroys them, one
//! thing after the other.

use std::collections::VecDeque;

use myriad_core::DomId;
use myriad_ring::v1::{Header, Op};

use super::{
    answers::{DONE, words},
    errand::COUNTER,
    limits::SOCKETS,
    line::Line,
};

/// The toolstack.
pub(super) struct Admin {
    line: Line,
    todo: VecDeque<Task>,
    waits: Option<Waits>,
    /// Events of `@releaseDomain`, first one included, and those that there must have been.
    releases: u64,
    released: u64,
}

/// What is done, in its turn.
enum Task {
    Ask(Op, Vec<u8>, Wanted),
    AwaitRelease,
    AwaitFirst,
    Tell(Done),
}

/// What has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// Everything is there that clients need.
    Ready,
    /// A domain was introduced.
    Created(DomId),
    /// A domain has died, and what was left of it is gone.
    Destroyed(DomId),
}

#[derive(Debug)]
enum Waits {
    Answer(u32, Op, Wanted),
    Release,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Done,
    Success,
    /// It may be gone already.
    Gone,
}

impl Admin {
    /// One that begins with what all clients need.
    pub(super) fn new(line: Line) -> Admin {
        let todo = VecDeque::new();
        let mut admin = Admin { line, todo, waits: None, releases: 0, released: 1 };
        admin.ask(Op::Watch, words(&["@releaseDomain", "gone"]), Wanted::Done);
        admin.ask(Op::Write, [COUNTER.as_bytes(), b"\x000"].concat(), Wanted::Done);
        admin.ask(Op::SetPerms, words(&[COUNTER, "b0"]), Wanted::Done);
        for number in 0..SOCKETS {
            admin.ask(Op::Mkdir, words(&[&format!("/clients/{number}")]), Wanted::Done);
        }
        admin.todo.push_back(Task::Tell(Done::Ready));
        admin
    }

    /// Over another line, since the daemon has ended while it had nothing to do.
    pub(super) fn connect_again(&mut self, line: Line) {
        self.line = line;
        // The first event of a new watch.
        self.released = self.releases + 1;
        self.ask(Op::Watch, words(&["@releaseDomain", "gone"]), Wanted::Done);
        self.todo.push_back(Task::AwaitFirst);
    }

    fn ask(&mut self, op: Op, payload: Vec<u8>, wanted: Wanted) {
        self.todo.push_back(Task::Ask(op, payload, wanted));
    }

    /// Whether it has nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.todo.is_empty() && self.waits.is_none()
    }

    /// What it waits for.
    pub(super) fn waits_for(&self) -> String {
        format!("the toolstack: {:?}, events {} of {}", self.waits, self.releases, self.released)
    }

    /// Creates a domain.
    pub(super) fn create(&mut self, domid: DomId) {
        let (id, home) = (domid.to_string(), format!("/local/domain/{domid}"));
        self.ask(Op::Control, words(&["sim", "create", &id]), Wanted::Success);
        self.ask(Op::Mkdir, words(&[&home]), Wanted::Done);
        self.ask(Op::SetPerms, words(&[&home, &format!("r{domid}")]), Wanted::Done);
        self.ask(Op::Introduce, words(&[&id, "1", "1"]), Wanted::Done);
        self.todo.push_back(Task::Tell(Done::Created(domid)));
    }

    /// Destroys a domain, waits to be told that it is gone, and removes what may be left.
    pub(super) fn destroy(&mut self, domid: DomId) {
        let (id, home) = (domid.to_string(), format!("/local/domain/{domid}"));
        self.ask(Op::Control, words(&["sim", "destroy", &id]), Wanted::Success);
        self.todo.push_back(Task::AwaitRelease);
        self.ask(Op::Rm, words(&[&home]), Wanted::Gone);
        self.todo.push_back(Task::Tell(Done::Destroyed(domid)));
    }

    /// Goes on. What has come to its end, if anything has, and whether anything has moved.
    pub(super) fn step(&mut self) -> Result<(Option<Done>, bool), String> {
        let mut has_moved = self.line.pump(usize::MAX)?;
        while let Some((header, payload)) = self.line.message() {
            self.take(header, &payload)?;
        }
        if matches!(self.waits, Some(Waits::Release)) && self.releases >= self.released {
            self.waits = None;
        }
        if self.waits.is_some() {
            return Ok((None, has_moved));
        }
        let done = match self.todo.pop_front() {
            None => None,
            Some(Task::Tell(done)) => Some(done),
            Some(Task::AwaitFirst) => {
                self.waits = Some(Waits::Release);
                None
            }
            Some(Task::AwaitRelease) => {
                self.released += 1;
                self.waits = Some(Waits::Release);
                None
            }
            Some(Task::Ask(op, payload, wanted)) => {
                let id = self.line.ask(op, 0, &payload);
                self.waits = Some(Waits::Answer(id, op, wanted));
                has_moved |= self.line.pump(usize::MAX)?;
                None
            }
        };
        Ok((done, has_moved || done.is_some()))
    }

    fn take(&mut self, header: Header, payload: &[u8]) -> Result<(), String> {
        if header.op == Op::WatchEvent as u32 {
            self.releases += 1;
            return Ok(());
        }
        let Some(Waits::Answer(id, op, wanted)) = self.waits.take() else {
            return Err(format!("the toolstack gets an answer to nothing: {header:?}"));
        };
        let fine = match wanted {
            Wanted::Done => payload == DONE && header.op == op as u32,
            Wanted::Success => header.op == op as u32,
            Wanted::Gone => payload == DONE || payload == b"ENOENT\0",
        };
        if header.req_id != id || !fine {
            let payload = payload.escape_ascii();
            return Err(format!("the toolstack's {op:?} is answered {header:?} {payload}"));
        }
        Ok(())
    }
}
