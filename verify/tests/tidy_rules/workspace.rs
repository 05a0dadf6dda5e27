//! The rules that the workspace as a whole must keep: folders, manifests, dependencies, licences.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Allowed, Findings};

/// The folders of the workspace; `history` comes with what it holds.
pub(crate) const FOLDERS: [&str; 6] = ["benches", "core", "daemon", "history", "ring", "verify"];
/// Of these, the ones that may be missing yet.
const LATER: [&str; 1] = ["history"];

/// Licences that ask for no more than to be named.
const PERMISSIVE: [&str; 9] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "NCSA",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates for Xen that are copyleft, or bind what is.
const COPYLEFT: [&str; 3] = ["krata-", "xenstore-rs", "xenevtchn"];

/// The folders are those of the architecture.
pub(crate) fn folders(names: &BTreeSet<String>, found: &mut Findings) {
    for name in names {
        if !FOLDERS.contains(&name.as_str()) {
            found.say(format!("the folder `{name}` has no place: there are {FOLDERS:?}"));
        }
    }
    for name in FOLDERS {
        if !names.contains(name) && !LATER.contains(&name) {
            found.say(format!("the folder `{name}` is missing"));
        }
    }
}

/// No path of somebody's machine, and no fixed place below `/tmp` where something is put.
pub(crate) fn places(path: &str, text: &str, allowed: &[Allowed], found: &mut Findings) {
    if allowed.iter().any(|(file, _)| *file == path) {
        return;
    }
    let is_document = path.ends_with(".md");
    for (number, line) in text.lines().enumerate() {
        let is_comment = line.trim_start().starts_with("//");
        for (name, sure) in [("work", true), ("root", true), ("Users", true), ("tmp", false)] {
            let place = format!("/{name}/");
            let begins = |&(at, _): &(usize, &str)| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && !"_-./})\"".contains(c))
                    || line[..at].ends_with("(\"")
                    || line[..at].ends_with(" \"")
            };
            let stands = line.match_indices(&place).any(|at| begins(&at));
            if stands && (sure || !(is_document || is_comment)) {
                found.say(format!("{path}:{}: a path of one machine, `{place}`", number + 1));
            }
        }
    }
}

/// The names in `[workspace.dependencies]` that are not the workspace's own.
pub(crate) fn dependencies(manifest: &str) -> BTreeSet<String> {
    let own = |name: &str| name == "myriad" || name.starts_with("myriad-");
    let names = section(manifest, "[workspace.dependencies]").filter_map(|line| name_in(line));
    names.filter(|name| !own(name)).map(str::to_owned).collect()
}

/// Each dependency has its reason in CONTRIBUTING.md's table, and each line there its dependency.
pub(crate) fn reasons(manifest: &str, contributing: &str, found: &mut Findings) {
    let wanted = dependencies(manifest);
    let first_cell =
        |line: &str| line.strip_prefix("| `")?.split_once('`').map(|(n, _)| n.to_owned());
    let table = section(contributing, "## Dependencies");
    let listed: BTreeSet<String> = table.filter_map(first_cell).collect();
    for name in wanted.difference(&listed) {
        found.say(format!("Cargo.toml: `{name}` has no reason in CONTRIBUTING.md"));
    }
    for name in listed.difference(&wanted) {
        found.say(format!("CONTRIBUTING.md: `{name}` is no dependency any more"));
    }
}

/// A member takes its dependencies, metadata and lints from the workspace, and the workspace
/// lists none that no member takes.
pub(crate) fn members(manifests: &[(String, String)], found: &mut Findings) {
    let mut used = BTreeSet::new();
    for (path, text) in manifests.iter().filter(|(path, _)| path != "Cargo.toml") {
        if !text.contains("[lints]\nworkspace = true") {
            found.say(format!("{path}: lacks the workspace's lints"));
        }
        for key in ["version", "edition", "rust-version", "license"] {
            if !text.contains(&format!("\n{key}.workspace = true")) {
                found.say(format!("{path}: lacks `{key}.workspace = true`"));
            }
        }
        let mut is_dependency = false;
        for line in text.lines() {
            if line.starts_with('[') {
                is_dependency = line.trim_end_matches(']').ends_with("dependencies");
            } else if let Some(name) = name_in(line).filter(|_| is_dependency) {
                used.insert(name.to_owned());
                if !line.contains("workspace = true") {
                    found.say(format!("{path}: `{name}` does not come from the workspace"));
                }
            }
        }
    }
    let root = manifests.iter().find(|(path, _)| path == "Cargo.toml");
    for name in dependencies(root.map_or("", |(_, text)| text)).difference(&used) {
        found.say(format!("Cargo.toml: no package takes `{name}`"));
    }
}

/// What `cargo metadata` says of the packages: permissive licences, nothing copyleft, our names.
pub(crate) fn packages(metadata: &Value, found: &mut Findings) {
    let packages = metadata["packages"].as_array();
    assert!(packages.is_some_and(|packages| packages.len() > 5), "no packages in the metadata");
    for package in packages.into_iter().flatten() {
        let (name, license) = (package["name"].as_str(), package["license"].as_str());
        let (name, license) = (name.unwrap_or_default(), license.unwrap_or_default());
        if !is_permissive(license) {
            found.say(format!("{name}: the licence `{license}` is not among {PERMISSIVE:?}"));
        }
        if COPYLEFT.iter().any(|prefix| name.starts_with(prefix)) {
            found.say(format!("{name}: copyleft, or made of what is"));
        }
        if package["source"].is_null() && name != "myriad" && !name.starts_with("myriad-") {
            found.say(format!("{name}: a package of ours is called `myriad-…`"));
        }
    }
}

/// Whether an SPDX expression leaves a choice of permissive licences alone.
pub(crate) fn is_permissive(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = expression.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest) && rest.is_empty()
}

fn any(words: &mut &[&str]) -> bool {
    let mut holds = all(words);
    while let Some(("OR", rest)) = words.split_first().map(|(word, rest)| (*word, rest)) {
        *words = rest;
        holds |= all(words);
    }
    holds
}

fn all(words: &mut &[&str]) -> bool {
    let mut holds = one(words);
    while let Some(("AND", rest)) = words.split_first().map(|(word, rest)| (*word, rest)) {
        *words = rest;
        holds &= one(words);
    }
    holds
}

fn one(words: &mut &[&str]) -> bool {
    let Some((&word, rest)) = words.split_first() else { return false };
    *words = rest;
    if word == "(" {
        let holds = any(words);
        *words = words.split_first().map_or(&[], |(_, rest)| rest);
        return holds;
    }
    if let Some((&"WITH", rest)) = words.split_first()
        && let Some((exception, rest)) = rest.split_first()
    {
        *words = rest;
        return PERMISSIVE.contains(&format!("{word} WITH {exception}").as_str());
    }
    PERMISSIVE.contains(&word)
}

/// The lines below a heading, up to the next that begins like it.
fn section<'a>(text: &'a str, heading: &'a str) -> impl Iterator<Item = &'a str> {
    let mark = &heading[..=heading.find(' ').unwrap_or(0)];
    let lines = text.lines().skip_while(move |line| *line != heading).skip(1);
    lines.take_while(move |line| !line.starts_with(mark))
}

/// The key of a line of a manifest.
fn name_in(line: &str) -> Option<&str> {
    let end = line.find([' ', '.', '='])?;
    let name = &line[..end];
    (!name.is_empty() && !name.starts_with(['#', '['])).then_some(name)
}
