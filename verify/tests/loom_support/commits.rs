//! What threads of the models of publication do: commit, announce, and help.

use crate::loom_support::{Did, Log, saw};
use crate::publish::{Attempt, Built};
use crate::versions::{self, Big, Commit, RootOf, SLOT, Told, Version};

pub const HELPED: u32 = 0;
pub const TAKEN: u32 = 1;

/// One try, which helps, loses or gets in.
pub fn attempt(root: &RootOf, author: usize) -> Attempt<usize> {
    let attempt = root.attempt::<Version, Big, usize>(
        None,
        |base| Built::Version(base.then(Commit::Plain { author }), base.chain.len()),
        &Told,
    );
    match attempt {
        Attempt::Helped => saw(HELPED),
        Attempt::Turn(_) => panic!("nobody takes a turn here"),
        Attempt::Done(_) | Attempt::Lost => {}
    }
    attempt
}

pub fn one_try(root: &RootOf, author: usize) -> Vec<usize> {
    if let Attempt::Done(position) = attempt(root, author) { vec![position] } else { Vec::new() }
}

/// Commits until it is in, as `Store::edit` does; says where in the chain it stands.
pub fn commit(root: &RootOf, author: usize) -> usize {
    loop {
        if let Attempt::Done(position) = attempt(root, author) {
            return position;
        }
    }
}

/// Announces; goes on by itself where the slot is taken, as `transaction::publish` does.
pub fn announce(root: &RootOf, owner: usize) -> usize {
    loop {
        if let Some(at) = versions::announce(root, owner) {
            return at;
        }
        saw(TAKEN);
        if let Attempt::Done(position) = attempt(root, owner) {
            return position;
        }
    }
}

pub fn once(root: &RootOf, author: usize) -> Vec<usize> {
    vec![commit(root, author)]
}

pub fn twice(root: &RootOf, author: usize) -> Vec<usize> {
    vec![commit(root, author), commit(root, author)]
}

pub fn thrice(root: &RootOf, author: usize) -> Vec<usize> {
    vec![commit(root, author), commit(root, author), commit(root, author)]
}

pub fn announced(root: &RootOf, owner: usize) -> Vec<usize> {
    vec![announce(root, owner)]
}

pub fn announced_twice(root: &RootOf, owner: usize) -> Vec<usize> {
    vec![announce(root, owner), announce(root, owner)]
}

/// P3: from the announcement until it is applied, each other thread gets in at most one commit:
/// one that it had begun before.
pub fn check_overtaking((log, chain): (Log, Vec<Commit>)) {
    let mut commits = chain.iter();
    let (mut full, mut waits, mut before) = (false, false, Vec::new());
    for (_, cell, did, _) in log.entries() {
        if did != Did::Swap {
            continue;
        }
        if cell == SLOT {
            assert!(!waits, "an announcement was taken away before it was applied: {chain:?}");
            (full, waits) = (!full, !full);
            before.clear();
            continue;
        }
        match commits.next().unwrap() {
            Commit::Announced { .. } => waits = false,
            Commit::Plain { author } if waits => {
                assert!(!before.contains(author), "{author} overtook twice: {chain:?}");
                before.push(*author);
            }
            Commit::Plain { .. } => {}
        }
    }
}
