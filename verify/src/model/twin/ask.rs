//! Requests to the real store, answered in the model's terms.

use myriad_core::{Caller, Error, Path, Reads, Writes};

use super::Part;
use crate::model::{Answer, Names, Request};

/// Makes a request of what reads and writes.
pub(super) fn ask(
    on: &mut impl Writes,
    caller: &Caller,
    request: &Request,
) -> Result<Answer, Error> {
    match request {
        Request::Write(path, value) => on.write(caller, Path::new(path)?, value)?,
        Request::Mkdir(path) => on.mkdir(caller, Path::new(path)?)?,
        Request::Rm(path) => on.rm(caller, Path::new(path)?)?,
        Request::SetPerms(path, list) => on.set_perms(caller, Path::new(path)?, list)?,
        _ => return look(on, caller, request),
    }
    Ok(Answer::Done)
}

/// The same of what only reads; a change is answered as if done.
pub(super) fn look(
    on: &mut impl Reads,
    caller: &Caller,
    request: &Request,
) -> Result<Answer, Error> {
    Ok(match request {
        Request::Read(path) => Answer::Value(on.read(caller, Path::new(path)?)?.to_vec()),
        Request::List(path) => Answer::Names(names(on, caller, path)?),
        Request::GetPerms(path) => Answer::Perms(on.get_perms(caller, Path::new(path)?)?),
        Request::Lookup(index, key) => {
            let found = on.lookup(index, key)?.into_iter();
            Answer::Matches(found.map(|m| (m.captures.into(), m.owner)).collect())
        }
        _ => Answer::Done,
    })
}

/// Whether it changes nothing, whatever it is answered.
pub(super) fn only_reads(request: &Request) -> bool {
    matches!(
        request,
        Request::Read(_) | Request::List(_) | Request::GetPerms(_) | Request::Lookup(..)
    )
}

/// The path of a part.
pub(super) fn path_of(part: &Part) -> Option<&str> {
    match part {
        Part::Do(request) => path(request),
        Part::IfValue(path, _) | Part::IfExists(path) | Part::IfAbsent(path) => Some(path),
    }
}

/// The path of a request, where it has one.
pub(super) fn path(request: &Request) -> Option<&str> {
    match request {
        Request::Lookup(..) => None,
        Request::Read(path)
        | Request::List(path)
        | Request::GetPerms(path)
        | Request::Write(path, _)
        | Request::Mkdir(path)
        | Request::Rm(path)
        | Request::SetPerms(path, _) => Some(path),
    }
}

fn names(on: &mut impl Reads, caller: &Caller, path: &str) -> Result<Names, Error> {
    let listing = on.list(caller, Path::new(path)?)?;
    let text = String::from_utf8_lossy(&listing.names);
    let names = text.split_terminator('\0').map(str::to_owned).collect();
    Ok(Names { stamp: listing.stamp, names })
}
