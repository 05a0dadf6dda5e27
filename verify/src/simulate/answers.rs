//! What a client is told: answers that must be as expected, and events.

use myriad_core::{Errno, Error};
use myriad_ring::v1::{Header, Op};

use super::actor::{Actor, Asked, Expected, OwnWatch};

/// A payload, or the name of an error.
pub(super) type Answer = Result<Vec<u8>, String>;

impl Actor {
    /// Takes a message.
    pub(super) fn take(&mut self, header: Header, payload: &[u8]) -> Result<(), String> {
        self.is_on_new_ring = false;
        if header.op == Op::WatchEvent as u32 {
            return self.take_event(payload);
        }
        let Some(asked) = self.under_way.pop_front() else {
            return Err(format!("an answer that nobody waits for: {header:?}"));
        };
        let is_error = header.op == Op::Error as u32;
        if header.req_id != asked.id || !(is_error || header.op == asked.op as u32) {
            return Err(format!("{header:?} answers {:?} {}", asked.op, asked.id));
        }
        let answer = if is_error {
            Err(String::from_utf8_lossy(payload).trim_end_matches('\0').to_owned())
        } else {
            Ok(payload.to_vec())
        };
        self.judge(asked, answer)?;
        if self.under_way.is_empty() {
            self.own.ahead = 0;
        }
        Ok(())
    }

    fn judge(&mut self, asked: Asked, answer: Answer) -> Result<(), String> {
        let wrong = |wanted: &str| {
            let got = answer.as_ref().map(|bytes| show(bytes));
            Err(format!("{:?} is answered {got:?}, not {wanted}", asked.op))
        };
        match asked.expected {
            Expected::Any => Ok(()),
            Expected::Exactly(wanted) if answer == wanted => Ok(()),
            Expected::Exactly(wanted) => {
                wrong(&format!("{:?}", wanted.as_ref().map(|bytes| show(bytes))))
            }
            Expected::Mark if answer != Ok(DONE.into()) => wrong("OK"),
            Expected::Mark => {
                // One that waits to be sent stands for a later write too, and an overrun for more.
                if self.own.is_set != (self.own.ahead > 0) {
                    return Err(format!("answer {} of its node, and {:?}", asked.id, self.own));
                }
                Ok(())
            }
            Expected::OwnWatch if answer != Ok(DONE.into()) => wrong("OK"),
            Expected::OwnWatch => {
                self.own = OwnWatch { is_set: true, owed: 1, ..OwnWatch::default() };
                Ok(())
            }
            Expected::Look(path) => self.looked(&path, &answer),
            Expected::Errand => self.went_on(&answer),
        }
    }

    fn looked(&mut self, path: &str, answer: &Answer) -> Result<(), String> {
        let now = match answer {
            Ok(value) => mark_of(value).ok_or_else(|| format!("{path} holds {}", show(value)))?,
            // Its domain has died.
            Err(error) if error == "ENOENT" || error == "EACCES" => return Ok(()),
            Err(error) => return Err(format!("a read of {path} is answered {error}")),
        };
        let Some(seen) = self.watched.get_mut(path) else { return Ok(()) };
        if now < seen.last {
            return Err(format!("{path} was {:?} and is {now:?}", seen.last));
        }
        seen.last = now;
        Ok(())
    }

    fn take_event(&mut self, payload: &[u8]) -> Result<(), String> {
        let mut parts = payload.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let path = parts.next().unwrap_or_default().into_owned();
        match parts.next().as_deref() {
            Some("own") if path == self.spell(self.own_name()) => {
                self.own.owed = self.own.owed.saturating_sub(1);
                self.own.ahead += 1;
            }
            Some("other") => match self.watched.get_mut(&path) {
                Some(seen) => seen.is_news = true,
                None => return Err(format!("an event of {path}, which it doesn't watch")),
            },
            _ => return Err(format!("an event that it doesn't wait for: {}", show(payload))),
        }
        Ok(())
    }
}

/// The answer that a result of the model is.
pub(super) fn answer<T>(result: Result<T, Error>, payload: impl FnOnce(T) -> Vec<u8>) -> Answer {
    result.map(payload).map_err(|error| Errno::from(&error).name().to_owned())
}

/// Words, each with its end.
pub(super) fn words(words: &[&str]) -> Vec<u8> {
    words.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect()
}

/// The life and the count in a node that others watch.
pub(super) fn mark_of(value: &[u8]) -> Option<(u64, u64)> {
    let (life, count) = std::str::from_utf8(value).ok()?.split_once('.')?;
    Some((life.parse().ok()?, count.parse().ok()?))
}

fn show(bytes: &[u8]) -> String {
    let text = bytes.get(..SHOWN).unwrap_or(bytes).escape_ascii().to_string();
    if bytes.len() > SHOWN { format!("{text}… ({} bytes)", bytes.len()) } else { text }
}

/// What changes are answered.
pub(super) const DONE: &[u8] = b"OK\0";
/// Bytes of a payload that a failure shows.
const SHOWN: usize = 80;
