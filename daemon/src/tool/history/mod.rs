//! The past: what `myriad` tells of a history file, by the words of git.
//!
//! Invariants:
//! - The file is read and nothing else: no command needs a daemon, but `restore`.
//! - A version that is named and not kept is never taken for another in silence: the nearest older
//!   one stands in, and that is said.
//! - What the history doesn't know is refused or reported, never made up.

mod bisect;
mod blame;
pub(super) mod cli;
mod diff;
mod directory;
mod error;
mod export;
mod expr;
mod follow;
mod glob;
mod layout;
mod limits;
mod live;
mod log;
mod name;
mod past;
mod plot;
mod progress;
mod restore;
mod serve;
mod show;
mod shown;
mod source;
mod stats;
mod when;
mod words;

use std::path::{Path, PathBuf};

pub(super) use error::PastError;

use super::{
    cli::{Cli, Command},
    console::Console,
    failure::Failure,
};
use crate::options::Places;

/// Does what was asked for, where that is about the past.
pub(super) fn run(cli: &Cli, console: &mut Console<'_>) -> Option<Result<(), Failure>> {
    let file = || file(cli);
    let json = cli.json;
    Some(match &cli.command {
        Command::Ls(options) => {
            let what = options.path.to_str().filter(|path| name::split(path).is_some())?;
            show::list(options, what, &file(), json, console)
        }
        Command::Log(options) => log::log(options, &file(), json, console),
        Command::Show(options) => show::show(options, &file(), json, console),
        Command::Diff(options) => diff::diff(options, &file(), json, console),
        Command::Blame(options) => blame::blame(options, &file(), json, console),
        Command::Bisect(options) => bisect::bisect(options, named(cli), file, json, console),
        Command::Serve(options) => {
            serve::serve(options, cli.socket.as_deref(), &file(), json, console)
        }
        Command::History(cli::Of::Stats) => stats::stats(&file(), json, console),
        Command::History(cli::Of::Gaps) => stats::gaps(&file(), json, console),
        Command::Export(options) => export::export(&options.git, &file(), json, console),
        Command::Restore(options) => {
            restore::restore(options, cli.socket.as_deref(), &file(), json, console)
        }
        _ => return None,
    })
}

/// The file that was named, else the daemon's.
fn file(cli: &Cli) -> PathBuf {
    named(cli).map_or_else(|| Places::from_env().history(), Path::to_owned)
}

/// The file that was named; an empty variable names none.
fn named(cli: &Cli) -> Option<&Path> {
    cli.history.as_deref().filter(|file| !file.as_os_str().is_empty())
}
