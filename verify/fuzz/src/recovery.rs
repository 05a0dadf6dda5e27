//! What a killed daemon leaves, made by random operations and then changed. What comes back is an
//! error, nothing, or a store as it was at some publication; of an image or a record that is
//! changed where no checksum tells, a store whose accounts are right, or an error.
//!
//! The mode's lowest two bits: 0 and 1 change bytes of the files, 2 those of the image and of the
//! records' deltas, 3 those of slots. Of an edit the kind says which file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use myriad_core::{Caller, Config, Restore, RestoreError, Store, journal::Journal as Keeps};
use myriad_history::recovery::{
    BootId, Directory, Journal, JournalConfig, Keeper, Recovered, RecoveryError, Slots,
};
use myriad_ring::v1::connection::Remains;

use crate::edits::{Edit, Parts};
use crate::model::Model;
use crate::model::twin::{Twin, nodes};
use crate::steps::steps;
use crate::store::config;

/// Runs an input: see `edits.rs`.
///
/// # Panics
/// Where a store comes back that never was, or one that is not consistent.
pub fn run(data: &[u8]) {
    let Some(parts) = Parts::of(data) else { return };
    let done = match parts.mode % 4 {
        3 => slots(&parts),
        _ => restart(&parts),
    };
    assert_eq!(done, Ok(()), "{parts:?}");
}

fn restart(parts: &Parts<'_>) -> Result<(), String> {
    let temp = folder()?;
    let directory = Directory::open(temp.path(), BOOT).map_err(said)?;
    let past = live(&directory, parts)?;
    if parts.mode % 4 != 2 {
        parts.edits.iter().try_for_each(|edit| damage(temp.path(), edit))?;
    }
    let config = config(parts.mode / 8);
    let found = match Recovered::read(&directory) {
        Ok(Some(found)) => found,
        Ok(None) | Err(_) if !parts.edits.is_empty() => return Ok(()),
        other => return Err(format!("nothing comes back: {other:?}")),
    };
    if parts.mode % 4 == 2 && !parts.edits.is_empty() {
        return edited(&config, &found, &parts.edits);
    }
    if found.suspended().is_some() {
        return Ok(());
    }
    let store = restored(&config, &found).map_err(said)?;
    let seq = store.pin().seq() - 1;
    let was = past.get(&seq).ok_or(format!("publication {seq} never was"))?;
    if parts.edits.is_empty() && past.keys().next_back() != Some(&seq) {
        return Err(format!("only {seq} comes back"));
    }
    check(&store)?;
    nodes(&mut store.snapshot(), was)
}

/// A daemon's life: some steps before its checkpoint, the others behind it. What was, by
/// publication.
fn live(directory: &Directory, parts: &Parts<'_>) -> Result<BTreeMap<u64, Model>, String> {
    let keeper = Arc::new(Keeper::default());
    let journal = Some(Arc::clone(&keeper) as Arc<dyn Keeps>);
    let mut twin = Twin::new(&Config { journal, ..config(parts.mode / 8) })?;
    let all = steps(parts.steps, STEPS);
    let (before, after) = all.split_at(all.len() / 2);
    before.iter().try_for_each(|step| twin.step(step))?;
    let base = keeper.write_checkpoint(directory, twin.store(), 1).map_err(said)?;
    let shape = JournalConfig { segments: 8, segment_bytes: 64 << 10, at: 1 };
    keeper.begin(Journal::create(directory, &shape, &base).map_err(said)?);
    let mut past = BTreeMap::new();
    past.insert(twin.store().pin().seq(), twin.model().clone());
    for step in after {
        twin.step(step)?;
        past.insert(twin.store().pin().seq(), twin.model().clone());
    }
    Ok(past)
}

/// Changes a byte of a file: near its start, or anywhere.
fn damage(folder: &Path, edit: &Edit) -> Result<(), String> {
    let name = if edit.kind % 2 == 0 { "journal" } else { "checkpoint.1" };
    let path = folder.join(name);
    let other = folder.join("checkpoint.0");
    let path = if path.exists() { path } else { other };
    let mut bytes = fs::read(&path).map_err(said)?;
    // Of an item that is 255 the file's end goes.
    if edit.item == 255 {
        bytes.truncate(edit.place);
    }
    edit.make(&mut bytes);
    fs::write(&path, bytes).map_err(said)
}

fn restored(config: &Config, found: &Recovered) -> Result<Store, RestoreError> {
    let mut restore = Restore::new(config, found.checkpoint())?;
    for record in found.records() {
        restore.replay(&record.entry().ok_or(RestoreError::Record(record.head.seq))?)?;
    }
    restore.connections(|conn, caller| (*caller != Caller::Control).then_some(conn));
    Ok(restore.finish(0))
}

/// An image and records that are changed: of kind 0 the image, else a record's delta.
fn edited(config: &Config, found: &Recovered, edits: &[Edit]) -> Result<(), String> {
    let mut image = found.checkpoint().to_vec();
    edits.iter().filter(|edit| edit.kind % 2 == 0).for_each(|edit| edit.make(&mut image));
    let Ok(mut restore) = Restore::new(config, &image) else { return Ok(()) };
    for (at, record) in found.records().iter().enumerate() {
        let Some(entry) = record.entry() else { continue };
        let mut delta = entry.delta.to_vec();
        let of = |edit: &&Edit| edit.kind % 2 == 1 && edit.item % found.records().len() == at;
        edits.iter().filter(of).for_each(|edit| edit.make(&mut delta));
        let entry = myriad_core::journal::Entry { delta: &delta, ..entry };
        if restore.replay(&entry).is_err() {
            return Ok(());
        }
    }
    restore.connections(|conn, _| Some(conn));
    check(&restore.finish(0))
}

/// The accounts are right, and all can be walked and written again.
fn check(store: &Store) -> Result<(), String> {
    store.pin().check().map_err(|faults| faults.join("; "))?;
    let mut image = Vec::new();
    store.snapshot().export(&mut |bytes| {
        image.extend_from_slice(bytes);
        Ok::<(), String>(())
    })?;
    let config = Config::default();
    let again = Restore::new(&config, &image).map_err(said)?.finish(0);
    again.pin().check().map_err(|faults| faults.join("; "))
}

/// Slots, with what is left of connections in them; then bytes of the first of them are changed.
fn slots(parts: &Parts<'_>) -> Result<(), String> {
    if let Ok(remains) = Remains::read(parts.steps) {
        let mut out = Vec::new();
        remains.write(&mut out);
        let again = Remains::read(&out).map_err(said)?;
        (again == remains).then_some(()).ok_or(format!("{remains:?} became {again:?}"))?;
    }
    if parts.mode < 128 {
        return Ok(()); // The file of the slots is large.
    }
    let temp = folder()?;
    let directory = Directory::open(temp.path(), BOOT).map_err(said)?;
    drop(Slots::create(&directory).map_err(said)?);
    let path = temp.path().join("slots");
    let file = fs::OpenOptions::new().read(true).write(true).open(path).map_err(said)?;
    for edit in &parts.edits {
        let at = u64::from(edit.kind) * 8 + u64::try_from(edit.place).unwrap_or(0) % 4096;
        std::os::unix::fs::FileExt::write_all_at(&file, &[edit.value], at).map_err(said)?;
    }
    match Slots::open(&directory) {
        Ok(slots) => slots.used().map(|_| ()).map_err(said),
        Err(RecoveryError::Damaged { .. } | RecoveryError::Version { .. }) => Ok(()),
        Err(error) => Err(said(error)),
    }
}

/// In memory where there is such a file system.
fn folder() -> Result<tempfile::TempDir, String> {
    let memory = Path::new("/dev/shm");
    if memory.exists() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.map_err(said)
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

const BOOT: BootId = BootId([7; 16]);
/// Steps of an input at most.
const STEPS: usize = 80;
