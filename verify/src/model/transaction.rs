//! Transactions: a copy of the store, and a log of what was asked of it.
//!
//! [`Model::commit`] asks all of it again of the present store and is refused where any answer is
//! another one now: that is what a commit promises (rule T2), but for refusals by quotas. It does
//! not say when the store may refuse one that would do.

use myriad_core::limits::{ACL_ENTRIES, TRANSACTION_ENTRIES, VALUE_BYTES};
use myriad_core::{Caller, DomId, Error, Perm, Quota, Refusal, escape_key};

use super::index::{Reserved, is_reserved};
use super::tree::Need;
use super::{Answer, Model, Request, parent};

/// An open transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    model: Model,
    log: Vec<(Caller, Request, Result<Answer, Error>)>,
    /// Paths in order of first access, each with the event that it raises; true: for those only
    /// who watch just it.
    touched: Vec<(String, Option<bool>)>,
    /// Those that raise one, in the order of their first change.
    raised: Vec<String>,
    keys: Vec<(usize, String)>,
    /// Keys of the indices at its beginning.
    base_keys: Vec<(usize, String)>,
    named: Vec<DomId>,
    /// The quota `transaction-nodes` of who opened it; 0 for none.
    max_nodes: usize,
    poisoned: bool,
    /// Whether any request of it does something.
    acts: bool,
}

impl Model {
    /// TRANSACTION_START. `max_nodes`: the quota `transaction-nodes` of who opens it, 0 for none.
    #[must_use]
    pub fn begin(&self, max_nodes: u32) -> Transaction {
        let max_nodes = usize::try_from(max_nodes).unwrap_or(usize::MAX);
        let model = Model { one_request: true, events: Vec::new(), ..self.clone() };
        let (log, touched, raised, keys, named) = Default::default();
        let (poisoned, acts) = (false, false);
        let base_keys = self.keys.keys().cloned().collect();
        Transaction {
            model,
            log,
            touched,
            raised,
            keys,
            base_keys,
            named,
            max_nodes,
            poisoned,
            acts,
        }
    }

    /// TRANSACTION_END with `T`: all of it, or nothing.
    ///
    /// # Errors
    /// [`Error::Poisoned`] past a bound; a quota's refusal where one is used up now;
    /// [`Error::Conflict`] where an answer would be another one.
    pub fn commit(&mut self, tx: &Transaction) -> Result<(), Error> {
        self.settle(tx, false)
    }

    /// The same as a COMMIT of v2: its events come in the order of first changes.
    ///
    /// # Errors
    /// As [`Model::commit`].
    pub fn commit_at_once(&mut self, tx: &Transaction) -> Result<(), Error> {
        self.settle(tx, true)
    }

    fn settle(&mut self, tx: &Transaction, by_change: bool) -> Result<(), Error> {
        if tx.poisoned {
            return Err(Error::Poisoned);
        }
        if !tx.acts {
            return Ok(());
        }
        let mut again = self.begin(0);
        again.touched = tx.touched.iter().map(|(path, _)| (path.clone(), None)).collect();
        let by_quota = |error: &Error| matches!(error, Error::Quota(_) | Error::OutOfMemory(_));
        for (caller, request, answer) in &tx.log {
            // What a quota has refused has done nothing, and what the quota was is no fact.
            if answer.as_ref().is_err_and(by_quota) {
                continue;
            }
            let now = again.run(self, caller, request);
            match (&now, answer) {
                (Err(error), Ok(_)) if by_quota(error) => return now.map(|_| ()),
                _ if Answer::content(&now) == Answer::content(answer) => {}
                _ => return Err(Error::Conflict),
            }
        }
        let before = std::mem::replace(self, again.model);
        (self.one_request, self.events) = (false, before.events);
        self.changed();
        if by_change {
            let raised = again.raised;
            again.touched.sort_by_key(|(path, _)| raised.iter().position(|known| known == path));
        }
        for (path, exact) in again.touched {
            let list = before.nodes.get(&path).map(|node| &*node.list);
            if let Some(exact) = exact {
                self.fire(&path, exact, list);
            }
        }
        self.fire_indices();
        Ok(())
    }
}

impl Transaction {
    /// Makes a request in it. `now`: the present store.
    ///
    /// # Errors
    /// Those of the request; [`Error::Quota`] when it has touched too much, and
    /// [`Error::Poisoned`] from then on.
    pub fn run(
        &mut self,
        now: &Model,
        caller: &Caller,
        request: &Request,
    ) -> Result<Answer, Error> {
        let answer = self.ask(now, caller, request);
        self.log.push((*caller, request.clone(), answer.clone()));
        answer
    }

    /// Whether it has gone past a bound.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// Whether any request of it does something.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.acts
    }

    fn ask(&mut self, now: &Model, caller: &Caller, request: &Request) -> Result<Answer, Error> {
        match request {
            Request::Read(path) | Request::List(path) | Request::GetPerms(path)
                if is_reserved(path) =>
            {
                let and_owners = matches!(request, Request::Read(_));
                self.see_reserved(caller, path, and_owners)?;
                self.model.run(caller, request)
            }
            Request::Lookup(index, key) => {
                let index = self.model.index(index).ok_or(Error::NotFound)?;
                self.see_key(index, &escape_key(key), true);
                self.model.run(caller, request)
            }
            Request::Read(path) | Request::List(path) => {
                self.see(caller, path)?;
                self.model.run(caller, request)
            }
            Request::GetPerms(path) => {
                self.see(caller, path)?;
                let answer = self.model.run(caller, request)?;
                self.name_living(path);
                self.within(caller)?;
                Ok(answer)
            }
            Request::Write(path, value) if value.len() <= VALUE_BYTES => {
                self.change(caller, path)?;
                self.act(caller, path, request)
            }
            Request::Write(..) => self.model.run(caller, request),
            Request::Mkdir(path) => {
                self.change(caller, path)?;
                match self.model.nodes.contains_key(path) {
                    true => self.model.run(caller, request),
                    false => self.act(caller, path, request),
                }
            }
            Request::Rm(path) => self.remove(caller, path, request),
            Request::SetPerms(path, list) => {
                self.meet(now, list);
                self.model.bounded(caller, Quota::NodePermissions, list.len())?;
                if list.len() <= ACL_ENTRIES {
                    self.name(list.iter().map(|perm| perm.domid));
                    self.within(caller)?;
                    self.model.bind(list)?;
                    self.change(caller, path)?;
                }
                self.act(caller, path, request)
            }
        }
    }

    /// Does something to a node, with its event.
    fn act(&mut self, caller: &Caller, path: &str, request: &Request) -> Result<Answer, Error> {
        let answer = self.model.run(caller, request)?;
        self.raise(path, false);
        self.acts = true;
        Ok(answer)
    }

    fn remove(&mut self, caller: &Caller, path: &str, request: &Request) -> Result<Answer, Error> {
        self.change(caller, path)?;
        let exists = self.model.place(self.model.who(caller), path, Need::Write)?;
        let above = parent(path).ok_or(Error::RemoveRoot)?;
        self.touch(above);
        if !exists {
            return self.model.run(caller, request);
        }
        for gone in self.model.walk(path) {
            self.raise(&gone, gone != path);
        }
        self.within(caller)?;
        self.acts = true;
        self.model.run(caller, request)
    }

    /// A node is looked for: it is touched, and the ancestors that are missing with it.
    fn see(&mut self, caller: &Caller, path: &str) -> Result<(), Error> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        let mut at = Some(path);
        while let Some(here) = at {
            self.touch(here);
            at = parent(here).filter(|_| !self.model.nodes.contains_key(here));
        }
        self.within(caller)
    }

    /// The same for a change. The dead touch nothing.
    fn change(&mut self, caller: &Caller, path: &str) -> Result<(), Error> {
        let who = self.model.changer(caller, path);
        if self.poisoned && !is_reserved(path) {
            return Err(Error::Poisoned);
        }
        who?;
        self.see(caller, path)
    }

    fn see_reserved(&mut self, caller: &Caller, path: &str, owners: bool) -> Result<(), Error> {
        match self.model.reserved(caller, path)? {
            Reserved::Root => {}
            // A key that is gone by its own doing is part of the answer.
            Reserved::Index(index) => {
                for (_, key) in self.base_keys.clone().iter().filter(|(at, _)| *at == index) {
                    if self.model.matches(index, key).is_empty() {
                        self.see_key(index, key, false);
                    }
                }
            }
            Reserved::Key(index, key) | Reserved::Match(index, key, _) => {
                self.see_key(index, &key, owners);
            }
        }
        Ok(())
    }

    fn see_key(&mut self, index: usize, key: &str, owners: bool) {
        let id = (index, key.to_owned());
        if !self.keys.contains(&id) {
            self.keys.push(id);
        }
        if owners {
            let matches = self.model.matches(index, key);
            let paths: Vec<String> =
                matches.iter().map(|c| self.model.match_path(index, c)).collect();
            paths.iter().for_each(|path| self.touch(path));
        }
    }

    fn touch(&mut self, path: &str) {
        if !self.touched.iter().any(|(known, _)| known == path) {
            self.touched.push((path.to_owned(), None));
        }
    }

    fn raise(&mut self, path: &str, exact: bool) {
        self.touch(path);
        if !self.raised.iter().any(|known| known == path) {
            self.raised.push(path.to_owned());
        }
        if let Some((_, fire)) = self.touched.iter_mut().find(|(known, _)| known == path) {
            *fire = Some(fire.is_none_or(|was| was) && exact);
        }
    }

    fn name(&mut self, domids: impl Iterator<Item = DomId>) {
        for domid in domids.filter(|domid| *domid != DomId::ANY) {
            if !self.named.contains(&domid) {
                self.named.push(domid);
            }
        }
    }

    /// Those who live of a list that was shown.
    fn name_living(&mut self, path: &str) {
        let list = self.model.nodes.get(path).map(|node| node.list.clone()).unwrap_or_default();
        let model = &self.model;
        let living = |entry: &&super::Entry| model.life(entry.domid) == Some(entry.life);
        let named: Vec<DomId> = list.iter().filter(living).map(|entry| entry.domid).collect();
        self.name(named.into_iter());
    }

    /// Domains that a list names may have become known since the transaction began.
    fn meet(&mut self, now: &Model, list: &[Perm]) {
        for perm in list {
            let known = self.model.domains.contains_key(&perm.domid);
            if let Some(domain) = now.domains.get(&perm.domid).filter(|_| !known) {
                self.model.add_domain(domain.domid, domain.life);
            }
        }
    }

    /// Refuses to touch more than the quota `transaction-nodes`, or than a bound that holds for
    /// the control domain too.
    fn within(&mut self, caller: &Caller) -> Result<(), Error> {
        let limit = match caller {
            Caller::Guest { .. } if self.max_nodes != 0 => self.max_nodes,
            _ => TRANSACTION_ENTRIES,
        };
        if self.touched.len() + self.keys.len() + self.named.len() < limit && !self.poisoned {
            return Ok(());
        }
        self.poisoned = true;
        let domain = caller.guest().map_or(DomId::ZERO, |guest| guest.0);
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        Err(Error::Quota(Refusal { domain, quota: Quota::TransactionNodes, limit }))
    }
}
