//! The options of a command line as GNU `getopt_long` reads them, messages included: scripts see
//! both.
//!
//! Options and operands may be mixed, `--` ends the options, long options may be shortened while
//! they're unique. With `POSIXLY_CORRECT` the first operand ends the options.

use std::{
    collections::VecDeque,
    io::{self, Write},
};

/// A long option: its name, and the letter of the short one that it stands for.
pub(super) type Long = (&'static str, u8);

/// What the short options are: a letter, and whether it takes an argument.
pub(super) type Short = (u8, bool);

/// An option as it was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A known one, by its letter, and its argument.
    Option(u8, Option<Vec<u8>>),
    /// One that is not known or not well formed; a message was written.
    Bad,
}

/// A command line being read.
pub(super) struct Getopt<'a> {
    program: &'a [u8],
    short: &'a [Short],
    long: &'a [Long],
    mixed: bool,
    rest: VecDeque<Vec<u8>>,
    cluster: VecDeque<u8>,
    operands: Vec<Vec<u8>>,
}

impl<'a> Getopt<'a> {
    /// Begins with `args`, which don't include the program's name.
    pub(super) fn new(
        program: &'a [u8],
        args: &[Vec<u8>],
        short: &'a [Short],
        long: &'a [Long],
        mixed: bool,
    ) -> Getopt<'a> {
        let rest = args.iter().cloned().collect();
        let (cluster, operands) = (VecDeque::new(), Vec::new());
        Getopt { program, short, long, mixed, rest, cluster, operands }
    }

    /// The next option; nothing when only operands are left.
    pub(super) fn next(&mut self, err: &mut dyn Write) -> io::Result<Option<Found>> {
        if let Some(letter) = self.cluster.pop_front() {
            return self.letter(letter, err).map(Some);
        }
        while let Some(arg) = self.rest.pop_front() {
            match arg.as_slice() {
                b"--" => break,
                [b'-', b'-', name @ ..] => return self.name(name, err).map(Some),
                [b'-', first, more @ ..] => {
                    self.cluster.extend(more);
                    return self.letter(*first, err).map(Some);
                }
                _ if self.mixed => self.operands.push(arg),
                _ => {
                    self.rest.push_front(arg);
                    break;
                }
            }
        }
        self.operands.extend(self.rest.drain(..));
        Ok(None)
    }

    /// All that is no option, in order.
    pub(super) fn into_operands(self) -> Vec<Vec<u8>> {
        self.operands
    }

    fn letter(&mut self, letter: u8, err: &mut dyn Write) -> io::Result<Found> {
        let known = self.short.iter().find(|s| s.0 == letter);
        let Some(&(letter, takes_argument)) = known else {
            return self.bad(err, &[b"invalid option -- '", &[letter], b"'"]);
        };
        if !takes_argument {
            return Ok(Found::Option(letter, None));
        }
        let attached: Vec<u8> = self.cluster.drain(..).collect();
        let argument = Some(attached).filter(|a| !a.is_empty()).or_else(|| self.rest.pop_front());
        match argument {
            None => self.bad(err, &[b"option requires an argument -- '", &[letter], b"'"]),
            argument => Ok(Found::Option(letter, argument)),
        }
    }

    fn name(&mut self, text: &[u8], err: &mut dyn Write) -> io::Result<Found> {
        let end = text.iter().position(|&b| b == b'=');
        let name = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
        let value = end.and_then(|end| text.get(end + 1..)).map(<[u8]>::to_vec);
        let begins = |long: &&Long| long.0.as_bytes().starts_with(name);
        let candidates: Vec<Long> = self.long.iter().filter(begins).copied().collect();
        let exact = candidates.iter().find(|long| long.0.as_bytes() == name);
        let &(name, letter) = match (exact, candidates.as_slice()) {
            (Some(long), _) | (None, [long]) => long,
            (None, []) => return self.bad(err, &[b"unrecognized option '--", text, b"'"]),
            (None, many) => {
                let names: String = many.iter().map(|long| format!(" '--{}'", long.0)).collect();
                let says: &[u8] = b"' is ambiguous; possibilities:";
                return self.bad(err, &[b"option '--", text, says, names.as_bytes()]);
            }
        };
        let takes_argument = self.short.contains(&(letter, true));
        if !takes_argument && value.is_some() {
            let says = b"' doesn't allow an argument";
            return self.bad(err, &[b"option '--", name.as_bytes(), says]);
        }
        let argument = match value {
            None if takes_argument => self.rest.pop_front(),
            value => value,
        };
        if takes_argument && argument.is_none() {
            return self.bad(err, &[b"option '--", name.as_bytes(), b"' requires an argument"]);
        }
        Ok(Found::Option(letter, argument))
    }

    fn bad(&self, err: &mut dyn Write, says: &[&[u8]]) -> io::Result<Found> {
        let line = [self.program, b": ", &says.concat(), b"\n"].concat();
        err.write_all(&line).map(|()| Found::Bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: [Short; 4] = [(b'h', false), (b'n', true), (b'r', false), (b'R', false)];
    const LONG: [Long; 4] = [("help", b'h'), ("number", b'n'), ("raw", b'R'), ("recurse", b'r')];

    fn read(args: &[&str], mixed: bool) -> (String, Vec<String>, String) {
        let args: Vec<Vec<u8>> = args.iter().map(|a| a.as_bytes().to_vec()).collect();
        let mut getopt = Getopt::new(b"p", &args, &SHORT, &LONG, mixed);
        let (mut found, mut err) = (String::new(), Vec::new());
        while let Some(option) = getopt.next(&mut err).unwrap() {
            match option {
                Found::Option(letter, argument) => {
                    found.push(char::from(letter));
                    found.push_str(&String::from_utf8(argument.unwrap_or_default()).unwrap());
                }
                Found::Bad => found.push('?'),
            }
        }
        let operands = getopt.into_operands().into_iter();
        let operands = operands.map(|o| String::from_utf8(o).unwrap()).collect();
        (found, operands, String::from_utf8(err).unwrap())
    }

    #[test]
    fn options_and_operands_may_be_mixed() {
        let args = ["a", "-rn3", "b", "--nu=4", "-", "-n", "5", "--", "-h"];
        let (found, operands, err) = read(&args, true);
        assert_eq!((found.as_str(), err.as_str()), ("rn3n4n5", ""));
        assert_eq!(operands, ["a", "b", "-", "-h"]);
        let (found, operands, _) = read(&["-r", "a", "-h"], false);
        assert_eq!((found.as_str(), operands.len()), ("r", 2));
    }

    #[test]
    fn what_is_wrong_is_said_as_getopt_says_it() {
        let table = [
            ("-x", "p: invalid option -- 'x'\n"),
            ("-n", "p: option requires an argument -- 'n'\n"),
            ("--number", "p: option '--number' requires an argument\n"),
            ("--foo=1", "p: unrecognized option '--foo=1'\n"),
            ("--raw=1", "p: option '--raw' doesn't allow an argument\n"),
            ("--r", "p: option '--r' is ambiguous; possibilities: '--raw' '--recurse'\n"),
        ];
        for (arg, says) in table {
            let (found, _, err) = read(&[arg], true);
            assert_eq!((found.as_str(), err.as_str()), ("?", says));
        }
    }
}
