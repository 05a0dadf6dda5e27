//! Lines to the system's log, as RFC 3164 has them.

use std::os::unix::net::UnixDatagram;

use crate::limits;

/// A connection to `/dev/log`, made when the first line is sent.
#[derive(Debug, Default)]
pub(super) struct Syslog {
    socket: Option<UnixDatagram>,
}

/// How grave a line is (RFC 3164, 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Severity {
    Error = 3,
    Warning = 4,
    Info = 6,
    Debug = 7,
}

impl Severity {
    pub(super) fn of(level: tracing::Level) -> Severity {
        match level {
            tracing::Level::ERROR => Severity::Error,
            tracing::Level::WARN => Severity::Warning,
            tracing::Level::INFO => Severity::Info,
            _ => Severity::Debug,
        }
    }
}

impl Syslog {
    /// Sends a line; without a system log it goes nowhere, as with C's `syslog`.
    pub(super) fn send(&mut self, severity: Severity, line: &[u8]) {
        let message = frame(severity, std::process::id(), line);
        for _ in 0..limits::SYSLOG_ATTEMPTS {
            if self.socket.is_none() {
                self.socket = connect();
            }
            let Some(socket) = &self.socket else { return };
            if socket.send(&message).is_ok() {
                return;
            }
            // The system's log was restarted: its old socket is dead.
            self.socket = None;
        }
    }
}

/// `LOG_DAEMON`.
const FACILITY: u8 = 3;

fn connect() -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect("/dev/log").ok()?;
    Some(socket)
}

fn frame(severity: Severity, pid: u32, line: &[u8]) -> Vec<u8> {
    let mut message = format!("<{}>xenstored[{pid}]: ", FACILITY * 8 + severity as u8).into_bytes();
    message.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_facility_severity_and_pid() {
        let framed = frame(Severity::Warning, 42, b"quota reached\n");
        assert_eq!(framed, b"<28>xenstored[42]: quota reached");
    }
}
