//! The rules that a Rust file must keep.

use super::{
    Allowed, Findings,
    source::{Function, Source, words},
};

pub(crate) const LINE_MAX: usize = 100;
pub(crate) const FUNCTION_MAX: usize = 70;
/// Above this a file is on the list of exceptions, with its reason.
pub(crate) const FILE_RULE: usize = 300;
pub(crate) const FILE_MAX: usize = 500;

/// Files under 300 lines as a rule, never over 500.
pub(crate) fn file_length(file: &Source, long: &[Allowed], found: &mut Findings) {
    let len = file.lines.len();
    let listed = long.iter().any(|(path, _)| *path == file.path);
    if len > FILE_MAX {
        found.add(file, 0, format!("{len} lines, the limit is {FILE_MAX}: split it by meaning"));
    } else if len > FILE_RULE && !listed {
        let text = format!("{len} lines: split it by meaning, or list it with the reason");
        found.add(file, 0, text);
    } else if len <= FILE_RULE && listed {
        found.add(file, 0, format!("only {len} lines: take it off the list of long files"));
    }
}

/// Lines of at most 100 characters.
pub(crate) fn line_length(file: &Source, long: &[Allowed], found: &mut Findings) {
    let lengths = file.lines.iter().map(|line| line.raw.chars().count()).enumerate();
    let too_long: Vec<(usize, usize)> = lengths.filter(|(_, len)| *len > LINE_MAX).collect();
    if long.iter().any(|(path, _)| *path == file.path) {
        if too_long.is_empty() {
            found.add(file, 0, "no long line: take it off the list of files with such");
        }
        return;
    }
    for (number, len) in too_long {
        found.add(file, number, format!("{len} characters, the limit is {LINE_MAX}"));
    }
}

/// Functions of at most 70 lines; exceptions are listed as `path::name`.
pub(crate) fn function_length(file: &Source, long: &[Allowed], found: &mut Findings) {
    for Function { name, first, last } in file.functions() {
        let len = last - first + 1;
        let full = format!("{}::{name}", file.path);
        if len > FUNCTION_MAX && !long.iter().any(|(function, _)| *function == full) {
            let text = format!("`{name}` has {len} lines, the limit is {FUNCTION_MAX}");
            found.add(file, first, text);
        }
    }
}

/// A file begins with what it is for.
pub(crate) fn opening(file: &Source, found: &mut Findings) {
    if !file.lines.first().is_some_and(|line| line.raw.starts_with("//! ")) {
        found.add(file, 0, "does not begin with `//!` and what it is for");
    }
}

/// `unsafe` in listed files alone; each block and implementation says why it is sound.
pub(crate) fn unsafe_code(file: &Source, listed: &[Allowed], found: &mut Findings) {
    let mut after = 0;
    for (number, line) in file.lines.iter().enumerate() {
        for at in words(&line.code, "unsafe") {
            if !listed.iter().any(|(path, _)| *path == file.path) {
                found.add(file, number, "`unsafe` outside of the listed modules");
            }
            let what = line.code[at..].trim_start_matches("unsafe").trim_start();
            let says_why = file.comments(after..=number).contains("SAFETY:");
            if !what.starts_with("fn") && !what.starts_with("extern") && !says_why {
                found.add(file, number, "`unsafe` without a `// SAFETY:` above it");
            }
            after = number + 1;
        }
        if line.raw.trim().is_empty() {
            after = after.max(number); // What is said before a blank line is about something else.
        }
    }
}

/// A crate without listed `unsafe` forbids it, in its library and each of its programs.
pub(crate) fn forbids_unsafe(file: &Source, listed: &[Allowed], found: &mut Findings) {
    let Some((package, rest)) = file.path.split_once("/src/") else { return };
    let is_root = rest == "lib.rs" || rest == "main.rs" || rest.starts_with("bin/");
    let is_listed = listed.iter().any(|(path, _)| path.starts_with(&format!("{package}/src/")));
    let forbids = file.lines.iter().any(|line| line.code.trim() == "#![forbid(unsafe_code)]");
    if is_root && !forbids && !is_listed {
        found.add(file, 0, "lacks `#![forbid(unsafe_code)]`");
    }
}

/// Libraries reach atomics through `sync.rs`, which gives loom's where they are modelled.
pub(crate) fn atomics(file: &Source, doors: &[Allowed], found: &mut Findings) {
    if !is_library(&file.path) || doors.iter().any(|(path, _)| *path == file.path) {
        return;
    }
    for (number, line) in file.lines.iter().enumerate() {
        if words(&line.code, "atomic").any(|at| line.code[at + 6..].starts_with("::")) {
            found.add(file, number, "atomics come from `crate::sync` alone");
        }
    }
}

/// Each ordering that orders anything names its partner, in a comment of its function; each file
/// that touches an atomic has a section on synchronization.
pub(crate) fn orderings(file: &Source, doors: &[Allowed], found: &mut Findings) {
    let is_door = doors.iter().any(|(path, _)| *path == file.path);
    if !is_library(&file.path) || is_door || !imports_ordering(file) {
        return;
    }
    let head = file.lines.iter().take_while(|line| line.raw.starts_with("//!"));
    if !head.map(|line| &line.raw).any(|raw| raw.contains("# Synchronization")) {
        found.add(file, 0, "touches an atomic, but has no section `# Synchronization`");
    }
    let functions = file.functions();
    for (number, line) in file.lines.iter().enumerate() {
        let inside = functions.iter().filter(|f| (f.first..=f.last).contains(&number));
        let Some(function) = inside.max_by_key(|f| f.first) else { continue };
        for name in ["Acquire", "Release", "AcqRel", "SeqCst"] {
            let named = file.comments(documented_from(file, function.first)..=number);
            if words(&line.code, name).any(|at| !line.code[..at].ends_with("Op::"))
                && !names_partner(&named, name)
            {
                found.add(
                    file,
                    number,
                    format!("`{name}` without `{name}: pairs with …` above it"),
                );
            }
        }
    }
}

/// Nothing unfinished: no such macro, word or attribute.
pub(crate) fn leftovers(file: &Source, found: &mut Findings) {
    for (number, line) in file.lines.iter().enumerate() {
        for name in ["todo", "unimplemented"] {
            if words(&line.code, name).any(|at| line.code[at + name.len()..].starts_with('!')) {
                found.add(file, number, format!("`{name}!`"));
            }
        }
        if line.code.replace(' ', "").contains("#[ignore") {
            found.add(file, number, "a test that is not run");
        }
        for word in [["FIX", "ME"], ["XX", "X"], ["TO", "DO"], ["HA", "CK"]].map(|w| w.concat()) {
            if words(&line.comment, &word).next().is_some() {
                found.add(file, number, word);
            }
        }
    }
}

/// Code that others link: not the tests, benches and examples, nor the packages that are those.
fn is_library(path: &str) -> bool {
    let mut parts = path.split('/');
    let (package, folder) = (parts.next(), parts.next());
    !matches!(package, Some("verify" | "benches"))
        && folder == Some("src")
        && !path.contains("/tests/")
        && !path.ends_with("/tests.rs")
}

fn imports_ordering(file: &Source) -> bool {
    let code: String = file.lines.iter().map(|line| line.code.trim()).collect();
    let names = ["{", "Acquire", "Release", "AcqRel", "SeqCst", "Relaxed"];
    names.iter().any(|name| code.contains(&format!("Ordering::{name}")))
}

/// The first line of the comments and attributes right above a function.
fn documented_from(file: &Source, first: usize) -> usize {
    let is_about = |number: &usize| {
        let line = &file.lines[*number];
        let text = line.raw.trim_start();
        text.starts_with("//") || text.starts_with("#[")
    };
    (0..first).rev().take_while(is_about).last().unwrap_or(first)
}

/// Whether a comment says of this ordering, or of none by name, what it pairs with.
fn names_partner(comments: &str, name: &str) -> bool {
    let all = ["Acquire", "Release", "AcqRel", "SeqCst"];
    let text = comments.replace("Pairs with", "pairs with").replace(".\n", ". ");
    text.match_indices("pairs with").any(|(at, _)| {
        let before = &text[..at];
        let begin = before.rfind(". ").max(before.rfind("\n\n")).map_or(0, |end| end + 1);
        let sentence = &before[begin..];
        words(sentence, name).next().is_some()
            || all.iter().all(|other| words(sentence, other).next().is_none())
    })
}
