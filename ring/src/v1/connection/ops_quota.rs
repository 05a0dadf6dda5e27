//! GET_FEATURE, SET_FEATURE, GET_QUOTA and SET_QUOTA, as today's C has them (`domain.c`).

use myriad_core::{DomainInfo, Errno, Quota};

use crate::v1::{
    args::{DomArg, QuotaQuery},
    connection::ops::{Done, Failed, Ops},
    features, reply,
    request::RequestError,
};

impl Ops<'_> {
    pub(super) fn get_feature(&mut self, of: Option<Result<DomArg, RequestError>>) -> Done {
        let features = match of {
            None => self.session.features,
            Some(_) if self.session.is_guest() => return Err(Errno::EACCES.into()),
            Some(domid) => self.alive(domid?)?.features,
        };
        reply::put_string(self.out, &self.header, &features.to_string());
        Ok(self.store.pin().seq())
    }

    pub(super) fn set_feature(&mut self, domid: DomArg, features: u32) -> Done {
        let info = self.alive(domid)?;
        if info.introduced {
            return Err(Errno::EBUSY.into());
        }
        if features & !features::OFFERED != 0 {
            return Err(Errno::EINVAL.into());
        }
        let outcome = self.edit(|edit| edit.set_features(info.domid, features));
        self.acked(outcome)
    }

    pub(super) fn get_quota(&mut self, query: &QuotaQuery<'_>) -> Done {
        let text = match query {
            QuotaQuery::Names => Quota::ALL.map(Quota::name).join(" "),
            QuotaQuery::Global { name } => self.store.pin().quotas().get(quota(name)?).to_string(),
            QuotaQuery::Domain { domid, name } => {
                let info = self.alive(*domid)?;
                info.quotas.get(quota(name)?).to_string()
            }
        };
        reply::put_string(self.out, &self.header, &text);
        Ok(self.store.pin().seq())
    }

    pub(super) fn set_quota(&mut self, of: Option<DomArg>, name: &[u8], value: u32) -> Done {
        let domid = of.map(|domid| self.alive(domid)).transpose()?.map(|info| info.domid);
        let quota = quota(name)?;
        if value == NO_QUOTA {
            return Err(Errno::EINVAL.into());
        }
        let outcome = self.edit(|edit| edit.set_quota(domid, quota, value));
        let ((), seq) = self.outcome(outcome)?;
        self.host.quotas_changed(domid);
        self.ack(seq)
    }

    /// A domain that exists, introduced or not.
    fn alive(&mut self, domid: DomArg) -> Result<DomainInfo, Failed> {
        let info = domid.domid().and_then(|domid| self.known_or_alive(domid));
        info.ok_or(Failed { errno: Errno::ENOENT, seq: self.store.pin().seq() })
    }
}

fn quota(name: &[u8]) -> Result<Quota, Failed> {
    let quota = std::str::from_utf8(name).ok().and_then(Quota::from_name);
    quota.ok_or(Errno::EINVAL.into())
}

/// The value that stands for "there is no such quota" in C.
const NO_QUOTA: u32 = u32::MAX;
