//! The tree of a version as a directory, brought from one version to the next by what differs.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::layout::{Picture, Step, place, steps};

/// A directory that shows a version of the tree, in the form of [`super::layout`].
#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    /// The place of the node that it shows, with all below; empty for the whole tree.
    top: String,
}

/// a file or directory that can't be written
#[derive(Debug, thiserror::Error)]
#[error("can't write {}: {source}; TMPDIR says where trees are put", path.display())]
pub(crate) struct DirectoryError {
    path: PathBuf,
    source: io::Error,
}

impl Directory {
    /// A directory that is there, and empty: it shows nothing yet, and nothing ever but `top` and
    /// what is below.
    pub(crate) fn at(root: &Path, top: &str) -> Directory {
        Directory { root: root.to_owned(), top: place(top) }
    }

    /// Makes it show `new` instead of `old`, which differ at `changed`.
    ///
    /// # Errors
    /// [`DirectoryError`]; it is neither the one nor the other then.
    pub(crate) fn advance<'p>(
        &self,
        old: &dyn Picture,
        new: &dyn Picture,
        changed: impl Iterator<Item = &'p str>,
    ) -> Result<(), DirectoryError> {
        steps(old, new, changed, |step| {
            let (Step::Delete(file) | Step::Put(file, _)) = &step;
            if !self.shows(file) {
                return Ok(());
            }
            let (file, result) = match step {
                Step::Delete(file) => (self.root.join(&file), self.delete(&file)),
                Step::Put(file, bytes) => (self.root.join(&file), self.put(&file, &bytes)),
            };
            result.map_err(|source| DirectoryError { path: file, source })
        })
    }

    fn shows(&self, file: &str) -> bool {
        let rest = file.strip_prefix(&self.top);
        rest.is_some_and(|rest| self.top.is_empty() || rest.is_empty() || rest.starts_with('/'))
    }

    fn put(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let place = self.root.join(file);
        match fs::write(&place, bytes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                place.parent().map_or(Ok(()), fs::create_dir_all)?;
                fs::write(&place, bytes)
            }
            other => other,
        }
    }

    fn delete(&self, file: &str) -> io::Result<()> {
        let place = self.root.join(file);
        fs::remove_file(&place)?;
        let above = place.ancestors().skip(1).take_while(|dir| *dir != self.root);
        for dir in above {
            match fs::remove_dir(dir) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::tool::history::layout::{Nothing, tests::Model};

    fn read(root: &Path) -> BTreeMap<PathBuf, String> {
        let mut open = vec![root.to_owned()];
        let mut files = BTreeMap::new();
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(&dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let text = fs::read_to_string(&path).unwrap();
                    files.insert(path.strip_prefix(root).unwrap().to_owned(), text);
                }
            }
        }
        files
    }

    #[test]
    fn a_directory_goes_from_version_to_version() {
        let first = Model::new(&[("/", "", "n0"), ("/a", "1", "n0"), ("/b", "1", "n0")]);
        let second = Model::new(&[
            ("/", "", "n0"),
            ("/a", "1", "n0"),
            ("/a/deep", "", "n0"),
            ("/a/deep/er", "2", "n5"),
        ]);
        let dir = tempfile::tempdir().unwrap();
        let all = first.0.keys().map(String::as_str);
        let shown = Directory::at(dir.path(), "/");
        shown.advance(&Nothing, &first, all).unwrap();
        let then = read(dir.path());
        assert_eq!(then[Path::new("a")], "1");
        for (old, new) in [(&first, &second), (&second, &first)] {
            shown.advance(old, new, old.changed(new).into_iter()).unwrap();
            let fresh = tempfile::tempdir().unwrap();
            let all = new.0.keys().map(String::as_str);
            Directory::at(fresh.path(), "/").advance(&Nothing, new, all).unwrap();
            assert_eq!(read(dir.path()), read(fresh.path()));
        }
        assert_eq!(read(dir.path()), then);
        assert!(!dir.path().join("a").is_dir(), "what is left empty has gone");
    }

    #[test]
    fn only_a_part_is_shown_where_that_was_asked() {
        let leaf = Model::new(&[("/", "", "n0"), ("/a", "1", "n0"), ("/ab", "1", "n0")]);
        let inner = Model::new(&[("/", "", "n0"), ("/a", "1", "n0"), ("/a/b", "2", "n0")]);
        let deep = Model::new(&[
            ("/", "", "n0"),
            ("/a", "1", "n0"),
            ("/a/b", "2", "n0"),
            ("/a/b/c", "3", "n0"),
            ("/a/bc", "3", "n0"),
        ]);
        let dir = tempfile::tempdir().unwrap();
        let shown = Directory::at(dir.path(), "/a/b");
        let mut old = Model::default();
        for (new, files) in [
            (&leaf, vec![]),
            (&inner, vec!["a/b"]),
            (&deep, vec!["a/b/.perms", "a/b/.value", "a/b/c"]),
            (&leaf, vec![]),
            (&deep, vec!["a/b/.perms", "a/b/.value", "a/b/c"]),
            (&inner, vec!["a/b"]),
        ] {
            shown.advance(&old, new, old.changed(new).into_iter()).unwrap();
            let found = read(dir.path());
            assert_eq!(found.keys().map(|f| f.to_str().unwrap()).collect::<Vec<_>>(), files);
            old = new.clone();
        }
    }

    #[test]
    fn a_place_that_can_t_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let tree = Model::new(&[("/", "", "n0")]);
        let error =
            Directory::at(&file, "/").advance(&Nothing, &tree, ["/"].into_iter()).unwrap_err();
        assert!(error.to_string().contains("file/.perms"), "{error}");
        assert!(error.to_string().contains("TMPDIR"), "{error}");
    }
}
