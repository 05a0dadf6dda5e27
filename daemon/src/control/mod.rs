//! CONTROL: the commands that `xenstore-control` sends to the daemon.
//!
//! The commands of C's `control.c` have its words, its answers and its errors; `sim`, `domains`,
//! `version` and `confinement` are ours. Invariants:
//! - no answer is longer than a message: long lists stop, and say how to go on;
//! - whatever a command commits, its answer carries the publication (`Done::seq`), so that the
//!   events of the command precede its answer.

mod domains;
mod memory;
mod pins;
mod quota;
mod usage;

use std::path::Path;

use myriad_core::{ConnId, DomId, Errno, Instance, Store};
use tracing::{error, info, warn};

pub(crate) use domains::bury;
pub(crate) use memory::prepare;
pub use pins::Pins;
pub use usage::{HighWater, OfConnection, Usage};

use crate::{
    confine, limits,
    logs::{Logs, TRACE_SWITCHES},
    options::Switch,
    sim,
};

/// What commands act upon.
pub struct Context<'a> {
    /// The store.
    pub store: &'a Store,
    /// Whether domains are simulated: the host is the simulated one's business then.
    pub simulated: bool,
    /// The simulated host.
    pub host: &'a sim::Host,
    /// The logs.
    pub logs: &'a Logs,
    /// The greatest usage seen.
    pub seen: &'a HighWater,
    /// What open transactions pin.
    pub pins: &'a Pins,
    /// The control domain.
    pub control: DomId,
    /// What other parts of the daemon must do.
    pub effects: &'a mut dyn Effects,
}

/// What commands ask of the rest of the daemon.
pub trait Effects {
    /// The connection that serves a domain.
    fn connection(&self, domid: DomId) -> Option<ConnId>;
    /// A life of a domain is over: close its connection.
    fn domain_gone(&mut self, domid: DomId, life: Instance);
    /// Quotas were set: who was over one may not be any more.
    fn quotas_changed(&mut self);
    /// Answer with the usage of a domain, of which its worker knows a part.
    fn tell_usage(&mut self, domid: DomId);
    /// Run [`check`], and answer when it is done.
    ///
    /// # Errors
    /// No thread is to be had for it.
    fn check(&mut self) -> Result<(), Errno>;
}

/// The outcome of a command.
#[derive(Debug)]
pub struct Done {
    /// What to answer.
    pub answer: Result<Answer, Errno>,
    /// The last publication that the command made, or 0.
    pub seq: u64,
}

/// What a command that succeeded answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `OK`.
    Ack,
    /// A text, whose NUL is added by the codec.
    Text(String),
    /// The effects will answer.
    Later,
}

/// A command: its name, what its arguments are, and what it does.
struct Command {
    name: &'static str,
    arguments: &'static str,
    run: fn(&mut Run<'_, '_>, &[&str]) -> Result<Answer, Errno>,
}

/// A command under way.
struct Run<'a, 'c> {
    context: &'a mut Context<'c>,
    seq: u64,
}

/// Runs a command with its arguments.
pub fn run(context: &mut Context<'_>, name: &[u8], arguments: &[&[u8]]) -> Done {
    let mut run = Run { context, seq: 0 };
    let answer = dispatch(&mut run, name, arguments);
    Done { answer, seq: run.seq }
}

fn dispatch(run: &mut Run<'_, '_>, name: &[u8], arguments: &[&[u8]]) -> Result<Answer, Errno> {
    let command = COMMANDS.iter().find(|c| c.name.as_bytes() == name).ok_or(Errno::EINVAL)?;
    let words: Result<Vec<&str>, _> = arguments.iter().map(|a| std::str::from_utf8(a)).collect();
    (command.run)(run, &words.map_err(|_| Errno::EINVAL)?)
}

const COMMANDS: [Command; 13] = [
    Command { name: "check", arguments: "", run: start_check },
    Command { name: "log", arguments: "[on|off|+<switch>|-<switch>]", run: log },
    Command {
        name: "live-update",
        arguments: "[-c <cmdline>] [-F] [-t <timeout>] [-v <version>] <file>\n    \
                    Not supported by this version.",
        run: live_update,
    },
    Command { name: "logfile", arguments: "<file>", run: logfile },
    Command { name: "memreport", arguments: "[<file>]", run: memory::report },
    Command { name: "print", arguments: "<string>", run: print },
    Command { name: "quota", arguments: "[set <name> <val>|<domid>|max [-r]]", run: quota::hard },
    Command { name: "quota-soft", arguments: "[set <name> <val>]", run: quota::soft },
    Command { name: "domains", arguments: "[<first domid>]", run: domains::list },
    Command {
        name: "sim",
        arguments: "create|destroy <domid>[-<domid>]|shutdown|crash|resume <domid>|list",
        run: domains::sim,
    },
    Command { name: "version", arguments: "", run: version },
    Command { name: "confinement", arguments: "", run: confinement },
    Command { name: "help", arguments: "", run: help },
];

fn help(_: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    none(words)?;
    let lines = COMMANDS.iter().map(|c| format!("{:<15} {}\n", c.name, c.arguments));
    Ok(Answer::Text(lines.collect()))
}

fn version(_: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    none(words)?;
    Ok(Answer::Text(concat!("Myriad ", env!("CARGO_PKG_VERSION")).into()))
}

/// What the daemon has given away since its start.
fn confinement(_: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    none(words)?;
    let off = || "off (--no-confinement)".to_owned();
    Ok(Answer::Text(confine::in_force().map_or_else(off, ToString::to_string)))
}

/// Walks the store, compares what is accounted with what is there, and tells the log. It takes
/// its time: no worker should wait for it.
pub fn check(store: &Store) {
    info!("Checking store ...");
    let found = store.pin().check();
    match found {
        Ok(()) => info!("Checking store complete: nothing found"),
        Err(findings) => {
            for finding in findings.iter().take(limits::FINDINGS_LOGGED) {
                error!("check_store: {finding}");
            }
            error!("Checking store complete: {} findings", findings.len());
        }
    }
}

fn start_check(run: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    none(words)?;
    run.context.effects.check()?;
    Ok(Answer::Later)
}

fn log(run: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    let logs = run.context.logs;
    match words {
        [] => {
            let state = |index| if logs.switch(index) { "on" } else { "off" };
            let lines = TRACE_SWITCHES.iter().enumerate();
            let lines: String =
                lines.map(|(i, name)| format!("{name:<8}: {}\n", state(i))).collect();
            return Ok(Answer::Text(format!("Log switch settings:\n{lines}")));
        }
        ["on"] => logs.try_reopen().map_err(|_| Errno::EAGAIN)?,
        ["off"] => logs.off().map_err(|_| Errno::EAGAIN)?,
        [switch] => {
            let switch: Switch = switch.parse().map_err(|_| Errno::EINVAL)?;
            logs.set_switch(switch.index, switch.on);
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(Answer::Ack)
}

fn logfile(run: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    let &[file] = words else { return Err(Errno::EINVAL) };
    run.context.logs.set_file(Path::new(file)).map_err(|error| refused(file, &error))?;
    Ok(Answer::Ack)
}

/// Says more of a file that can't be opened than the protocol can.
fn refused(path: &str, error: &std::io::Error) -> Errno {
    let mut shown = Vec::new();
    crate::logs::escape(&mut shown, path.as_bytes());
    let shown = String::from_utf8_lossy(&shown);
    warn!("control: can't open {shown}: {error}{}", confine::explain(error));
    errno(error)
}

fn print(_: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    let &[text] = words else { return Err(Errno::EINVAL) };
    let mut shown = Vec::new();
    crate::logs::escape(&mut shown, text.as_bytes());
    info!("control: {}", String::from_utf8_lossy(&shown));
    Ok(Answer::Ack)
}

/// C answers a text that isn't `OK` where an update can't go on; `xenstore-control` shows it.
fn live_update(_: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    if words.is_empty() {
        return Err(Errno::EINVAL);
    }
    let text = "Live update is not supported by this version: stop xenstored and start the new one";
    Ok(Answer::Text(text.into()))
}

fn none(words: &[&str]) -> Result<(), Errno> {
    if words.is_empty() { Ok(()) } else { Err(Errno::EINVAL) }
}

/// The protocol's name for what the system said of a file.
fn errno(error: &std::io::Error) -> Errno {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Errno::ENOENT,
        ErrorKind::PermissionDenied => Errno::EACCES,
        ErrorKind::IsADirectory => Errno::EISDIR,
        ErrorKind::StorageFull => Errno::ENOSPC,
        ErrorKind::WouldBlock => Errno::EAGAIN,
        ErrorKind::ReadOnlyFilesystem => Errno::EROFS,
        _ => Errno::EIO,
    }
}
