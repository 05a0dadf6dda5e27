//! What a guest can do to its page, and what the server's end makes of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use myriad_ring::{
    page::{
        BadIndex, Indices, Lane, Memfd, Page, Scratch, ServerEnd, Word,
        guest::{GuestEnd, Habits, Liar},
        layout::{CONNECTED, ERROR_NONE, ERROR_PROTO, ERROR_RINGIDX, RECONNECT},
    },
    v1::{connection::Failure, features},
};

const OFFERED: u32 = features::OFFERED | features::RECONNECTION;

fn page() -> Page {
    Memfd::create().unwrap().map().unwrap()
}

fn server(page: &Page, features: u32) -> ServerEnd {
    let mut server = ServerEnd::new(page.clone(), features);
    server.start();
    assert!(server.take_doorbell());
    server
}

fn receive(server: &mut ServerEnd) -> Result<Vec<u8>, BadIndex> {
    let mut bytes = Vec::new();
    server.receive(&mut Scratch::default(), |shown| {
        bytes.extend_from_slice(shown);
        shown.len()
    })?;
    Ok(bytes)
}

/// What the server writes, and only that.
#[test]
fn a_start_advertises_and_keeps_the_indices() {
    let page = page();
    let liar = Liar::new(page.clone());
    liar.start_at(3000, u32::MAX);
    liar.set(Word::Connection, RECONNECT);
    liar.set(Word::EventChannel, 11);
    let server = server(&page, OFFERED);
    assert_eq!((liar.get(Word::Features), liar.get(Word::Connection)), (OFFERED, CONNECTED));
    assert_eq!(server.indices(), Indices { taken: 3000, put: u32::MAX });
    assert_eq!(server.event_channel(), Some(11));
    assert_eq!(liar.get(Word::RequestsProduced), 3000);
}

#[test]
fn an_introduction_empties_the_rings_and_tells_who_waits() {
    for (waits, bell) in [(CONNECTED, false), (RECONNECT, true)] {
        let page = page();
        let liar = Liar::new(page.clone());
        liar.start_at(500, 600);
        liar.set(Word::RequestsProduced, 700);
        liar.set(Word::Connection, waits);
        let mut server = ServerEnd::new(page, OFFERED);
        server.introduce();
        assert_eq!(server.take_doorbell(), bell);
        assert_eq!(liar.get(Word::Connection), CONNECTED);
        assert_eq!(Word::ALL[..4].iter().map(|word| liar.get(*word)).sum::<u32>(), 0);
        assert_eq!((server.indices(), server.event_channel()), (Indices::default(), None));
        assert_eq!(receive(&mut server), Ok(Vec::new()));
    }
}

#[test]
fn impossible_indices_fail_the_ring_once_and_for_good() {
    let lies = [
        (Word::RequestsProduced, 1025),
        (Word::RequestsProduced, u32::MAX),
        (Word::RequestsConsumed, 1),
        (Word::ResponsesConsumed, 1),
        (Word::ResponsesProduced, 1 << 30),
    ];
    for (word, value) in lies {
        let page = page();
        let (liar, mut server) = (Liar::new(page.clone()), server(&page, OFFERED));
        liar.set(word, value);
        let bad = match word {
            Word::RequestsProduced | Word::RequestsConsumed => receive(&mut server).unwrap_err(),
            _ => server.send([&b"x"[..]]).unwrap_err(),
        };
        assert_eq!(
            bad.produced.wrapping_sub(bad.consumed),
            match word {
                Word::RequestsConsumed | Word::ResponsesConsumed => u32::MAX,
                _ => value,
            }
        );
        assert_eq!(liar.get(Word::Error), ERROR_RINGIDX);
        assert_eq!(server.failure(), Some(Failure::RingIndex));
        // It isn't touched any more, even where it has become possible again.
        liar.start_at(0, 0);
        liar.set(Word::RequestsProduced, 100);
        assert_eq!((receive(&mut server), server.send([&b"x"[..]])), (Ok(vec![]), Ok(0)));
        assert_eq!(server.look_again(true, true), Ok(false));
        assert_eq!(liar.get(Word::RequestsConsumed), 0);
        assert!(!server.take_doorbell());
        // But the guest may begin anew.
        liar.set(Word::Connection, RECONNECT);
        assert_eq!(server.look_again(true, true), Ok(true));
        server.reconnect();
        assert_eq!((server.failure(), liar.get(Word::Error)), (None, ERROR_NONE));
        assert_eq!(GuestEnd::new(page, Habits::LINUX).send(b"again"), Ok(5));
        assert_eq!(receive(&mut server).unwrap(), b"again");
    }
}

#[test]
fn the_look_before_sleeping_finds_a_lie_too() {
    let page = page();
    let (liar, mut server) = (Liar::new(page.clone()), server(&page, OFFERED));
    liar.set(Word::ResponsesConsumed, 7);
    assert_eq!(server.look_again(true, false), Ok(false));
    let bad = BadIndex { lane: Lane::Responses, consumed: 7, produced: 0 };
    assert_eq!(server.look_again(false, true), Err(bad));
    assert_eq!(liar.get(Word::Error), ERROR_RINGIDX);
}

#[test]
fn errors_are_written_only_where_the_feature_is_offered() {
    let page = page();
    let (liar, mut server) = (Liar::new(page.clone()), server(&page, features::RECONNECTION));
    liar.set(Word::Error, 77);
    server.fail(Failure::Protocol);
    assert_eq!(liar.get(Word::Error), 77);
    let mut server = ServerEnd::new(page, features::ERROR);
    server.fail(Failure::Protocol);
    assert_eq!(liar.get(Word::Error), ERROR_PROTO);
}

#[test]
fn a_wish_to_reconnect_counts_only_where_it_was_offered() {
    let page = page();
    let (liar, mut server) = (Liar::new(page.clone()), server(&page, features::ERROR));
    liar.set(Word::Connection, RECONNECT);
    assert!(!server.wants_reconnect());
    assert_eq!(server.look_again(true, true), Ok(true), "there is room");
    assert_eq!(server.look_again(true, false), Ok(false));
    liar.set(Word::Connection, 2);
    assert!(!ServerEnd::new(page, OFFERED).wants_reconnect(), "2 means nothing");
}

/// hvmloader zeroes the page when it is done; the kernel that it starts begins at 0.
#[test]
fn firmware_may_zero_the_page() {
    let page = page();
    let (liar, mut server) = (Liar::new(page.clone()), server(&page, OFFERED));
    let mut firmware = GuestEnd::new(page.clone(), Habits::FIRMWARE);
    for _ in 0..7 {
        assert_eq!(firmware.send(&[1; 1024]), Ok(1023), "it spares a byte");
        assert_eq!(receive(&mut server).unwrap().len(), 1023);
        assert_eq!(server.send([&[2; 300][..]]), Ok(300));
        assert_eq!(firmware.receive(<[u8]>::len), Ok(300));
    }
    assert_eq!(server.indices(), Indices { taken: 7 * 1023, put: 7 * 300 });
    firmware.wipe();
    assert_eq!(liar.get(Word::Features), 0);
    let mut kernel = GuestEnd::new(page, Habits::LINUX);
    assert_eq!(kernel.send(b"hello"), Ok(5));
    assert_eq!(receive(&mut server).unwrap(), b"hello");
    assert_eq!(server.send([&b"world"[..]]), Ok(5));
    assert_eq!(server.indices(), Indices { taken: 5, put: 5 });
    assert_eq!(kernel.features(), OFFERED, "it is advertised again");
    let mut bytes = Vec::new();
    let received = kernel.receive(|shown| {
        bytes.extend_from_slice(shown);
        shown.len()
    });
    assert_eq!((received, &bytes[..]), (Ok(5), &b"world"[..]));
}

#[test]
fn what_changes_after_it_was_copied_changes_nothing() {
    let page = page();
    let (liar, mut server) = (Liar::new(page.clone()), server(&page, OFFERED));
    GuestEnd::new(page, Habits::LINUX).send(b"as it was").unwrap();
    let taken = server.receive(&mut Scratch::default(), |shown| {
        liar.scribble(Lane::Requests, 0, b"otherwise");
        liar.set(Word::RequestsProduced, 3);
        liar.set(Word::RequestsConsumed, 2);
        assert_eq!(shown, b"as it was");
        shown.len()
    });
    assert_eq!((taken, liar.get(Word::RequestsConsumed)), (Ok(9), 9));
    // The guest has now taken back what was consumed: that is impossible.
    assert!(receive(&mut server).is_err());
}

/// Another thread writes into every word and byte while the server works: each of its calls comes
/// back, and afterwards the ring can be used again.
#[test]
fn a_page_that_never_stands_still_is_survived() {
    let page = page();
    let (liar, mut server) = (Liar::new(page.clone()), server(&page, OFFERED));
    let (done, stop) = std::sync::mpsc::channel::<()>();
    let busy = std::thread::spawn(move || {
        let mut seed = 1u32;
        while stop.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
            for word in Word::ALL {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let value = if seed >> 31 == 0 { seed >> 20 } else { seed };
                liar.set(word, value);
                liar.scribble(Lane::Requests, (seed >> 22) as usize, &seed.to_le_bytes());
            }
        }
    });
    let (mut scratch, mut failures, mut bytes) = (Scratch::default(), 0, 0);
    while failures < 200 {
        let received = server.receive(&mut scratch, |shown| {
            assert!((1..=1024).contains(&shown.len()));
            shown.len()
        });
        let sent = server.send([&[7; 700][..], &[8; 700]]);
        bytes += received.unwrap_or(0) + sent.unwrap_or(0);
        assert!(received.unwrap_or(0) <= 1024 && sent.unwrap_or(0) <= 1024);
        let _ = (server.look_again(true, true), server.take_doorbell());
        if server.failure().is_some() {
            failures += 1;
            server.reconnect();
        }
    }
    drop(done);
    busy.join().unwrap();
    println!("{bytes} bytes");
    server.reconnect();
    assert_eq!(GuestEnd::new(page, Habits::LINUX).send(b"in order"), Ok(8));
    assert_eq!(receive(&mut server).unwrap(), b"in order");
}

#[test]
fn a_mapping_tells_when_it_is_gone() {
    let (said, hear) = std::sync::mpsc::channel();
    let memory = Memfd::create().unwrap();
    let mapping = myriad_ring::page::Mapping::of(&memory, 0).unwrap();
    let page = Page::new(mapping.and_then(move || said.send(()).unwrap()));
    let other = page.clone();
    drop(page);
    assert!(hear.try_recv().is_err());
    Liar::new(memory.map().unwrap()).set(Word::Error, 9);
    let other = Liar::new(other);
    assert_eq!(other.get(Word::Error), 9, "two mappings, one memory");
    drop(other);
    assert_eq!(hear.try_recv(), Ok(()));
}
