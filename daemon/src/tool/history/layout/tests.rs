//! Random trees, and the files that the steps between them make.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

use super::*;

/// A tree in a map: value and permissions by path.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model(pub(crate) BTreeMap<String, (Vec<u8>, String)>);

impl Model {
    pub(crate) fn new(nodes: &[(&str, &str, &str)]) -> Model {
        let nodes = nodes.iter().map(|(path, value, perms)| {
            (String::from(*path), (value.as_bytes().to_vec(), String::from(*perms)))
        });
        Model(nodes.collect())
    }

    /// The paths at which two differ.
    pub(crate) fn changed<'m>(&'m self, other: &'m Model) -> BTreeSet<&'m str> {
        let all = self.0.keys().chain(other.0.keys());
        all.filter(|path| self.0.get(*path) != other.0.get(*path)).map(String::as_str).collect()
    }
}

impl Picture for Model {
    fn value(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(|(value, _)| value.as_slice())
    }

    fn perms(&self, path: &str) -> String {
        self.0.get(path).map(|(_, perms)| perms.clone()).unwrap_or_default()
    }

    fn children<'t>(&'t self, path: &'t str) -> Vec<&'t str> {
        let is_child = |child: &&String| parent(child) == Some(path);
        self.0.keys().filter(is_child).filter_map(|child| child.rsplit('/').next()).collect()
    }

    fn has_children(&self, path: &str) -> bool {
        self.0.keys().any(|child| parent(child) == Some(path))
    }
}

type Files = BTreeMap<String, Vec<u8>>;

fn apply(files: &mut Files, old: &Model, new: &Model) -> Vec<Step> {
    let mut all = Vec::new();
    let done: Result<(), Infallible> = steps(old, new, old.changed(new).into_iter(), |step| {
        all.push(step);
        Ok(())
    });
    done.unwrap();
    for step in &all {
        match step {
            Step::Delete(file) => assert!(files.remove(file).is_some(), "{file} was there"),
            Step::Put(file, bytes) => drop(files.insert(file.clone(), bytes.clone())),
        }
    }
    for file in files.keys() {
        let is_below = |other: &&String| other.starts_with(&format!("{file}/"));
        assert_eq!(files.keys().find(is_below), None, "{file} is a file and a directory");
    }
    all
}

fn whole(tree: &Model) -> Files {
    let mut files = Files::new();
    let put = |step| match step {
        Step::Put(file, bytes) => match files.insert(file.clone(), bytes) {
            None => Ok(()),
            Some(_) => Err(file),
        },
        Step::Delete(file) => Err(file),
    };
    steps(&Nothing, tree, tree.0.keys().map(String::as_str), put).unwrap();
    files
}

#[test]
fn a_tree_has_the_files_that_are_written_down() {
    let tree = Model::new(&[
        ("/", "", "n0"),
        ("/a", "inner", "n0,r5"),
        ("/a/b", "leaf", "n5"),
        ("/a/c", "", "b5"),
    ]);
    let expected = [
        (".perms", ". n0\n"),
        ("a/.perms", ". n0,r5\nb n5\nc b5\n"),
        ("a/.value", "inner"),
        ("a/b", "leaf"),
        ("a/c", ""),
    ];
    let expected = expected.map(|(file, text)| (file.to_owned(), text.as_bytes().to_vec()));
    assert_eq!(whole(&tree), Files::from(expected));
}

#[test]
fn a_name_that_no_file_can_have_is_cut() {
    let long = "n".repeat(2 * NAME_BYTES + 3);
    let piece = format!("{}.", "n".repeat(NAME_BYTES));
    assert_eq!(place(&format!("/a/{long}/b")), format!("a/{piece}/{piece}/nnn/b"));
    assert_eq!(place(&format!("/{}", "n".repeat(NAME_BYTES))), "n".repeat(NAME_BYTES));
    assert_eq!(place("/"), "");
    assert!(piece.len() <= 255);
}

#[test]
fn only_what_changed_is_written() {
    let old = Model::new(&[("/", "", "n0"), ("/a", "1", "n0"), ("/b", "1", "n0")]);
    let mut new = old.clone();
    new.0.insert("/a".into(), (b"2".to_vec(), "n0".into()));
    let steps = apply(&mut whole(&old), &old, &new);
    assert_eq!(steps, [Step::Put("a".into(), b"2".to_vec())]);
}

#[test]
fn steps_between_any_two_trees_give_the_files_of_the_second() {
    // A small generator of its own, so that each run is the same.
    let mut state = 1u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 33) % below
    };
    let mut tree = Model::new(&[("/", "", "n0")]);
    let mut files = whole(&tree);
    for _ in 0..2000 {
        let old = tree.clone();
        for _ in 0..=random(3) {
            let mut path = String::new();
            for _ in 0..=random(3) {
                path.push_str(["/a", "/b", "/c"][usize::try_from(random(3)).unwrap()]);
            }
            if random(3) == 0 {
                let below = format!("{path}/");
                tree.0.retain(|other, _| *other != path && !other.starts_with(&below));
                continue;
            }
            let mut upto = path.as_str();
            while let Some(parent) = parent(upto) {
                tree.0.entry(parent.to_owned()).or_insert((Vec::new(), "n0".into()));
                upto = parent;
            }
            let value = vec![b'v'; usize::try_from(random(3)).unwrap()];
            tree.0.insert(path, (value, format!("n{}", random(2))));
        }
        apply(&mut files, &old, &tree);
        assert_eq!(files, whole(&tree), "{tree:?}");
    }
}
