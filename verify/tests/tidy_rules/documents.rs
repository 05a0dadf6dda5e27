//! The rules that documents must keep: what they point to is there.

use std::collections::BTreeMap;

use super::Findings;

/// Every file of the workspace that a document may name, by path, with its text.
pub(crate) type Files = BTreeMap<String, String>;

/// Links lead to files that exist.
pub(crate) fn links(path: &str, text: &str, files: &Files, found: &mut Findings) {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for (number, line) in text.lines().enumerate() {
        for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            let full = if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") };
            let is_known = files.contains_key(&full) || file.is_empty() || link.contains("://");
            if !is_known {
                found.say(format!("{path}:{}: `{link}` leads nowhere", number + 1));
            }
        }
    }
}

/// A command `cargo test`, `cargo bench` or `cargo run` names packages and targets that exist,
/// and a `cargo test` with a filter names a test; a script of `.ci` or the root exists.
pub(crate) fn commands(path: &str, text: &str, files: &Files, found: &mut Findings) {
    for (number, line) in text.lines().enumerate() {
        let mut say = |what: &str| found.say(format!("{path}:{}: {what}", number + 1));
        let spans = line.split('`').skip(1).step_by(2);
        let block = (!line.contains('`')).then_some(line);
        for command in spans.chain(block) {
            let words: Vec<&str> = command.split_whitespace().collect();
            match words.as_slice() {
                ["cargo", kind @ ("test" | "bench" | "run"), rest @ ..] => {
                    cargo(kind, rest, files, &mut say);
                }
                [script, ..] if script.ends_with(".sh") => {
                    let script = script.trim_start_matches("./");
                    if !files.keys().any(|file| file == script || file.ends_with(script)) {
                        say(&format!("there is no script `{script}`"));
                    }
                }
                _ => {}
            }
        }
    }
}

fn cargo(kind: &str, words: &[&str], files: &Files, say: &mut impl FnMut(&str)) {
    let (mut words, mut folder) = (words.iter(), None);
    while let Some(&word) = words.next() {
        match word {
            "--" | "#" => return,
            "-p" | "--package" => {
                let name = words.next().copied().unwrap_or_default();
                folder = package(name, files);
                if folder.is_none() {
                    return say(&format!("there is no package `{name}`"));
                }
            }
            "--test" | "--bench" | "--bin" => {
                let name = words.next().copied().unwrap_or_default();
                let inside = folder.clone().unwrap_or_default();
                let places = match word {
                    "--test" => [format!("{inside}tests/{name}.rs"), String::new()],
                    "--bench" => [format!("{inside}benches/{name}.rs"), String::new()],
                    _ => [format!("{inside}src/bin/{name}.rs"), format!("name = \"{name}\"")],
                };
                let is_declared = |(path, text): (&String, &String)| {
                    let of_package = *path == format!("{inside}Cargo.toml");
                    of_package && !places[1].is_empty() && text.contains(&places[1])
                };
                if !files.contains_key(&places[0]) && !files.iter().any(is_declared) {
                    say(&format!("there is no `{word} {name}`"));
                }
            }
            flag if flag.starts_with('-') => {}
            filter if kind == "test" => {
                let inside = folder.clone().unwrap_or_default();
                let names = |(path, text): (&String, &String)| {
                    path.starts_with(&inside) && path.ends_with(".rs") && has_test(text, filter)
                        || path.ends_with(&format!("tests/{filter}.rs"))
                };
                if !files.iter().any(names) {
                    say(&format!("there is no test `{filter}`"));
                }
            }
            _ => {}
        }
    }
}

/// The folder of a package, with a slash.
fn package(name: &str, files: &Files) -> Option<String> {
    let line = format!("name = \"{name}\"");
    let is_its = |(path, text): &(&String, &String)| {
        path.ends_with("Cargo.toml") && text.lines().nth(1) == Some(line.as_str())
    };
    let (path, _) = files.iter().find(is_its)?;
    path.strip_suffix("Cargo.toml").map(str::to_owned)
}

/// Whether a file has a test whose name contains the filter.
fn has_test(text: &str, filter: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    let mut is_test = false;
    lines.any(|line| {
        let name = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next());
        let found = is_test && name.is_some_and(|name| name.contains(filter));
        is_test = line == "#[test]" || is_test && line.starts_with("#[");
        found
    })
}
