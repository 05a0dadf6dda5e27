//! What was found, for people and for programs.

use std::fmt;

use serde_json::{Value, json};

use super::{Diagnosis, PidFileState, SocketState, Verdict};

impl Diagnosis {
    /// All of it, for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let devices = self.devices.iter().map(|finding| {
            json!({
                "path": finding.path,
                "purpose": finding.purpose,
                "access": finding.access.to_string(),
                "mode": finding.owner.map(|(mode, ..)| format!("{mode:04o}")),
                "uid": finding.owner.map(|(_, uid, _)| uid),
                "gid": finding.owner.map(|(.., gid)| gid),
            })
        });
        let (xen, interface) = match &self.interface {
            Ok(found) => (Some(format!("{}.{}", found.xen.0, found.xen.1)), found.to_string()),
            Err(error) => (None, error.clone()),
        };
        let served = match &self.owner {
            SocketState::Served { pid, name, answers } => {
                Some(json!({ "pid": pid, "name": name, "answers": answers }))
            }
            _ => None,
        };
        let held = match &self.pid {
            PidFileState::Held(pid, name) => Some(json!({ "pid": pid, "name": name })),
            _ => None,
        };
        json!({
            "verdict": self.verdict().name(),
            "would_start": self.verdict().would_start(),
            "remedies": self.remedies(),
            "devices": devices.collect::<Vec<_>>(),
            "control_domain": self.control_domain,
            "xen": xen,
            "interface": interface,
            "socket": { "path": self.socket.to_string_lossy(), "served_by": served,
                        "state": self.owner.to_string() },
            "pid_file": { "path": self.pid_file.to_string_lossy(), "held_by": held,
                          "state": self.pid.to_string() },
            "run_dir": { "path": self.run_dir.path.to_string_lossy(),
                         "writable": self.run_dir.writable,
                         "in_memory": self.run_dir.in_memory },
            "confinement": self.confinement,
            "limits": { "open_files": self.limits.open_files.0,
                        "open_files_raised": self.limits.open_files.1,
                        "mappings": self.limits.mappings,
                        "guests": self.limits.guests },
        })
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.devices.iter().try_for_each(|finding| writeln!(f, "{finding}"))?;
        let control = if self.control_domain { "yes" } else { "no" };
        writeln!(f, "{:<20} {control}", "control domain")?;
        match &self.interface {
            Ok(interface) => writeln!(f, "{:<20} {interface}", "hypervisor")?,
            Err(error) => writeln!(f, "{:<20} {error}", "hypervisor")?,
        }
        writeln!(f, "{:<20} {}: {}", "socket", self.socket.display(), self.owner)?;
        writeln!(f, "{:<20} {}: {}", "pid file", self.pid_file.display(), self.pid)?;
        writeln!(f, "{:<20} {}", "run directory", self.run_dir)?;
        writeln!(f, "{:<20} {}", "limits", self.limits)?;
        writeln!(f, "{:<20} {}", "confinement", self.confinement)?;
        writeln!(f, "{:<20} {}", "on start", self.verdict())?;
        self.remedies().iter().try_for_each(|remedy| writeln!(f, "{:<20} {remedy}", "what to do"))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Serves => "would serve this host",
            Verdict::Occupied => "would refuse to start: another xenstored is at work",
            Verdict::NoPlace => "would refuse to start: it can't make its socket",
            Verdict::Fails => "would refuse to start: something of Xen's is missing or refused",
            Verdict::NoXen => "no control domain of Xen's: would serve simulated guests alone",
        })
    }
}
