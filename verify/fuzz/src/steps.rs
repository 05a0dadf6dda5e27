//! Steps for the store and its model, decoded from bytes: any bytes are some steps, and a byte that
//! changes changes one of them.

use myriad_core::{Access, DomId, Perm, Quota, Special};

use crate::model::Request;
use crate::model::twin::{Asker, GUESTS, Part, SLOTS, Step, Watching};

/// Bytes that are taken off the front.
#[derive(Debug)]
pub struct Input<'a>(pub &'a [u8]);

/// The steps that bytes stand for, at most so many.
pub fn steps(bytes: &[u8], most: usize) -> Vec<Step> {
    let mut input = Input(bytes);
    std::iter::from_fn(|| input.step()).take(most).collect()
}

impl Input<'_> {
    /// The next byte; none at the end.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn below(&mut self, bound: u8) -> Option<u8> {
        Some(self.byte()? % bound)
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let at = usize::from(self.byte()?).checked_rem(all.len())?;
        all.get(at).copied()
    }

    fn step(&mut self) -> Option<Step> {
        Some(match self.below(32)? {
            0..=13 => Step::Request(self.asker()?, self.request()?),
            14 | 15 => Step::Inside(self.slot()?, self.asker()?, self.request()?),
            16 => {
                let (asker, count) = (self.asker()?, 1 + self.below(6)?);
                Step::Together(asker, (0..count).map_while(|_| self.part()).collect())
            }
            17 => Step::Begin(self.slot()?, u32::from(self.byte()? / 8)),
            18 => Step::End(self.slot()?, self.below(8)? > 0),
            19 => {
                let count = self.below(6)?;
                let one = |_| Some((self.asker()?, self.request()?));
                Step::Batch((0..count).map_while(one).collect())
            }
            20 | 21 => Step::Watch(self.asker()?, self.watching()?),
            22 => Step::Unwatch(self.asker()?, self.watched()?, self.below(2)?),
            23 => match self.below(4)? {
                0 => Step::DropWatches(self.asker()?),
                1 => Step::MoveWatches(self.asker()?),
                2 => Step::GetSpecial(self.asker()?, self.special()?),
                _ => Step::SetSpecial(self.asker()?, self.special()?, self.list()?),
            },
            24 | 25 => Step::Introduce(self.domain()?),
            26 => Step::Release(self.domain()?),
            27 => Step::Target(self.domain()?, self.domain()?),
            28 => {
                let quota = self.pick(&Quota::ALL)?;
                let domid = self.below(GUESTS_BYTE + 2)?;
                let of = (domid <= GUESTS_BYTE).then_some(DomId(domid.into()));
                Step::Quota(of, quota, u32::from(self.byte()?) * 8)
            }
            29 => Step::Shutdown(vec![self.domain()?, self.domain()?]),
            30 => Step::Resume(self.domain()?),
            _ => match self.below(3)? {
                0 => Step::Know(self.domain()?),
                1 => Step::Features(self.domain()?, self.byte()?.into()),
                _ => Step::Seat(self.domain()?, self.below(3)?.into()),
            },
        })
    }

    /// A part of what happens at one moment.
    fn part(&mut self) -> Option<Part> {
        Some(match self.below(8)? {
            0 => Part::IfValue(self.seen()?, self.value()?),
            1 => Part::IfExists(self.seen()?),
            2 => Part::IfAbsent(self.seen()?),
            _ => Part::Do(self.request()?),
        })
    }

    fn request(&mut self) -> Option<Request> {
        Some(match self.below(16)? {
            0..=5 => Request::Write(self.path()?, self.value()?),
            6 => Request::Mkdir(self.path()?),
            7 | 8 => Request::Rm(self.path()?),
            9..=11 => Request::SetPerms(self.path()?, self.list()?),
            12 => Request::Read(self.seen()?),
            13 => Request::List(self.seen()?),
            14 => Request::GetPerms(self.seen()?),
            _ => Request::Lookup(self.pick(&INDICES)?.to_owned(), self.value()?),
        })
    }

    /// Mostly a path from the list; else a deep one, or one of up to four short names.
    fn path(&mut self) -> Option<String> {
        let byte = self.byte()?;
        if byte < 220 {
            return PATHS.get(usize::from(byte) % PATHS.len()).map(|path| (*path).to_owned());
        }
        if byte < 226 {
            return Some("/d".repeat(1 + usize::from(self.byte()?)));
        }
        let names = 1 + byte % 4;
        let name = |_| Some(format!("/{}{}", self.pick(&["n", "wide-"])?, self.below(16)?));
        (0..names).map(name).collect()
    }

    /// A path that may be one of an index.
    fn seen(&mut self) -> Option<String> {
        match self.below(4)? {
            0 => Some(self.pick(&RESERVED)?.to_owned()),
            _ => self.path(),
        }
    }

    fn watched(&mut self) -> Option<String> {
        match self.below(8)? {
            0 => Some(self.pick(&SPECIALS)?.to_owned()),
            1 => Some(self.pick(&RESERVED)?.to_owned()),
            _ => self.path(),
        }
    }

    fn watching(&mut self) -> Option<Watching> {
        let (path, how) = (self.watched()?, self.byte()?);
        let depth = (how % 4 != 3).then_some(()).map_or(Some(u32::from(how / 64)), |()| None);
        Some(Watching { path, token: how / 4 % 2, depth, relative: how / 8 % 2 == 1 })
    }

    /// One byte many times, or a few of their own.
    fn value(&mut self) -> Option<Vec<u8>> {
        let byte = self.byte()?;
        if byte >= 16 {
            return Some(vec![b'a' + byte % 2; usize::from(byte / 16) * usize::from(byte % 16)]);
        }
        if byte == 15 {
            return Some(vec![0; usize::from(self.byte()?) * 17]);
        }
        let len = usize::from(byte % 8).min(self.0.len());
        let (value, rest) = self.0.split_at(len);
        self.0 = rest;
        Some(value.to_vec())
    }

    fn list(&mut self) -> Option<Vec<Perm>> {
        let count = self.below(7)?;
        let all = [Access::None, Access::Read, Access::Write, Access::Both];
        let perm = |_| {
            let byte = self.byte()?;
            let access = all.get(usize::from(byte % 4)).copied()?;
            let domid = u16::from(byte / 4) % (GUESTS + 3);
            let domid = if domid == GUESTS + 2 { DomId::ANY } else { DomId(domid) };
            Some(Perm { access, domid })
        };
        Some((0..count).map_while(perm).collect())
    }

    fn asker(&mut self) -> Option<Asker> {
        let byte = self.byte()?;
        let domid = u16::from(byte % 8).saturating_sub(4) % (GUESTS + 1);
        Some(Asker { domid, before: byte >= 240 })
    }

    fn domain(&mut self) -> Option<DomId> {
        Some(DomId(u16::from(self.below(GUESTS_BYTE + 2)?)))
    }

    fn special(&mut self) -> Option<Special> {
        self.pick(&[Special::IntroduceDomain, Special::ReleaseDomain])
    }

    fn slot(&mut self) -> Option<usize> {
        Some(usize::from(self.byte()?) % SLOTS)
    }
}

const GUESTS_BYTE: u8 = 3;
const _: () = assert!(GUESTS_BYTE as u16 == GUESTS);

const PATHS: [&str; 20] = [
    "/",
    "/a",
    "/a/x",
    "/a/x/y",
    "/a/z",
    "/b",
    "/b/x/y",
    "/n/m",
    "/n/m/k",
    "/n0",
    "/n0/n0",
    "/local",
    "/local/domain/1",
    "/local/domain/1/name",
    "/local/domain/1/data/k",
    "/local/domain/2/name",
    "/local/domain/2/vm",
    "/vm/1/name",
    "/vm/2/name",
    "/@index/new",
];
const RESERVED: [&str; 9] = [
    "/@index",
    "/@index/domain-name",
    "/@index/domain-name/_",
    "/@index/domain-name/a",
    "/@index/domain-name/a/1",
    "/@index/vm-name",
    "/@index/vm-name/a",
    "/@index/none",
    "/@index/vm-name/a/1/x",
];
const INDICES: [&str; 4] = ["domain-name", "domain-vm", "vm-name", "none"];
const SPECIALS: [&str; 5] =
    ["@introduceDomain", "@releaseDomain", "@releaseDomain/1", "@introduceDomain/2", "@other"];
