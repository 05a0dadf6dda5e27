//! The rules of style that a program can hold, each a function that tells what breaks it.

pub(crate) mod documents;
pub(crate) mod rust;
#[cfg(test)]
mod samples;
pub(crate) mod source;
pub(crate) mod workspace;

use std::{
    fmt::Display,
    fs,
    path::{Path, PathBuf},
};

use source::Source;

/// An exception from a rule, and why.
pub(crate) type Allowed = (&'static str, &'static str);

/// What breaks a rule, each as `path:line: text`.
#[derive(Default)]
pub(crate) struct Findings(pub(crate) Vec<String>);

impl Findings {
    /// `line` counts from 0.
    pub(crate) fn add(&mut self, file: &Source, line: usize, text: impl Display) {
        self.0.push(format!("{}:{}: {text}", file.path, line + 1));
    }

    /// Something about the whole workspace.
    pub(crate) fn say(&mut self, text: impl Display) {
        self.0.push(text.to_string());
    }

    pub(crate) fn assert_none(self) {
        let count = self.0.len();
        assert!(count == 0, "{count} findings; see CONTRIBUTING.md\n{}", self.0.join("\n"));
    }
}

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every file that ends with one of these, by its path from the root; no build output, and
/// nothing that is hidden but the checks.
pub(crate) fn files(endings: &[&str]) -> Vec<(String, String)> {
    let (root, mut found, mut folders) = (root(), Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            let is_hidden = name.starts_with('.') && name != ".ci";
            if entry.file_type().unwrap().is_dir() {
                if !is_hidden && !["target", "corpus", "artifacts"].contains(&name.as_str()) {
                    folders.push(entry.path());
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let path = entry.path().strip_prefix(&root).unwrap().display().to_string();
                found.push((path, fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Every Rust file of the workspace.
pub(crate) fn sources() -> Vec<Source> {
    files(&[".rs"]).iter().map(|(path, text)| Source::new(path, text)).collect()
}
