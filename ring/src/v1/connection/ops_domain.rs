//! The operations on domains, and CONTROL.

use myriad_core::{DomId, DomainInfo, Errno, Error, Seat, Store};

use crate::v1::{
    args::{ControlArgs, DomArg},
    connection::{
        host::{ControlReply, Host},
        ops::{Done, Failed, Ops},
    },
    reply,
};

impl Ops<'_> {
    pub(super) fn introduce(&mut self, domid: DomArg, port: u32) -> Done {
        let domid = domid.domid().filter(|domid| domid.is_real()).ok_or(Errno::EINVAL)?;
        self.host.connect(domid, port)?;
        let conn = self.host.connection(domid);
        let seat = Seat { unique_id: self.host.unique_id(domid), port };
        let outcome = self.edit(|edit| {
            conn.into_iter().for_each(|conn| edit.drop_watches(conn));
            edit.introduce(domid);
            edit.seat(domid, seat);
            edit.life(domid).ok_or(Error::UnknownDomain(domid))
        });
        let (life, seq) = self.outcome(outcome)?;
        self.host.introduced(domid, life);
        self.ack(seq)
    }

    pub(super) fn release(&mut self, domid: DomArg) -> Done {
        let domid = self.releasable(domid)?;
        let conn = self.host.connection(domid);
        let outcome = self.edit(|edit| {
            // First: the domain is not told of its own nodes' end, nor of its own.
            conn.into_iter().for_each(|conn| edit.drop_watches(conn));
            let life = edit.life(domid).ok_or(Error::UnknownDomain(domid))?;
            edit.release(domid)?;
            Ok(life)
        });
        let (life, seq) = self.outcome(outcome)?;
        self.host.released(domid, life);
        self.ack(seq)
    }

    pub(super) fn resume(&mut self, domid: DomArg) -> Done {
        let domid = self.releasable(domid)?;
        let outcome = self.edit(|edit| edit.resume(domid));
        self.acked(outcome)
    }

    pub(super) fn set_target(&mut self, domid: DomArg, target: DomArg) -> Done {
        let (domid, target) = (self.introduced(domid)?, self.introduced(target)?);
        let outcome = self.edit(|edit| edit.set_target(domid, target));
        self.acked(outcome)
    }

    pub(super) fn get_domain_path(&mut self, domid: DomArg) -> Done {
        reply::put_string(self.out, &self.header, &format!("/local/domain/{}", domid.0));
        Ok(0)
    }

    pub(super) fn is_introduced(&mut self, domid: DomArg) -> Done {
        let is_self = domid.domid() == Some(DomId::SELF);
        let view = self.store.pin();
        let info = domid.domid().and_then(|domid| view.domain(domid));
        let known = is_self || info.is_some_and(|info| info.introduced);
        reply::put_string(self.out, &self.header, if known { "T" } else { "F" });
        Ok(view.seq())
    }

    pub(super) fn control(&mut self, command: &ControlArgs<'_>) -> Done {
        match self.host.control(self.store, command) {
            ControlReply::Done => reply::put_ack(self.out, &self.header),
            ControlReply::Text(text) => reply::put_string(self.out, &self.header, &text),
            ControlReply::Refused(errno) => return Err(errno.into()),
            ControlReply::Later => self.later = true,
        }
        Ok(self.store.pin().seq())
    }

    /// A domain that the store knows, or learns of now because the hypervisor has it.
    pub(super) fn known_or_alive(&mut self, domid: DomId) -> Option<DomainInfo> {
        known_or_alive(self.store, self.host, domid)
    }

    /// An introduced domain other than the control domain and the server's own.
    fn releasable(&self, domid: DomArg) -> Result<DomId, Failed> {
        let kept = [self.host.control_domain(), self.host.store_domain()];
        if domid.domid().is_some_and(|domid| kept.contains(&domid)) {
            return Err(Errno::EINVAL.into());
        }
        self.introduced(domid)
    }

    fn introduced(&self, domid: DomArg) -> Result<DomId, Failed> {
        let view = self.store.pin();
        let info = domid.domid().and_then(|domid| view.domain(domid));
        let unknown = Failed { errno: Errno::ENOENT, seq: view.seq() };
        info.filter(|info| info.introduced).map(|info| info.domid).ok_or(unknown)
    }
}

/// A domain that the store knows, or learns of now because the hypervisor has it.
pub(crate) fn known_or_alive(
    store: &Store,
    host: &mut dyn Host,
    domid: DomId,
) -> Option<DomainInfo> {
    let known = store.pin().domain(domid);
    if known.is_some() || !host.domain_exists(domid) {
        return known;
    }
    let seat = Seat { unique_id: host.unique_id(domid), port: 0 };
    store.edit(|edit| {
        edit.know_domain(domid);
        edit.seat(domid, seat);
        Ok(())
    });
    store.pin().domain(domid)
}
