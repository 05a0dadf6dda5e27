//! The order of paths: depth first, a parent right before what is below it, siblings by name.
//!
//! Paths compare as if `/` were the smallest character. So all that is below a path lies in one
//! piece behind it, and a sorted list can be searched for a path as for a subtree.

use std::cmp::Ordering;

/// Which of two paths comes first.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (trim(a).as_bytes(), trim(b).as_bytes());
    let at = common(a, b);
    match a.get(at).zip(b.get(at)) {
        None => a.len().cmp(&b.len()),
        Some((b'/', _)) => Ordering::Less,
        Some((_, b'/')) => Ordering::Greater,
        Some((x, y)) => x.cmp(y),
    }
}

/// How many bytes two paths have in common at their starts.
pub(crate) fn common(a: &[u8], b: &[u8]) -> usize {
    let words = a.chunks_exact(8).zip(b.chunks_exact(8)).take_while(|(x, y)| x == y).count() * 8;
    let (a, b) = (a.get(words..).unwrap_or_default(), b.get(words..).unwrap_or_default());
    words + a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// Whether `path` is `top` or below it. All is below `/`.
#[must_use]
pub fn is_within(path: &str, top: &str) -> bool {
    let top = trim(top);
    path.strip_prefix(top)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || top.is_empty())
}

/// The parent of a path; of `/` and special names there is none.
#[must_use]
pub fn parent(path: &str) -> Option<&str> {
    match trim(path).rfind('/')? {
        0 => Some("/"),
        at => path.get(..at),
    }
}

/// The paths above one, from its parent up to `/`.
pub fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(parent(path), |path| parent(path))
}

/// The lowest path that both are at or below.
pub(crate) fn common_ancestor<'p>(a: &'p str, b: &str) -> &'p str {
    let mut up = std::iter::once(a).chain(ancestors(a));
    up.find(|top| is_within(b, top)).unwrap_or("/")
}

/// The root's path is `/`, which here is a prefix like others.
fn trim(path: &str) -> &str {
    if path == "/" { "" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subtree_lies_in_one_piece_behind_its_top() {
        let sorted = ["/", "/a", "/a/b", "/a/b/c", "/a/b-c", "/a!", "/aa", "@x"];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
            }
        }
        let within = |top| sorted.iter().filter(|p| is_within(p, top)).count();
        assert_eq!((within("/a"), within("/a/b"), within("/"), within("@x")), (4, 2, 8, 1));
    }

    #[test]
    fn ancestors_end_at_the_root() {
        assert_eq!(ancestors("/a/b/c").collect::<Vec<_>>(), ["/a/b", "/a", "/"]);
        assert_eq!(ancestors("/").count() + ancestors("@x").count(), 0);
    }
}
