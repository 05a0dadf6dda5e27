//! COMMIT: changes and their conditions, in one publication of one request, or nothing.
//!
//! The steps are taken in order on the version that is current then; a later one sees what an
//! earlier one has done. Where another commit was faster the whole of it runs again, conditions
//! included: so a COMMIT never fails because of others but by a condition of its own. Its events
//! are a transaction's ([`Edit::as_one`]).

use myriad_core::{
    DomId, Edit, Errno, Error, Origin, Path, Perm, Quota, Reads, Writes, limits::ACL_ENTRIES,
};

use super::{Around, Done, Failed};
use crate::{
    v1,
    v2::{
        Op, Step,
        body::put,
        limits::KNOWN_KEPT,
        records::{Committed, Kind},
        request::permissions,
    },
};

/// A step whose path and permissions are known.
struct Ready<'a> {
    kind: Kind,
    path: Path<'a>,
    value: &'a [u8],
    stamp: u64,
    perms: Vec<Perm>,
}

pub(super) fn commit(
    steps: &[Step<'_>],
    id: u64,
    around: &mut Around<'_>,
    out: &mut Vec<u8>,
) -> Done {
    let mut buffers = vec![String::new(); steps.len()];
    let mut ready = Vec::with_capacity(steps.len());
    let mut known = Vec::new();
    let mut bad = None;
    for (item, (step, buffer)) in steps.iter().zip(&mut buffers).enumerate() {
        match prepare(step, buffer, &mut known, around) {
            Ok(step) => ready.push(step),
            Err(failed) => {
                // One before it may fail first.
                bad = Some(failed.at(item));
                break;
            }
        }
    }
    let (caller, conn) = (around.session.caller, around.session.id);
    let origin = Origin {
        at: around.host.wall_clock(around.now),
        conn,
        // Records have 32 bits for it.
        request: u32::try_from(id & u64::from(u32::MAX)).unwrap_or(0),
        op: Op::Commit.in_records(),
        ..Origin::default()
    };
    let nodes_max = around.session.limit(Quota::TransactionNodes);
    let mut at = 0;
    let outcome = around.store.edit(|edit| {
        edit.as_one(nodes_max);
        edit.from(&origin);
        for (item, step) in ready.iter().enumerate() {
            at = item;
            step.take(edit, &caller)?;
        }
        if bad.is_some() {
            at = ready.len();
            return Err(Error::Conflict);
        }
        let changed = edit.has_changed();
        let unchanged = u64::from(!changed);
        // The generation of one that changes nothing is that of the version that it saw.
        Ok((edit.generation().saturating_sub(unchanged), changed))
    });
    let error = match outcome.result {
        Ok((generation, changed)) => {
            let (generation, changed) = (generation.into(), u32::from(changed).into());
            put(out, &Committed { generation, changed, reserved: 0.into() });
            (around.session.conflicts, around.session.unmet) = (0, None);
            return Ok(outcome.seq);
        }
        Err(error) => error,
    };
    if let Some(bad) = bad.filter(|_| at == ready.len()) {
        return Err(Failed { seq: outcome.seq, ..bad });
    }
    let mut failed = around.failed(&error, outcome.seq).at(at);
    if let Some(step) = ready.get(at).filter(|step| is_unmet(step.kind, &error)) {
        failed.detail = format!("the condition {} does not hold", step.kind.name());
        let is_stamp =
            matches!(step.kind, Kind::IfValueStamp | Kind::IfPermsStamp | Kind::IfChildrenStamp);
        if is_stamp && !around.session.is_guest() {
            around.session.note_unmet(step.path.as_str(), step.stamp, around.host);
        }
    }
    Err(failed)
}

/// Whether an error is that of a condition that doesn't hold.
fn is_unmet(kind: Kind, error: &Error) -> bool {
    matches!(
        (kind, error),
        (_, Error::Conflict) | (Kind::IfAbsent, Error::Exists) | (Kind::IfExists, Error::NotFound)
    )
}

fn prepare<'a>(
    step: &Step<'a>,
    buffer: &'a mut String,
    known: &mut Vec<DomId>,
    around: &mut Around<'_>,
) -> Result<Ready<'a>, Failed> {
    let perms = match step.kind {
        Kind::SetPerms => known_permissions(step.value, known, around)?,
        _ => Vec::new(),
    };
    let path = around.node(step.path, buffer)?;
    Ok(Ready { kind: step.kind, path, value: step.value, stamp: step.stamp, perms })
}

/// A permission list whose domains the store knows, or learns of now. `known`: some that it was
/// found to know for this message.
fn known_permissions(
    value: &[u8],
    known: &mut Vec<DomId>,
    around: &mut Around<'_>,
) -> Result<Vec<Perm>, Failed> {
    let perms = permissions(value).map_err(|bad| Failed::new(Errno::EINVAL, bad.to_string()))?;
    if around.session.refuses(Quota::NodePermissions, perms.len()) {
        return Err(Failed::new(Errno::ENOSPC, "the list is at the quota node-permissions"));
    }
    // Before the hypervisor is asked for each of them.
    if perms.len() > ACL_ENTRIES {
        let text = format!("a permission list has at most {ACL_ENTRIES} entries");
        return Err(Failed::new(Errno::EINVAL, text));
    }
    for (at, perm) in perms.iter().enumerate() {
        if perm.domid == DomId::ANY || known.contains(&perm.domid) {
            continue;
        }
        if v1::connection::known_or_alive(around.store, around.host, perm.domid).is_some() {
            if known.len() < KNOWN_KEPT {
                known.push(perm.domid);
            }
        } else if at == 0 {
            let error = Error::UnknownDomain(perm.domid);
            return Err(Failed::new(Errno::ENOENT, error.to_string()));
        }
    }
    Ok(perms)
}

impl Ready<'_> {
    fn take(&self, edit: &mut Edit<'_>, caller: &myriad_core::Caller) -> Result<(), Error> {
        let holds = match self.kind {
            Kind::SetValue => return edit.write(caller, self.path, self.value),
            Kind::Create => return edit.mkdir(caller, self.path),
            Kind::Remove => return edit.rm(caller, self.path),
            Kind::SetPerms => return edit.set_perms(caller, self.path, &self.perms),
            Kind::IfValueStamp => edit.stat(caller, self.path)?.value_stamp == self.stamp,
            Kind::IfPermsStamp => edit.stat(caller, self.path)?.perms_stamp == self.stamp,
            Kind::IfChildrenStamp => edit.stat(caller, self.path)?.children_stamp == self.stamp,
            Kind::IfValue => edit.stat(caller, self.path)?.value == self.value,
            Kind::IfExists => edit.stat(caller, self.path).map(|_| true)?,
            Kind::IfAbsent => match edit.stat(caller, self.path) {
                Err(Error::NotFound) => true,
                Err(error) => return Err(error),
                Ok(_) => return Err(Error::Exists),
            },
        };
        if holds { Ok(()) } else { Err(Error::Conflict) }
    }
}
