//! Simple questions about a tree: `bisect run --expr`.

use myriad_core::Path;

use super::glob;
use crate::tool::escape::unquote;

/// A question that a version answers with yes, which is good, or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expr {
    path: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    Equals(Vec<u8>),
    Differs(Vec<u8>),
    Matches(Vec<u8>),
}

/// an expression that can't be understood
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{text}\" is no expression: {why}; there are: exists PATH, absent PATH, PATH = VALUE, \
     PATH != VALUE, PATH matches GLOB"
)]
pub(crate) struct NoExpr {
    text: String,
    why: &'static str,
}

impl Expr {
    /// Reads an expression. A value is what stands behind the operator, without the quotes that
    /// may be around it, and with the escapes that the tool prints.
    ///
    /// # Errors
    /// [`NoExpr`].
    pub(crate) fn parse(text: &str) -> Result<Expr, NoExpr> {
        let no = |why| NoExpr { text: text.to_owned(), why };
        let trimmed = text.trim();
        let (first, rest) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
        let rest = rest.trim();
        let (path, test) = match first {
            "exists" => (rest, Test::Exists),
            "absent" => (rest, Test::Absent),
            path => {
                let (operator, value) = match rest {
                    "=" | "!=" => (rest, ""),
                    _ => rest.split_once(' ').ok_or_else(|| no("it lacks an operator"))?,
                };
                (path, comparison(operator, value).ok_or_else(|| no("no such operator"))?)
            }
        };
        if Path::new(path).is_err() {
            return Err(no("its path is not valid"));
        }
        Ok(Expr { path: path.to_owned(), test })
    }

    /// The node that it is about.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The answer, given the node's value; a node that is absent has none, which equals nothing
    /// and matches nothing.
    pub(crate) fn holds(&self, value: Option<&[u8]>) -> bool {
        match &self.test {
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
            Test::Equals(wanted) => value == Some(wanted),
            Test::Differs(wanted) => value != Some(wanted),
            Test::Matches(pattern) => value.is_some_and(|value| glob::matches(pattern, value)),
        }
    }
}

fn comparison(operator: &str, value: &str) -> Option<Test> {
    let value = value.trim_start();
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let value = quoted.unwrap_or(value);
    Some(match operator {
        "=" | "==" => Test::Equals(unquote(value.as_bytes())),
        "!=" => Test::Differs(unquote(value.as_bytes())),
        "matches" => Test::Matches(value.as_bytes().to_vec()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_true_or_not() {
        let (some, none) = (Some(&b"two words"[..]), None);
        let table = [
            ("exists /a", some, true),
            ("exists /a", none, false),
            ("absent /a", some, false),
            ("absent /a", none, true),
            ("/a = two words", some, true),
            ("/a = \"two words\"", some, true),
            ("/a = two", some, false),
            ("/a = ", none, false),
            ("/a =", Some(&b""[..]), true),
            ("/a = \"\"", Some(&b""[..]), true),
            (r"/a = \x80\n", Some(&b"\x80\n"[..]), true),
            ("/a != two words", some, false),
            ("/a != 1", some, true),
            ("/a != 1", none, true),
            ("  /a   matches   two * ", some, true),
            ("/a matches two *", some, true),
            ("/a matches *", none, false),
        ];
        for (text, value, expected) in table {
            assert_eq!(Expr::parse(text).unwrap().holds(value), expected, "{text} {value:?}");
        }
        assert_eq!(Expr::parse("exists /a/b").unwrap().path(), "/a/b");
    }

    #[test]
    fn what_is_no_expression_is_refused_with_all_that_are() {
        let table = [
            ("", "it lacks an operator"),
            ("/a", "it lacks an operator"),
            ("/a > 1", "no such operator"),
            ("/a/ = 1", "its path is not valid"),
            ("a = 1", "its path is not valid"),
            ("exists", "its path is not valid"),
            ("exists /a /b", "its path is not valid"),
        ];
        for (text, why) in table {
            let error = Expr::parse(text).unwrap_err();
            assert_eq!(error.why, why, "{text}");
            assert!(error.to_string().contains("PATH matches GLOB"));
        }
    }
}
