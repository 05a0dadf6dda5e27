//! A Rust file as the rules see it: what is code on each line, and what is comment.
//!
//! This is no parser. It tells comments, strings and characters from code, finds the ends of
//! functions by counting braces, and that is enough for every rule here.

/// A file of Rust.
pub(crate) struct Source {
    /// Its path from the workspace's root.
    pub(crate) path: String,
    pub(crate) lines: Vec<Line>,
}

/// A line, as it is and taken apart. All three have the same characters in the same places, with
/// blanks for what they leave out.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) raw: String,
    /// Without comments, and without what is inside of strings and characters.
    pub(crate) code: String,
    /// Only comments, with their marks.
    pub(crate) comment: String,
}

/// A function's name and its first and last line, from 0.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        let mut lines = vec![Line::default()];
        let mut masker = Masker { text: text.chars().collect(), at: 0, lines: &mut lines };
        masker.run();
        if text.ends_with('\n') {
            lines.pop();
        }
        Source { path: path.to_owned(), lines }
    }

    /// Every function that has a body, those inside of others too.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for (first, line) in self.lines.iter().enumerate() {
            for at in words(&line.code, "fn") {
                let name = identifier(line.code[at + 2..].trim_start());
                if let Some(last) = self.end(first, at).filter(|_| !name.is_empty()) {
                    found.push(Function { name: name.to_owned(), first, last });
                }
            }
        }
        found
    }

    /// Where the body ends of what begins there; none if it has no body.
    fn end(&self, first: usize, at: usize) -> Option<usize> {
        let (mut nested, mut braces) = (0usize, 0usize);
        for (number, line) in self.lines.iter().enumerate().skip(first) {
            let from = if number == first { at } else { 0 };
            for c in line.code[from..].chars() {
                match c {
                    '(' | '[' => nested += 1,
                    ')' | ']' => nested = nested.saturating_sub(1),
                    ';' if nested == 0 && braces == 0 => return None,
                    '{' => braces += 1,
                    '}' if braces == 1 => return Some(number),
                    '}' => braces = braces.saturating_sub(1),
                    _ => {}
                }
            }
        }
        None
    }

    /// The text of the comments from one line to another.
    pub(crate) fn comments(&self, lines: std::ops::RangeInclusive<usize>) -> String {
        let lines = self.lines.iter().skip(*lines.start()).take(lines.count());
        lines.map(|line| line.comment.trim()).collect::<Vec<_>>().join("\n")
    }
}

/// Where a word stands in a line of code, by itself and not as a part of a longer one.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        !is_part(code[..at].chars().next_back()) && !is_part(code[at + word.len()..].chars().next())
    })
}

fn identifier(code: &str) -> &str {
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    &code[..end]
}

struct Masker<'a> {
    text: Vec<char>,
    at: usize,
    lines: &'a mut Vec<Line>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

impl Masker<'_> {
    fn run(&mut self) {
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('/', Some('/')) => self.until_end_of_line(),
                ('/', Some('*')) => self.block_comment(),
                ('"', _) => self.string(),
                ('r', _) if !self.in_word() && self.raw_hashes().is_some() => self.raw_string(),
                ('\'', Some('\\')) => self.character(),
                ('\'', _) if self.peek(2) == Some('\'') => self.character(),
                _ => self.take(Kind::Code),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn take(&mut self, kind: Kind) {
        let Some(c) = self.peek(0) else { return };
        self.at += 1;
        if c == '\n' {
            self.lines.push(Line::default());
            return;
        }
        if let Some(line) = self.lines.last_mut() {
            let blank: String = " ".repeat(c.len_utf8());
            line.raw.push(c);
            let (code, comment) = (&mut line.code, &mut line.comment);
            if kind == Kind::Code {
                code.push(c)
            } else {
                code.push_str(&blank)
            }
            if kind == Kind::Comment { comment.push(c) } else { comment.push_str(&blank) }
        }
    }

    /// Whether the character before belongs to a word, other than a string's `b` or `c`.
    fn in_word(&self) -> bool {
        let before = |back: usize| self.at.checked_sub(back).map(|at| self.text[at]);
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        match before(1) {
            Some('b' | 'c') => is_word(before(2)),
            other => is_word(other),
        }
    }

    fn until_end_of_line(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.take(Kind::Comment);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0usize;
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => {
                    self.take(Kind::Comment);
                    continue;
                }
            }
            self.take(Kind::Comment);
            self.take(Kind::Comment);
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.take(Kind::Code);
        while let Some(c) = self.peek(0) {
            match c {
                '"' => return self.take(Kind::Code),
                '\\' => {
                    self.take(Kind::Literal);
                    self.take(Kind::Literal);
                }
                _ => self.take(Kind::Literal),
            }
        }
    }

    /// The hashes before a raw string's quote, if one begins here.
    fn raw_hashes(&self) -> Option<usize> {
        let hashes = (1..).take_while(|&ahead| self.peek(ahead) == Some('#')).count();
        (self.peek(hashes + 1) == Some('"')).then_some(hashes)
    }

    fn raw_string(&mut self) {
        let hashes = self.raw_hashes().unwrap_or(0);
        (0..hashes + 2).for_each(|_| self.take(Kind::Code));
        while let Some(c) = self.peek(0) {
            if c == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                return (0..=hashes).for_each(|_| self.take(Kind::Code));
            }
            self.take(Kind::Literal);
        }
    }

    fn character(&mut self) {
        self.take(Kind::Code);
        if self.peek(0) == Some('\\') {
            self.take(Kind::Literal);
        }
        self.take(Kind::Literal);
        while self.peek(0).is_some_and(|c| c != '\'' && c != '\n') {
            self.take(Kind::Literal);
        }
        self.take(Kind::Code);
    }
}
