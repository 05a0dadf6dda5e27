//! A guest at every quota at once: nodes and their sizes, permissions, watches with long tokens,
//! transactions and what they touch; and a flood that keeps the others at their limits: outstanding
//! requests, events and answers that wait, and the memory of all of these.

use myriad_ring::v1::Op;

use crate::load::{
    Error,
    crew::{Crew, Member},
};

/// Takes all that the daemon's quotas give to the one guest.
///
/// # Errors
/// [`Error::Machine`] where it is never refused anything.
pub(super) fn fill(crew: &Crew, guest: &mut [Member]) -> Result<(), Error> {
    let value = "v".repeat(VALUE);
    until_refused(crew, guest, 0, Op::Write, |n| format!("g/{n}\0{value}"))?;
    let own = guest.first().map_or(0, |member| member.domid);
    until_refused(crew, guest, 0, Op::SetPerms, |n| format!("g/0\0n{own}\0{}", "r0\0".repeat(n)))?;
    until_refused(crew, guest, 0, Op::Watch, |n| format!("g/0\0{n:0TOKEN$}\0"))?;
    for _ in 0..MOST {
        match request(crew, guest, 0, Op::TransactionStart, "\0") {
            Ok(id) => {
                let id = String::from_utf8_lossy(&id).trim_end_matches('\0').parse();
                let id = id.map_err(|_| Error::Garbage)?;
                // What is there first: that is what has a value to be kept.
                until_refused(crew, guest, id, Op::Write, |n| format!("g/{n}\0{value}"))?;
                until_refused(crew, guest, id, Op::Read, |n| format!("g/{n}\0"))?;
            }
            Err(Error::Refused { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Err(unlimited(Op::TransactionStart))
}

/// The requests of its flood, by number: what fires all its watches, what is refused by each quota,
/// and what has long answers.
pub(super) fn flood(number: u64) -> (Op, String) {
    match number % 8 {
        0 => (Op::Write, format!("g/0\0{number:0VALUE$}")),
        1 => (Op::Watch, format!("g/0\0{number:0TOKEN$}\0")),
        2 => (Op::Mkdir, format!("more/{number}\0")),
        3 => (Op::TransactionStart, "\0".to_owned()),
        4 => (Op::SetPerms, format!("g/1\0{}", "r0\0".repeat(100))),
        5 => (Op::Directory, "g\0".to_owned()),
        _ => (Op::Read, "g/0\0".to_owned()),
    }
}

/// Asks until it is refused.
fn until_refused(
    crew: &Crew,
    guest: &mut [Member],
    tx: u32,
    op: Op,
    payload: impl Fn(usize) -> String,
) -> Result<(), Error> {
    for number in 0..MOST {
        match request(crew, guest, tx, op, &payload(number)) {
            Ok(_) => {}
            Err(Error::Refused { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Err(unlimited(op))
}

fn request(
    crew: &Crew,
    guest: &mut [Member],
    tx: u32,
    op: Op,
    payload: &str,
) -> Result<Vec<u8>, Error> {
    guest.iter_mut().for_each(|member| member.ask_in(tx, op, payload));
    crew.exchange(guest)?;
    let member = guest.first_mut().ok_or(Error::Garbage)?;
    member.answer(op)
}

fn unlimited(op: Op) -> Error {
    Error::Machine(format!("{} is never refused: start the daemon with quotas", op.name()))
}

/// Requests of one kind after which a daemon has no quota for it.
const MOST: usize = 5000;
/// Bytes of a value, and of a token: a thousand of the one and a hundred of the other take most of
/// the quota `memory`, and leave room for some events.
const VALUE: usize = 1900;
const TOKEN: usize = 3000;
