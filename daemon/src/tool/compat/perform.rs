//! What the clients do once their command line is read.
//!
//! Invariant: what a transaction has printed appears only when the transaction has ended, and
//! once, however often it was tried.

use std::io::{self, Read, Write};

use myriad_core::Errno;
use myriad_ring::client::{Client, Error, Store, limits::MAX_TRANSACTION_ATTEMPTS};

use super::{
    Fault, die,
    errors::os_text,
    ls::{self, Layout},
    options::{Job, Mode, atoi},
    warn,
};
use crate::tool::{
    console::Console,
    escape::{quote, unquote},
    tree::{self, At, Reach},
};

/// Does a job, in a transaction where it wants one; gives the exit code.
pub(super) fn run<S: Read + Write>(
    job: &Job,
    client: &mut Client<S>,
    console: &mut Console<'_>,
) -> Result<u8, Fault> {
    match job.mode {
        Mode::Watch => return watch(job, client, console),
        Mode::Ls => return list_trees(job, client, console),
        _ => {}
    }
    if !job.in_transaction() {
        let mut output = Vec::new();
        let code = perform(job, client, &mut output, console)?;
        console.out.write_all(&output)?;
        return Ok(code);
    }
    for _ in 0..MAX_TRANSACTION_ATTEMPTS {
        let Ok(mut tx) = client.begin() else { return die(&[b"couldn't start transaction"]) };
        let mut output = Vec::new();
        let code = perform(job, &mut tx, &mut output, console)?;
        let ended = if code == 0 { tx.commit() } else { tx.abort() };
        match ended {
            Ok(()) => {
                console.out.write_all(&output)?;
                return Ok(code);
            }
            Err(error) if code == 0 && error.errno() == Some(Errno::EAGAIN) => {}
            Err(_) => break,
        }
    }
    die(&[b"couldn't end transaction"])
}

fn perform(
    job: &Job,
    store: &mut impl Store,
    out: &mut Vec<u8>,
    console: &mut Console<'_>,
) -> Result<u8, Fault> {
    let mut complain = |what: &[u8], path: &[u8]| -> io::Result<u8> {
        warn(console, &[what, b" path ", path].concat())?;
        Ok(1)
    };
    if job.mode == Mode::Chmod {
        return chmod(job, store);
    }
    let step = if job.mode == Mode::Write { 2 } else { 1 };
    for operands in job.operands.chunks(step) {
        let [path, value @ ..] = operands else { break };
        match job.mode {
            Mode::Read => match store.read(path) {
                Ok(value) => print_value(job, path, &value, out),
                Err(_) => return Ok(complain(b"couldn't read", path)?),
            },
            Mode::Write => {
                let text = value.first().map(Vec::as_slice).unwrap_or_default();
                let value = if job.raw { text.to_vec() } else { unquote(text) };
                if store.write(path, value).is_err() {
                    return Ok(complain(b"could not write", path)?);
                }
            }
            Mode::Rm => {
                if let Err(at) = tree::remove(store, path, job.tidy) {
                    return Ok(complain(b"could not remove", &at.path)?);
                }
            }
            Mode::List => match store.list(path) {
                Ok(names) => print_names(job, path, &names, out),
                Err(_) => return Ok(complain(b"could not list", path)?),
            },
            Mode::Exists if store.read(path).is_err() => return Ok(1),
            Mode::Exists | Mode::Chmod | Mode::Ls | Mode::Watch => {}
        }
    }
    Ok(0)
}

fn print_value(job: &Job, path: &[u8], value: &[u8], out: &mut Vec<u8>) {
    if job.prefix {
        out.extend([path, b": "].concat());
    }
    if job.raw {
        out.extend(value);
    } else {
        out.extend(quote(value));
        out.push(b'\n');
    }
}

fn print_names(job: &Job, path: &[u8], names: &[String], out: &mut Vec<u8>) {
    for name in names {
        if job.prefix {
            out.extend([path, b"/"].concat());
        }
        out.extend(name.bytes());
        out.push(b'\n');
    }
}

fn chmod(job: &Job, store: &mut impl Store) -> Result<u8, Fault> {
    let Some((path, specs)) = job.operands.split_first() else { return Ok(0) };
    let mut perms = Vec::with_capacity(specs.len());
    for spec in specs {
        match spec.split_first() {
            Some((letter @ (b'n' | b'r' | b'w' | b'b'), id)) => {
                perms.push(format!("{}{}", char::from(*letter), atoi(id)).into_bytes());
            }
            other => {
                let letter = [other.map_or(0, |(letter, _)| *letter)];
                return die(&[b"Invalid permission specification: '", &letter, b"'"]);
            }
        }
    }
    let reach = Reach { upto: job.upto, recurse: job.recurse };
    match tree::chmod(store, path, &perms, reach) {
        Ok(()) => Ok(0),
        Err(At { path, error: Some(error) }) => {
            let why = os_text(&error);
            die(&[b"Error occurred setting permissions on '", &path, b"': ", why.as_bytes()])
        }
        Err(At { path, error: None }) => {
            die(&[b"Unable to locate path separator '/' in '", &path, b"'"])
        }
    }
}

fn list_trees(job: &Job, store: &mut impl Store, console: &mut Console<'_>) -> Result<u8, Fault> {
    let layout = Layout::new(job.flat, job.prefix, console.columns);
    for path in &job.operands {
        ls::list(store, path, layout, console)?;
    }
    Ok(0)
}

fn watch<S: Read + Write>(
    job: &Job,
    client: &mut Client<S>,
    console: &mut Console<'_>,
) -> Result<u8, Fault> {
    for path in &job.operands {
        let unable = |more: &str| die(&[b"Unable to add watch on ", path, more.as_bytes(), b"\n"]);
        match u32::try_from(job.depth) {
            Err(_) if client.watch(path, path).is_err() => return unable(""),
            Ok(depth)
                if !client.features().is_ok_and(|bits| bits & WATCH_DEPTH != 0)
                    || client.watch_depth(path, path, depth).is_err() =>
            {
                return unable(&format!(" with depth {depth}"));
            }
            _ => {}
        }
    }
    let mut count = 0;
    while job.events == -1 || count < job.events {
        match client.next_event() {
            Ok(event) => {
                console.out.write_all(&[event.path.as_bytes(), b"\n"].concat())?;
                console.out.flush()?;
            }
            Err(error @ Error::EventsLost(_)) => {
                warn(console, error.to_string().as_bytes())?;
            }
            Err(error) => return die(&[error.to_string().as_bytes()]),
        }
        count = count.saturating_add(1);
    }
    Ok(0)
}

/// The server's feature of watches with a depth (`XENSTORE_SERVER_FEATURE_WATCHDEPTH`).
const WATCH_DEPTH: u32 = 4;
