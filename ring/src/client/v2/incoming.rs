//! Messages of v2 out of a blocking stream.
//!
//! Invariants:
//! 1. A read that stops half-way (a timeout, a signal) keeps what has come; the next one goes on
//!    where it stopped.
//! 2. As much is read at a time as there is, so that a message takes a system call and no more.

use std::{
    io::{self, Read},
    ops::Range,
};

use crate::{
    client::{Error, wire::is_timeout},
    v2::{
        Frame, Record,
        frame::{FRAME_HEAD, first},
        limits::{FRAGMENT_MAX, INPUT_MAX, MESSAGE_MAX},
    },
};

/// What has come.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// Room for the rest of a frame and one read more.
    buffer: Vec<u8>,
    /// Bytes at the front that are done with.
    done: usize,
    /// Where what has come ends.
    end: usize,
    /// The bodies of the message's frames so far, where there are several.
    parts: Vec<u8>,
}

impl Incoming {
    /// Reads until one message is whole: the header of its last frame, and its body.
    pub(super) fn read(&mut self, stream: &mut impl Read) -> Result<(Frame, Vec<u8>), Error> {
        loop {
            // Ends: each turn takes a frame.
            while let Some((frame, body)) = self.frame()? {
                let end = body.end;
                let body = self.buffer.get(body).unwrap_or_default();
                let more = frame.has_more();
                if self.parts.is_empty() && !more {
                    let body = body.to_vec();
                    self.done = end;
                    return Ok((frame, body));
                }
                // What the server lets through may end a little behind its limit.
                if self.parts.len().saturating_add(body.len()) > MESSAGE_MAX + FRAGMENT_MAX {
                    return Err(Error::Protocol("a message without an end"));
                }
                self.parts.extend_from_slice(body);
                self.done = end;
                if !more {
                    return Ok((frame, std::mem::take(&mut self.parts)));
                }
            }
            self.fill(stream)?;
        }
    }

    /// Whether [`Incoming::read`] would read nothing from the stream: a message is whole, or what
    /// has come is none.
    pub(super) fn has_message(&self) -> bool {
        let mut at = self.done;
        loop {
            // Ends: each turn passes a frame.
            match self.frame_at(at) {
                Ok(None) => return false,
                Ok(Some((frame, body))) if frame.has_more() => at = body.end,
                _ => return true,
            }
        }
    }

    /// The frame at the front, where it is whole, and where its body lies.
    fn frame(&self) -> Result<Option<(Frame, Range<usize>)>, Error> {
        self.frame_at(self.done)
    }

    fn frame_at(&self, at: usize) -> Result<Option<(Frame, Range<usize>)>, Error> {
        let come = self.buffer.get(at..self.end);
        let Some(frame) = come.and_then(first).copied() else {
            return Ok(None);
        };
        if frame.len() > FRAGMENT_MAX || !frame.is_clean() {
            return Err(Error::Protocol("a frame of over 4096 bytes, or not a frame"));
        }
        let start = at.saturating_add(FRAME_HEAD);
        let end = start.saturating_add(frame.len());
        Ok((end <= self.end).then_some((frame, start..end)))
    }

    fn fill(&mut self, stream: &mut impl Read) -> Result<(), Error> {
        self.buffer.copy_within(self.done..self.end, 0);
        (self.done, self.end) = (0, self.end.saturating_sub(self.done));
        let wanted = self.end.saturating_add(INPUT_MAX);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        let room = self.buffer.get_mut(self.end..wanted).unwrap_or_default();
        match stream.read(room) {
            Ok(0) => Err(Error::Lost(io::ErrorKind::UnexpectedEof.into())),
            Ok(n) => {
                self.end = self.end.saturating_add(n.min(INPUT_MAX));
                Ok(())
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(e) if is_timeout(&e) => Err(Error::TimedOut),
            Err(e) => Err(Error::Lost(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v2::{Request, Step, records::Kind};

    /// Gives so many bytes at a time, and times out before each.
    struct Slow<'a>(&'a [u8], usize, bool);

    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.2 = !self.2;
            if self.2 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let n = self.1.min(buf.len()).min(self.0.len());
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn messages_come_whole_however_they_are_cut() {
        let long = [b'v'; 4000];
        let steps = vec![Step { kind: Kind::SetValue, path: b"/a", value: &long, stamp: 0 }; 3];
        let bytes: Vec<u8> = [
            Request::Snapshot.encode(1),
            Request::Commit(steps).encode(2),
            Request::Info.encode(3),
        ]
        .concat();
        for step in [1, 7, 24, 4000, 100_000] {
            let (mut incoming, mut slow) = (Incoming::default(), Slow(&bytes, step, false));
            let mut seen = Vec::new();
            loop {
                let is_here = incoming.has_message();
                let read = incoming.read(&mut slow);
                assert!(!is_here || read.is_ok(), "what is whole needs no reading");
                match read {
                    Ok((frame, body)) => seen.push((frame.id.get(), body.len())),
                    Err(Error::TimedOut) => {}
                    Err(error) => {
                        assert!(matches!(error, Error::Lost(_)));
                        break;
                    }
                }
            }
            assert_eq!(seen, [(1, 0), (2, 8 + 3 * 4024), (3, 0)], "{step}");
        }
    }
}
