//! Where a follower is.

use std::{fmt, str::FromStr};

/// A place among the changes of a store, to go on after: its text is two numbers, such as `5:77`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which store.
    pub store: u64,
    /// The last request that is known.
    pub generation: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.store, self.generation)
    }
}

/// a text that is no place
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a place is the store's number, a colon, and a generation")]
pub struct BadPlace;

impl FromStr for Place {
    type Err = BadPlace;

    fn from_str(text: &str) -> Result<Place, BadPlace> {
        let (store, generation) = text.split_once(':').ok_or(BadPlace)?;
        let number = |text: &str| text.parse().map_err(|_| BadPlace);
        Ok(Place { store: number(store)?, generation: number(generation)? })
    }
}
