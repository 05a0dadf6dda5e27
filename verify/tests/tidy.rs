//! Holds the rules of style that a program can hold; CONTRIBUTING.md gives them in words.
//!
//! Each rule has a test on the workspace, and `tidy_rules/samples.rs` shows that each can break. An
//! exception is an entry in a list here, with its reason; one that is no longer needed breaks the
//! test too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod tidy_rules;

use std::{fs, process::Command};

use tidy_rules::{Allowed, Findings, documents, files, root, rust, sources, workspace};

/// Files of more than 300 lines.
const LONG_FILES: &[Allowed] = &[
    ("core/src/edit.rs", "all that a publication may change, on one page"),
    ("core/src/state.rs", "all that is consistent with each other, on one page"),
    ("core/src/tree/block/mod.rs", "one byte format: its reading and changing belong together"),
    ("core/src/tree/mod.rs", "the tree's operations over both of its forms"),
    ("core/src/trie.rs", "one data structure with its model test"),
    ("core/src/view.rs", "the trait of reading and what implements it"),
    ("core/src/watch.rs", "one table with its matching"),
    ("core/src/work.rs", "the operations on the tree, their facts and events side by side"),
    ("core/tests/review_semantics.rs", "a list of cases"),
    ("core/tests/transactions.rs", "the table of conflicts and a list of cases"),
    ("ring/src/client/tests.rs", "a list of cases"),
    ("ring/src/v1/connection/mod.rs", "the connection's whole interface, on one page"),
    ("verify/src/model/transaction.rs", "what a transaction asks, sees and commits, on one page"),
    ("verify/tests/tool_parity.rs", "a table of command lines"),
];

/// Files with lines of more than 100 characters.
const LONG_LINES: &[Allowed] =
    &[("core/tests/transactions.rs", "the table of who conflicts with whom has one case a line")];

/// Functions of more than 70 lines, as `path::name`.
const LONG_FUNCTIONS: &[Allowed] = &[];

/// Files with `unsafe`.
const UNSAFE: &[Allowed] = &[
    ("core/src/cell/epoch.rs", "versions are reached through crossbeam-epoch's pointers"),
    ("core/src/feed.rs", "records are reached through crossbeam-epoch's pointers"),
    ("ring/src/page/raw.rs", "memory that is shared with other domains is reached by raw pointers"),
    ("ring/src/page/copy.rs", "its bytes are moved between it and ours"),
    ("ring/src/page/region.rs", "words and rings of other shapes lie in such memory too"),
    ("ring/c/src/raw.rs", "what C hands over and gets is reached by raw pointers"),
    ("ring/c/src/raw/tests.rs", "what C would do with what it gets"),
    ("ring/c/src/myriad/abi.rs", "arrays of C's have as many elements as C says"),
    ("ring/c/src/xs/abi.rs", "arrays of C's have as many elements as C says"),
    ("ring/c/src/xs/abi_more.rs", "arrays of C's have as many elements as C says"),
    ("ring/c/src/xs/restrict.rs", "libxentoolcore's list of handles is one of raw pointers"),
    ("daemon/src/stored.rs", "descriptors that systemd hands over are numbers"),
    ("daemon/src/malloc.rs", "a setting of the C library"),
    ("daemon/tests/refused/tries.rs", "calls that are to be refused, and have no safe form"),
    ("daemon/src/xen/hypercall.rs", "hypercalls read and write memory"),
    ("daemon/src/xen/ioctl.rs", "ioctls of Xen's devices"),
    ("daemon/src/xen/mapping.rs", "pages of Xen's devices are mapped"),
    ("history/src/recovery/map.rs", "the journal is written through a mapped file"),
    ("history/src/file/map.rs", "a history file is mapped to be read"),
    ("benches/src/alloc.rs", "an allocator that counts can't be had without"),
];

/// Where atomics come from.
const DOORS: &[Allowed] = &[
    ("core/src/sync.rs", "the standard library's, or loom's"),
    ("core/src/cell/model.rs", "loom's, in a cell of models alone"),
    ("history/src/sync.rs", "the standard library's, or loom's; of mapped files the standard one"),
    ("ring/src/sync.rs", "the standard library's: loom's come in through a trait"),
    ("daemon/src/sync.rs", "the standard library's: models bring loom's for what they take"),
];

/// Files with a fixed place below `/tmp`.
const PLACES: &[Allowed] = &[("daemon/src/options/places.rs", "a test's path, only parsed")];

#[test]
fn every_rust_file_keeps_the_rules() {
    let mut found = Findings::default();
    let sources = sources();
    assert!(sources.len() > 50, "only {} files of Rust", sources.len());
    for file in &sources {
        rust::opening(file, &mut found);
        rust::file_length(file, LONG_FILES, &mut found);
        rust::line_length(file, LONG_LINES, &mut found);
        rust::function_length(file, LONG_FUNCTIONS, &mut found);
        rust::unsafe_code(file, UNSAFE, &mut found);
        rust::forbids_unsafe(file, UNSAFE, &mut found);
        rust::atomics(file, DOORS, &mut found);
        rust::orderings(file, DOORS, &mut found);
        rust::leftovers(file, &mut found);
    }
    found.assert_none();
}

#[test]
fn exceptions_are_of_files_that_exist() {
    let mut found = Findings::default();
    for (name, reason) in [LONG_FILES, LONG_LINES, LONG_FUNCTIONS, UNSAFE, DOORS, PLACES].concat() {
        let path = name.split("::").next().unwrap_or(name);
        if !root().join(path).is_file() || reason.is_empty() {
            found.say(format!("the exception `{name}` is of no file, or lacks its reason"));
        }
    }
    found.assert_none();
}

#[test]
fn the_folders_are_those_of_the_architecture() {
    let mut found = Findings::default();
    let entries = fs::read_dir(root()).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let names = folders.map(|entry| entry.file_name().into_string().unwrap());
    let names = names.filter(|name| !name.starts_with('.') && name != "target").collect();
    workspace::folders(&names, &mut found);
    found.assert_none();
}

#[test]
fn no_path_of_one_machine_is_written_down() {
    let mut found = Findings::default();
    for (path, text) in files(&[".rs", ".sh", ".md", ".toml", ".c", "run", ".1", ".8"]) {
        workspace::places(&path, &text, PLACES, &mut found);
    }
    found.assert_none();
}

#[test]
fn the_manifests_keep_the_rules() {
    let mut found = Findings::default();
    let manifests = files(&["Cargo.toml"]);
    let (_, manifest) = manifests.iter().find(|(path, _)| path == "Cargo.toml").unwrap();
    let contributing = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    assert!(workspace::dependencies(manifest).len() > 10);
    workspace::reasons(manifest, &contributing, &mut found);
    workspace::members(&manifests, &mut found);
    found.assert_none();
}

#[test]
fn what_documents_point_to_is_there() {
    let mut found = Findings::default();
    let all = files(&[".md", ".rs", ".h", ".sh", ".toml", "LICENSE-MIT", "LICENSE-APACHE"]);
    let all: documents::Files = all.into_iter().collect();
    for (path, text) in all.iter().filter(|(path, _)| path.ends_with(".md")) {
        documents::links(path, text, &all, &mut found);
        documents::commands(path, text, &all, &mut found);
    }
    found.assert_none();
}

#[test]
fn every_package_is_permissively_licensed() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked", "--all-features"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found = Findings::default();
    workspace::packages(&serde_json::from_slice(&output.stdout).unwrap(), &mut found);
    found.assert_none();
}
