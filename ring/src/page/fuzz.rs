//! The entry point for a fuzzer: a guest that does with its page whatever it likes, beside one that
//! keeps the rules.

use std::collections::VecDeque;

use super::{
    guest::{Client, Habits, Liar},
    layout::{ERROR_NONE, Lane, RING_SIZE, Word},
    rig::Rig,
};
use crate::v1::{Op, features};

/// Takes `data` for what two guests of one store do with their pages, and when the server sweeps
/// which. The first guest sends requests and garbage, and writes into any word and any byte; the
/// second is honest. The server must not panic; the honest guest must get a reply for each of its
/// requests, in order; the liar's ring must say so when the server has given it up, and serve it
/// again after a reconnection. In the end the store's accounts must add up.
///
/// # Panics
/// Where that doesn't hold.
pub fn page(data: &[u8]) {
    let mut data = data.iter().copied();
    let mut byte = || data.next();
    let Some(start) = byte() else { return };
    let Some(mut run) = Run::new(start) else { return };
    while let Some(command) = byte() {
        if run.command(command, &mut || byte().unwrap_or(0)).is_none() {
            return; // The system has no memory for pages.
        }
    }
    run.finish();
}

const LIAR: usize = 0;
const HONEST: usize = 1;

struct Run {
    rig: Rig,
    clients: [Client; 2],
    liar: Liar,
    /// The ids that the honest guest's next replies must have.
    expected: VecDeque<u32>,
}

impl Run {
    fn new(start: u8) -> Option<Run> {
        let mut rig = Rig::new();
        let offered = features::OFFERED | features::RECONNECTION;
        let start = u32::from(start).wrapping_sub(128).wrapping_mul(16);
        let (first, second) = (rig.guest(5, offered, start)?, rig.guest(6, offered, start)?);
        rig.tell(Op::Mkdir, b"/shared\0");
        rig.tell(Op::SetPerms, b"/shared\0b0\0");
        rig.tell(Op::Mkdir, b"/local/domain/5\0");
        rig.tell(Op::SetPerms, b"/local/domain/5\0n5\0r6\0");
        rig.tell(Op::Mkdir, b"/local/domain/6\0");
        rig.tell(Op::SetPerms, b"/local/domain/6\0n6\0r5\0");
        let (habits, other) = match start & 16 {
            0 => (Habits::LINUX, Habits::MINIOS),
            _ => (Habits::FIRMWARE, Habits::LINUX),
        };
        let clients = [rig.client(first, habits)?, rig.client(second, other)?];
        let liar = rig.liar(LIAR)?;
        Some(Run { rig, clients, liar, expected: VecDeque::new() })
    }

    fn command(&mut self, command: u8, byte: &mut impl FnMut() -> u8) -> Option<()> {
        let at = usize::from(command % 2);
        match (command / 2) % 12 {
            0..=2 => self.ask(at, byte)?,
            3 | 4 => {
                self.pump(at)?;
            }
            5 | 6 => {
                self.rig.sweep(at)?;
            }
            7 => self.lie(byte),
            8 => {
                let lane = if at == 0 { Lane::Requests } else { Lane::Responses };
                let (place, len) = (usize::from(byte()) * 4, byte() % 32);
                let bytes: Vec<u8> = (0..len).map(|_| byte()).collect();
                self.liar.scribble(lane, place, &bytes);
            }
            9 => {
                let bytes: Vec<u8> = (0..byte()).map(|_| byte()).collect();
                self.clients.get_mut(LIAR)?.push(bytes);
            }
            10 => self.reconnect(at)?,
            _ if at == 0 => self.rig.introduce(LIAR)?,
            _ => self.clients.get_mut(LIAR)?.end().wipe(),
        }
        Some(())
    }

    fn ask(&mut self, at: usize, byte: &mut impl FnMut() -> u8) -> Option<()> {
        let ops = Op::ALL;
        let op = *ops.get(usize::from(byte()) % ops.len())?;
        let (tx_id, len) = (u32::from(byte() % 4), usize::from(byte()) * 8);
        let mut payload = PATHS.get(usize::from(byte()) % PATHS.len())?.to_vec();
        payload.resize(payload.len().saturating_add(len), b'v');
        let req_id = self.clients.get_mut(at)?.ask(op, tx_id, &payload);
        if at == HONEST {
            self.expected.push_back(req_id);
        }
        Some(())
    }

    fn lie(&mut self, byte: &mut impl FnMut() -> u8) {
        let word = Word::ALL.get(usize::from(byte() % 8)).copied().unwrap_or(Word::Error);
        let how = byte();
        let value = match how % 4 {
            0 => u32::from_le_bytes([byte(), byte(), byte(), byte()]),
            1 => self.liar.get(word).wrapping_add(how.into()),
            2 => self.liar.get(word).wrapping_sub(how.into()),
            _ => self.liar.get(word).wrapping_add(RING_SIZE),
        };
        self.liar.set(word, value);
    }

    /// Moves what a guest can move, and checks what it gets. Whether anything moved.
    fn pump(&mut self, at: usize) -> Option<bool> {
        let client = self.clients.get_mut(at)?;
        // The liar may have lied to its own client too.
        let moved = client.pump();
        assert!(moved.is_ok() || at == LIAR, "the server lies: {moved:?}");
        while let Some((header, payload)) = client.message() {
            if at == LIAR {
                continue;
            }
            if header.op == Op::WatchEvent as u32 {
                assert_eq!(payload.iter().filter(|byte| **byte == 0).count(), 2);
            } else {
                assert_eq!(Some(header.req_id), self.expected.pop_front());
            }
        }
        Some(moved.unwrap_or(false))
    }

    fn reconnect(&mut self, at: usize) -> Option<()> {
        self.clients.get_mut(at)?.reconnect();
        self.rig.sweep(at)?;
        assert!(self.clients.get_mut(at)?.end().has_reconnected(), "it was offered");
        let ring = self.rig.rings.get(at)?;
        assert_eq!(
            (ring.server.failure(), ring.server.indices()),
            (None, super::Indices::default())
        );
        assert!(ring.bells > 0);
        if at == HONEST {
            self.expected.clear();
        } else {
            assert_eq!(self.liar.get(Word::Error), ERROR_NONE);
        }
        Some(())
    }

    /// The liar goes; the honest guest gets what is due to it.
    fn finish(mut self) -> Option<()> {
        let failure = self.rig.rings.get(LIAR)?.server.failure();
        let is_failed = self.rig.conn(LIAR)?.is_failed();
        assert_eq!(failure.is_some(), is_failed, "the ring and its connection fail together");
        self.rig.close(LIAR)?;
        let mut more = true;
        while more {
            more = self.rig.sweep(HONEST)?;
            more |= self.pump(HONEST)?;
        }
        assert_eq!(self.rig.rings.get(HONEST)?.server.failure(), None);
        assert!(self.expected.is_empty(), "unanswered: {:?}", self.expected);
        self.rig.close(HONEST)?;
        assert_eq!(self.rig.world.store.pin().watches(), 0);
        assert_eq!(self.rig.world.store.pin().check(), Ok(()));
        Some(())
    }
}

const PATHS: [&[u8]; 8] = [
    b"a\0",
    b"/shared/x\0",
    b"/shared\0",
    b"/local/domain/5/a\0",
    b"/local/domain/6/a\0t\0",
    b"/shared\0t\0",
    b"@releaseDomain\0t\0",
    b"T\0",
];
