//! A client of the test's server that speaks v2.

use myriad_core::Errno;

use crate::{
    v1::{HEADER_LEN, Header, connection::Progress, world::World},
    v2::{
        Frame, Record, Request, Step,
        answers::{self, EventSeen, FailureSeen},
        frame::{EVENT, FRAME_HEAD, MORE, REPLY},
        records::{self, HELLO, Hello, Kind, Welcome},
        status,
    },
};
use zerocopy::{FromBytes, IntoBytes};

/// A message of v2, its fragments put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) frame: Frame,
    pub(super) body: Vec<u8>,
}

/// What came for a request.
pub(super) type Answer = Result<Vec<u8>, (Errno, FailureSeen)>;

pub(super) fn hello(version: u16, features: u32) -> Vec<u8> {
    let hello = Hello { version: version.into(), features: features.into(), ..Hello::default() };
    let len = u32::try_from(size_of::<Hello>()).unwrap();
    let header = Header { op: HELLO, req_id: 77, tx_id: 0, len };
    [&header.to_bytes()[..], hello.as_bytes()].concat()
}

pub(super) fn step<'a>(kind: Kind, path: &'a str, value: &'a [u8]) -> Step<'a> {
    Step { kind, path: path.as_bytes(), value, stamp: 0 }
}

pub(super) fn expect(kind: Kind, path: &str, stamp: u64) -> Step<'_> {
    Step { kind, path: path.as_bytes(), value: b"", stamp }
}

pub(super) fn get(path: &str) -> Request<'_> {
    let want = (records::VALUE | records::PERMS).into();
    Request::Get(records::Get { want, ..Default::default() }, path.as_bytes())
}

impl World {
    /// Asks for v2, and gets it.
    pub(super) fn speak(&mut self, at: usize) -> Welcome {
        self.bytes(at, &hello(2, u32::MAX));
        let answer = self.take(at, usize::MAX);
        let header = Header::from_bytes(*answer.first_chunk().unwrap());
        assert_eq!((header.op, header.req_id), (HELLO, 77));
        Welcome::read_from_bytes(&answer[HEADER_LEN..]).unwrap()
    }

    /// A new client of the socket that speaks v2.
    pub(super) fn v2(&mut self) -> usize {
        let at = self.socket();
        self.speak(at);
        at
    }

    /// A new domain that does.
    pub(super) fn v2_guest(&mut self, domid: u16) -> usize {
        let at = self.guest(domid);
        self.speak(at);
        at
    }

    /// Sends bytes, as much as is taken at a time.
    pub(super) fn send_all(&mut self, at: usize, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.bytes(at, bytes);
            assert!(taken > 0, "nothing more is taken");
            bytes = &bytes[taken..];
        }
    }

    /// What was sent to a client, message by message.
    pub(super) fn messages(&mut self, at: usize) -> Vec<Seen> {
        let bytes = self.take(at, usize::MAX);
        let (mut rest, mut found, mut parts) = (&bytes[..], Vec::new(), Vec::new());
        while let Ok((frame, body)) = Frame::read_from_prefix(rest) {
            assert!(frame.is_clean());
            let (body, more) = body.split_at(frame.len());
            parts.extend_from_slice(body);
            if !frame.has_more() {
                found.push(Seen { frame, body: std::mem::take(&mut parts) });
            }
            rest = more;
        }
        assert!(rest.is_empty() && parts.is_empty(), "the stream ends within a message");
        found
    }

    /// Sends a request and gives what came: events, then the answer.
    pub(super) fn exchange(
        &mut self,
        at: usize,
        request: &Request<'_>,
    ) -> (Vec<EventSeen>, Answer) {
        self.send_all(at, &request.encode(99));
        let mut events = Vec::new();
        let mut answer = None;
        for seen in self.messages(at) {
            if seen.frame.flags.get() & EVENT != 0 {
                assert!(answer.is_none(), "an event of the request comes before its answer");
                events.push(answers::event(&seen.body).unwrap());
                continue;
            }
            assert_eq!(seen.frame.flags.get() & !MORE, REPLY);
            assert_eq!((seen.frame.op.get(), seen.frame.id.get()), (request.op() as u16, 99));
            assert!(answer.is_none(), "one answer");
            answer = Some(match status::errno(seen.frame.status.get()) {
                None => Ok(seen.body),
                Some(errno) => Err((errno, answers::failure(&seen.body).unwrap())),
            });
        }
        (events, answer.expect("there is an answer"))
    }

    pub(super) fn ask2(&mut self, at: usize, request: &Request<'_>) -> Answer {
        self.exchange(at, request).1
    }

    /// The error of a request, and the item to blame.
    pub(super) fn error(&mut self, at: usize, request: &Request<'_>) -> (Errno, Option<u32>) {
        let (errno, failure) = self.ask2(at, request).unwrap_err();
        (errno, failure.item)
    }

    pub(super) fn value(&mut self, at: usize, path: &str) -> Result<Vec<u8>, Errno> {
        let answer = self.ask2(at, &get(path));
        answer.map(|body| answers::node(&body).unwrap().value).map_err(|(errno, _)| errno)
    }

    /// A commit that succeeds; its generation.
    pub(super) fn commit(&mut self, at: usize, steps: &[Step<'_>]) -> u64 {
        let answer = self.ask2(at, &Request::Commit(steps.to_vec())).unwrap();
        answers::record::<records::Committed>(&answer).unwrap().generation.get()
    }

    pub(super) fn commit_error(&mut self, at: usize, steps: &[Step<'_>]) -> (Errno, Option<u32>) {
        self.error(at, &Request::Commit(steps.to_vec()))
    }

    /// Sends what ends the connection; the last message.
    pub(super) fn breaks(&mut self, at: usize, bytes: &[u8]) -> Option<Seen> {
        self.bytes(at, bytes);
        let ended = matches!(self.run(at), Some(Progress::Failed(_)));
        assert!(ended, "{bytes:?}");
        self.messages(at).pop()
    }
}

pub(super) const HEAD: usize = FRAME_HEAD;

impl World {
    /// A request of v1 on a connection that speaks it.
    pub(super) fn classic(
        &mut self,
        at: usize,
        op: crate::v1::Op,
        tx_id: u32,
        payload: &[u8],
    ) -> Result<Vec<u8>, String> {
        let len = u32::try_from(payload.len()).unwrap();
        let header = Header { op: op as u32, req_id: 9, tx_id, len };
        self.bytes(at, &[&header.to_bytes()[..], payload].concat());
        let answer = self.take(at, usize::MAX);
        let header = Header::from_bytes(*answer.first_chunk().unwrap());
        let payload = answer[HEADER_LEN..].to_vec();
        if header.op == crate::v1::Op::Error as u32 {
            return Err(String::from_utf8(payload).unwrap().trim_end_matches('\0').into());
        }
        Ok(payload)
    }
}
