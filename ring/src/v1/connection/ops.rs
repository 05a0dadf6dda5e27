//! Executing one request: the order of errors, and what all operations share.

use std::time::Duration;

use myriad_core::{Edit, Errno, Error, Origin, Outcome, Path, Store};

use crate::v1::{
    connection::{
        host::{Executed, Host},
        progress::FirstEvent,
        session::Session,
    },
    header::{HEADER_LEN, Header},
    op::{Op, TransactionUse},
    paths::{Name, Specials},
    reply,
    request::{Request, RequestError},
};

/// One request and all that it needs.
pub(crate) struct Ops<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) store: &'a Store,
    pub(crate) host: &'a mut dyn Host,
    pub(crate) header: Header,
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) now: Duration,
    /// Bytes of the client's requests up to and with this one.
    pub(crate) upto: u64,
    /// Bytes that wait to be sent to the client.
    pub(crate) waiting: usize,
    pub(crate) first_event: Option<FirstEvent>,
    pub(crate) later: bool,
}

/// What a request came to; its reply is encoded.
pub(crate) struct Ran {
    /// The publication that the reply was computed at.
    pub(crate) seq: u64,
    pub(crate) first_event: Option<FirstEvent>,
    /// The reply comes later.
    pub(crate) later: bool,
}

/// The publication at which an operation succeeded.
pub(super) type Done = Result<u64, Failed>;

/// An error, and the publication that it was computed at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    pub(super) errno: Errno,
    pub(super) seq: u64,
}

impl From<Errno> for Failed {
    /// For an error that doesn't depend on the store.
    fn from(errno: Errno) -> Failed {
        Failed { errno, seq: 0 }
    }
}

impl From<RequestError> for Failed {
    fn from(error: RequestError) -> Failed {
        Errno::from(error).into()
    }
}

impl Ops<'_> {
    /// Executes the request and encodes its reply.
    pub(crate) fn run(mut self, payload: &[u8]) -> Ran {
        let op = Op::from_number(self.header.op).filter(|op| op.is_request());
        let done = self.dispatch(op, payload);
        if let Err(failed) = done {
            self.out.clear();
            reply::put_error(self.out, &self.header, failed.errno);
        }
        let reply = done.map(|_| self.out.get(HEADER_LEN..).unwrap_or_default());
        self.host.executed(&Executed {
            peer: self.session.peer,
            number: self.header.op,
            op,
            tx_id: self.header.tx_id,
            payload,
            reply: reply.map_err(|failed| failed.errno),
        });
        let seq = match done.unwrap_or_else(|failed| failed.seq) {
            // It asked the store for nothing, but comes after all that happened before: as in C,
            // whoever has such a reply has the events of that.
            0 => self.store.pin().seq(),
            seq => seq,
        };
        Ran { seq, first_event: self.first_event, later: self.later }
    }

    fn dispatch(&mut self, op: Option<Op>, payload: &[u8]) -> Done {
        let op = op.ok_or(Errno::ENOSYS)?;
        if op.needs_privilege() && self.session.is_guest() {
            return Err(Errno::EACCES.into());
        }
        let known = self.session.has_transaction(self.header.tx_id, self.store);
        if op.transaction_use() != TransactionUse::Ignored && !known {
            return Err(Errno::ENOENT.into());
        }
        match Request::parse(op, payload)? {
            Request::Control(command) => self.control(&command),
            Request::Directory { path } => {
                self.listing(path, |header, out, listing| reply::put(out, header, &listing.names))
            }
            Request::Read { path } => self.reading(path, |reads, caller, path, header, out| {
                reply::put(out, header, reads.read(caller, path)?);
                Ok(())
            }),
            Request::GetPerms { path } => self.get_perms(path),
            Request::Watch { path, token, depth } => self.watch(path, token, depth),
            Request::Unwatch { path, token } => self.unwatch(path, token),
            Request::TransactionStart => self.transaction_start(),
            Request::TransactionEnd { commit } => self.transaction_end(commit),
            Request::Introduce { domid, port } => self.introduce(domid, port),
            Request::Release { domid } => self.release(domid),
            Request::GetDomainPath { domid } => self.get_domain_path(domid),
            Request::Write { path, value } => {
                self.writing(path, |writes, caller, path| writes.write(caller, path, value))
            }
            Request::Mkdir { path } => {
                self.writing(path, |writes, caller, path| writes.mkdir(caller, path))
            }
            Request::Rm { path } => {
                self.writing(path, |writes, caller, path| writes.rm(caller, path))
            }
            Request::SetPerms { path, perms } => self.set_perms(path, &perms),
            Request::IsDomainIntroduced { domid } => self.is_introduced(domid),
            Request::Resume { domid } => self.resume(domid),
            Request::SetTarget { domid, target } => self.set_target(domid, target),
            Request::ResetWatches => self.reset_watches(),
            Request::DirectoryPart { path, offset } => {
                self.listing(path, |header, out, listing| {
                    reply::put_directory_part(out, header, listing.stamp, &listing.names, offset);
                })
            }
            Request::GetFeature { of } => self.get_feature(of),
            Request::SetFeature { domid, features } => self.set_feature(domid, features),
            Request::GetQuota(query) => self.get_quota(&query),
            Request::SetQuota { of, name, value } => self.set_quota(of, name, value),
        }
    }

    /// Which request this is, for the record.
    pub(super) fn origin(&self) -> Origin {
        let Header { op, req_id, tx_id, .. } = self.header;
        Origin {
            at: self.host.wall_clock(self.now),
            conn: self.session.id,
            upto: self.upto,
            request: req_id,
            transaction: tx_id,
            op: u8::try_from(op).unwrap_or(u8::MAX),
        }
    }

    /// Changes the store by this request.
    pub(super) fn edit<R>(
        &self,
        mut change: impl FnMut(&mut Edit<'_>) -> Result<R, Error>,
    ) -> Outcome<R> {
        let origin = self.origin();
        self.store.edit(|edit| {
            edit.from(&origin);
            change(edit)
        })
    }

    /// A node's absolute path.
    pub(super) fn node<'b>(
        &mut self,
        path: &'b [u8],
        buffer: &'b mut String,
    ) -> Result<Path<'b>, Failed> {
        match self.resolve(path, Specials::Refused, buffer)? {
            Name::Node(path) => Ok(path),
            Name::Special(_) => Err(Errno::EINVAL.into()),
        }
    }

    /// A node's absolute path or a special node.
    pub(super) fn name<'b>(
        &mut self,
        path: &'b [u8],
        buffer: &'b mut String,
    ) -> Result<Name<'b>, Failed> {
        self.resolve(path, Specials::Allowed, buffer)
    }

    fn resolve<'b>(
        &mut self,
        path: &'b [u8],
        specials: Specials,
        buffer: &'b mut String,
    ) -> Result<Name<'b>, Failed> {
        let name = self.session.resolve(path, specials, buffer);
        name.map_err(|error| Errno::from(error).into())
    }

    /// `OK`, or the error, of an operation on the store.
    pub(super) fn acked<R>(&mut self, outcome: Outcome<R>) -> Done {
        let (_, seq) = self.outcome(outcome)?;
        self.ack(seq)
    }

    pub(super) fn ack(&mut self, seq: u64) -> Done {
        reply::put_ack(self.out, &self.header);
        Ok(seq)
    }

    pub(super) fn outcome<R>(&mut self, outcome: Outcome<R>) -> Result<(R, u64), Failed> {
        let seq = outcome.seq;
        outcome.result.map(|result| (result, seq)).map_err(|error| self.failed(&error, seq))
    }

    pub(super) fn failed(&mut self, error: &Error, seq: u64) -> Failed {
        if let Error::Quota(refusal) | Error::OutOfMemory(refusal) = error {
            self.session.refused(*refusal, self.host);
        }
        Failed { errno: Errno::from(error), seq }
    }
}
