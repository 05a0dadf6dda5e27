//! A client on the daemon's socket that may have several requests under way.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    time::Instant,
};

use myriad_ring::v1::{Assembler, Header, Op, PAYLOAD_MAX};

use super::{
    fault::{Kind, show},
    limits::CONNECT_PAUSE,
    stage::{Reporter, Stage},
};

/// A connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: UnixStream,
    out: Vec<u8>,
    under_way: VecDeque<(u32, Op)>,
    input: Assembler,
    next_id: u32,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Broken {
    /// The daemon has ended, or begins.
    Gone,
    /// It runs, and answers otherwise than the protocol says, or not at all.
    Wrong(Kind, String),
}

/// A reply: its payload, or the error.
pub(super) type Answer = Result<Vec<u8>, String>;

impl Wire {
    /// Connects to the daemon, waiting for it; none where the run is over.
    pub(super) fn wait(stage: &Stage, reporter: &Reporter) -> Option<Wire> {
        let begin = Instant::now();
        while !stage.is_over() {
            if let Ok(stream) = UnixStream::connect(stage.socket()) {
                let timeout = Some(stage.patience());
                let set = stream.set_read_timeout(timeout).and(stream.set_write_timeout(timeout));
                if let Err(error) = set {
                    reporter.fault(stage, Kind::Start, format!("a socket of no use: {error}"));
                    return None;
                }
                let (out, under_way) = (Vec::new(), VecDeque::new());
                let input = Assembler::default();
                return Some(Wire { stream, out, under_way, input, next_id: 1 });
            }
            if begin.elapsed() > stage.patience() {
                reporter.fault(stage, Kind::Start, "there is no daemon to connect to");
                stage.end();
                return None;
            }
            std::thread::sleep(CONNECT_PAUSE);
        }
        None
    }

    /// Makes a request ready to be sent.
    pub(super) fn queue(&mut self, op: Op, tx_id: u32, payload: &[u8]) {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let header = Header { op: op as u32, req_id: self.next_id, tx_id, len };
        self.under_way.push_back((self.next_id, op));
        self.next_id = self.next_id.wrapping_add(1);
        self.out.extend_from_slice(&header.to_bytes());
        self.out.extend_from_slice(payload);
    }

    /// Sends what is ready.
    pub(super) fn flush(&mut self) -> Result<(), Broken> {
        let sent = self.stream.write_all(&self.out);
        self.out.clear();
        sent.map_err(|error| broken(&error))
    }

    /// The answer to the first request that has none.
    pub(super) fn answer(&mut self) -> Result<Answer, Broken> {
        loop {
            let (header, payload) = self.message()?;
            if header.op == Op::WatchEvent as u32 {
                continue;
            }
            let expected = self.under_way.pop_front();
            let Some((id, op)) = expected.filter(|(id, _)| *id == header.req_id) else {
                let what = format!("an answer to request {} for {expected:?}", header.req_id);
                return Err(Broken::Wrong(Kind::Wrong, what));
            };
            if header.op == Op::Error as u32 {
                let name = payload.strip_suffix(b"\0").unwrap_or(&payload);
                return Ok(Err(String::from_utf8_lossy(name).into_owned()));
            }
            if header.op != op as u32 {
                let what = format!("request {id} of {} is answered by {}", op.name(), header.op);
                return Err(Broken::Wrong(Kind::Wrong, what));
            }
            return Ok(Ok(payload));
        }
    }

    /// A request and its answer.
    pub(super) fn ask(&mut self, op: Op, payload: &[u8]) -> Result<Answer, Broken> {
        self.queue(op, 0, payload);
        self.flush()?;
        self.answer()
    }

    /// A request that must be answered with OK or a text.
    pub(super) fn ok(&mut self, op: Op, payload: &[u8]) -> Result<Vec<u8>, Broken> {
        self.ask(op, payload)?.map_err(|error| {
            let what = format!("{} of {} is refused: {error}", op.name(), show(payload));
            Broken::Wrong(Kind::Wrong, what)
        })
    }

    fn message(&mut self) -> Result<(Header, Vec<u8>), Broken> {
        // Beside the part of a message there is room for as many.
        let mut chunk = [0; PAYLOAD_MAX];
        loop {
            let over_long = |_| Broken::Wrong(Kind::Wrong, "an answer that is too long".into());
            if let Some(message) = self.input.message().map_err(over_long)? {
                let message = (message.header, message.payload.to_vec());
                self.input.take();
                return Ok(message);
            }
            let count = match self.stream.read(&mut chunk) {
                Ok(0) => return Err(Broken::Gone),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken(&error)),
            };
            self.input.push(chunk.get(..count).unwrap_or_default());
        }
    }
}

fn broken(error: &io::Error) -> Broken {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            Broken::Wrong(Kind::Restart, "no answer for too long".into())
        }
        _ => Broken::Gone,
    }
}
