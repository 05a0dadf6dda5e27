//! The clients `xenstore-*` and `xenstore`, as scripts know them: their options, their output,
//! their messages and their exit codes (Debian's Xen 4.17).
//!
//! What differs, each on purpose:
//! - `-d/--depth` of `watch` and `-v` of `live-update` are taken, as by newer Xen.
//! - A watch whose connection ends says so and exits with 1; theirs spins for ever.
//! - A recursive chmod follows paths of any length; theirs cuts them at 255 bytes.
//! - A transaction that conflicts without end is given up after a bounded number of attempts.
//! - What can't be written to the output is an error.
//! - The live update of a Xenstore stub domain is refused: it needs a kernel loader.

mod control;
mod errors;
mod getopt;
mod ls;
mod options;
mod perform;

use std::io;

use myriad_ring::client::{Client, Error};

pub(crate) use ls::{Layout, list as list_tree};

use self::{errors::os_text, options::Parsed};
use super::console::Console;

/// Why a client ends before its work is done.
#[derive(Debug)]
pub(crate) enum Fault {
    /// With a message after the program's name, and exit code 1.
    Die(Vec<u8>),
    /// As it can't list a node.
    Unlistable(Vec<u8>, Error),
    /// The output is gone.
    Output(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Output(error)
    }
}

/// A message made of pieces, some of which may not be text.
fn die<T>(pieces: &[&[u8]]) -> Result<T, Fault> {
    Err(Fault::Die(pieces.concat()))
}

/// Whether a program of this name is one of these clients.
pub(crate) fn is_ours(program: &[u8]) -> bool {
    let name = base_name(program);
    name == b"xenstore" || name.starts_with(b"xenstore-")
}

/// Runs the client that `argv[0]` names; gives its exit code.
pub(crate) fn run(argv: &[Vec<u8>], console: &mut Console<'_>) -> io::Result<u8> {
    let ended = if base_name(console.program) == b"xenstore-control" {
        control::run(argv, console)
    } else {
        client(argv, console)
    };
    match ended {
        Ok(code) => Ok(code),
        Err(Fault::Output(error)) => Err(error),
        Err(Fault::Die(message)) => warn(console, &message).map(|()| 1),
        Err(Fault::Unlistable(path, error)) => {
            let why = os_text(&error);
            let says = [b"xs_directory (", path.as_slice(), b"): ", why.as_bytes()].concat();
            warn(console, &says).map(|()| 1)
        }
    }
}

fn client(argv: &[Vec<u8>], console: &mut Console<'_>) -> Result<u8, Fault> {
    match options::parse(argv, console.err)? {
        Parsed::Usage(line) => die(&[&line]),
        Parsed::Job(job) => {
            let mut client = match Client::connect() {
                Ok(client) => client,
                Err(error) => return die(&[b"xs_open: ", os_text(&error).as_bytes()]),
            };
            perform::run(&job, &mut client, console)
        }
    }
}

/// A line on standard error, after the program's short name.
fn warn(console: &mut Console<'_>, message: &[u8]) -> io::Result<()> {
    console.err.write_all(&[base_name(console.program), b": ", message, b"\n"].concat())
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or_default()
}
