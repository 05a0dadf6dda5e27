//! Names of versions: `1234`, `@77`, `HEAD~3`, `2 min ago`; and of nodes in them: `HEAD~1:/tool`.
//!
//! A name means the newest kept version that isn't newer than what it says: coarse parts of the
//! history hold one version for many.

use jiff::{Timestamp, Zoned};

use super::when::{self, NoTime};

/// A version as somebody names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    base: Base,
    /// So many kept versions before that.
    back: usize,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Base {
    Head,
    Generation(u64),
    Publication(u64),
    Time(Timestamp),
}

/// A kept version, as far as names go. Ascending in all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) generation: u64,
    pub(crate) seq: u64,
    /// Nanoseconds since 1970.
    pub(crate) at: u64,
}

/// a name that leads to no version
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unresolved {
    /// the history holds nothing
    #[error("the history is empty: no version has been kept yet")]
    Empty,
    /// the version is older than what is kept
    #[error(
        "{name} is older than what is kept: the oldest version is generation {oldest}, of \
         {oldest_at}"
    )]
    TooOld {
        /// What was asked for.
        name: String,
        /// The oldest kept version.
        oldest: u64,
        /// Its time.
        oldest_at: Timestamp,
    },
    /// the version is not there yet
    #[error("{name} is not there yet: the newest version is generation {newest}")]
    TooNew {
        /// What was asked for.
        name: String,
        /// The newest kept version.
        newest: u64,
    },
}

impl Name {
    /// Reads a name, at `now` for times.
    ///
    /// # Errors
    /// [`NoTime`]: what is nothing else is a time.
    pub(crate) fn parse(text: &str, now: &Zoned) -> Result<Name, NoTime> {
        let text = text.trim();
        let (base, back) = match text.rsplit_once('~') {
            None => (text, 0),
            Some((base, "")) => (base, 1),
            Some((base, back)) => {
                let why = format!("\"{back}\" is no number of versions");
                let bad = |_| NoTime { phrase: text.to_owned(), why };
                (base, back.parse().map_err(bad)?)
            }
        };
        let digits = |text: &str| text.parse::<u64>().ok().filter(|_| !text.starts_with('+'));
        let publication = base.strip_prefix('@').and_then(digits);
        let base = match (base, digits(base), publication) {
            ("HEAD" | "head" | "@", ..) => Base::Head,
            (_, Some(generation), _) => Base::Generation(generation),
            (_, _, Some(seq)) => Base::Publication(seq),
            _ => Base::Time(when::parse(base, now)?),
        };
        Ok(Name { base, back, text: text.to_owned() })
    }

    /// Where it stands among the kept versions, the oldest first.
    ///
    /// # Errors
    /// [`Unresolved`].
    pub(crate) fn resolve(&self, kept: &[Point]) -> Result<usize, Unresolved> {
        let (Some(oldest), Some(newest)) = (kept.first(), kept.last()) else {
            return Err(Unresolved::Empty);
        };
        let name = || self.text.clone();
        let too_new = || Unresolved::TooNew { name: name(), newest: newest.generation };
        let upto = |is: &dyn Fn(&Point) -> bool| kept.partition_point(is);
        let end = match self.base {
            Base::Head => kept.len(),
            Base::Generation(wanted) if wanted > newest.generation => return Err(too_new()),
            Base::Publication(wanted) if wanted > newest.seq => return Err(too_new()),
            Base::Generation(wanted) => upto(&|point| point.generation <= wanted),
            Base::Publication(wanted) => upto(&|point| point.seq <= wanted),
            Base::Time(wanted) => {
                let wanted = u64::try_from(wanted.as_nanosecond()).unwrap_or(0);
                upto(&|point| point.at <= wanted)
            }
        };
        end.checked_sub(1).and_then(|at| at.checked_sub(self.back)).ok_or_else(|| {
            let oldest_at = timestamp(oldest.at);
            Unresolved::TooOld { name: name(), oldest: oldest.generation, oldest_at }
        })
    }

    /// The generation that it says, where it says one: another may be the nearest that is kept.
    pub(crate) fn generation(&self) -> Option<u64> {
        match self.base {
            Base::Generation(generation) if self.back == 0 => Some(generation),
            _ => None,
        }
    }
}

/// Nanoseconds since 1970 as a time.
pub(crate) fn timestamp(at: u64) -> Timestamp {
    Timestamp::from_nanosecond(at.into()).unwrap_or(Timestamp::MAX)
}

/// The version and the path of `GEN:PATH`; nothing where no path stands behind a colon. Paths have
/// no colon, so the last one divides.
pub(crate) fn split(text: &str) -> Option<(&str, &str)> {
    let at = text.rfind(":/")?;
    text.split_at_checked(at).map(|(version, path)| (version, path.trim_start_matches(':')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T14:30:00+00:00[UTC]";
    const SECOND: u64 = 1_000_000_000;

    fn now() -> Zoned {
        NOW.parse().unwrap()
    }

    /// Generations 10, 12, 20, 40, of 40, 30, 20 and 10 seconds ago.
    fn kept() -> Vec<Point> {
        let seconds = u64::try_from(now().timestamp().as_second()).unwrap();
        let point = |(generation, seq, ago): (u64, u64, u64)| {
            let at = (seconds - ago) * SECOND;
            Point { generation, seq, at }
        };
        [(10, 5, 40), (12, 6, 30), (20, 9, 20), (40, 11, 10)].map(point).to_vec()
    }

    fn resolve(text: &str) -> Result<u64, String> {
        let name = Name::parse(text, &now()).map_err(|error| error.to_string())?;
        let at = name.resolve(&kept()).map_err(|error| error.to_string())?;
        Ok(kept()[at].generation)
    }

    #[test]
    fn a_name_means_the_newest_version_that_is_not_newer() {
        let table = [
            ("HEAD", 40),
            ("HEAD~", 20),
            ("HEAD~3", 10),
            ("@", 40),
            ("40", 40),
            ("39", 20),
            ("12", 12),
            ("13~1", 10),
            ("@9", 20),
            ("@8", 12),
            ("now", 40),
            ("15 s ago", 20),
            ("20 s ago", 20),
            ("15 s ago~2", 10),
            ("2026-11-23T14:29:35Z", 12),
        ];
        for (text, expected) in table {
            assert_eq!(resolve(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_kept_is_refused_with_what_is() {
        let table = [
            ("9", "oldest version is generation 10, of 2026-11-23T14:29:20Z"),
            ("HEAD~4", "HEAD~4 is older than what is kept"),
            ("1 min ago", "is older than what is kept"),
            ("41", "41 is not there yet: the newest version is generation 40"),
            ("@12", "is not there yet"),
            ("HEAD~x", "\"x\" is no number of versions"),
            ("soon", "\"soon\" is no time"),
            ("-3", "\"-3\" is no time"),
        ];
        for (text, expected) in table {
            let error = resolve(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let head = Name::parse("HEAD", &now()).unwrap();
        assert_eq!(head.resolve(&[]), Err(Unresolved::Empty));
    }

    #[test]
    fn the_last_colon_before_a_path_divides() {
        let table = [
            ("HEAD~1:/tool", Some(("HEAD~1", "/tool"))),
            ("14:05:/", Some(("14:05", "/"))),
            ("2026-11-23T14:00:00+01:00:/a/b", Some(("2026-11-23T14:00:00+01:00", "/a/b"))),
            ("/tool", None),
            ("HEAD", None),
            ("14:05", None),
        ];
        for (text, expected) in table {
            assert_eq!(split(text), expected, "{text}");
        }
    }
}
