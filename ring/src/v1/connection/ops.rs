//! Executing one request: the order of errors, and the operations on nodes and transactions.

use std::time::Duration;

use myriad_core::{
    Caller, DomId, Errno, Error, Outcome, Path, Quota, Reads, Special, Store, Writes,
};

use crate::v1::{
    args::PermArgs,
    connection::{
        host::{Executed, Host},
        session::Session,
        watches::Registered,
    },
    header::{HEADER_LEN, Header},
    limits::PRIVILEGED_TRANSACTIONS_MAX,
    op::{Op, TransactionUse},
    paths::{Name, PathError, Specials},
    reply,
    request::{Request, RequestError},
};

/// One request and all that it needs.
pub(super) struct Ops<'a> {
    pub(super) session: &'a mut Session,
    pub(super) store: &'a Store,
    pub(super) host: &'a mut dyn Host,
    pub(super) header: Header,
    pub(super) out: &'a mut Vec<u8>,
    pub(super) now: Duration,
    /// Bytes that wait to be sent to the client.
    pub(super) waiting: usize,
    pub(super) first_event: Option<Registered>,
    pub(super) later: bool,
}

/// What a request came to; its reply is encoded.
pub(super) struct Ran {
    /// The publication that the reply was computed at.
    pub(super) seq: u64,
    pub(super) first_event: Option<Registered>,
    /// The reply comes later.
    pub(super) later: bool,
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

impl<'a> Ops<'a> {
    pub(super) fn new(
        session: &'a mut Session,
        store: &'a Store,
        host: &'a mut dyn Host,
        header: Header,
        out: &'a mut Vec<u8>,
    ) -> Ops<'a> {
        let (now, waiting) = (Duration::ZERO, 0);
        Ops { session, store, host, header, out, now, waiting, first_event: None, later: false }
    }

    pub(super) fn at(mut self, now: Duration, waiting: usize) -> Ops<'a> {
        (self.now, self.waiting) = (now, waiting);
        self
    }

    /// Executes the request and encodes its reply.
    pub(super) fn run(mut self, payload: &[u8]) -> Ran {
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
        let seq = done.unwrap_or_else(|failed| failed.seq);
        Ran { seq, first_event: self.first_event, later: self.later }
    }

    fn dispatch(&mut self, op: Option<Op>, payload: &[u8]) -> Done {
        let op = op.ok_or(Errno::ENOSYS)?;
        if op.needs_privilege() && self.session.is_guest() {
            return Err(Errno::EACCES.into());
        }
        let tx_id = self.header.tx_id;
        let known = tx_id == 0 || self.session.transactions.contains(tx_id);
        if op.transaction_use() != TransactionUse::Ignored && !known {
            return Err(Errno::ENOENT.into());
        }
        match Request::parse(op, payload)? {
            Request::Control(command) => self.control(&command),
            Request::Directory { path } => {
                self.reading(path, |reads, caller, path, header, out| {
                    reply::put(out, header, &reads.list(caller, path)?.names);
                    Ok(())
                })
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
                self.reading(path, |reads, caller, path, header, out| {
                    let listing = reads.list(caller, path)?;
                    reply::put_directory_part(out, header, listing.stamp, &listing.names, offset);
                    Ok(())
                })
            }
            Request::GetFeature { of } => self.get_feature(of),
            Request::SetFeature { domid, features } => self.set_feature(domid, features),
            Request::GetQuota(query) => self.get_quota(&query),
            Request::SetQuota { of, name, value } => self.set_quota(of, name, value),
        }
    }

    fn reading(
        &mut self,
        path: &[u8],
        read: impl FnOnce(&mut dyn Reads, &Caller, Path<'_>, &Header, &mut Vec<u8>) -> Result<(), Error>,
    ) -> Done {
        let mut buffer = String::new();
        let path = self.node(path, &mut buffer)?;
        self.read(|reads, caller, header, out| read(reads, caller, path, header, out))
    }

    /// Reads from the request's transaction, or from the store as it is.
    fn read(
        &mut self,
        read: impl FnOnce(&mut dyn Reads, &Caller, &Header, &mut Vec<u8>) -> Result<(), Error>,
    ) -> Done {
        let (caller, header) = (self.session.caller, self.header);
        let (seq, result) = match self.session.transactions.get(header.tx_id) {
            Some(transaction) => {
                let result = read(transaction, &caller, &header, self.out);
                // Not before the transaction's base, wherever that has moved.
                (self.store.pin().seq(), result)
            }
            None => {
                let mut view = self.store.pin();
                (view.seq(), read(&mut view, &caller, &header, self.out))
            }
        };
        result.map(|()| seq).map_err(|error| self.failed(&error, seq))
    }

    fn writing(
        &mut self,
        path: &[u8],
        mut write: impl FnMut(&mut dyn Writes, &Caller, Path<'_>) -> Result<(), Error>,
    ) -> Done {
        let mut buffer = String::new();
        let path = self.node(path, &mut buffer)?;
        self.write(|writes, caller| write(writes, caller, path))
    }

    /// Writes to the request's transaction, or to the store.
    fn write(
        &mut self,
        mut write: impl FnMut(&mut dyn Writes, &Caller) -> Result<(), Error>,
    ) -> Done {
        let caller = self.session.caller;
        let outcome = match self.session.transactions.get(self.header.tx_id) {
            Some(transaction) => {
                let result = write(transaction, &caller);
                Outcome { result, seq: self.store.pin().seq() }
            }
            None => self.store.edit(|edit| write(edit, &caller)),
        };
        self.acked(outcome)
    }

    fn get_perms(&mut self, path: &[u8]) -> Done {
        let mut buffer = String::new();
        match self.name(path, &mut buffer)? {
            Name::Node(path) => self.read(|reads, caller, header, out| {
                reply::put_perms(out, header, &reads.get_perms(caller, path)?);
                Ok(())
            }),
            Name::Special(name) => {
                let node = special(name)?;
                self.read(|reads, caller, header, out| {
                    reply::put_perms(out, header, &reads.get_special_perms(caller, node)?);
                    Ok(())
                })
            }
        }
    }

    fn set_perms(&mut self, path: &[u8], perms: &PermArgs<'_>) -> Done {
        if self.session.refuses(Quota::NodePermissions, perms.len()) {
            return Err(Errno::ENOSPC.into());
        }
        let perms = perms.parse()?;
        for (at, perm) in perms.iter().enumerate() {
            let known = perm.domid == DomId::ANY || self.known_or_alive(perm.domid).is_some();
            if at == 0 && !known {
                return Err(Errno::ENOENT.into());
            }
        }
        let mut buffer = String::new();
        match self.name(path, &mut buffer)? {
            Name::Node(path) => self.write(|writes, caller| writes.set_perms(caller, path, &perms)),
            Name::Special(name) => {
                let (node, caller) = (special(name)?, self.session.caller);
                let outcome = self.store.edit(|edit| edit.set_special_perms(&caller, node, &perms));
                self.acked(outcome)
            }
        }
    }

    fn transaction_start(&mut self) -> Done {
        if self.header.tx_id != 0 {
            return Err(Errno::EBUSY.into());
        }
        let open = self.session.transactions.len();
        let refused = if self.session.is_guest() {
            self.session.refuses(Quota::Transactions, open.saturating_add(1))
        } else {
            open >= PRIVILEGED_TRANSACTIONS_MAX
        };
        if refused {
            return Err(Errno::ENOSPC.into());
        }
        let transaction = self.store.begin(self.session.limit(Quota::TransactionNodes));
        let id = self.session.transactions.insert(transaction);
        reply::put_string(self.out, &self.header, &id.to_string());
        Ok(self.store.pin().seq())
    }

    fn transaction_end(&mut self, commit: bool) -> Done {
        let transaction = self.session.transactions.remove(self.header.tx_id);
        let transaction = transaction.ok_or(Errno::ENOENT)?;
        if commit {
            let outcome = transaction.commit(self.store);
            return self.acked(outcome);
        }
        self.ack(0)
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
        let max = self.session.limit(Quota::PathMax);
        self.session.paths.resolve(path, max, specials, buffer).map_err(|error| {
            if error == PathError::TooLong {
                self.session.refuses(Quota::PathMax, usize::MAX);
            }
            Errno::from(error).into()
        })
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

    fn failed(&mut self, error: &Error, seq: u64) -> Failed {
        if let Error::Quota(refusal) | Error::OutOfMemory(refusal) = error {
            self.session.refused(*refusal, self.host);
        }
        Failed { errno: Errno::from(error), seq }
    }
}

/// The special nodes that have permissions. C 4.17 answers EINVAL for others.
fn special(name: &str) -> Result<Special, Failed> {
    match name {
        "@introduceDomain" => Ok(Special::IntroduceDomain),
        "@releaseDomain" => Ok(Special::ReleaseDomain),
        _ => Err(Errno::EINVAL.into()),
    }
}
