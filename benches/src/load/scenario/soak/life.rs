//! What the domains of a soak do with each other, and what must be gone with them.

use myriad_ring::v1::Op;

use super::{Run, kept};
use crate::load::{Error, crew::Member, scenario::VALUE};

impl Run<'_> {
    /// A generation comes, lives, and sees the one before it die.
    pub(super) fn generation(&mut self) -> Result<(), Error> {
        if self.next > self.ids - (self.at_once - 1) {
            self.next = 1;
        }
        let first = self.next;
        self.next += self.at_once;
        let mut young = self.create(first, first + (self.at_once - 1))?;
        self.inherit_nothing(&mut young)?;
        self.live(&mut young)?;
        self.grant(&mut young)?;
        let mut elders = std::mem::take(&mut self.elders);
        self.deal(&mut young, &mut elders)?;
        self.destroy(&elders)?;
        self.outlive(&mut young)?;
        self.reborn(&young, &elders)?;
        self.elders = young;
        Ok(())
    }

    /// What a toolstack does; then the domains boot.
    fn create(&mut self, first: u16, last: u16) -> Result<Vec<Member>, Error> {
        let create = (Op::Control, format!("sim\0create\0{first}-{last}\0"));
        let build = (first..=last).flat_map(|domid| {
            let home = home(domid);
            [
                (Op::Write, format!("{home}\0")),
                (Op::SetPerms, format!("{home}\0n{domid}\0")),
                (Op::Introduce, format!("{domid}\x001\x001\0")),
            ]
        });
        self.all(std::iter::once(create).chain(build))?;
        self.made += u64::from(last - first) + 1;
        self.crew.attach(first, last)
    }

    pub(super) fn destroy(&mut self, dying: &[Member]) -> Result<(), Error> {
        let (Some(first), Some(last)) = (dying.first(), dying.last()) else { return Ok(()) };
        let range = format!("sim\0destroy\0{}-{}\0", first.domid, last.domid);
        self.all([(Op::Control, range)]).map(drop)
    }

    /// What was given to those who had these ids before is neither listed nor of use; then it is
    /// given to these, and is.
    fn inherit_nothing(&mut self, young: &mut [Member]) -> Result<(), Error> {
        let lists = young.iter().map(|member| (Op::GetPerms, format!("{}\0", kept(member.domid))));
        for (list, member) in self.all(lists.collect::<Vec<_>>())?.iter().zip(&*young) {
            gone(list == b"n0\0", || format!("an entry of an earlier domain {}", member.domid))?;
        }
        for member in &mut *young {
            member.ask(Op::Read, &format!("{}\0", kept(member.domid)));
        }
        self.crew.exchange(young)?;
        for member in &mut *young {
            let refused = is_refused(member.answer(Op::Read));
            gone(refused, || format!("the right of an earlier domain {}", member.domid))?;
            self.checked += 2;
        }
        let give = young.iter().map(|member| {
            (Op::SetPerms, format!("{}\0n0\0b{}\0", kept(member.domid), member.domid))
        });
        self.all(give.collect::<Vec<_>>())?;
        for member in &mut *young {
            member.ask(Op::Write, &format!("{}\0mine", kept(member.domid)));
        }
        self.crew.exchange(young)?;
        young.iter_mut().try_for_each(|member| member.answer(Op::Write).map(drop))
    }

    /// Nodes, watches, and a transaction that stays open until it dies.
    fn live(&mut self, young: &mut [Member]) -> Result<(), Error> {
        let value = String::from_utf8_lossy(&VALUE);
        for member in &mut *young {
            member.ask(Op::Watch, "data\0token\0");
            member.ask(Op::Write, &format!("data/a\0{value}"));
            member.ask(Op::Mkdir, "data/b\0");
            member.ask(Op::TransactionStart, "\0");
            member.ask(Op::TransactionStart, "\0");
        }
        self.crew.exchange(young)?;
        for member in &mut *young {
            for op in [Op::Watch, Op::Write, Op::Mkdir] {
                member.answer(op)?;
            }
            let done = transaction(&member.answer(Op::TransactionStart)?)?;
            let open = transaction(&member.answer(Op::TransactionStart)?)?;
            member.ask_in(done, Op::Write, &format!("data/c\0{value}"));
            member.ask_in(open, Op::Write, "data/d\0");
            member.ask_in(done, Op::TransactionEnd, "T\0");
        }
        self.crew.exchange(young)?;
        for member in &mut *young {
            for op in [Op::Write, Op::Write, Op::TransactionEnd] {
                member.answer(op)?;
            }
            // Of the watch itself, and of what lies below it.
            if member.events() < 4 {
                return Err(Error::Garbage);
            }
        }
        Ok(())
    }

    /// Each has a node that it grants to the next one, and to the elder of its place.
    fn grant(&mut self, young: &mut [Member]) -> Result<(), Error> {
        let ids: Vec<u16> = young.iter().map(|member| member.domid).collect();
        let next = ids.iter().cycle().skip(1);
        let elders: Vec<u16> = self.elders.iter().map(|member| member.domid).collect();
        for (at, (member, next)) in young.iter_mut().zip(next).enumerate() {
            let elder = elders.get(at).map_or(String::new(), |elder| format!("r{elder}\0"));
            member.ask(Op::Write, "grant\0");
            member.ask(Op::SetPerms, &format!("grant\0n{}\0b{next}\0{elder}", member.domid));
        }
        self.crew.exchange(young)?;
        for member in young {
            member.answer(Op::Write)?;
            member.answer(Op::SetPerms)?;
        }
        Ok(())
    }

    /// The grants are used, by those who have them.
    fn deal(&mut self, young: &mut [Member], elders: &mut [Member]) -> Result<(), Error> {
        let ids: Vec<u16> = young.iter().map(|member| member.domid).collect();
        let before = ids.iter().cycle().skip(ids.len().saturating_sub(1));
        for (member, before) in young.iter_mut().zip(before) {
            member.ask(Op::Watch, &format!("{}/grant\0token\0", home(*before)));
            member.ask(Op::Write, &format!("{}/grant\0from {}", home(*before), member.domid));
        }
        self.crew.exchange(young)?;
        for member in young {
            member.answer(Op::Watch)?;
            member.answer(Op::Write)?;
        }
        for (elder, owner) in elders.iter_mut().zip(&ids) {
            elder.ask(Op::Read, &format!("{}/grant\0", home(*owner)));
        }
        self.crew.exchange(elders)?;
        elders.iter_mut().zip(&ids).try_for_each(|(elder, _)| elder.answer(Op::Read).map(drop))
    }

    /// The elders are dead: nobody lists them any more.
    fn outlive(&mut self, young: &mut [Member]) -> Result<(), Error> {
        let ids: Vec<u16> = young.iter().map(|member| member.domid).collect();
        let next = ids.iter().cycle().skip(1);
        for member in &mut *young {
            member.ask(Op::GetPerms, "grant\0");
        }
        self.crew.exchange(young)?;
        for (member, next) in young.iter_mut().zip(next) {
            let list = member.answer(Op::GetPerms)?;
            let expected = format!("n{}\0b{next}\0", member.domid);
            gone(list == expected.as_bytes(), || {
                format!("{} is listed at domain {}", String::from_utf8_lossy(&list), member.domid)
            })?;
            self.checked += 1;
        }
        Ok(())
    }

    /// Some ids of the elders are used again at once, while those live who had granted to them.
    fn reborn(&mut self, young: &[Member], elders: &[Member]) -> Result<(), Error> {
        let some = elders.len().div_ceil(REBORN);
        let (Some(first), Some(last)) = (elders.first(), elders.get(some.saturating_sub(1))) else {
            return Ok(());
        };
        let mut heirs = self.create(first.domid, last.domid)?;
        for (heir, owner) in heirs.iter_mut().zip(young) {
            heir.ask(Op::Read, &format!("{}/grant\0", home(owner.domid)));
            heir.ask(Op::Read, &format!("{}\0", kept(heir.domid)));
            heir.ask(Op::Read, "data/a\0");
        }
        self.crew.exchange(&mut heirs)?;
        for heir in &mut heirs {
            let refused = is_refused(heir.answer(Op::Read)) && is_refused(heir.answer(Op::Read));
            gone(refused, || format!("a right of the domain {} before this", heir.domid))?;
            let absent = heir.answer(Op::Read).is_err_and(|error| error.is_refusal("ENOENT"));
            gone(absent, || format!("a node of the domain {} before this", heir.domid))?;
            self.checked += 3;
        }
        self.destroy(&heirs)
    }
}

fn home(domid: u16) -> String {
    format!("/local/domain/{domid}")
}

fn transaction(payload: &[u8]) -> Result<u32, Error> {
    let digits = payload.strip_suffix(b"\0").and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).ok_or(Error::Garbage)
}

fn is_refused<T>(answer: Result<T, Error>) -> bool {
    answer.is_err_and(|error| error.is_refusal("EACCES"))
}

fn gone(is_gone: bool, what: impl FnOnce() -> String) -> Result<(), Error> {
    if is_gone { Ok(()) } else { Err(Error::Outlived(what())) }
}

/// One in so many elders' ids is used again at once.
const REBORN: usize = 16;
