//! Paths as clients give them, made absolute.
//!
//! A path that doesn't begin with `/` is meant below the caller's home: `/local/domain/<domid>`,
//! dom0's for a socket. A name that begins with `@` stands for a special node and is only
//! understood where the caller of [`PathRules::resolve`] says so.

use myriad_core::{DomId, Errno, Path, is_path_byte};

/// What a connection's paths are relative to, and how long they may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRules {
    /// The home's name, `5`, in the first bytes.
    digits: [u8; NUMBER_MAX],
    len: u8,
}

/// A path as the store knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// A node's.
    Node(Path<'a>),
    /// `@releaseDomain` and its like, checked as a path is, the `@` included.
    Special(&'a str),
}

/// Whether an operation understands `@` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Specials {
    /// WATCH, UNWATCH, GET_PERMS and SET_PERMS do.
    Allowed,
    /// All others don't.
    Refused,
}

/// Why a path is refused. The client is at fault, and sees EINVAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// the path is empty, holds a byte outside `[A-Za-z0-9-/_@]` or `//`, or ends with `/`
    #[error("the path is not valid: use [A-Za-z0-9-/_@], no // and no / at the end")]
    Invalid,
    /// the operation takes no special node
    #[error("the operation takes no path that begins with @")]
    Special,
    /// the path is as long as the quota `path-max`, or longer
    #[error("the path is at the quota path-max")]
    TooLong,
}

impl From<PathError> for Errno {
    fn from(_: PathError) -> Errno {
        Errno::EINVAL
    }
}

impl PathRules {
    /// The rules for paths below a domain's home.
    #[must_use]
    pub fn new(home: DomId) -> PathRules {
        let mut rules = PathRules { digits: [0; NUMBER_MAX], len: 0 };
        for (digit, byte) in rules.digits.iter_mut().zip(home.to_string().bytes()) {
            *digit = byte;
            rules.len += 1;
        }
        rules
    }

    /// Bytes of the home's path.
    ///
    /// ```
    /// # use myriad_core::DomId;
    /// # use myriad_ring::v1::PathRules;
    /// assert_eq!(PathRules::new(DomId(5)).home_len(), "/local/domain/5".len());
    /// ```
    #[must_use]
    pub fn home_len(&self) -> usize {
        HOMES.len().saturating_add(self.home().len())
    }

    /// The name of the home, without its parents.
    fn home(&self) -> &str {
        let digits = self.digits.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }

    /// Makes a path absolute and checks it. `buffer` holds the result where the path was
    /// relative. `max`: the quota `path-max`; 0 for none.
    ///
    /// ```
    /// # use myriad_core::DomId;
    /// # use myriad_ring::v1::{Name, PathRules, Specials};
    /// let (rules, mut buffer) = (PathRules::new(DomId(5)), String::new());
    /// let Name::Node(path) = rules.resolve(b"device/vif", 0, Specials::Refused, &mut buffer)?
    /// else { unreachable!() };
    /// assert_eq!(path.as_str(), "/local/domain/5/device/vif");
    /// assert!(rules.resolve(b"@releaseDomain", 0, Specials::Refused, &mut buffer).is_err());
    /// # Ok::<(), myriad_ring::v1::PathError>(())
    /// ```
    ///
    /// # Errors
    /// [`PathError`] (C's `canonicalize`; C refuses *at* the quota's value).
    pub fn resolve<'b>(
        &self,
        path: &'b [u8],
        max: u32,
        specials: Specials,
        buffer: &'b mut String,
    ) -> Result<Name<'b>, PathError> {
        if path.first() == Some(&b'@') {
            let name = special(path)?;
            return match specials {
                Specials::Refused => Err(PathError::Special),
                Specials::Allowed if fits(name, max) => Ok(Name::Special(name)),
                Specials::Allowed => Err(PathError::TooLong),
            };
        }
        let path = if path.first() == Some(&b'/') {
            Path::from_bytes(path).map_err(|_| PathError::Invalid)?
        } else {
            let text = std::str::from_utf8(path).map_err(|_| PathError::Invalid)?;
            buffer.clear();
            let parts = [HOMES, self.home(), "/", text];
            buffer.reserve(parts.iter().map(|part| part.len()).sum());
            parts.iter().for_each(|part| buffer.push_str(part));
            Path::new(buffer).map_err(|_| PathError::Invalid)?
        };
        if fits(path.as_str(), max) { Ok(Name::Node(path)) } else { Err(PathError::TooLong) }
    }
}

/// Whether a path begins at the root or is a special name: not relative to a home.
#[must_use]
pub fn is_absolute(path: &[u8]) -> bool {
    matches!(path.first(), Some(b'/' | b'@'))
}

fn special(name: &[u8]) -> Result<&str, PathError> {
    let valid = name.iter().all(|&byte| is_path_byte(byte))
        && !name.ends_with(b"/")
        && !name.windows(2).any(|pair| pair == b"//");
    let text = std::str::from_utf8(name).ok().filter(|_| valid);
    text.ok_or(PathError::Invalid)
}

fn fits(path: &str, max: u32) -> bool {
    // Most: what isn't counted need not be found.
    if max == 0 || u32::try_from(path.len()).is_ok_and(|len| len < max) {
        return true;
    }
    let counted = path.len().saturating_sub(counted_from(path));
    u32::try_from(counted).is_ok_and(|counted| counted < max)
}

/// Bytes of `/local/domain/<number>/` before what the quota counts. C reads the number with
/// `%5u`: up to five characters, a sign among them.
fn counted_from(path: &str) -> usize {
    let Some(rest) = path.strip_prefix(HOMES) else { return 0 };
    let Some((number, _)) = rest.split_once('/') else { return 0 };
    let digits = number.strip_prefix('-').unwrap_or(number);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if is_number && number.len() <= NUMBER_MAX { HOMES.len() + number.len() + 1 } else { 0 }
}

const HOMES: &str = "/local/domain/";
const NUMBER_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(path: &[u8], max: u32, specials: Specials) -> Option<String> {
        let mut buffer = String::from("left from before");
        match PathRules::new(DomId(7)).resolve(path, max, specials, &mut buffer).ok()? {
            Name::Node(path) => Some(path.as_str().into()),
            Name::Special(name) => Some(name.into()),
        }
    }

    #[test]
    fn relative_paths_lie_below_the_home() {
        let cases: &[(&[u8], Option<&str>)] = &[
            (b"", None),
            (b"a", Some("/local/domain/7/a")),
            (b"a/b-c_D@9", Some("/local/domain/7/a/b-c_D@9")),
            (b"a//b", None),
            (b"a/", None),
            (b"a b", None),
            (b"a\xff", None),
            (b"\xc3\xa4", None),
            (b"/", Some("/")),
            (b"/a", Some("/a")),
            (b"//", None),
            (b"//a", None),
            (b"/a/", None),
            (b"@releaseDomain", None),
        ];
        for &(path, expected) in cases {
            assert_eq!(resolve(path, 0, Specials::Refused).as_deref(), expected, "{path:?}");
        }
    }

    #[test]
    fn the_bytes_of_paths_are_those_of_c() {
        let c = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/_@";
        assert!((0..=u8::MAX).all(|byte| is_path_byte(byte) == c.contains(&byte)));
    }

    #[test]
    fn special_names_are_checked_like_paths() {
        for good in ["@", "@releaseDomain", "@releaseDomain/5", "@a@b"] {
            let resolved = resolve(good.as_bytes(), 0, Specials::Allowed);
            assert_eq!(resolved.as_deref(), Some(good));
        }
        for bad in [&b"@a b"[..], b"@a/", b"@a//b", b"@\xff", b"@/"] {
            assert_eq!(resolve(bad, 0, Specials::Allowed), None, "{bad:?}");
        }
        assert_eq!(resolve(b"@abc", 4, Specials::Allowed), None);
        assert!(resolve(b"@abc", 5, Specials::Allowed).is_some());
    }

    #[test]
    fn the_quota_counts_what_follows_the_home() {
        let cases: &[(&[u8], u32, bool)] = &[
            (b"abc", 4, true),
            (b"abc", 3, false),
            (b"/local/domain/9/abc", 4, true),
            (b"/local/domain/65535/abc", 4, true),
            (b"/local/domain/-1/abc", 4, true),
            (b"/local/domain/123456/abc", 4, false),
            (b"/local/domain/x/abc", 4, false),
            (b"/local/domain/-/abc", 4, false),
            (b"/local/domain/9", 4, false),
            (b"/local/domain/9", 16, true),
            (b"/abc", 4, false),
            (b"/abc", 5, true),
        ];
        for &(path, max, fits) in cases {
            let resolved = resolve(path, max, Specials::Refused);
            assert_eq!(resolved.is_some(), fits, "{} at {max}", String::from_utf8_lossy(path));
        }
    }
}
