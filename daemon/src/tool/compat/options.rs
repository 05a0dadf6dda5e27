//! The command lines of the clients: what each takes, and what it says where it doesn't.

use std::{
    env,
    io::{self, Write},
};

use super::{
    base_name,
    getopt::{Found, Getopt, Long, Short},
};

/// Which client it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Chmod,
    Exists,
    List,
    Ls,
    Read,
    Rm,
    Write,
    Watch,
}

/// What a command line asks for.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) mode: Mode,
    pub(super) flat: bool,
    pub(super) prefix: bool,
    pub(super) tidy: bool,
    pub(super) upto: bool,
    pub(super) recurse: bool,
    pub(super) raw: bool,
    /// Events to wait for; −1 for no end.
    pub(super) events: i32,
    /// Levels that a watch sees; negative for all.
    pub(super) depth: i32,
    pub(super) operands: Vec<Vec<u8>>,
}

/// A command line that was read.
pub(super) enum Parsed {
    Job(Job),
    /// A message to end with.
    Usage(Vec<u8>),
}

/// Reads a command line, the program's name included: as `xenstore-MODE …` or `xenstore MODE …`.
pub(super) fn parse(argv: &[Vec<u8>], err: &mut dyn Write) -> io::Result<Parsed> {
    let program = argv.first().map(Vec::as_slice).unwrap_or_default();
    let by_name = base_name(program).strip_prefix(b"xenstore-");
    let Some(word) = by_name.or_else(|| argv.get(1).map(Vec::as_slice)) else {
        let usage = [b"Usage: ", program, b" <mode> [-h] [...]"].concat();
        return Ok(Parsed::Usage(usage));
    };
    let Some(&(name, mode, synopsis)) = MODES.iter().find(|m| m.0.as_bytes() == word) else {
        return Ok(Parsed::Usage([b"unknown mode ", word, b"\n"].concat()));
    };
    let named = if by_name.is_some() { String::new() } else { format!("{name} ") };
    let synopsis = [named.as_bytes(), synopsis.as_bytes()].concat();
    let usage = || Ok(Parsed::Usage([b"Usage: ", program, b" ", &synopsis].concat()));

    let start = if by_name.is_some() { 0 } else { 1 };
    let called = argv.get(start).map(Vec::as_slice).unwrap_or_default();
    let args = argv.get(start + 1..).unwrap_or_default();
    let mixed = env::var_os("POSIXLY_CORRECT").is_none();
    let mut getopt = Getopt::new(called, args, SHORT, LONG, mixed);
    let mut job = Job::new(mode);
    while let Some(found) = getopt.next(err)? {
        // One that isn't known at all is complained about, and passed over.
        if let Found::Option(letter, argument) = found
            && !job.take(letter, &argument.unwrap_or_default())
        {
            return usage();
        }
    }
    job.operands = getopt.into_operands();
    match (mode, job.operands.len()) {
        (Mode::Ls, 0) => job.operands.push(b"/".to_vec()),
        (_, 0) => return usage(),
        (Mode::Write, n) if n % 2 == 1 => return usage(),
        _ => {}
    }
    Ok(Parsed::Job(job))
}

impl Job {
    fn new(mode: Mode) -> Job {
        Job {
            mode,
            flat: false,
            prefix: false,
            tidy: false,
            upto: false,
            recurse: false,
            raw: false,
            events: -1,
            depth: -1,
            operands: Vec::new(),
        }
    }

    /// Takes an option; false where this client doesn't have it, or it asks for help.
    fn take(&mut self, letter: u8, argument: &[u8]) -> bool {
        let flag = match (letter, self.mode) {
            (b'f', Mode::Ls) => &mut self.flat,
            (b'p', Mode::Read | Mode::List | Mode::Ls) => &mut self.prefix,
            (b't', Mode::Rm) => &mut self.tidy,
            (b'u', Mode::Chmod) => &mut self.upto,
            (b'r', Mode::Chmod) => &mut self.recurse,
            (b'R', Mode::Read | Mode::Write) => &mut self.raw,
            (b'n', Mode::Watch) => {
                self.events = atoi(argument);
                return true;
            }
            (b'd', Mode::Watch) => {
                self.depth = atoi(argument);
                return true;
            }
            // Once chose the socket; taken and without effect.
            (b's', _) => return true,
            _ => return false,
        };
        *flag = true;
        true
    }

    /// Whether the job runs in a transaction.
    pub(super) fn in_transaction(&self) -> bool {
        match self.mode {
            Mode::Read => self.operands.len() > 1,
            Mode::Write => self.operands.len() > 2,
            Mode::Ls | Mode::Watch => false,
            Mode::Chmod | Mode::Exists | Mode::List | Mode::Rm => true,
        }
    }
}

/// A number as C's `atoi` reads it: blanks, a sign, digits; what follows is ignored, nothing is 0.
pub(super) fn atoi(text: &[u8]) -> i32 {
    let mut rest = text.trim_ascii_start();
    let negative = rest.first() == Some(&b'-');
    if let Some((b'+' | b'-', after)) = rest.split_first() {
        rest = after;
    }
    let digits = rest.iter().take_while(|b| b.is_ascii_digit());
    let signed =
        |digit: &u8| if negative { -i64::from(digit - b'0') } else { i64::from(digit - b'0') };
    let number = digits.map(signed).fold(0_i64, |n, d| n.saturating_mul(10).saturating_add(d));
    let [a, b, c, d, ..] = number.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

const MODES: [(&str, Mode, &str); 8] = [
    ("read", Mode::Read, "[-h] [-p] [-s] [-R] key [...]"),
    ("write", Mode::Write, "[-h] [-s] [-R] key value [...]"),
    ("rm", Mode::Rm, "[-h] [-s] [-t] key [...]"),
    ("exists", Mode::Exists, "[-h] [-p] [-s] key [...]"),
    ("list", Mode::List, "[-h] [-p] [-s] key [...]"),
    ("ls", Mode::Ls, "[-h] [-f] [-p] [-s] [path]"),
    ("chmod", Mode::Chmod, "[-h] [-u] [-r] [-s] key <mode [modes...]>"),
    ("watch", Mode::Watch, "[-h] [-n NR] key"),
];

const SHORT: &[Short] = &[
    (b'h', false),
    (b'f', false),
    (b's', false),
    (b'p', false),
    (b't', false),
    (b'u', false),
    (b'r', false),
    (b'n', true),
    (b'R', false),
    (b'd', true),
];

const LONG: &[Long] = &[
    ("help", b'h'),
    ("flat", b'f'),
    ("prefix", b'p'),
    ("tidy", b't'),
    ("upto", b'u'),
    ("recurse", b'r'),
    ("number", b'n'),
    ("raw", b'R'),
    ("depth", b'd'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_atoi_reads_them() {
        let table = [
            ("12", 12),
            (" -7x", -7),
            ("+3", 3),
            ("", 0),
            ("x", 0),
            ("4294967297", 1),
            ("99999999999999999999", -1),
            ("-99999999999999999999", 0),
        ];
        for (text, number) in table {
            assert_eq!(atoi(text.as_bytes()), number, "{text}");
        }
    }
}
