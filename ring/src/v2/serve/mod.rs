//! The server's half of v2: what a connection has beside what it has in v1, and how it answers.
//!
//! A [`Speaker`] is there once both sides have agreed. Who the client is, its quotas and what
//! waits to be sent stay with the connection: v2 checks what v1 checks, by the same code.
//! Invariants:
//!
//! 1. A message is answered by one message, with its operation and id; in order.
//! 2. A request that fails has changed nothing, and its answer says which record of it is to blame.
//! 3. What an answer takes is bounded before it is made: records, bytes, snapshots.

mod answer;
mod around;
mod commit;
mod feeds;
mod kinds;
mod past;
mod read;
mod ring;
mod snapshots;
mod watch;

use myriad_core::{Errno, Quota, Store};

use crate::{
    v1::{
        Header, Host,
        connection::{FirstEvent, Peer, ops::Ops, session::Session},
    },
    v2::{
        Input, Next, Op, Request,
        frame::Frame,
        limits::{
            GUEST_ITEMS_MAX, GUEST_MESSAGE_MAX, ITEMS_MAX, ITEMS_PER_REQUEST, MESSAGE_MAX,
            SNAPSHOTS_MAX,
        },
        records,
    },
};
pub(crate) use answer::{accepts, bad_frame, classic, event, told, welcome, with_error};
pub(crate) use around::Around;
use around::Failed;
use feeds::Feeds;
pub use feeds::{Followed, Past, Told};
use kinds::Kinds;
pub use past::Question;
use snapshots::Snapshots;

/// What a connection has once it speaks v2.
#[derive(Debug)]
pub(crate) struct Speaker {
    pub(crate) input: Input,
    /// The answer that agrees has been queued: v2 begins.
    pub(crate) speaks: bool,
    pub(crate) snapshots: Snapshots,
    /// The subscriptions.
    pub(crate) feeds: Feeds,
    /// Which watches hear of some kinds of change alone.
    pub(crate) kinds: Kinds,
    /// How many requests of v1 the last one counts as.
    pub(crate) weight: usize,
    /// Events of new watches, to follow the answer that is held.
    pub(crate) first_events: Vec<FirstEvent>,
    /// The id of the request that waits for its answer.
    pub(crate) waiting: u64,
    /// It has rings in a memory file.
    has_rings: bool,
    features: u32,
    items_max: usize,
    message_max: usize,
}

/// An executed request, as an access log shows it.
#[derive(Clone, Copy, Debug)]
pub struct Executed<'a> {
    /// Who sent it.
    pub peer: Peer,
    /// The operation.
    pub op: Op,
    /// What it said; none where it could not be read.
    pub request: Option<&'a Request<'a>>,
    /// Its end.
    pub result: Result<(), Errno>,
}

/// What it came to.
#[derive(Debug)]
pub(crate) struct Served {
    /// The answer, as it is to be sent.
    pub(crate) reply: Vec<u8>,
    /// The publication that it was computed at.
    pub(crate) seq: u64,
    /// The request of v1 whose answer comes later.
    pub(crate) later: Option<Header>,
}

/// The publication at which a request succeeded.
type Done = Result<u64, Failed>;

impl Speaker {
    pub(crate) fn new(session: &Session, wanted: u32) -> Speaker {
        let is_guest = session.is_guest();
        let offered = records::OFFERED & !if is_guest { PRIVILEGED } else { 0 };
        let is_program = !is_guest && matches!(session.peer, Peer::Socket(_));
        let offered = offered & !if is_program { 0 } else { records::RINGS };
        let message_max = if is_guest { GUEST_MESSAGE_MAX } else { MESSAGE_MAX };
        Speaker {
            input: Input::new(message_max),
            speaks: false,
            snapshots: Snapshots::default(),
            feeds: Feeds::default(),
            kinds: Kinds::default(),
            weight: 1,
            first_events: Vec::new(),
            waiting: 0,
            has_rings: false,
            features: wanted & offered,
            items_max: if is_guest { GUEST_ITEMS_MAX } else { ITEMS_MAX },
            message_max,
        }
    }

    /// How many bytes of a message in fragments there is room for.
    pub(crate) fn room(&self, session: &Session, waiting: usize) -> usize {
        session.memory_left(waiting).min(self.message_max)
    }

    /// How many snapshots it may have. A guest: as many as transactions, which C refuses at the
    /// value of the quota.
    fn snapshots_max(&self, session: &Session) -> usize {
        match session.limit(Quota::Transactions) {
            0 => SNAPSHOTS_MAX,
            most => {
                usize::try_from(most).map_or(SNAPSHOTS_MAX, |most| (most - 1).min(SNAPSHOTS_MAX))
            }
        }
    }

    /// The operation of the request of v1 that the next message carries.
    pub(crate) fn next_classic(&self) -> Option<crate::v1::Op> {
        let Ok(Next::Message(frame, body)) = self.input.message() else { return None };
        let header = body.first_chunk().filter(|_| frame.operation() == Some(Op::Classic))?;
        crate::v1::Op::from_number(Header::from_bytes(*header).op)
    }

    /// Executes a request and makes its answer. `body`: none where there was no room for it.
    pub(crate) fn serve(
        &mut self,
        frame: &Frame,
        body: Option<&[u8]>,
        around: &mut Around<'_>,
    ) -> Served {
        let (number, id) = (frame.op.get(), frame.id.get());
        self.weight = 1;
        let Some(body) = body else {
            let failed = Failed::new(Errno::ENOMEM, "there is no room for the message");
            return Self::refuse(number, id, failed, around);
        };
        let Some(op) = frame.operation().filter(|op| self.offers(*op)) else {
            let why = "the operation is not known, or was not agreed upon";
            let failed = Failed::new(Errno::ENOSYS, why);
            return Self::refuse(number, id, failed, around);
        };
        let request = Request::parse(op, body, self.items_max);
        self.weight = request.as_ref().map_or(1, weight);
        let peer = around.session.peer;
        let log = |host: &mut dyn Host, result| {
            host.executed_v2(&Executed { peer, op, request: request.as_ref().ok(), result });
        };
        let request = match &request {
            Ok(request) => request,
            Err(bad) => {
                let failed = Failed::from(*bad);
                log(around.host, Err(failed.errno));
                return Self::refuse(number, id, failed, around);
            }
        };
        if let Request::Classic(header, payload) = request {
            return self.classic(id, *header, payload, around);
        }
        if let Request::History(question, path) = request {
            let asked = self.ask(id, question, path, around);
            log(around.host, asked.as_ref().map(|_| ()).map_err(|failed| failed.errno));
            return asked.unwrap_or_else(|failed| Self::refuse(number, id, failed, around));
        }
        let mut out = crate::v2::frame::begin();
        let done = self.dispatch(request, around, id, &mut out);
        log(around.host, done.as_ref().map(|_| ()).map_err(|failed| failed.errno));
        match done {
            Ok(seq) => {
                crate::v2::frame::finish(&mut out, number, crate::v2::frame::REPLY, id, 0);
                Served { reply: out, seq: since(seq, around.store), later: None }
            }
            Err(failed) => Self::refuse(number, id, failed, around),
        }
    }

    fn offers(&self, op: Op) -> bool {
        let feature = match op {
            Op::Watch | Op::Unwatch => records::WATCHES,
            Op::Snapshot | Op::SnapshotEnd => records::SNAPSHOTS,
            Op::Lookup => records::LOOKUPS,
            Op::Classic => records::CLASSICS,
            Op::Ring => records::RINGS,
            Op::Subscribe | Op::Unsubscribe => records::FEEDS,
            Op::History => records::HISTORIES,
            Op::WatchEvent | Op::Feed => return false,
            Op::Info | Op::Get | Op::GetMany | Op::List | Op::Commit => return true,
        };
        self.features & feature != 0
    }

    fn dispatch(
        &mut self,
        request: &Request<'_>,
        around: &mut Around<'_>,
        id: u64,
        out: &mut Vec<u8>,
    ) -> Done {
        match request {
            Request::Info => Ok(self.info(around, out)),
            Request::Get(get, path) => self.get(get, path, around, out),
            Request::GetMany(get, paths) => self.get_many(get, paths, around, out),
            Request::List(list, path) => self.list(list, path, around, out),
            Request::Lookup { snapshot, index, key } => {
                self.lookup(*snapshot, (index, key), around, out)
            }
            Request::Commit(steps) => commit::commit(steps, id, around, out),
            Request::Watch(watches) => self.watch(watches, around, out),
            Request::Unwatch(watches) => self.unwatch(watches, around),
            Request::Snapshot => self.snapshot(around, out),
            Request::SnapshotEnd(number) => self.snapshots.end(*number).map(|()| 0),
            Request::Ring(sizes) => self.ring(sizes, around, out),
            Request::Subscribe(of, path) => self.subscribe(of, path, around, out),
            Request::Unsubscribe(token) => self.feeds.end(*token).map(|()| 0),
            // Executed before.
            Request::Classic(..) | Request::History(..) => Ok(0),
        }
    }

    fn refuse(number: u16, id: u64, failed: Failed, around: &Around<'_>) -> Served {
        let reply = answer::failure(number, id, &failed);
        Served { reply, seq: since(failed.seq, around.store), later: None }
    }

    /// A request of v1, and its answer of v1 in one of v2.
    fn classic(
        &mut self,
        id: u64,
        header: Header,
        payload: &[u8],
        around: &mut Around<'_>,
    ) -> Served {
        use crate::v1::Op as Classics;
        if let Some(Classics::Watch | Classics::Unwatch) = Classics::from_number(header.op) {
            let failed = Failed::new(Errno::EINVAL, "a connection of v2 has watches of v2 alone");
            return Self::refuse(Op::Classic as u16, id, failed, around);
        }
        let mut out = Vec::new();
        let ops = Ops {
            session: &mut *around.session,
            store: around.store,
            host: &mut *around.host,
            header,
            out: &mut out,
            now: around.now,
            upto: 0,
            waiting: around.waiting,
            first_event: None,
            later: false,
        };
        let ran = ops.run(payload);
        self.waiting = id;
        let later = ran.later.then_some(header);
        Served { reply: answer::classic(id, &out), seq: ran.seq, later }
    }
}

/// What guests aren't offered.
const PRIVILEGED: u32 = records::LOOKUPS | records::FEEDS | records::HISTORIES;

/// A publication, or the current one where the answer asked the store for nothing: it comes after
/// all that happened before.
fn since(seq: u64, store: &Store) -> u64 {
    if seq == 0 { store.pin().seq() } else { seq }
}

/// How many requests of v1 one counts as.
fn weight(request: &Request<'_>) -> usize {
    let items = match request {
        Request::GetMany(_, paths) => paths.len(),
        Request::Commit(steps) => steps.len(),
        Request::Watch(watches) => watches.len(),
        Request::Unwatch(watches) => watches.len(),
        // A page of a listing.
        Request::List(..) => 8 * ITEMS_PER_REQUEST,
        _ => 1,
    };
    items.div_ceil(ITEMS_PER_REQUEST).max(1)
}
