//! The operations on nodes, and on transactions.

use myriad_core::{
    Caller, DomId, Errno, Error, Listing, Outcome, Path, Quota, Reads, Special, Writes,
};

use crate::v1::{
    args::PermArgs,
    connection::{
        buffers::Text,
        ops::{Done, Failed, Ops},
    },
    header::Header,
    limits::PRIVILEGED_TRANSACTIONS_MAX,
    paths::Name,
    reply,
};

/// What an operation of the store says; the reply is encoded by then.
type Told = Result<(), Error>;

impl Ops<'_> {
    pub(super) fn reading(
        &mut self,
        path: &[u8],
        read: impl FnOnce(&mut dyn Reads, &Caller, Path<'_>, &Header, &mut Vec<u8>) -> Told,
    ) -> Done {
        let mut buffer = Text::new();
        let path = self.node(path, &mut buffer)?;
        self.read(|reads, caller, header, out| read(reads, caller, path, header, out))
    }

    /// Lists a node's children. Of the store as it is, a long listing is kept for the next request.
    pub(super) fn listing(
        &mut self,
        path: &[u8],
        put: impl FnOnce(&Header, &mut Vec<u8>, &Listing),
    ) -> Done {
        let mut buffer = Text::new();
        let path = self.node(path, &mut buffer)?;
        let (caller, header) = (self.session.caller, self.header);
        let kept = self.host.listings();
        if let (None, Some(kept)) = (self.session.transactions.get(header.tx_id), kept) {
            let mut view = self.store.pin();
            let (seq, listing) = (view.seq(), kept.list(&mut view, &caller, path));
            let listing = listing.map_err(|error| self.failed(&error, seq))?;
            put(&header, self.out, &listing);
            return Ok(seq);
        }
        self.read(|reads, caller, header, out| {
            put(header, out, &reads.list(caller, path)?);
            Ok(())
        })
    }

    /// Reads from the request's transaction, or from the store as it is.
    fn read(
        &mut self,
        read: impl FnOnce(&mut dyn Reads, &Caller, &Header, &mut Vec<u8>) -> Told,
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

    pub(super) fn writing(
        &mut self,
        path: &[u8],
        mut write: impl FnMut(&mut dyn Writes, &Caller, Path<'_>) -> Told,
    ) -> Done {
        let mut buffer = Text::new();
        let path = self.node(path, &mut buffer)?;
        self.write(|writes, caller| write(writes, caller, path))
    }

    /// Writes to the request's transaction, or to the store.
    fn write(&mut self, mut write: impl FnMut(&mut dyn Writes, &Caller) -> Told) -> Done {
        let caller = self.session.caller;
        let outcome = match self.session.transactions.get(self.header.tx_id) {
            Some(transaction) => {
                let result = write(transaction, &caller);
                Outcome { result, seq: self.store.pin().seq() }
            }
            None => self.edit(|edit| write(edit, &caller)),
        };
        self.acked(outcome)
    }

    pub(super) fn get_perms(&mut self, path: &[u8]) -> Done {
        let mut buffer = Text::new();
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

    pub(super) fn set_perms(&mut self, path: &[u8], perms: &PermArgs<'_>) -> Done {
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
        let mut buffer = Text::new();
        match self.name(path, &mut buffer)? {
            Name::Node(path) => self.write(|writes, caller| writes.set_perms(caller, path, &perms)),
            Name::Special(name) => {
                let (node, caller) = (special(name)?, self.session.caller);
                let outcome = self.edit(|edit| edit.set_special_perms(&caller, node, &perms));
                self.acked(outcome)
            }
        }
    }

    pub(super) fn transaction_start(&mut self) -> Done {
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

    pub(super) fn transaction_end(&mut self, commit: bool) -> Done {
        let transaction = self.session.transactions.remove(self.header.tx_id);
        let mut transaction = transaction.ok_or(Errno::ENOENT)?;
        if !commit {
            return self.ack(0);
        }
        transaction.from(&self.origin());
        let (outcome, broken) = transaction.commit_or_blame();
        if !self.session.is_guest() {
            self.note_end(&outcome.result, broken.as_deref());
        }
        self.acked(outcome)
    }

    /// Counts conflicts, and tells the host where they are found.
    fn note_end(&mut self, result: &Told, broken: Option<&str>) {
        match result {
            Ok(()) => self.session.conflicts = 0,
            // Without a path, it was no node.
            Err(Error::Conflict) => {
                self.session.note_conflict(broken.filter(|path| !path.is_empty()), self.host);
            }
            Err(_) => {}
        }
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
