//! A client of v2 on rings that can do anything: honest bytes, lies, and nothing at all.
#![allow(dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    io::{IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use myriad_ring::{
    shm::{ClientEnd, Liar, Rings},
    v2::{
        Frame, Op, Request,
        frame::{FRAME_HEAD, first},
        records::{HELLO, RingSizes},
    },
};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::common::{Client, Daemon, message};

pub struct Raw {
    pub socket: UnixStream,
    pub end: ClientEnd,
    pub liar: Liar,
    pub file: OwnedFd,
}

/// A connection that has just agreed upon v2.
pub fn agreed(daemon: &Daemon) -> Client {
    let mut client = daemon.connect();
    let mut hello = vec![2, 0, 0, 0];
    hello.extend_from_slice(&u32::MAX.to_le_bytes());
    hello.extend_from_slice(&[0; 8]);
    client.stream.write_all(&message(HELLO, 1, 0, &hello)).unwrap();
    assert_eq!(client.receive().unwrap().0.op, HELLO);
    client
}

pub fn wanted(requests: u32, answers: u32) -> Request<'static> {
    let sizes = RingSizes { requests_size: requests.into(), answers_size: answers.into() };
    Request::Ring(sizes)
}

impl Raw {
    pub fn new(daemon: &Daemon) -> Raw {
        Raw::of(agreed(daemon).stream)
    }

    /// Asks for the smallest rings on a connection that speaks v2.
    pub fn of(socket: UnixStream) -> Raw {
        (&socket).write_all(&wanted(4096, 4096).encode(1)).unwrap();
        let (bytes, file) = receive_with_file(&socket);
        let frame = *first(&bytes).unwrap();
        assert_eq!((frame.op.get(), frame.status.get()), (Op::Ring as u16, 0));
        assert_eq!(bytes.len(), FRAME_HEAD + size_of::<RingSizes>());
        let file = file.unwrap();
        let rings = || Rings::open(&file).unwrap();
        Raw { end: ClientEnd::new(rings()), liar: Liar::new(rings()), socket, file }
    }

    /// Puts all of it into the ring, and rings where that is needed.
    pub fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let count = self.end.send(&[bytes]).unwrap();
            bytes = &bytes[count..];
            if self.end.take_bell() {
                self.ring();
            }
            std::thread::yield_now();
        }
    }

    pub fn ring(&mut self) {
        self.socket.write_all(&[0]).unwrap();
    }

    /// The next message of one frame.
    pub fn receive(&mut self) -> (Frame, Vec<u8>) {
        let head = self.take(FRAME_HEAD);
        let frame = *first(&head).unwrap();
        let body = self.take(frame.len());
        (frame, body)
    }

    pub fn ask(&mut self, request: &Request<'_>, id: u64) -> (Frame, Vec<u8>) {
        self.send(&request.encode(id));
        let (frame, body) = self.receive();
        assert_eq!((frame.op.get(), frame.id.get()), (request.op() as u16, id));
        (frame, body)
    }

    fn take(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let mut have = 0;
        while have < len {
            have += self.end.receive(&mut bytes[have..]).unwrap();
            if self.end.take_bell() {
                self.ring();
            }
            std::thread::yield_now();
        }
        bytes
    }

    /// Waits until the daemon has ended the connection; gives the error that it has left.
    pub fn ended(mut self) -> u32 {
        // With bells that nobody has heard it is a reset.
        let end = self.socket.read_to_end(&mut Vec::new());
        assert!(end.is_ok() || self.end.error() != 0);
        self.end.error()
    }
}

/// What one read gives, and the file that has come with it.
pub fn receive_with_file(socket: &UnixStream) -> (Vec<u8>, Option<OwnedFd>) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = vec![0; 4096];
    let received = {
        let mut pieces = [IoSliceMut::new(&mut bytes)];
        recvmsg(socket, &mut pieces, &mut control, RecvFlags::CMSG_CLOEXEC).unwrap().bytes
    };
    bytes.truncate(received);
    let mut files = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            files.extend(rights);
        }
    }
    assert!(files.len() <= 1);
    (bytes, files.pop())
}
