//! Which domains the hypervisor has, and what has changed.

use std::{fmt, sync::Arc};

use myriad_core::DomId;
use rustix::io::Errno;
use tracing::warn;

use super::{
    device::PRIVCMD,
    domains::{Change, Domain, Known},
    error::XenError,
    hypercall::{Hypercalls, List, Question},
    layout::{self, Domctl, RELEASES, Release},
    limits::{CHANGES_PER_LOOK, DOMAINS_MAX},
};
use crate::hypervisor::{DomainState, Hypervisor};

/// The hypervisor, as the control domain may ask it. Any thread may; nothing is locked.
#[derive(Debug)]
pub struct XenHost {
    calls: Hypercalls,
    interface: Interface,
}

/// Which interface the hypervisor answered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The hypervisor's version: 4 and 17.
    pub xen: (u16, u16),
    /// It has the stable `XEN_DOMCTL_get_domain_state`, from 4.21 on, which is used where it is.
    pub stable: bool,
    /// Its unstable interface, where it is a known one; needed where there is no stable one.
    pub release: Option<&'static Release>,
}

/// What tells of changed domains. One per daemon: the hypervisor tells of each change once.
#[derive(Debug)]
pub struct DomainWatch {
    host: Arc<XenHost>,
    known: Known,
    question: Question,
    list: Option<List>,
    domains: Vec<Domain>,
}

impl XenHost {
    /// Opens the hypercall devices, and finds out which interface the hypervisor has. To be
    /// called by the process that serves, after it went to the background.
    ///
    /// # Errors
    /// Where the devices are missing, or the hypervisor has none of the known interfaces.
    pub fn open() -> Result<XenHost, XenError> {
        let calls = Hypercalls::open()?;
        let interface = Interface::find(&calls)?;
        Ok(XenHost { calls, interface })
    }

    /// The interface that is used.
    #[must_use]
    pub fn interface(&self) -> Interface {
        self.interface
    }

    /// A domain, dead or alive; none where there is none.
    ///
    /// # Errors
    /// Where the hypervisor refuses to say.
    pub fn query(&self, domid: DomId) -> Result<Option<Domain>, XenError> {
        if !domid.is_real() {
            return Ok(None);
        }
        let mut question = self.calls.question()?;
        let op = self.interface.question(domid);
        let answer = match self.calls.domctl(&mut question, &op) {
            Ok(answer) => answer,
            Err(Errno::SRCH) => return Ok(None),
            Err(source) => return Err(of_domain(domid, source)),
        };
        let answer = if self.interface.stable {
            layout::state(answer).and_then(|(_, domain)| domain)
        } else {
            layout::info(answer) // Of the next one, where there is none with this id.
        };
        Ok(answer.filter(|domain| domain.domid == domid))
    }

    /// All domains, dead ones too, by ascending id.
    ///
    /// # Errors
    /// Where the hypervisor refuses to say, or its list is of a release that is not known; then
    /// [`DomainWatch::changes`] still works.
    pub fn list(&self) -> Result<Vec<Domain>, XenError> {
        let mut domains = Vec::new();
        self.list_into(&mut self.calls.list()?, &mut domains)?;
        Ok(domains)
    }

    /// Begins to watch for changes, of which the first look tells all domains. The event that says
    /// when to look ([`super::EventChannels::bind_domain_exception`]) must be bound before.
    ///
    /// # Errors
    /// Where there is no memory for hypercalls.
    pub fn watch(self: &Arc<Self>) -> Result<DomainWatch, XenError> {
        let list = if self.interface.stable { None } else { Some(self.calls.list()?) };
        Ok(DomainWatch {
            host: Arc::clone(self),
            known: Known::default(),
            question: self.calls.question()?,
            list,
            domains: Vec::new(),
        })
    }

    fn list_into(&self, list: &mut List, domains: &mut Vec<Domain>) -> Result<(), XenError> {
        let refused = |source| failed("listing the domains", source);
        let release = self.interface.release.ok_or(refused(Errno::ACCESS))?;
        domains.clear();
        let mut first = DomId::ZERO;
        // Ends: each round asks for greater ids than the last.
        while self.calls.domains(list, release.sysctl, first, domains).map_err(refused)? {
            let Some(last) = domains.last().filter(|last| last.domid >= first) else {
                return Err(XenError::Answer { operation: "listing the domains" });
            };
            first = DomId(last.domid.0.saturating_add(1));
            if domains.len() > DOMAINS_MAX {
                return Err(XenError::Answer { operation: "listing the domains" });
            }
        }
        Ok(())
    }
}

impl Hypervisor for XenHost {
    /// A domain that is dead is none; so, as in C xenstored, is one that the hypervisor doesn't
    /// tell of (which is logged).
    fn domain(&self, domid: DomId) -> Option<DomainState> {
        match self.query(domid) {
            Ok(domain) => domain.and_then(|domain| domain.state()),
            Err(error) => {
                warn!("domain {domid} counts as gone: {error}");
                None
            }
        }
    }
}

impl DomainWatch {
    /// Adds what has changed since the last look to `changes`, in the order in which it is to be
    /// done. The first look tells of all domains.
    ///
    /// To be called after each `VIRQ_DOM_EXC`, which is to be unmasked before: what changes during
    /// the look makes it fire again.
    ///
    /// # Errors
    /// Where the hypervisor refuses to say. What `changes` has then is true, and the next look
    /// tells the rest.
    pub fn changes(&mut self, changes: &mut Vec<Change>) -> Result<(), XenError> {
        match &mut self.list {
            Some(list) => {
                self.host.list_into(list, &mut self.domains)?;
                self.known.note_all(&self.domains, changes);
                Ok(())
            }
            None => self.changed_states(changes),
        }
    }

    /// A domain runs again (RESUME): its next shutdown is a change, even if nobody looked in
    /// between.
    pub fn resumed(&mut self, domid: DomId) {
        self.known.resumed(domid);
    }

    /// The domains as they were at the last look.
    #[must_use]
    pub fn known(&self) -> &Known {
        &self.known
    }

    fn changed_states(&mut self, changes: &mut Vec<Change>) -> Result<(), XenError> {
        let op = Domctl::state(DomId::INVALID);
        for _ in 0..CHANGES_PER_LOOK {
            let answer = match self.host.calls.domctl(&mut self.question, &op) {
                Ok(answer) => answer,
                Err(Errno::NOENT) => return Ok(()),
                Err(source) => return Err(failed("asking for changed domains", source)),
            };
            let told = layout::state(answer).filter(|(domid, _)| domid.is_real());
            let answer = XenError::Answer { operation: "asking for changed domains" };
            let (domid, domain) = told.ok_or(answer)?;
            self.known.note(domid, domain, changes);
        }
        Ok(())
    }
}

impl Interface {
    fn find(calls: &Hypercalls) -> Result<Interface, XenError> {
        let refused = |source| failed("asking for Xen's version", source);
        let xen = calls.version().map_err(refused)?;
        let mut question = calls.question()?;
        let mut list = calls.list()?;
        let stable = calls.domctl(&mut question, &Domctl::state(DomId::ZERO)).is_ok();
        let mut last = Errno::ACCESS;
        let mut answers = |release: &Release| {
            let op = Domctl::info(release.domctl, DomId::ZERO);
            let known = calls.domctl(&mut question, &op).map(drop);
            let mut domains = Vec::new();
            let listed = |()| calls.domains(&mut list, release.sysctl, DomId::ZERO, &mut domains);
            known.and_then(listed).inspect_err(|errno| last = *errno).is_ok()
        };
        let release = RELEASES.iter().find(|release| answers(release));
        if !stable && release.is_none() {
            return Err(XenError::Interface { major: xen.0, minor: xen.1, source: last });
        }
        Ok(Interface { xen, stable, release })
    }

    fn question(&self, domid: DomId) -> Domctl {
        match self.release {
            Some(release) if !self.stable => Domctl::info(release.domctl, domid),
            _ => Domctl::state(domid),
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.xen;
        write!(f, "Xen {major}.{minor}, ")?;
        match self.release {
            _ if self.stable => f.write_str("the stable interface (get_domain_state)"),
            Some(release) => write!(
                f,
                "the interface of Xen {} (domctl {:#x}, sysctl {:#x})",
                release.name, release.domctl, release.sysctl
            ),
            None => f.write_str("no known interface"),
        }
    }
}

fn failed(operation: &'static str, source: Errno) -> XenError {
    XenError::Device { device: PRIVCMD, operation, source, remedy: REMEDY }
}

fn of_domain(domid: DomId, source: Errno) -> XenError {
    let operation = "asking for the state";
    XenError::OfDomain { device: PRIVCMD, operation, domid, source, remedy: REMEDY }
}

const REMEDY: &str = "is this the control domain, and does its security policy (XSM) allow it?";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_used_from_any_thread() {
        fn shared<T: Send + Sync>() {}
        fn sent<T: Send>() {}
        shared::<XenHost>();
        shared::<crate::xen::EventChannels>();
        sent::<DomainWatch>();
        sent::<crate::xen::Mapped>();
    }

    #[test]
    fn an_interface_is_named_and_used() {
        let old = Interface { xen: (4, 17), stable: false, release: Some(&RELEASES[0]) };
        let text = "Xen 4.17, the interface of Xen 4.17 (domctl 0x15, sysctl 0x15)";
        assert_eq!(old.to_string(), text);
        assert_eq!(old.question(DomId(3)), Domctl::info(0x15, DomId(3)));
        let new = Interface { xen: (4, 21), stable: true, release: Some(&RELEASES[3]) };
        assert_eq!(new.to_string(), "Xen 4.21, the stable interface (get_domain_state)");
        assert_eq!(new.question(DomId(3)), Domctl::state(DomId(3)));
    }
}
