//! A server that is killed between the stores of its indices, and the one that comes after it.
#![allow(clippy::unwrap_used, reason = "tests")]

use myriad_ring::{
    page::{
        Indices, Memfd, Page, Scratch, ServerEnd, Word,
        guest::{GuestEnd, Habits, Liar},
    },
    v1::features::OFFERED,
};

fn server(page: &Page) -> ServerEnd {
    ServerEnd::new(page.clone(), OFFERED).with_indices_put_off()
}

fn receive(server: &mut ServerEnd, count: usize) -> Vec<u8> {
    let mut taken = Vec::new();
    let take = |bytes: &[u8]| {
        taken.extend(bytes.iter().take(count));
        count.min(bytes.len())
    };
    server.receive(&mut Scratch::default(), take).unwrap();
    taken
}

/// A server that has taken and put something, and a guest that knows nothing of it.
fn at_work(start: u32) -> (Page, ServerEnd, GuestEnd, Indices) {
    let page = Memfd::create().unwrap().map().unwrap();
    Liar::new(page.clone()).start_at(start, start);
    let mut server = server(&page);
    server.start();
    let mut guest = GuestEnd::new(page.clone(), Habits::LINUX);
    guest.send(b"three requests").unwrap();
    let old = server.indices();
    assert_eq!(receive(&mut server, 5), b"three");
    assert_eq!(receive(&mut server, 4), b" req");
    server.send([&b"ans"[..], b"wer"]).unwrap();
    server.send([&b"!"[..]]).unwrap();
    assert_eq!(server.indices(), old, "nothing is stored yet");
    (page, server, guest, old)
}

fn answer(guest: &mut GuestEnd) -> Vec<u8> {
    let mut seen = Vec::new();
    guest
        .receive(|bytes: &[u8]| {
            seen.extend_from_slice(bytes);
            bytes.len()
        })
        .unwrap();
    seen
}

#[test]
fn indices_are_stored_together_and_the_bytes_are_there() {
    for start in [0, u32::MAX - 3] {
        let (_, mut server, mut guest, old) = at_work(start);
        assert_eq!(answer(&mut guest), b"");
        server.commit();
        let moved = |index: u32, by| index.wrapping_add(by);
        let expected = Indices { taken: moved(old.taken, 9), put: moved(old.put, 7) };
        assert_eq!((server.indices(), server.intended()), (expected, expected));
        assert_eq!(answer(&mut guest), b"answer!");
        assert_eq!(receive(&mut server, 99), b"uests");
        assert!(server.take_doorbell());
    }
}

#[test]
fn whichever_stores_were_made_the_next_server_makes_the_others() {
    for start in [0, u32::MAX - 3] {
        for (stored_put, stored_taken) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let (page, killed, mut guest, old) = at_work(start);
            let intended = killed.intended();
            let liar = Liar::new(page.clone());
            if stored_put {
                liar.set(Word::ResponsesProduced, intended.put);
            }
            if stored_taken {
                liar.set(Word::RequestsConsumed, intended.taken);
            }
            drop(killed);
            let mut next = server(&page);
            assert!(next.resume(old, intended));
            assert!(next.take_doorbell(), "the guest may sleep over what it was not told of");
            assert_eq!((next.indices(), next.intended()), (intended, intended));
            assert_eq!(answer(&mut guest), b"answer!");
            assert_eq!(receive(&mut next, 99), b"uests");
        }
    }
}

#[test]
fn a_page_that_was_rewritten_has_the_last_word() {
    let (page, mut killed, _, old) = at_work(500);
    let intended = killed.intended();
    // Firmware has zeroed it.
    Liar::new(page.clone()).start_at(0, 0);
    killed.commit();
    assert_eq!((killed.indices(), killed.intended()), (Indices::default(), Indices::default()));
    let mut next = server(&page);
    assert!(!next.resume(old, intended));
    assert_eq!(next.indices(), Indices::default());
}
