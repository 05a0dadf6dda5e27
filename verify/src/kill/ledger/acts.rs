//! What a guest does: short runs of requests, sent together, whose answers are known.

use myriad_ring::v1::Op;

use super::{Ask, Expect, Ledger, Open, TOGGLE, WATCHES, long_names, long_value};

/// Acts for which a transaction stays open at most.
const OPEN_FOR: usize = 6;
/// Children of `q` at most.
const QUEUED: usize = 6;

fn ok() -> Expect {
    Expect::Is(b"OK\0".to_vec())
}

fn ask(op: Op, words: &[&str], expect: Expect) -> Ask {
    let payload = words.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
    Ask { op, tx: 0, payload, expect }
}

fn write(path: &str, value: impl AsRef<[u8]>) -> Ask {
    let payload = [path.as_bytes(), b"\0", value.as_ref()].concat();
    Ask { op: Op::Write, tx: 0, payload, expect: ok() }
}

fn within(tx: u32, asks: Vec<Ask>) -> Vec<Ask> {
    let inside = |ask: Ask| Ask { tx, expect: Expect::Inside(Box::new(ask.expect)), ..ask };
    asks.into_iter().map(inside).collect()
}

impl Ledger {
    /// The next requests, to be sent one after another; call it when all before are answered.
    pub fn act(&mut self) -> Vec<Ask> {
        self.acts += 1;
        self.acts_since += 1;
        if !self.is_set_up {
            self.is_set_up = true;
            return self.set_up();
        }
        if let Some(was_ok) = self.ended.take() {
            return self.look_at_pair(was_ok);
        }
        if std::mem::take(&mut self.must_read_shared) {
            return vec![ask(Op::Read, &["/shared/n"], Expect::Shared)];
        }
        if let Some(open) = &mut self.open {
            open.left = open.left.saturating_sub(1);
            if open.left == 0 {
                return self.end_transaction();
            }
        }
        match self.rng.below(100) {
            0..=29 => self.counting(),
            30..=44 if self.open.is_none() => vec![ask(Op::TransactionStart, &[""], Expect::Begin)],
            30..=54 => self.coming_and_going(),
            55..=66 => self.queueing(),
            67..=76 => self.writing_long(),
            77..=84 => self.listing_long(),
            85..=94 => self.toggling(),
            _ => self.asking(),
        }
    }

    /// The first requests.
    fn set_up(&mut self) -> Vec<Ask> {
        let mut asks = vec![write("n", "0"), write("t", "0"), write("u", "0")];
        asks.push(ask(Op::Mkdir, &["q"], ok()));
        asks.extend(long_names().map(|name| ask(Op::Mkdir, &[&format!("long/{name}")], ok())));
        asks.push(write("big", long_value(self.domid, 0)));
        asks.extend(WATCHES.iter().map(|(token, path)| ask(Op::Watch, &[path, token], ok())));
        for (path, value) in std::mem::take(&mut self.grants) {
            let expect = match value {
                Ok(value) => Expect::Is(value),
                Err(error) => Expect::Refused(error),
            };
            asks.push(ask(Op::Read, &[&path], expect));
        }
        asks
    }

    /// Counts up, each value read before the next is written.
    fn counting(&mut self) -> Vec<Ask> {
        let mut asks = Vec::new();
        for _ in 0..self.rng.range(1, 3) {
            asks.push(ask(Op::Read, &["n"], Expect::Count(self.count)));
            self.count += 1;
            asks.push(write("n", self.count.to_string()));
        }
        asks.push(ask(Op::Read, &["n"], Expect::Count(self.count)));
        asks.push(ask(Op::GetDomainPath, &["7"], Expect::Is(b"/local/domain/7\0".to_vec())));
        self.awaits_own = true;
        asks
    }

    /// A node that wasn't there is made, and is gone again.
    fn coming_and_going(&mut self) -> Vec<Ask> {
        let number = self.acts.to_string();
        vec![
            ask(Op::Read, &["d/x"], Expect::Refused("ENOENT")),
            ask(Op::Mkdir, &["d"], ok()),
            write("d/x", &number),
            ask(Op::Directory, &["d"], Expect::Is(b"x\0".to_vec())),
            ask(Op::Read, &["d/x"], Expect::Is(number.into_bytes())),
            ask(Op::Rm, &["d"], ok()),
            ask(Op::Rm, &["d/x"], Expect::Refused("ENOENT")),
        ]
    }

    /// A child more, and one less where there are many.
    fn queueing(&mut self) -> Vec<Ask> {
        let mut asks = vec![self.listing()];
        self.last_queued += 1;
        self.queue.push_back(self.last_queued);
        asks.push(ask(Op::Mkdir, &[&format!("q/{}", self.last_queued)], ok()));
        asks.push(self.listing());
        if self.queue.len() > QUEUED
            && let Some(first) = self.queue.pop_front()
        {
            asks.push(ask(Op::Rm, &[&format!("q/{first}")], ok()));
            asks.push(self.listing());
        }
        asks
    }

    fn listing(&self) -> Ask {
        let names = self.queue.iter().map(|name| format!("{name}\0")).collect::<String>();
        ask(Op::Directory, &["q"], Expect::Is(names.into_bytes()))
    }

    /// A value longer than the ring.
    fn writing_long(&mut self) -> Vec<Ask> {
        let is = |ledger: &Ledger| Expect::Is(long_value(ledger.domid, ledger.last_long));
        let before = ask(Op::Read, &["big"], is(self));
        self.last_long += 1;
        let value = long_value(self.domid, self.last_long);
        vec![before, write("big", value), ask(Op::Read, &["big"], is(self))]
    }

    /// An answer longer than the ring.
    fn listing_long(&mut self) -> Vec<Ask> {
        let names: String = long_names().map(|name| name + "\0").collect();
        let list = ask(Op::Directory, &["long"], Expect::Is(names.into_bytes()));
        vec![list.clone(), ask(Op::Read, &["n"], Expect::Count(self.count)), list]
    }

    /// The watch that comes and goes: executed twice, either is an error.
    fn toggling(&mut self) -> Vec<Ask> {
        let op = if self.has_toggle { Op::Unwatch } else { Op::Watch };
        self.has_toggle = !self.has_toggle;
        if !self.has_toggle {
            // It need not fire any more.
            self.due.remove(TOGGLE);
        }
        vec![ask(op, &["q", TOGGLE], ok())]
    }

    /// What changes nothing.
    fn asking(&mut self) -> Vec<Ask> {
        let perms = format!("n{}\0", self.domid).into_bytes();
        vec![
            ask(Op::GetPerms, &[&self.home()], Expect::Is(perms.clone())),
            ask(Op::GetPerms, &["big"], Expect::Is(perms)),
            write("/clients/mine", "x").refused("EACCES"),
            ask(Op::Read, &["/local/domain/0/secret"], Expect::Refused("EACCES")),
        ]
    }

    /// A transaction has begun, which was asked for after so many restarts.
    pub(super) fn begun(&mut self, id: u32, restarts: u64) {
        let left = u64::try_from(self.rng.range(1, OPEN_FOR)).unwrap_or(1);
        self.open = Some(Open { id, restarts, left });
    }

    /// Does what there is to do in the open transaction, and ends it.
    fn end_transaction(&mut self) -> Vec<Ask> {
        let Some(open) = self.open else { return Vec::new() };
        let next = (self.pair + 1).to_string();
        let mut asks = within(
            open.id,
            vec![
                ask(Op::Read, &["t"], Expect::Count(self.pair)),
                write("t", &next),
                write("u", &next),
                ask(Op::Read, &["u"], Expect::Count(self.pair + 1)),
            ],
        );
        let commits = self.rng.permille(850);
        let (word, expect) = if commits { ("T", Expect::Commit) } else { ("F", Expect::GiveUp) };
        asks.push(Ask { tx: open.id, ..ask(Op::TransactionEnd, &[word], expect) });
        asks
    }

    /// What a transaction has left.
    fn look_at_pair(&mut self, was_ok: bool) -> Vec<Ask> {
        if was_ok {
            self.pair += 1;
        }
        vec![
            ask(Op::Read, &["t"], Expect::Pair(self.pair)),
            ask(Op::Read, &["u"], Expect::PairAgain),
        ]
    }
}

impl Ask {
    fn refused(self, error: &'static str) -> Ask {
        Ask { expect: Expect::Refused(error), ..self }
    }
}
