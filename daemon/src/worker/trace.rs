//! What a worker writes to the access log and the trace file, gathered over a sweep.

use myriad_core::Errno;
use myriad_ring::{
    v1::{
        Op,
        connection::{Executed, Peer},
    },
    v2::{self, Request, records::Kind},
};

use crate::limits;
use crate::logs::{
    Logs, Name, Stamp, Stream, TRACE_IO, TRACE_OBJ, access_line, access_name, json_line, trace_line,
};

/// Lines that are not handed on yet.
#[derive(Debug)]
pub(super) struct Trace {
    logs: Logs,
    accesses: Vec<u8>,
    traces: Vec<u8>,
    /// What is wanted, as of the start of the sweep.
    wants: Wants,
}

#[derive(Clone, Copy, Debug, Default)]
struct Wants {
    accesses: bool,
    messages: bool,
    connections: bool,
    json: bool,
}

impl Trace {
    pub(super) fn new(logs: Logs) -> Trace {
        Trace { logs, accesses: Vec::new(), traces: Vec::new(), wants: Wants::default() }
    }

    /// Looks up what is wanted.
    pub(super) fn refresh(&mut self) {
        self.wants = Wants {
            accesses: self.logs.logs_accesses(),
            messages: self.logs.traces(TRACE_IO),
            connections: self.logs.traces(TRACE_OBJ),
            json: self.logs.is_json(),
        };
    }

    /// Hands the lines on.
    pub(super) fn flush(&mut self) {
        for (stream, lines) in
            [(Stream::Access, &mut self.accesses), (Stream::Main, &mut self.traces)]
        {
            if !lines.is_empty() {
                self.logs.lines(stream, std::mem::take(lines));
            }
        }
    }

    /// Hands the lines on if there are many.
    fn bound(&mut self) {
        if self.accesses.len().max(self.traces.len()) > limits::LOG_BATCH_BYTES {
            self.flush();
        }
    }

    pub(super) fn connection(&mut self, peer: Peer, begins: bool) {
        if self.wants.accesses {
            let what = if begins { "newconn" } else { "endconn" };
            access_line(&mut self.accesses, Stamp::now(), peer, 0, what, b"");
        }
        if self.wants.connections {
            let what = if begins { "CREATE" } else { "DESTROY" };
            self.line(Stamp::now(), |line| {
                line.extend_from_slice(
                    format!("obj: {what} connection {}\n", Name(peer)).as_bytes(),
                );
            });
        }
    }

    pub(super) fn event(&mut self, peer: Peer, path: &str, token: &[u8]) {
        if !self.wants.accesses && !self.wants.messages {
            return;
        }
        let data = [path.as_bytes(), b"\0", token, b"\0"].concat();
        if self.wants.accesses {
            access_line(&mut self.accesses, Stamp::now(), peer, 0, "w event", &data);
        }
        if self.wants.messages {
            self.message(peer, "OUT", "WATCH_EVENT", &data);
        }
        self.bound();
    }

    fn message(&mut self, peer: Peer, way: &str, what: &str, data: &[u8]) {
        let now = Stamp::now();
        self.line(now, |line| trace_line(line, now, peer, way, what, data));
    }

    fn line(&mut self, now: Stamp, fill: impl FnOnce(&mut Vec<u8>)) {
        if self.wants.json {
            json_line(&mut self.traces, now, fill);
        } else {
            fill(&mut self.traces);
        }
    }

    pub(super) fn executed(&mut self, request: &Executed<'_>) {
        if self.wants.accesses {
            self.access(request);
        }
        if self.wants.messages {
            let name = request.op.map_or("(unknown)", Op::name);
            self.message(request.peer, "IN", name, request.payload);
            match request.reply {
                Ok(reply) => self.message(request.peer, "OUT", name, reply),
                Err(errno) => self.message(request.peer, "OUT", "ERROR", errno.name().as_bytes()),
            }
        }
        self.bound();
    }

    /// A request of v2: one that changes something shows as the requests of v1 would that it
    /// stands for, in the access log; in the trace by its name.
    pub(super) fn executed_v2(&mut self, request: &v2::Executed<'_>) {
        let (peer, result) = (request.peer, request.result);
        if self.wants.accesses {
            let now = Stamp::now();
            let mut line = |what: &str, data: &[u8]| {
                access_line(&mut self.accesses, now, peer, 0, what, data);
            };
            // What has failed has changed nothing.
            if let (Some(request), Ok(())) = (request.request, result) {
                each_change(request, &mut line);
            }
            let is_commit = matches!(request.request, Some(v2::Request::Commit(..)));
            if let Err(errno) = result
                && (errno != Errno::ENOENT || is_commit)
            {
                line("error", errno.name().as_bytes());
            }
        }
        if self.wants.messages {
            let name = request.op.name();
            self.message(peer, "IN", name, b"");
            match result {
                Ok(()) => self.message(peer, "OUT", name, b""),
                Err(errno) => self.message(peer, "OUT", "ERROR", errno.name().as_bytes()),
            }
        }
        self.bound();
    }

    /// As oxenstored does unless told otherwise: reads and what only asks are left out, a
    /// transaction shows by its end.
    fn access(&mut self, request: &Executed<'_>) {
        let (peer, tx) = (request.peer, request.tx_id);
        let now = Stamp::now();
        let mut line = |what, data| access_line(&mut self.accesses, now, peer, tx, what, data);
        match request.op {
            Some(Op::TransactionEnd) if request.payload == b"T\0" => match request.reply {
                Ok(_) => line("commit", b""),
                Err(Errno::EAGAIN) => line("conflict", b""),
                Err(_) => {}
            },
            Some(op) if is_logged(op) => line(access_name(op), request.payload),
            _ => {}
        }
        if let Err(errno) = request.reply
            && errno != Errno::ENOENT
        {
            line("error", errno.name().as_bytes());
        }
    }
}

/// What a request of v2 asks to be changed, as the log names it.
fn each_change(request: &Request<'_>, line: &mut dyn FnMut(&str, &[u8])) {
    match request {
        Request::Commit(steps) => {
            for step in steps.iter().filter(|step| step.kind.is_change()) {
                let (op, data) = match step.kind {
                    Kind::SetValue => (Op::Write, [step.path, b"\0", step.value].concat()),
                    Kind::Create => (Op::Mkdir, step.path.to_vec()),
                    Kind::Remove => (Op::Rm, step.path.to_vec()),
                    _ => {
                        let perms = v2::permissions(step.value).unwrap_or_default();
                        let perms = perms.iter().flat_map(|perm| format!("\0{perm}").into_bytes());
                        (Op::SetPerms, step.path.iter().copied().chain(perms).collect())
                    }
                };
                line(access_name(op), &data);
            }
        }
        Request::Watch(watches) => {
            let paths = watches.iter().map(|(_, path)| path);
            paths.for_each(|path| line(access_name(Op::Watch), path));
        }
        Request::Unwatch(watches) => {
            let paths = watches.iter().map(|(_, path)| path);
            paths.for_each(|path| line(access_name(Op::Unwatch), path));
        }
        _ => {}
    }
}

fn is_logged(op: Op) -> bool {
    let only_asks = matches!(
        op,
        Op::Directory
            | Op::DirectoryPart
            | Op::Read
            | Op::GetPerms
            | Op::GetDomainPath
            | Op::IsDomainIntroduced
            | Op::GetFeature
            | Op::GetQuota
    );
    !only_asks && !matches!(op, Op::TransactionStart | Op::TransactionEnd)
}
