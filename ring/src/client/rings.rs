//! A stream over rings in a memory file: no system call while both sides are awake.
//!
//! Who waits looks at the ring for a while, then sleeps in `poll` on the socket, which carries the
//! bells of the server, and ends with it. It looks for half as long after each time in vain, and
//! for twice as long after each that was not. Invariants:
//!
//! 1. Bells are taken from the socket before the ring is looked at: one that is taken was rung for
//!    something that the look finds.
//! 2. What the server has put before its end is read before the end is told.

use std::{
    io::{self, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recv, recvmsg, send},
};

use super::{
    Client, Error, Stream,
    limits::{BELLS_AT_ONCE, LOOK_LEAST, LOOK_MOST, LOOKS_PER_CLOCK},
};
use crate::{
    page::BadIndex,
    shm::{ClientEnd, Rings},
    v2::{self, answers, records::RingSizes},
};

/// A connection that goes on over rings; until they are there, a socket.
#[derive(Debug)]
pub struct RingStream {
    socket: UnixStream,
    /// The file of the rings, as it has come with the socket's bytes.
    file: Option<OwnedFd>,
    end: Option<ClientEnd>,
    /// For how long it looks before it sleeps.
    patience: Duration,
    /// The server has closed the socket.
    ended: bool,
}

impl Client<Stream> {
    /// Asks the daemon to go on over rings of so many bytes for requests, and for answers and
    /// events; 0: what is usual. Whether it does; if not, all goes on over the socket. Agree upon
    /// v2 before ([`Client::negotiate`]).
    ///
    /// From then on the descriptor of the stream carries bells: it can't be polled for events by
    /// others, since the server rings only for who sleeps in here.
    ///
    /// ```no_run
    /// # use myriad_ring::client::{Client, DEFAULT_RUNDIR};
    /// let mut client = Client::connect_to_best(format!("{DEFAULT_RUNDIR}/socket"))?;
    /// if client.share_rings(0, 0)? {
    ///     println!("{:?}", client.get("/local/domain/0/name")?.value); // in a microsecond
    /// }
    /// # Ok::<(), myriad_ring::client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Protocol`] where the daemon says yes and gives nothing to go on with; and as
    /// [`Client::ask`] where the connection is broken.
    pub fn share_rings(&mut self, requests: u32, answers: u32) -> Result<bool, Error> {
        let Stream::Socket(socket) = self.stream() else {
            return Ok(matches!(self.stream(), Stream::Rings(_)));
        };
        if self.welcome().is_none() {
            return Ok(false);
        }
        let stream = RingStream::over(socket.try_clone().map_err(Error::Lost)?);
        self.stream = Stream::Rings(Box::new(stream));
        let wanted = RingSizes { requests_size: requests.into(), answers_size: answers.into() };
        match self.ask(&v2::Request::Ring(wanted)) {
            Ok(answer) => {
                let granted: RingSizes = self.understood(answers::record(&answer))?;
                self.begin_rings(granted).map(|()| true)
            }
            Err(Error::Declined { .. }) => {
                if let Stream::Rings(rings) = &self.stream {
                    let socket = rings.socket.try_clone().map_err(Error::Lost)?;
                    self.stream = Stream::Socket(socket);
                }
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes up the rings that have come with the answer.
    fn begin_rings(&mut self, granted: RingSizes) -> Result<(), Error> {
        let Stream::Rings(stream) = &mut self.stream else { return Ok(()) };
        let file = stream.file.take();
        let rings = file.and_then(|file| Rings::open(file).ok()).filter(|rings| {
            let sizes = rings.sizes();
            (sizes.requests(), sizes.answers())
                == (granted.requests_size.get(), granted.answers_size.get())
        });
        let Some(rings) = rings else {
            self.broken = true;
            return Err(Error::Protocol("rings were granted, and no memory file came with them"));
        };
        stream.end = Some(ClientEnd::new(rings));
        Ok(())
    }
}

impl RingStream {
    fn over(socket: UnixStream) -> RingStream {
        RingStream { socket, file: None, end: None, patience: LOOK_MOST, ended: false }
    }

    /// The socket, which carries the bells.
    #[must_use]
    pub fn socket(&self) -> &UnixStream {
        &self.socket
    }

    /// Reads from the socket, with what comes beside its bytes.
    fn read_socket(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut pieces = [io::IoSliceMut::new(buf)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = recvmsg(&self.socket, &mut pieces, &mut control, flags)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                self.file = rights.last().or(self.file.take());
            }
        }
        Ok(received.bytes)
    }

    /// Waits until there are bytes to take, or room where it is `for_room`, or the server is gone.
    fn wait(&mut self, for_room: bool) -> io::Result<()> {
        let Some(end) = &mut self.end else { return Ok(()) };
        let began = Instant::now();
        // Ends: time passes.
        for look in 1_u32.. {
            if end.finds(!for_room, for_room).map_err(lied)? {
                self.patience = self.patience.saturating_mul(2).min(LOOK_MOST);
                return Ok(());
            }
            if look.is_multiple_of(LOOKS_PER_CLOCK) && began.elapsed() >= self.patience {
                break;
            }
            std::hint::spin_loop();
        }
        self.patience = (self.patience / 2).max(LOOK_LEAST);
        if end.look_again(!for_room, for_room).map_err(lied)? {
            return Ok(());
        }
        let timeout = self.socket.read_timeout()?.map(Timespec::try_from);
        let timeout = timeout.transpose().map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        let ready = poll(&mut fds, timeout.as_ref());
        end.awake();
        match ready {
            Ok(0) => return Err(io::ErrorKind::WouldBlock.into()),
            Ok(_) => {}
            Err(Errno::INTR) => return Err(io::ErrorKind::Interrupted.into()),
            Err(error) => return Err(error.into()),
        }
        let mut bells = [0_u8; BELLS_AT_ONCE];
        match recv(&self.socket, &mut bells, RecvFlags::DONTWAIT) {
            Ok((0, _)) => self.ended = true,
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.ended = true,
        }
        Ok(())
    }

    /// Wakes the server where it sleeps for what was done.
    fn ring(&mut self) -> io::Result<()> {
        let Some(true) = self.end.as_mut().map(ClientEnd::take_bell) else { return Ok(()) };
        match send(&self.socket, &[0], SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            // A socket that is full has bells enough.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            // What there is to read says more.
            Err(_) => {
                self.ended = true;
                Ok(())
            }
        }
    }

    /// Why the server has closed the socket, where it says so.
    fn reason(&self) -> io::Result<usize> {
        match self.end.as_ref().map(ClientEnd::error) {
            None | Some(0) => Ok(0),
            Some(error) => {
                let text =
                    format!("the daemon has given the rings up: error {error} in their page");
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, text))
            }
        }
    }
}

impl Read for RingStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.end.is_none() {
            return self.read_socket(buf);
        }
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(end) = &mut self.end else { return Ok(0) };
            let ended = self.ended;
            let taken = end.receive(buf).map_err(lied)?;
            if taken > 0 {
                self.ring()?;
                return Ok(taken);
            }
            if ended {
                return self.reason();
            }
            self.wait(false)?;
        }
    }
}

impl Write for RingStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.end.is_none() {
            return self.socket.write(buf);
        }
        if buf.is_empty() {
            return Ok(0);
        }
        // Ends: with room, with the server, or with the timeout.
        loop {
            let Some(end) = &mut self.end else { return Ok(0) };
            if self.ended {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let put = end.send(&[buf]).map_err(lied)?;
            if put > 0 {
                self.ring()?;
                return Ok(put);
            }
            self.wait(true)?;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for RingStream {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn lied(bad: BadIndex) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, bad)
}
