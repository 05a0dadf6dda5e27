//! What comes to a guest, held against what must come.

use myriad_ring::v1::{Header, Op};

use super::{Expect, Ledger, Sent, TOGGLE, WATCHES};
use crate::kill::{
    fault::{Kind, show},
    stage::Wrong,
};

/// What a transaction answers of which the daemon doesn't know any more.
const FORGOTTEN: [&str; 2] = ["EAGAIN", "ENOENT"];

impl Ledger {
    /// A message has come.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn take(&mut self, header: Header, payload: &[u8]) -> Result<(), Wrong> {
        if header.op == Op::WatchEvent as u32 {
            return self.event(payload);
        }
        let id = header.req_id;
        let Some(sent) = self.sent.front() else {
            return Err(self.unasked(id, "nothing was asked for"));
        };
        if sent.id != id {
            let skipped = self.sent.iter().position(|sent| sent.id == id);
            let Some(skipped) = skipped else {
                return Err(self.unasked(id, &self.waits_for()));
            };
            let what = format!("request {id} is answered, {skipped} before it are not");
            self.sent.drain(..=skipped);
            return Err((Kind::Restart, what));
        }
        let Some(sent) = self.sent.pop_front() else { return Ok(()) };
        self.answered = Some(id);
        let answer = if header.op == Op::Error as u32 {
            Err(payload.strip_suffix(b"\0").unwrap_or(payload))
        } else if header.op == sent.op as u32 {
            Ok(payload)
        } else {
            return Err((Kind::Wrong, format!("request {id} is answered by {}", header.op)));
        };
        let verdict = self.judge(&sent, answer);
        let heard = self.own_heard();
        let about = |(kind, what)| (kind, format!("request {id}, {}: {what}", sent.op.name()));
        verdict.map_err(about).and(heard)
    }

    /// An answer that nobody waits for.
    fn unasked(&self, id: u32, waits_for: &str) -> Wrong {
        let was_answered = self.answered.is_some_and(|last| last.wrapping_sub(id) < 1 << 31);
        let kind = if was_answered { Kind::Twice } else { Kind::Wrong };
        (kind, format!("an answer to request {id}, waited for is {waits_for}"))
    }

    /// When all is answered, an event of its own change was there.
    fn own_heard(&mut self) -> Result<(), Wrong> {
        let is_silent = self.sent.is_empty() && std::mem::take(&mut self.awaits_own);
        if is_silent && !std::mem::replace(&mut self.own_is_lost, true) {
            let what = format!("`n` was written up to {} and its watch is silent", self.count);
            return Err((Kind::Watch, what));
        }
        Ok(())
    }

    fn judge(&mut self, sent: &Sent, answer: Result<&[u8], &[u8]>) -> Result<(), Wrong> {
        match &sent.expect {
            Expect::Begin => {
                let id = answer.ok().and_then(number);
                let id = id.and_then(|id| u32::try_from(id).ok()).filter(|id| *id != 0);
                let wrong = || (Kind::Wrong, format!("a transaction begins as {}", text(answer)));
                self.begun(id.ok_or_else(wrong)?, sent.restarts);
                Ok(())
            }
            Expect::Inside(expect) => {
                let is_forgotten = |error: &[u8]| FORGOTTEN.iter().any(|e| e.as_bytes() == error);
                match answer {
                    Err(error) if self.has_lost_transaction() && is_forgotten(error) => Ok(()),
                    _ => plain(expect, answer),
                }
            }
            Expect::Commit | Expect::GiveUp => self.ended(sent, answer),
            Expect::Shared => {
                let value = answer.ok().and_then(number);
                let seen = self.shared;
                let what = || format!("/shared/n is {} and was {seen}", text(answer));
                let value = value.ok_or_else(|| (Kind::Wrong, what()))?;
                self.shared = value;
                if value < seen { Err((Kind::Lost, what())) } else { Ok(()) }
            }
            Expect::Pair(expected) => {
                let verdict = plain(&Expect::Count(*expected), answer);
                // Believed, so that it is told once.
                self.pair = answer.ok().and_then(number).unwrap_or(self.pair);
                verdict
            }
            Expect::PairAgain => match plain(&Expect::Count(self.pair), answer) {
                Err((_, what)) => Err((Kind::Torn, format!("`t` and `u`: {what}"))),
                Ok(()) => Ok(()),
            },
            Expect::Is(_) if matches!(sent.op, Op::Watch | Op::Unwatch) => {
                plain(&sent.expect, answer).map_err(|(kind, what)| {
                    let again = [Err(&b"EEXIST"[..]), Err(&b"ENOENT"[..])].contains(&answer);
                    (if again { Kind::Twice } else { kind }, what)
                })
            }
            expect => plain(expect, answer),
        }
    }

    fn has_lost_transaction(&self) -> bool {
        self.open.is_some_and(|open| open.restarts < self.restarts)
    }

    fn ended(&mut self, sent: &Sent, answer: Result<&[u8], &[u8]>) -> Result<(), Wrong> {
        let had_restart = self.has_lost_transaction();
        self.open = None;
        let commits = sent.expect == Expect::Commit;
        self.ended = Some(commits && answer.is_ok());
        match answer {
            Ok(b"OK\0") => Ok(()),
            Err(b"EAGAIN") if had_restart => Ok(()),
            Err(b"ENOENT") if had_restart && !commits => Ok(()),
            Err(b"ENOENT") if !had_restart => {
                Err((Kind::Twice, "a transaction that is open is unknown".into()))
            }
            _ => Err((Kind::Wrong, format!("a transaction ends with {}", text(answer)))),
        }
    }

    fn event(&mut self, payload: &[u8]) -> Result<(), Wrong> {
        let mut words = payload.split(|byte| *byte == 0);
        let (path, token) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let watches = WATCHES.iter().chain([&(TOGGLE, "q")]);
        let watch = watches.copied().find(|(known, path_watched)| {
            let is_below = path.starts_with(path_watched.as_bytes());
            known.as_bytes() == token && is_below
        });
        let Some((token, _)) = watch else {
            return Err((Kind::Wrong, format!("an event of no watch: {}", show(payload))));
        };
        self.due.remove(token);
        match token {
            "own" => (self.awaits_own, self.own_is_lost) = (false, false),
            "shared" => self.must_read_shared = true,
            _ => {}
        }
        Ok(())
    }
}

fn plain(expect: &Expect, answer: Result<&[u8], &[u8]>) -> Result<(), Wrong> {
    match expect {
        Expect::Is(bytes) if answer == Ok(bytes) => Ok(()),
        Expect::Refused(error) if answer == Err(error.as_bytes()) => Ok(()),
        Expect::Count(count) => match answer.ok().and_then(number) {
            Some(found) if found == *count => Ok(()),
            Some(found) => {
                let kind = if found > *count { Kind::Twice } else { Kind::Lost };
                Err((kind, format!("{found} and should be {count}")))
            }
            None => Err((Kind::Wrong, format!("{} and should be {count}", text(answer)))),
        },
        Expect::Is(bytes) => {
            Err((Kind::Wrong, format!("{} and should be {}", text(answer), show(bytes))))
        }
        other => Err((Kind::Wrong, format!("{} and should be {other:?}", text(answer)))),
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.strip_suffix('\0').unwrap_or(text).parse().ok()
}

fn text(answer: Result<&[u8], &[u8]>) -> String {
    match answer {
        Ok(bytes) => show(bytes),
        Err(error) => format!("error {}", String::from_utf8_lossy(error)),
    }
}
