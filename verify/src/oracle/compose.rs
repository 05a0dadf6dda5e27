//! Payloads for each operation: as clients send them, and as nobody should.

use myriad_ring::v1::{Op, PAYLOAD_MAX};

use super::{
    generate::{Generator, string},
    limits::WATCHES,
    payload,
    tree::{Asker, Tree},
    world::World,
};

impl Generator {
    /// A payload that is one.
    pub(super) fn good(&mut self, world: &World, client: usize, op: Op, tree: &Tree) -> Vec<u8> {
        let (asker, rng) = (world.asker(client), &mut self.rng);
        match op {
            Op::Rm if rng.permille(700) => string(payload::removable(rng, tree, asker)),
            Op::Directory if rng.permille(50) => string(payload::BIG),
            Op::Directory | Op::Read | Op::GetPerms | Op::Mkdir | Op::Rm => {
                string(payload::path(rng, tree, asker))
            }
            Op::DirectoryPart => {
                let big = rng.permille(400);
                let path = if big { payload::BIG.into() } else { payload::path(rng, tree, asker) };
                let offset = if rng.permille(500) { 0 } else { rng.below(9_000) };
                [string(path), string(offset.to_string())].concat()
            }
            Op::Write => {
                let path = payload::path(rng, tree, asker);
                let value = payload::value(rng, &path, asker);
                [string(path), value].concat()
            }
            Op::SetPerms => {
                let special = rng.permille(30);
                let path = match special {
                    true => b"@releaseDomain".to_vec(),
                    false => payload::owned_path(rng, tree, asker),
                };
                let mut payload = [string(path), payload::perms(rng, &world.hosts, asker)].concat();
                payload.truncate(PAYLOAD_MAX);
                payload
            }
            Op::TransactionStart | Op::ResetWatches => {
                rng.pick(&b"\0".as_slice(), &[b"\0", b"", b"x", b"a\0b\0"]).to_vec()
            }
            Op::TransactionEnd => string(if rng.permille(800) { "T" } else { "F" }),
            Op::Watch | Op::Unwatch => self.watching(world, client, op, tree),
            _ => self.about_domains(world, op),
        }
    }

    fn watching(&mut self, world: &World, client: usize, op: Op, tree: &Tree) -> Vec<u8> {
        let (asker, rng) = (world.asker(client), &mut self.rng);
        let mine = world.clients.get(&client).map_or([].as_slice(), |c| &c.watches);
        let again = match op {
            Op::Unwatch => rng.permille(700),
            _ => mine.len() >= WATCHES || rng.permille(60),
        };
        match mine.first().filter(|_| again) {
            Some(first) => {
                let (path, token) = rng.pick(first, mine);
                [string(path.as_slice()), string(token.as_slice())].concat()
            }
            None => {
                let path = payload::watch_path(rng, tree, asker);
                let mut token = payload::token(rng);
                token.truncate(PAYLOAD_MAX.saturating_sub(path.len() + 8));
                let rest = if rng.permille(20) { "rest" } else { "" };
                let newer = if self.newer && rng.permille(300) { "1\0" } else { "" };
                [string(path), string(token), newer.into(), rest.into()].concat()
            }
        }
    }

    fn about_domains(&mut self, world: &World, op: Op) -> Vec<u8> {
        let (rng, hosts) = (&mut self.rng, &world.hosts);
        let introduced = |d: u32| hosts.is_introduced(d);
        match op {
            Op::Introduce => {
                let domid = payload::domid(rng, |d| hosts.exists(d));
                let rest = if rng.permille(50) { "more\0" } else { "" };
                format!("{domid}\0{}\0{}\0{rest}", rng.word(), rng.range(1, 99)).into_bytes()
            }
            Op::Release => {
                string(payload::domid(rng, |d| introduced(d) && !hosts.is_target(d)).to_string())
            }
            Op::SetTarget => {
                // Odd domains are stub domains, even ones targets, so that no two hold each other.
                let stub =
                    payload::domid(rng, |d| d % 2 == 1 && introduced(d) && !hosts.has_target(d));
                let target = payload::domid(rng, |d| d % 2 == 0 && introduced(d));
                format!("{stub}\0{target}\0").into_bytes()
            }
            Op::Resume => string(payload::domid(rng, introduced).to_string()),
            Op::Control => {
                let known =
                    ["check\0", "log\0on\0", "log\0off\0", "quota\0set\0memory\x009999999\0"];
                let account = format!("quota\0{}\0", payload::domid(rng, introduced));
                let other = (*rng.pick(&"quota\x0040000\0", &known)).to_owned();
                (if rng.permille(500) { account } else { other }).into_bytes()
            }
            Op::GetFeature => rng.pick(&"".to_owned(), &["5\0".to_owned()]).as_bytes().to_vec(),
            Op::SetFeature => format!("{}\0{}\0", rng.below(24), rng.below(16)).into_bytes(),
            Op::GetQuota => rng.pick(&"", &["nodes\0", "5\0watches\0", "x\0"]).as_bytes().to_vec(),
            Op::SetQuota => format!("{}\0watches\0{}\0", rng.below(24), rng.below(9)).into_bytes(),
            _ => string(payload::any_domid(rng).to_string()),
        }
    }

    /// A payload that is none, or of what is not there.
    pub(super) fn malformed(&mut self, asker: Asker, op: Op, tree: &Tree) -> Vec<u8> {
        let rng = &mut self.rng;
        let path = payload::path(rng, tree, asker);
        match (op, rng.below(4)) {
            (Op::Directory | Op::Read | Op::GetPerms | Op::Mkdir | Op::Rm, way) => match way {
                0 => path,
                1 => [string(path), string("more")].concat(),
                _ => string(payload::bad_path(rng)),
            },
            (Op::Write, 0) => path,
            (Op::Write, _) => [string(payload::bad_path(rng)), b"value".to_vec()].concat(),
            (Op::SetPerms, 0) => [string(payload::bad_path(rng)), b"n0\0".to_vec()].concat(),
            (Op::SetPerms, _) => [string(path), payload::bad_perms(rng)].concat(),
            (Op::DirectoryPart, 0) => string(path),
            (Op::DirectoryPart, 1) => [string(path), string("0"), string("")].concat(),
            (Op::DirectoryPart, _) => [string(payload::bad_path(rng)), string("0")].concat(),
            (Op::Watch, 0) => string(path),
            (Op::Watch, _) => {
                let bad: &[&[u8]] = &[b"/a/", b"//", b"/a b", b"a/", b"/a\x80"];
                [string(*rng.pick(&b"".as_slice(), bad)), string("t0")].concat()
            }
            (Op::Unwatch, 0) => string(path),
            (Op::Unwatch, 1) => [string(path), string("t0"), string("t1")].concat(),
            (Op::Unwatch, _) => [string(payload::bad_path(rng)), string("t0")].concat(),
            (Op::TransactionEnd, _) => {
                let bad: &[&[u8]] = &[b"", b"T", b"t\0", b"TF\0", b"T\0F\0", b"\0"];
                rng.pick(&b"F".as_slice(), bad).to_vec()
            }
            (Op::Control, _) => {
                let bad: &[&[u8]] = &[
                    b"",
                    b"check",
                    b"Check\0",
                    b"check\0x\0",
                    b"log\0maybe\0",
                    b"help\0x\0",
                    b"quota\0set\0nodes\0",
                    b"quota\0set\0none\x005\0",
                    b"\0",
                ];
                rng.pick(&b"nonsense\0".as_slice(), bad).to_vec()
            }
            (Op::Introduce, 0) => format!("{}\x001\0", rng.below(22)).into_bytes(),
            (Op::Introduce, 1) => format!("{}\x001\x000\0", rng.below(22)).into_bytes(),
            (Op::Introduce, 2) => format!("{}\x001\0-5\0", payload::odd_number(rng)).into_bytes(),
            (Op::Introduce, _) => format!("{}\x001\x001\0", rng.range(21, 40_000)).into_bytes(),
            (Op::SetTarget, 0..3) => rng.pick(&b"5\0".as_slice(), &[b"", b"5\x006"]).to_vec(),
            (Op::SetTarget, _) => {
                format!("{}\0{}\0", payload::odd_number(rng), rng.below(22)).into_bytes()
            }
            (_, 0) => b"5".to_vec(),
            (_, 1) => b"5\x006\0".to_vec(),
            (Op::Release | Op::Resume, 2) => string("0"),
            (_, _) => string(payload::odd_number(rng)),
        }
    }
}
