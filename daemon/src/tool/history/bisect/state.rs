//! Where a search is noted between commands: a small file of JSON.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::search::Search;
use crate::tool::history::error::PastError;

/// A search that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The history that is searched.
    pub(crate) history: PathBuf,
    /// What tells it from others: when it was made.
    pub(crate) id: u64,
    /// What is known.
    pub(crate) search: Search,
    /// Whether somebody said that the good version is good; else it is only the oldest.
    pub(crate) good_is_said: bool,
    /// Whether somebody said that the bad version is bad; else it was only the newest.
    pub(crate) bad_is_said: bool,
}

/// The file where nothing else is said: in `XDG_STATE_HOME`, else in `~/.local/state`.
pub(crate) fn default_file() -> PathBuf {
    let named = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || named("HOME").unwrap_or_else(|| "/".into()).join(".local/state");
    named("XDG_STATE_HOME").unwrap_or_else(home).join("myriad/bisect.json")
}

impl State {
    /// The search that a file notes; nothing where there is no such file.
    ///
    /// # Errors
    /// [`PastError::Search`] where it holds something else.
    pub(crate) fn load(file: &Path) -> Result<Option<State>, PastError> {
        let shown = file.display();
        match fs::read(file) {
            Ok(bytes) => {
                let value = serde_json::from_slice(&bytes).ok();
                let state = value.and_then(|value: Value| State::from_json(&value));
                let says = format!("{shown} notes no search; take it away, or name another");
                state.map(Some).ok_or(PastError::Search(says))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(PastError::place(format!("can't read {shown}"))(error)),
        }
    }

    /// Notes it, whole or not at all.
    ///
    /// # Errors
    /// [`PastError::Place`].
    pub(crate) fn save(&self, file: &Path) -> Result<(), PastError> {
        let write = || {
            file.parent().map_or(Ok(()), fs::create_dir_all)?;
            let mut name = file.as_os_str().to_owned();
            name.push(".new");
            let new = PathBuf::from(name);
            fs::write(&new, format!("{:#}\n", self.json()))?;
            fs::rename(&new, file)
        };
        write().map_err(PastError::place(format!("can't write {}", file.display())))
    }

    /// Forgets it. Tells whether there was one.
    ///
    /// # Errors
    /// [`PastError::Place`].
    pub(crate) fn forget(file: &Path) -> Result<bool, PastError> {
        match fs::remove_file(file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(PastError::place(format!("can't remove {}", file.display()))(error)),
        }
    }

    fn json(&self) -> Value {
        json!({
            "myriad-bisect": FORMAT,
            "history": self.history.to_string_lossy(),
            "history-id": self.id,
            "good": self.search.good,
            "bad": self.search.bad,
            "skipped": self.search.skipped,
            "good-is-said": self.good_is_said,
            "bad-is-said": self.bad_is_said,
        })
    }

    fn from_json(value: &Value) -> Option<State> {
        if value.get("myriad-bisect")?.as_u64() != Some(FORMAT) {
            return None;
        }
        let number = |name| value.get(name).and_then(Value::as_u64);
        let flag = |name| value.get(name).and_then(Value::as_bool);
        let mut search = Search::new(number("good")?, number("bad")?).ok()?;
        let skipped = value.get("skipped")?.as_array()?;
        search.skipped = skipped.iter().map(Value::as_u64).collect::<Option<_>>()?;
        Some(State {
            history: value.get("history")?.as_str()?.into(),
            id: number("history-id")?,
            search,
            good_is_said: flag("good-is-said")?,
            bad_is_said: flag("bad-is-said")?,
        })
    }
}

/// The version of the file's form.
const FORMAT: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::history::bisect::search::Verdict;

    #[test]
    fn a_search_is_the_same_when_it_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("deep/er/bisect.json");
        assert_eq!(State::load(&file).unwrap(), None);
        assert!(!State::forget(&file).unwrap());
        let search = Search::new(3, 90).unwrap().with(40, Verdict::Skip).unwrap();
        let history = "/a/history".into();
        let state = State { history, id: 7, search, good_is_said: true, bad_is_said: false };
        state.save(&file).unwrap();
        assert_eq!(State::load(&file).unwrap(), Some(state));
        assert!(State::forget(&file).unwrap());
        assert_eq!(State::load(&file).unwrap(), None);
    }

    #[test]
    fn another_file_is_not_taken_for_a_search() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        for text in ["", "{}", "[1]", r#"{"myriad-bisect": 2}"#, r#"{"myriad-bisect": 1}"#] {
            fs::write(&file, text).unwrap();
            let error = State::load(&file).unwrap_err();
            assert!(error.to_string().contains("notes no search"), "{text} {error}");
        }
        let error = State::load(dir.path()).unwrap_err();
        assert!(error.to_string().contains("can't read"), "{error}");
    }
}
