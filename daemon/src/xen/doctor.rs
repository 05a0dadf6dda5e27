//! What `myriad doctor` finds: whether a xenstored could serve this host, and if not, why.
//!
//! Nothing is changed: devices are opened and closed again, and who runs already is known from the
//! kernel and by one request to the socket.

mod devices;
mod owner;
mod report;
mod surroundings;

use std::path::{Path, PathBuf};

use super::{
    device::{NEEDED, is_control_domain},
    host::{Interface, XenHost},
};
use crate::{confine, options::Places};

pub use devices::{Access, Finding};
pub use owner::{PidFileState, SocketState};
pub use surroundings::{Limits, RunDir};

/// What was found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Diagnosis {
    /// Each device and file.
    pub devices: Vec<Finding>,
    /// Whether the kernel says that this is the control domain.
    pub control_domain: bool,
    /// What the hypervisor answered to, or why it didn't, in words.
    pub interface: Result<Interface, String>,
    /// The daemon's socket.
    pub socket: PathBuf,
    /// Who owns it.
    pub owner: SocketState,
    /// The daemon's pid file.
    pub pid_file: PathBuf,
    /// Whom it names.
    pub pid: PidFileState,
    /// Where the socket lies.
    pub run_dir: RunDir,
    /// What the system allows this process, and a daemon that it starts.
    pub limits: Limits,
    /// How the one at work is confined, or would be.
    pub confinement: String,
}

/// What would happen if a xenstored were started now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would serve this host.
    Serves,
    /// It would find another one at work.
    Occupied,
    /// It could not make its socket.
    NoPlace,
    /// It would fail: something is missing or refused.
    Fails,
    /// This is no control domain of Xen's: it would serve simulated guests.
    NoXen,
}

/// Looks at everything, for a daemon with this pid file that is to serve so many guests.
#[must_use]
pub fn probe(places: &Places, pid_file: &Path, guests: u64) -> Diagnosis {
    let devices = NEEDED.map(|(path, purpose)| Finding::of(path, purpose)).into();
    let owner = SocketState::of(&places.socket);
    Diagnosis {
        devices,
        confinement: confinement(&owner),
        control_domain: is_control_domain(),
        interface: XenHost::open().map(|host| host.interface()).map_err(|e| e.to_string()),
        owner,
        run_dir: RunDir::of(places.socket.parent().unwrap_or(&places.run_dir)),
        socket: places.socket.clone(),
        pid: PidFileState::of(pid_file),
        pid_file: pid_file.into(),
        limits: Limits::of_this_process(guests),
    }
}

/// Of the process at the socket, else what the kernel offers.
fn confinement(owner: &SocketState) -> String {
    let SocketState::Served { pid, .. } = owner else {
        return format!("the kernel offers {}", confine::offered());
    };
    let process = confine::of_process(*pid);
    process.map_or_else(|| "can't be told".to_owned(), |what| format!("process {pid}: {what}"))
}

impl Diagnosis {
    /// What would happen on start.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let is = |access| move |finding: &Finding| finding.access == access;
        let devices = &self.devices;
        if matches!(self.owner, SocketState::Served { .. })
            || matches!(self.pid, PidFileState::Held(..))
        {
            Verdict::Occupied
        } else if self.owner == SocketState::NoSocket || !self.run_dir.writable {
            Verdict::NoPlace
        } else if !self.control_domain && devices.iter().any(is(Access::Missing)) {
            Verdict::NoXen
        } else if self.interface.is_ok() && devices.iter().all(is(Access::Usable)) {
            Verdict::Serves
        } else {
            Verdict::Fails
        }
    }

    /// What to do about what was found, in order.
    #[must_use]
    pub fn remedies(&self) -> Vec<String> {
        let verdict = self.verdict();
        let mut all = Vec::new();
        let process = match (&self.owner, &self.pid) {
            (SocketState::Served { pid, name, .. }, _) => Some((pid, name)),
            (_, PidFileState::Held(pid, name)) => Some((pid, name)),
            _ => None,
        };
        if let Some((pid, name)) = process {
            all.push(format!(
                "stop process {pid} ({name}) first; a control domain with guests can only change \
                 its xenstored by a reboot"
            ));
        }
        if self.owner == SocketState::NoSocket {
            all.push(format!("remove {}, or set XENSTORED_PATH", self.socket.display()));
        }
        all.extend(self.run_dir.remedy());
        if verdict != Verdict::NoXen {
            let of = |finding: &Finding| Some(format!("{}: {}", finding.path, finding.remedy()?));
            all.extend(self.devices.iter().filter_map(of));
        }
        all.extend(self.limits.remedies());
        all
    }
}

impl Verdict {
    /// Whether a daemon would start and serve what is here.
    #[must_use]
    pub fn would_start(self) -> bool {
        matches!(self, Verdict::Serves | Verdict::NoXen)
    }

    /// One word, for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Serves => "serves",
            Verdict::Occupied => "occupied",
            Verdict::NoPlace => "no-place",
            Verdict::Fails => "fails",
            Verdict::NoXen => "no-xen",
        }
    }
}

#[cfg(test)]
mod tests;
