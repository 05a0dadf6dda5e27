//! A history file that was made by random operations, and then changed. What is read of it is an
//! error, or a version that was; where its checksums are made to fit, it is at least no panic.
//!
//! The mode's first bit says whether checksums are made to fit. Kinds of edits then: a byte of a
//! superblock, of a record's head, of its payload, or a payload that is cut off.

use std::collections::BTreeMap;

use myriad_core::{FeedItem, Instance};
use myriad_history::Recorder;
use myriad_history::file::storage::Memory;
use myriad_history::file::{History, OpenError, Options, ReadError, TierOptions, Viewer, Writer};

use crate::edits::{Edit, Parts};
use crate::model::Model;
use crate::model::twin::Twin;
use crate::records::{edit_superblock, records, superblock};
use crate::steps::steps;
use crate::store::config;

/// Runs an input: see `edits.rs`.
///
/// # Panics
/// Where a version is shown that never was.
pub fn run(data: &[u8]) {
    let Some(parts) = Parts::of(data) else { return };
    let made = made(&parts);
    assert!(made.is_ok(), "{made:?}");
    let Ok((mut file, past)) = made else { return };
    let is_sealed = parts.mode & 1 != 0;
    for edit in &parts.edits {
        change(&mut file, edit, is_sealed);
    }
    let newest = past.keys().next_back().copied().filter(|_| parts.edits.is_empty());
    let past = (!is_sealed).then_some(past);
    let history = match History::on(Box::new(Memory(file))) {
        Ok(history) => history,
        Err(error) => {
            let expected = matches!(
                error,
                OpenError::NotHistory(_) | OpenError::Damaged(_) | OpenError::Version { .. }
            );
            assert!(newest.is_none() && (is_sealed || expected), "{error}");
            return;
        }
    };
    let last = history.versions().last().map(|kept| kept.generation);
    assert!(newest.is_none() || newest == last, "{newest:?}, and {last:?} is the last");
    look(history, past.as_ref());
}

/// A file as a daemon writes it, with what each generation was.
fn made(parts: &Parts<'_>) -> Result<(Vec<u8>, BTreeMap<u64, Model>), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let mut twin = Twin::new(&config(parts.mode / 8))?;
    let writer = Writer::on(Memory(vec![0; SIZE]), &options(), true).map_err(|e| said(&e))?;
    let (mut recorder, mut feed) = (Recorder::new(writer), twin.store().feed());
    let (mut now, mut past) = (SECOND, BTreeMap::new());
    recorder.snapshot(&twin.store().snapshot(), now).map_err(|e| said(&e))?;
    past.insert(twin.model().generation(), twin.model().clone());
    for step in steps(parts.steps, STEPS) {
        twin.step(&step)?;
        now += SECOND / 3;
        while let FeedItem::Record(record) = feed.next() {
            recorder.append(&record, now).map_err(|e| said(&e))?;
        }
        past.insert(twin.model().generation(), twin.model().clone());
        recorder.writer().tick(now).map_err(|e| said(&e))?;
        if recorder.writer().wants_snapshot() {
            recorder.snapshot(&twin.store().snapshot(), now).map_err(|e| said(&e))?;
        }
    }
    Ok((recorder.close().map_err(|e| said(&e))?.0, past))
}

fn change(file: &mut [u8], edit: &Edit, is_sealed: bool) {
    let records = records(file);
    let at = edit.item.checked_rem(records.len());
    let record = at.and_then(|at| records.get(at));
    match (record, edit.kind % 4) {
        (_, 0) if is_sealed => edit_superblock(file, edit),
        (_, 0) => {
            let from = superblock(file).unwrap_or(0);
            edit.make(file.get_mut(from..from + HEAD_PART).unwrap_or_default());
        }
        (Some(record), 1) if is_sealed => record.edit_head(file, edit),
        (Some(record), kind) if is_sealed => record.edit_payload(file, edit, kind == 3),
        (Some(record), _) => record.damage(file, edit),
        (None, _) => edit.make(file),
    }
}

/// Asks for everything, with two pairs of eyes.
fn look(mut history: History, past: Option<&BTreeMap<u64, Model>>) {
    let versions: Vec<u64> = history.versions().iter().map(|kept| kept.generation).collect();
    let few = || versions.iter().step_by(versions.len() / LOOKS + 1).chain(versions.last());
    for generation in few() {
        let tree = history.tree(*generation);
        assert!(past.is_none() || tree.is_ok(), "{generation}: {:?}", tree.err());
        if let (Ok(tree), Some(past)) = (tree, past) {
            compare(&tree, past);
        }
    }
    for generation in few() {
        let found = history.diff(*generation, versions.last().copied().unwrap_or(0), "/");
        assert!(past.is_none() || found.is_ok(), "{generation}: {:?}", found.err());
    }
    let sound = |error: Option<ReadError>| {
        let expected = matches!(error, None | Some(ReadError::Damaged { .. }));
        assert!(past.is_none() || expected, "{error:?}");
    };
    history.commits(..).for_each(|commit| sound(commit.err()));
    history.commits_back(..).for_each(|commit| sound(commit.err()));
    history.changes_of("/a", true).for_each(|change| sound(change.err()));
    _ = (history.gaps().len(), history.left_out().len(), history.stats());
    history.view_as(Viewer::Guest { domid: 1, instance: 3, since: 0 });
    for generation in few() {
        _ = history.tree(*generation);
        _ = history.diff(*generation, versions.last().copied().unwrap_or(0), "/a");
    }
    history.commits(..).for_each(|commit| sound(commit.err()));
}

/// What the tree is sure of is what was.
fn compare(tree: &myriad_history::file::Tree, past: &BTreeMap<u64, Model>) {
    let at = tree.version().generation;
    let was = past.get(&at);
    assert!(was.is_some(), "a version {at} that never was");
    let Some(was) = was else { return };
    let entry = |(perm, life): (myriad_core::Perm, Instance)| {
        (perm.access as u8, perm.domid.0, life.number())
    };
    let mut known = BTreeMap::new();
    for (path, node) in was.nodes().filter(|(path, _)| tree.knows(path)) {
        let list: Vec<_> = node.entries().into_iter().map(entry).collect();
        known.insert(path.to_owned(), (node.value.clone(), list));
    }
    let mut shown = BTreeMap::new();
    for (path, node) in tree.iter().filter(|(path, _)| tree.knows(path)) {
        let list: Vec<_> = node.perms.iter().map(|p| (p.access, p.domid, p.instance)).collect();
        shown.insert(path.to_owned(), (node.value.to_vec(), list));
    }
    assert_eq!(shown, known, "version {at}");
}

/// Four small tiers, so that segments are soon overwritten.
fn options() -> Options {
    let tier = |period, share| TierOptions { period, share };
    let tiers = vec![tier(0, 8), tier(SECOND, 5), tier(60 * SECOND, 3)];
    Options { tiers, ..Options::sized(SIZE as u64) }
}

const SIZE: usize = 1 << 20;
const SECOND: u64 = 1_000_000_000;
/// Steps of an input at most.
const STEPS: usize = 80;
/// Versions that are looked at, about.
const LOOKS: usize = 6;
/// Bytes of a superblock that a small file uses.
const HEAD_PART: usize = 1600;
