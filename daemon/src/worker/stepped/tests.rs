//! What is shown best by moving a worker by hand.

use std::{
    collections::HashMap,
    io::{Read, Write},
};

use myriad_core::Config;
use myriad_ring::{
    page::{
        Doorbells,
        guest::{Client, Habits},
    },
    v1::{Header, Op, features::OFFERED},
};

use super::*;
use crate::{limits, logs::Destination};

const GUEST: DomId = DomId(5);

fn ask(stepped: &mut Stepped, socket: &mut UnixStream, op: Op, payload: &[u8]) {
    let len = u32::try_from(payload.len()).unwrap();
    let header = Header { op: op as u32, req_id: 0, tx_id: 0, len };
    socket.write_all(&[&header.to_bytes(), payload].concat()).unwrap();
    settle(stepped);
}

/// Lets the worker do what it has to do now.
fn settle(stepped: &mut Stepped) {
    while stepped.asleep(0).is_none() || stepped.step(0).unwrap() {
        stepped.step(0).unwrap();
    }
}

/// What the guest gets, ringing when it must.
fn exchange(stepped: &mut Stepped, beside: &Neighbour, guest: &mut Client) -> Vec<u32> {
    let mut got = Vec::new();
    while guest.pump().unwrap() {
        while let Some((header, _)) = guest.message() {
            got.push(header.op);
        }
        if guest.take_doorbell() {
            stepped.ring(beside, GUEST).unwrap();
        }
        settle(stepped);
    }
    got
}

/// One worker, whose files go with it.
struct Alone {
    stepped: Stepped,
    _folder: tempfile::TempDir,
}

impl Alone {
    fn new() -> Alone {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            workers: 1,
            control: DomId::ZERO,
            sim_dir: folder.path().join("sim"),
            store_domid: DomId::ZERO,
            watch_event_timeout: None,
            doorbells: Doorbells::default(),
        };
        let host = Arc::new(sim::Host::open(&settings.sim_dir, DomId::ZERO).unwrap());
        let logs = Logs::start(Destination::Stderr, None).unwrap();
        let store = Store::new(&Config { features: OFFERED, ..Config::default() }).unwrap();
        let (kept, formers, sockets, past) = (None, HashMap::new(), None, None);
        let content = Content { store, kept, formers, sockets, store_number: 1, past };
        let stepped = Stepped::new(settings, content, host, logs).unwrap();
        Alone { stepped, _folder: folder }
    }

    /// A guest that watches `/a`, almost as long as its ring, and a program beside it.
    fn guest(&mut self, habits: Habits) -> (UnixStream, Neighbour, Client) {
        let stepped = &mut self.stepped;
        let mut dom0 = stepped.connect().unwrap();
        ask(stepped, &mut dom0, Op::Control, b"sim\0create\x005\0");
        ask(stepped, &mut dom0, Op::Introduce, b"5\x001\x001\0");
        ask(stepped, &mut dom0, Op::Write, &[&b"/a\0"[..], &[b'x'; 900]].concat());
        ask(stepped, &mut dom0, Op::SetPerms, b"/a\0b0\0");
        let beside = stepped.neighbour(1).unwrap();
        let (page, _) = stepped.attach(&beside, GUEST).unwrap();
        let mut guest = Client::new(page.map().unwrap(), habits);
        guest.ask(Op::Watch, 0, b"/a\0token\0");
        let got = exchange(stepped, &beside, &mut guest);
        assert_eq!(got, [Op::Watch as u32, Op::WatchEvent as u32]);
        (dom0, beside, guest)
    }
}

/// A program that counts at `/count`, in one transaction after another.
struct Counter {
    socket: UnixStream,
    stage: Op,
    tx_id: u32,
    counted: u32,
    failed: u32,
}

impl Counter {
    fn new(stepped: &mut Stepped) -> Counter {
        let socket = stepped.connect().unwrap();
        let mut counter =
            Counter { socket, stage: Op::TransactionStart, tx_id: 0, counted: 0, failed: 0 };
        counter.ask(0, b"\0");
        counter
    }

    fn ask(&mut self, tx_id: u32, payload: &[u8]) {
        let len = u32::try_from(payload.len()).unwrap();
        let header = Header { op: self.stage as u32, req_id: 0, tx_id, len };
        self.socket.write_all(&[&header.to_bytes(), payload].concat()).unwrap();
    }

    /// Goes on with what it was answered; false where it waits.
    fn go_on(&mut self) -> bool {
        let mut bytes = [0; 256];
        let Ok(count) = self.socket.read(&mut bytes) else { return false };
        let text = str::from_utf8(&bytes[16..count]).unwrap().trim_end_matches('\0');
        let (stage, payload) = match self.stage {
            Op::TransactionStart => {
                self.tx_id = text.parse().unwrap();
                (Op::Read, "/count\0".to_owned())
            }
            Op::Read => (Op::Write, format!("/count\0{}", text.parse::<u32>().unwrap() + 1)),
            Op::Write => (Op::TransactionEnd, "T\0".to_owned()),
            _ => {
                self.counted += u32::from(text == "OK");
                self.failed += u32::from(text == "EAGAIN");
                (Op::TransactionStart, "\0".to_owned())
            }
        };
        self.stage = stage;
        self.ask(if stage == Op::TransactionStart { 0 } else { self.tx_id }, payload.as_bytes());
        true
    }
}

#[test]
fn a_guest_that_is_held_back_gets_its_events_when_it_has_made_room() {
    let mut alone = Alone::new();
    let (mut dom0, beside, mut guest) = alone.guest(Habits::LINUX);
    let stepped = &mut alone.stepped;
    let (event, read) = (Op::WatchEvent as u32, Op::Read as u32);
    // Two answers are more than its ring holds, and an event waits behind them.
    guest.ask(Op::Read, 0, b"/a\0");
    guest.ask(Op::Read, 0, b"/a\0");
    assert!(guest.pump().unwrap() && guest.take_doorbell());
    stepped.ring(&beside, GUEST).unwrap();
    settle(stepped);
    ask(stepped, &mut dom0, Op::Write, b"/a\0y");
    let (now, long) = (stepped.now(), Duration::from_secs(1));
    stepped.shared.pauses.pause(&[GUEST], &Arc::from("/a"), now, long);
    assert_eq!(exchange(stepped, &beside, &mut guest), [read, read, event]);
    // Its requests are: until then.
    guest.ask(Op::Read, 0, b"/a\0");
    assert_eq!(exchange(stepped, &beside, &mut guest), [] as [u32; 0]);
    stepped.advance(long);
    settle(stepped);
    assert_eq!(exchange(stepped, &beside, &mut guest), [read]);
    alone.stepped.end();
}

/// Older MiniOS doesn't ring when it has made room: the worker looks at its ring again.
#[test]
fn a_guest_that_never_rings_for_room_gets_the_rest_in_time() {
    let mut alone = Alone::new();
    let (mut dom0, beside, mut guest) = alone.guest(Habits::MINIOS);
    let stepped = &mut alone.stepped;
    // Two answers are more than its ring holds, and an event waits behind them.
    guest.ask(Op::Read, 0, b"/a\0");
    guest.ask(Op::Read, 0, b"/a\0");
    assert!(guest.pump().unwrap() && guest.take_doorbell());
    stepped.ring(&beside, GUEST).unwrap();
    settle(stepped);
    ask(stepped, &mut dom0, Op::Write, b"/a\0y");
    assert_eq!(exchange(stepped, &beside, &mut guest), [Op::Read as u32]);
    assert!(stepped.asleep(0).is_some_and(|until| until < Duration::MAX));
    stepped.advance(limits::TEND_EVERY);
    settle(stepped);
    let rest = [Op::Read as u32, Op::WatchEvent as u32];
    assert_eq!(exchange(stepped, &beside, &mut guest), rest);
    alone.stepped.end();
}

#[test]
fn a_ring_that_had_something_without_a_doorbell_is_waited_for_too() {
    let mut alone = Alone::new();
    let stepped = &mut alone.stepped;
    let mut dom0 = stepped.connect().unwrap();
    ask(stepped, &mut dom0, Op::Control, b"sim\0create\x005\0");
    ask(stepped, &mut dom0, Op::Introduce, b"5\x001\x001\0");
    ask(stepped, &mut dom0, Op::Write, b"/a\0x");
    ask(stepped, &mut dom0, Op::SetPerms, b"/a\0b0\0");
    let beside = stepped.neighbour(1).unwrap();
    let (page, _) = stepped.attach(&beside, GUEST).unwrap();
    let mut guest = Client::new(page.map().unwrap(), Habits::LINUX);
    // More than its quota of outstanding requests lets in at once: the rest waits for a sweep.
    (0..30).for_each(|_| _ = guest.ask(Op::Read, 0, b"/a\0"));
    assert!(guest.pump().unwrap() && guest.take_doorbell());
    stepped.ring(&beside, GUEST).unwrap();
    while stepped.asleep(0).is_some() {
        stepped.step(0).unwrap();
    }
    // The doorbell is long ago when the last ones come, whose doorbell is not heard.
    stepped.advance(2 * limits::HOT);
    (0..4).for_each(|_| _ = guest.ask(Op::Read, 0, b"/a\0"));
    assert!(guest.pump().unwrap());
    let mut answers = 0;
    let mut last = stepped.now();
    while stepped.asleep(0).is_none() {
        stepped.step(0).unwrap();
        guest.pump().unwrap();
        let came = std::iter::from_fn(|| guest.header()).count();
        answers += came;
        last = if came > 0 { stepped.now() } else { last };
    }
    assert_eq!(answers, 34);
    assert!(stepped.now() - last >= limits::HOT_LEAST, "it has slept at once");
    alone.stepped.end();
}

/// Everyone goes on, in turn.
fn play(stepped: &mut Stepped, counters: &mut [Counter], rounds: u32) {
    for _ in 0..rounds {
        settle(stepped);
        counters.iter_mut().for_each(|counter| _ = counter.go_on());
    }
}

#[test]
fn programs_that_meet_have_turns_and_one_that_stops_does_not_keep_the_others() {
    let mut alone = Alone::new();
    let stepped = &mut alone.stepped;
    let mut dom0 = stepped.connect().unwrap();
    ask(stepped, &mut dom0, Op::Write, b"/count\x000");
    let mut counters: Vec<Counter> = (0..8).map(|_| Counter::new(stepped)).collect();
    let counted =
        |counters: &[Counter]| -> Vec<u32> { counters.iter().map(|c| c.counted).collect() };
    play(stepped, &mut counters, 1_000);
    // They all begin at once, and one commits; it has not met anyone yet, so it makes one more
    // fail. From then on nobody does. (Without turns 3 of 4 attempts fail.)
    assert_eq!(counters.iter().map(|counter| counter.failed).sum::<u32>(), 8);
    let (least, most) =
        (*counted(&counters).iter().min().unwrap(), *counted(&counters).iter().max().unwrap());
    assert!(least >= 30 && most - least <= 2, "{least} to {most}");

    // One stops in its transaction: the others wait for it once.
    let at = counters.iter().position(|c| c.stage != Op::TransactionStart).unwrap();
    let stopped = counters.swap_remove(at);
    let before = counted(&counters);
    play(stepped, &mut counters, 4);
    assert_eq!(counted(&counters), before);
    stepped.advance(limits::TURN);
    play(stepped, &mut counters, 500);
    assert!(counted(&counters).iter().zip(&before).all(|(now, before)| *now > before + 10));
    drop(stopped);

    // One goes while others wait for it.
    let at = counters.iter().position(|c| c.stage != Op::TransactionStart).unwrap();
    counters.swap_remove(at);
    let before = counted(&counters);
    play(stepped, &mut counters, 500);
    assert!(counted(&counters).iter().zip(&before).all(|(now, before)| *now > before + 10));
    alone.stepped.end();
}
