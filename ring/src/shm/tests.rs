//! The two ends against each other, and against one that lies.

use super::*;
use crate::{
    page::{BadIndex, Lane},
    v1::connection::Failure,
};
use proptest::prelude::*;

fn ends(requests: u32, answers: u32) -> (ServerEnd, ClientEnd, Liar) {
    let (server, file) = ServerEnd::create(Sizes::granted(requests, answers)).unwrap();
    let liar = Liar::new(Rings::open(&file).unwrap());
    (server, ClientEnd::new(Rings::open(&file).unwrap()), liar)
}

fn take(server: &mut ServerEnd, most: usize) -> Result<Vec<u8>, BadIndex> {
    let mut scratch = vec![0; most];
    let taken = server.receive(&mut scratch, <[u8]>::len)?;
    scratch.truncate(taken);
    Ok(scratch)
}

#[test]
fn bytes_go_round_both_rings_whatever_their_sizes() {
    let (mut server, mut client, _) = ends(4096, 16384);
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    let (mut up, mut there, mut back) = (0, Vec::new(), Vec::new());
    while back.len() < bytes.len() {
        let next = bytes.len().min(up + 1000);
        up += client
            .send(&[&bytes[up..next][..(next - up) / 3], &bytes[up..next][(next - up) / 3..]])
            .unwrap();
        there.extend(take(&mut server, 777).unwrap());
        let echoed = back.len() + server_holds(&there, back.len());
        let sent = server.send([&there[back.len()..echoed]]).unwrap();
        let mut got = vec![0; sent];
        let mut have = 0;
        while have < sent {
            have += client.receive(&mut got[have..]).unwrap();
        }
        back.extend(got);
    }
    assert!(there == bytes && back == bytes);
}

fn server_holds(there: &[u8], done: usize) -> usize {
    there.len() - done
}

#[test]
fn a_ring_takes_what_fits_and_no_more() {
    let (mut server, mut client, _) = ends(4096, 4096);
    assert_eq!(client.send(&[&[1; 4000], &[2; 4000]]).unwrap(), 4096);
    assert_eq!(client.send(&[&[3]]).unwrap(), 0);
    assert!(!client.finds(false, true).unwrap());
    assert_eq!(take(&mut server, 10_000).unwrap().len(), 4096);
    assert!(client.finds(false, true).unwrap());
    assert_eq!(client.send(&[&[3]]).unwrap(), 1);
}

#[test]
fn only_who_sleeps_for_it_is_woken_and_once() {
    let (mut server, mut client, _) = ends(4096, 4096);
    client.send(&[b"awake"]).unwrap();
    assert!(!client.take_bell());
    assert!(server.look_again(true, false).unwrap(), "there is something");
    take(&mut server, 100).unwrap();
    assert!(!server.look_again(true, false).unwrap());
    client.send(&[b"asleep"]).unwrap();
    assert!(client.take_bell() && !client.take_bell());
    client.send(&[b"woken"]).unwrap();
    assert!(!client.take_bell(), "one bell is enough");
    take(&mut server, 100).unwrap();
    server.send([&b"an answer"[..]]).unwrap();
    assert!(!server.look_again(true, false).unwrap());
    assert_eq!(client.receive(&mut [0; 64]).unwrap(), 9);
    assert!(!client.take_bell(), "it sleeps for requests, not for room");
    server.send([&[0; 5000][..]]).unwrap();
    assert!(!server.look_again(true, true).unwrap());
    client.receive(&mut [0; 64]).unwrap();
    assert!(client.take_bell(), "it sleeps for room");
}

#[test]
fn an_impossible_index_ends_it_and_is_told() {
    for (place, lie) in [
        (Place::RequestsProduced, 4097),
        (Place::RequestsProduced, u32::MAX),
        (Place::AnswersConsumed, 1),
        (Place::AnswersConsumed, 4096_u32.wrapping_neg() - 1),
    ] {
        let (mut server, client, liar) = ends(4096, 4096);
        let is_input = place == Place::RequestsProduced;
        liar.set(place, liar.get(place).wrapping_add(lie));
        // More than fits: the index of the other side is looked at.
        let found = if is_input {
            take(&mut server, 64).map(|bytes| bytes.len())
        } else {
            server.send([&[1; 5000][..]])
        };
        let bad = found.unwrap_err();
        assert_eq!(bad.lane, if is_input { Lane::Requests } else { Lane::Responses });
        assert_eq!(client.error(), Failure::RingIndex.number());
        assert_eq!(take(&mut server, 64).unwrap(), [], "{place:?}: given up");
        assert_eq!(server.send([&b"more"[..]]).unwrap(), 0);
    }
}

#[test]
fn its_own_indices_and_the_header_are_not_looked_at() {
    let (mut server, mut client, liar) = ends(4096, 4096);
    for place in [
        Place::RequestsConsumed,
        Place::AnswersProduced,
        Place::RequestsSize,
        Place::AnswersSize,
        Place::Magic,
        Place::Version,
        Place::Error,
    ] {
        liar.set(place, 0xdead_beef);
    }
    client.send(&[b"a request"]).unwrap();
    assert_eq!(take(&mut server, 64).unwrap(), b"a request");
    assert_eq!(server.send([&b"an answer"[..]]).unwrap(), 9);
    let mut got = [0; 64];
    assert_eq!(client.receive(&mut got).unwrap(), 9);
    assert_eq!(&got[..9], b"an answer");
}

#[test]
fn what_comes_after_the_end_is_not_taken() {
    let (mut server, mut client, _) = ends(4096, 4096);
    client.send(&[b"before"]).unwrap();
    server.close();
    client.send(&[b"after"]).unwrap();
    server.close();
    assert_eq!(take(&mut server, 64).unwrap(), b"before");
    assert!(!server.finds(true, false).unwrap());
}

#[test]
fn a_file_that_is_none_of_rings_is_refused() {
    let page = crate::page::Memfd::create().unwrap();
    assert_eq!(Rings::open(&page).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    for (place, value) in [
        (Place::Version, VERSION + 1),
        (Place::RequestsSize, 1 << 20),
        (Place::AnswersSize, 3 << 12),
        (Place::AnswersSize, 0),
    ] {
        let (rings, file) = Rings::create(Sizes::granted(4096, 4096)).unwrap();
        assert!(
            rustix::fs::ftruncate(&file, 0).is_err()
                && rustix::fs::ftruncate(&file, 1 << 30).is_err()
        );
        Liar::new(rings).set(place, value);
        assert_eq!(Rings::open(&file).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    }
}

#[test]
fn no_bell_is_lost_between_threads() {
    const ROUNDS: u32 = 20_000;
    let (mut server, mut client, _) = ends(4096, 4096);
    let (wake_server, server_woken) = std::sync::mpsc::channel::<()>();
    let (wake_client, client_woken) = std::sync::mpsc::channel::<()>();
    let serve = std::thread::spawn(move || {
        for round in 0..ROUNDS {
            let mut got = Vec::new();
            while got.len() < 4 {
                let bytes = take(&mut server, 4 - got.len()).unwrap();
                got.extend(&bytes);
                // Were a bell lost, it would sleep for ever.
                if bytes.is_empty() && !server.look_again(true, false).unwrap() {
                    server_woken.recv().unwrap();
                    server.awake();
                }
            }
            assert_eq!(got, round.to_le_bytes());
            assert_eq!(server.send([&got[..]]).unwrap(), 4);
            if server.take_bell() {
                wake_client.send(()).unwrap();
            }
        }
    });
    for round in 0..ROUNDS {
        assert_eq!(client.send(&[&round.to_le_bytes()]).unwrap(), 4);
        if client.take_bell() {
            wake_server.send(()).unwrap();
        }
        let mut got = [0; 4];
        while client.receive(&mut got).unwrap() == 0 {
            if !client.look_again(true, false).unwrap() {
                client_woken.recv().unwrap();
                client.awake();
            }
        }
        assert_eq!(got, round.to_le_bytes());
    }
    serve.join().unwrap();
}

/// What a client does, and what the server does beside it.
#[derive(Clone, Debug)]
enum Act {
    Lie(Place, u32),
    Scribble(u8),
    Receive(usize, usize),
    Send(usize),
    Look(bool, bool),
    Bell,
    Close,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let places = proptest::sample::select(Place::ALL.to_vec());
    let near = prop_oneof![0..9000_u32, (0..9000_u32).prop_map(u32::wrapping_neg), any::<u32>()];
    let act = prop_oneof![
        4 => (places, near).prop_map(|(place, by)| Act::Lie(place, by)),
        1 => any::<u8>().prop_map(Act::Scribble),
        4 => (0..10_000_usize, 0..10_000_usize).prop_map(|(room, take)| Act::Receive(room, take)),
        4 => (0..10_000_usize).prop_map(Act::Send),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(input, output)| Act::Look(input, output)),
        1 => Just(Act::Bell),
        1 => Just(Act::Close),
    ];
    proptest::collection::vec(act, 1..60)
}

proptest! {
    /// Whatever stands in the memory, as much is moved as a ring holds at most, an error is one of
    /// an impossible pair, comes once, and is told.
    #[test]
    fn any_lies_are_survived(acts in acts()) {
        let (mut server, client, liar) = ends(4096, 8192);
        let mut failed = false;
        for act in acts {
            let moved = match act {
                Act::Lie(Place::Error, _) => Ok(0),
                Act::Lie(place, by) => {
                    liar.set(place, liar.get(place).wrapping_add(by));
                    Ok(0)
                }
                Act::Scribble(byte) => {
                    liar.scribble(Lane::Requests, 0, &[byte; 5000]);
                    liar.scribble(Lane::Responses, 4000, &[byte; 5000]);
                    Ok(0)
                }
                Act::Receive(room, take) => {
                    let taken = server.receive(&mut vec![0; room], |bytes| take.min(bytes.len()));
                    if let Ok(taken) = taken {
                        prop_assert!(taken <= room.min(take).min(4096));
                    }
                    taken
                }
                Act::Send(len) => {
                    let put = server.send([&vec![1; len / 2][..], &vec![2; len - len / 2]]);
                    if let Ok(put) = put {
                        prop_assert!(put <= len.min(8192));
                    }
                    put
                }
                Act::Look(input, output) => {
                    server.look_again(input, output).map(usize::from)
                }
                Act::Bell => Ok(usize::from(server.take_bell())),
                Act::Close => {
                    server.close();
                    Ok(0)
                }
            };
            match moved {
                Err(bad) => {
                    prop_assert!(!failed, "once");
                    let size = if bad.lane == Lane::Requests { 4096 } else { 8192 };
                    prop_assert!(bad.produced.wrapping_sub(bad.consumed) > size);
                    prop_assert_eq!(client.error(), Failure::RingIndex.number());
                    failed = true;
                }
                Ok(moved) => prop_assert!(!failed || moved <= 1, "given up"),
            }
        }
    }
}
