//! The client against a scripted daemon: what it sends, and what it makes of each answer.

use std::io::{self, Read, Write};

use myriad_core::{DomId, Errno, Perm};

use super::{Client, Error, Event, Request, Store, limits::*};
use crate::v1::{HEADER_LEN, Header, Op, PAYLOAD_MAX};

/// A daemon that answers each request by the next reply of its script, events before it.
#[derive(Default)]
struct Daemon {
    script: Vec<Step>,
    sent: Vec<(Op, u32, Vec<u8>)>,
    out: Vec<u8>,
    /// Bytes that one read gives at most; 0 means as many as fit.
    sip: usize,
    /// Reads that time out before one succeeds.
    timeouts: usize,
}

struct Step {
    events: Vec<Vec<u8>>,
    op: Option<Op>,
    req_id_off: u32,
    payload: Vec<u8>,
}

impl Daemon {
    fn answer(mut self, payload: &[u8]) -> Daemon {
        let payload = payload.to_vec();
        self.script.push(Step { events: vec![], op: None, req_id_off: 0, payload });
        self
    }

    fn refuse(mut self, name: &str) -> Daemon {
        let payload = format!("{name}\0").into_bytes();
        let op = Some(Op::Error);
        self.script.push(Step { events: vec![], op, req_id_off: 0, payload });
        self
    }

    fn last(&mut self) -> &mut Step {
        self.script.last_mut().unwrap()
    }

    fn after_events(mut self, events: &[&[u8]]) -> Daemon {
        self.last().events = events.iter().map(|e| e.to_vec()).collect();
        self
    }

    fn client(mut self) -> Client<Daemon> {
        self.script.reverse();
        Client::new(self)
    }

    fn emit(&mut self, op: u32, req_id: u32, payload: &[u8]) {
        let len = u32::try_from(payload.len()).unwrap();
        self.out.extend(Header { op, req_id, tx_id: 0, len }.to_bytes());
        self.out.extend(payload);
    }
}

impl Write for Daemon {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        let header = Header::from_bytes(*message.first_chunk().unwrap());
        assert_eq!(message.len(), HEADER_LEN + header.len as usize, "one write, one message");
        let op = Op::from_number(header.op).unwrap();
        self.sent.push((op, header.tx_id, message[HEADER_LEN..].to_vec()));
        let step = self.script.pop().expect("a request that the script does not know");
        for event in &step.events {
            self.emit(Op::WatchEvent as u32, 0, event);
        }
        let op = step.op.map_or(header.op, |op| op as u32);
        self.emit(op, header.req_id + step.req_id_off, &step.payload);
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Daemon {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.timeouts > 0 {
            self.timeouts -= 1;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let sip = if self.sip == 0 { usize::MAX } else { self.sip };
        let n = buf.len().min(sip).min(self.out.len());
        buf[..n].copy_from_slice(&self.out[..n]);
        self.out.drain(..n);
        Ok(n)
    }
}

fn event(path: &str, token: &str) -> Event {
    Event { path: path.into(), token: token.into() }
}

/// Checks what a client has sent, all of it outside transactions.
fn assert_sent(client: &Client<Daemon>, expected: &[(Op, &[u8])]) {
    let sent = client.stream.sent.iter();
    let sent: Vec<_> = sent.map(|(op, tx, payload)| (*op, *tx, payload.as_slice())).collect();
    let expected: Vec<_> = expected.iter().map(|(op, payload)| (*op, 0, *payload)).collect();
    assert_eq!(sent, expected);
}

#[test]
fn each_call_on_the_tree_sends_what_the_protocol_says() {
    let ok = b"OK\0";
    let answers: [&[u8]; 7] = [b"v", ok, ok, ok, b"n0\0r7\0", ok, b"a\0b\0"];
    let mut c = answers.iter().fold(Daemon::default(), |d, a| d.answer(a)).client();
    assert_eq!(c.read("/a").unwrap(), b"v");
    c.write("/a", b"1\x002").unwrap();
    c.mkdir("/b").unwrap();
    c.rm("/b").unwrap();
    let perms = c.get_perms("/a").unwrap();
    assert_eq!(perms.iter().map(Perm::to_string).collect::<Vec<_>>(), ["n0", "r7"]);
    c.set_perms("/a", &perms).unwrap();
    assert_eq!(c.list("/").unwrap(), ["a", "b"]);
    let expected: [(Op, &[u8]); 7] = [
        (Op::Read, b"/a\0"),
        (Op::Write, b"/a\x001\x002"),
        (Op::Mkdir, b"/b\0"),
        (Op::Rm, b"/b\0"),
        (Op::GetPerms, b"/a\0"),
        (Op::SetPerms, b"/a\0n0\0r7\0"),
        (Op::Directory, b"/\0"),
    ];
    assert_sent(&c, &expected);
}

#[test]
fn each_call_on_domains_sends_what_the_protocol_says() {
    let ok = b"OK\0";
    let answers: [&[u8]; 13] = [
        ok,
        ok,
        ok,
        b"/local/domain/7\0",
        ok,
        ok,
        b"T\0",
        ok,
        ok,
        b"12\0",
        b"nodes watches\0",
        b"128\0",
        b"done\0",
    ];
    let mut c = answers.iter().fold(Daemon::default(), |d, a| d.answer(a)).client();
    c.watch("/a", "t").unwrap();
    c.watch_depth("/a", "t", 1).unwrap();
    c.unwatch("/a", "t").unwrap();
    assert_eq!(c.domain_path(DomId(7)).unwrap(), "/local/domain/7");
    c.introduce(DomId(7), 99, 3).unwrap();
    c.release(DomId(7)).unwrap();
    assert!(c.is_introduced(DomId(7)).unwrap());
    c.resume(DomId(7)).unwrap();
    c.set_target(DomId(8), DomId(7)).unwrap();
    assert_eq!(c.features().unwrap(), 12);
    assert_eq!(c.quota_names().unwrap(), ["nodes", "watches"]);
    assert_eq!(c.domain_quota(DomId(7), "watches").unwrap(), 128);
    assert_eq!(c.control("print", ["x", ""]).unwrap(), "done");

    let expected: [(Op, &[u8]); 13] = [
        (Op::Watch, b"/a\0t\0"),
        (Op::Watch, b"/a\0t\x001\0"),
        (Op::Unwatch, b"/a\0t\0"),
        (Op::GetDomainPath, b"7\0"),
        (Op::Introduce, b"7\x0099\x003\0"),
        (Op::Release, b"7\0"),
        (Op::IsDomainIntroduced, b"7\0"),
        (Op::Resume, b"7\0"),
        (Op::SetTarget, b"8\x007\0"),
        (Op::GetFeature, b""),
        (Op::GetQuota, b""),
        (Op::GetQuota, b"7\0watches\0"),
        (Op::Control, b"print\0x\0\0"),
    ];
    assert_sent(&c, &expected);
}

#[test]
fn a_refusal_names_the_operation_the_path_and_the_error() {
    let mut c = Daemon::default().refuse("EACCES").refuse("EWHATEVER").refuse("ENOENT").client();
    let error = c.read("/secret").unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EACCES));
    let text = error.to_string();
    assert!(text.starts_with("READ of /secret: ") && text.ends_with("(EACCES)"), "{text}");
    assert_eq!(c.read("/a").unwrap_err().errno(), Some(Errno::EINVAL), "an unknown name");
    assert!(!c.exists("/a").unwrap());
}

#[test]
fn what_cannot_be_sent_is_refused_before_it_is() {
    let mut c = Daemon::default().answer(b"OK\0").client();
    let too_long = vec![b'x'; PAYLOAD_MAX - 2];
    assert!(matches!(c.write("/a", &too_long), Err(Error::TooLong { len: 4097, .. })));
    assert!(matches!(c.read("/a\0b"), Err(Error::Nul { op: Op::Read, .. })));
    assert!(c.stream.sent.is_empty());
    c.write("/a", &too_long[1..]).unwrap();
}

#[test]
fn events_before_a_reply_are_queued_in_order() {
    let daemon = Daemon { sip: 3, ..Daemon::default() };
    let mut c = daemon.answer(b"v").after_events(&[b"/x\0t\0", b"y\0\0"]).client();
    assert_eq!(c.queued_event().unwrap(), None);
    assert_eq!(c.read("/a").unwrap(), b"v");
    assert_eq!(c.next_event().unwrap(), event("/x", "t"));
    assert_eq!(c.queued_event().unwrap(), Some(event("y", "")));
    c.stream.emit(Op::WatchEvent as u32, 0, b"/z\0u\0");
    assert_eq!(c.next_event().unwrap(), event("/z", "u"));
    assert!(matches!(c.next_event(), Err(Error::Lost(_))), "the end of the stream");
    assert!(matches!(c.read("/a"), Err(Error::Broken)));
}

#[test]
fn a_flood_of_events_is_bounded_and_reported() {
    let flood: Vec<&[u8]> = vec![b"/x\0t\0"; MAX_QUEUED_EVENTS + 3];
    let mut c = Daemon::default().answer(b"v").after_events(&flood).client();
    c.read("/a").unwrap();
    for _ in 0..MAX_QUEUED_EVENTS {
        assert_eq!(c.next_event().unwrap(), event("/x", "t"));
    }
    assert!(matches!(c.next_event(), Err(Error::EventsLost(3))));
    assert_eq!(c.queued_event().unwrap(), None);
}

#[test]
fn a_timeout_between_events_keeps_the_connection() {
    let mut c = Daemon { timeouts: 1, ..Daemon::default() }.client();
    c.stream.emit(Op::WatchEvent as u32, 0, b"/z\0u\0");
    assert!(matches!(c.next_event(), Err(Error::TimedOut)));
    assert_eq!(c.next_event().unwrap(), event("/z", "u"));
}

#[test]
fn a_daemon_that_breaks_the_protocol_is_left() {
    let wrong_type = |d: &mut Daemon| d.last().op = Some(Op::Write);
    let wrong_id = |d: &mut Daemon| d.last().req_id_off = 1;
    let bad_event = |d: &mut Daemon| d.last().events = vec![b"only a path\0".to_vec()];
    let too_long = |d: &mut Daemon| d.last().payload = vec![0; PAYLOAD_MAX + 1];
    for spoil in [wrong_type, wrong_id, bad_event, too_long] {
        let mut daemon = Daemon::default().answer(b"v");
        spoil(&mut daemon);
        let mut c = daemon.client();
        assert!(matches!(c.read("/a"), Err(Error::Protocol(_))));
        assert!(matches!(c.read("/a"), Err(Error::Broken)));
        assert!(matches!(c.next_event(), Err(Error::Broken)));
    }
}

#[test]
fn long_listings_come_in_parts_and_anew_when_the_children_change() {
    let mut c = Daemon::default()
        .refuse("E2BIG")
        .answer(b"5\0a\0b\0")
        .answer(b"6\0c\0")
        .answer(b"6\0a\0bb\0")
        .answer(b"6\0c\0\0")
        .client();
    assert_eq!(c.list("/d").unwrap(), ["a", "bb", "c"]);
    let offsets: Vec<_> = c.stream.sent[1..].iter().map(|s| s.2.as_slice()).collect();
    assert_eq!(offsets, [b"/d\x000\0", b"/d\x004\0", b"/d\x000\0", b"/d\x005\0"]);
}

#[test]
fn listings_end_whatever_the_daemon_sends() {
    let mut empty = Daemon::default().answer(b"").refuse("E2BIG").answer(b"5\0\0").client();
    assert!(empty.list("/d").unwrap().is_empty());
    assert!(empty.list("/d").unwrap().is_empty());

    let mut old = Daemon::default().refuse("E2BIG").refuse("ENOSYS").client();
    assert_eq!(old.list("/d").unwrap_err().errno(), Some(Errno::E2BIG));

    for part in [&b"5\0"[..], b"5", b"", b"123456789012345678901\0a\0\0"] {
        let mut c = Daemon::default().refuse("E2BIG").answer(part).client();
        assert!(matches!(c.list("/d"), Err(Error::Protocol(_))), "{part:?}");
    }
    let mut stalled = Daemon::default().refuse("E2BIG").answer(b"5\0a\0").answer(b"5\0").client();
    assert!(matches!(stalled.list("/d"), Err(Error::Protocol(_))));

    let mut daemon = Daemon::default().refuse("E2BIG");
    for _ in 0..MAX_LISTING_RESTARTS {
        daemon = daemon.answer(b"5\0a\0").answer(b"6\0a\0");
    }
    assert!(matches!(daemon.client().list("/d"), Err(Error::Unlistable { .. })));
}

#[test]
fn lookups_are_one_request() {
    let mut c = Daemon::default().answer(b"7\x009\0").refuse("ENOENT").answer(b"7 9").client();
    assert_eq!(c.lookup("domain-name", "web 1").unwrap(), ["7", "9"]);
    assert!(c.lookup("domain-name", "").unwrap().is_empty());
    assert_eq!(c.lookup_trusted("vm-name", "a").unwrap(), ["7", "9"]);
    let expected: [(Op, &[u8]); 3] = [
        (Op::Directory, b"/@index/domain-name/web_201\0"),
        (Op::Directory, b"/@index/domain-name/_\0"),
        (Op::Read, b"/@index/vm-name/a\0"),
    ];
    assert_sent(&c, &expected);
}

#[test]
fn a_transaction_is_committed_aborted_or_tried_again() {
    let mut c = Daemon::default()
        .answer(b"7\0")
        .answer(b"OK\0")
        .refuse("EAGAIN")
        .answer(b"8\0")
        .answer(b"OK\0")
        .answer(b"OK\0")
        .client();
    let mut runs = 0;
    let tries = c.transact(|tx| {
        runs += 1;
        tx.write("/a", "1").map(|()| runs)
    });
    assert_eq!(tries.unwrap(), 2);
    let ids: Vec<_> = c.stream.sent.iter().map(|s| (s.0, s.1)).collect();
    let attempt = |id| [(Op::TransactionStart, 0), (Op::Write, id), (Op::TransactionEnd, id)];
    assert_eq!(ids, [attempt(7), attempt(8)].concat());

    let mut c = Daemon::default().answer(b"7\0").refuse("ENOENT").answer(b"OK\0").client();
    let missing: Result<Vec<u8>, Error> = c.transact(|tx| tx.read("/missing"));
    assert!(missing.unwrap_err().is_not_found());
    assert_eq!(c.stream.sent[2], (Op::TransactionEnd, 7, b"F\0".to_vec()));

    let mut c = Daemon::default().answer(b"0\0").client();
    assert!(matches!(c.begin().map(drop), Err(Error::Protocol(_))), "0 is no transaction");
}

#[test]
fn a_transaction_that_always_conflicts_is_given_up() {
    let mut daemon = Daemon::default();
    for _ in 0..MAX_TRANSACTION_ATTEMPTS {
        daemon = daemon.answer(b"7\0").refuse("EAGAIN");
    }
    let result: Result<(), Error> = daemon.client().transact(|_| Ok(()));
    assert_eq!(result.unwrap_err().errno(), Some(Errno::EAGAIN));
}

#[test]
fn raw_gives_what_comes_even_errors() {
    let mut c = Daemon::default().refuse("EINVAL").answer(b"OK\0").client();
    let reply = c.raw(Op::Read as u32, 3, b"").unwrap();
    assert_eq!((reply.header.op, reply.payload.as_slice()), (Op::Error as u32, &b"EINVAL\0"[..]));
    assert_eq!(c.send(&Request::new(Op::Mkdir).text("/a")).unwrap(), b"OK\0");
}
