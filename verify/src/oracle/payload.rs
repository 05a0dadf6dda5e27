//! Draws paths, values, permissions and numbers, good and bad, from a small universe, so that what
//! different clients name is often the same.

use super::{
    hosts::Hosts,
    limits::{DOMAINS, GUEST_NODE_SIZE, GUEST_PERMS, PATH_MAX},
    rng::Rng,
    text,
    tree::{Asker, Tree, size},
};

/// The node whose listing is longer than a message.
pub const BIG: &str = "/big";
/// Children that it may have.
const BIG_CHILDREN: usize = 60;
const HOME: &str = "/local/domain/0";
const ROOTS: &[&str] =
    &["/b", "/c", "/vm", "/tool", HOME, HOME, "/local/domain/3", "/local/domain/7"];
const PARTS: &[&str] = &["b", "c", "name", "x@y", "N-1_"];
const BAD_PATHS: &[&[u8]] = &[
    b"/a/",
    b"//",
    b"/a//b",
    b"/a b",
    b"/a\x80",
    b"/a?",
    b"a/",
    b"@",
    b"/\xc3\xa9",
    b"a//b",
    b" /a",
    b"/a\n",
    b"@releaseDomain",
];
const SPECIAL: &[&[u8]] = &[b"@introduceDomain", b"@releaseDomain", b"@other"];
const ODD_NUMBERS: &[&str] = &[
    "",
    "abc",
    "5x",
    " 7",
    "-1",
    "+3",
    "007",
    "0x5",
    "32752",
    "32757",
    "65535",
    "65536",
    "65541",
    "99999999999",
    "4294967295",
    "99999999999999999999",
];

/// A path that is valid, of a node that may exist. A guest prefers what it may write.
pub fn path(rng: &mut Rng, tree: &Tree, asker: Asker) -> Vec<u8> {
    let own = asker.is_guest() && rng.permille(700);
    let path = if own { writable(rng, tree, asker) } else { any_path(rng, tree) };
    let path = if path.len() > PATH_MAX { constructed(rng) } else { path };
    let home = text::home(asker.domid);
    match path.strip_prefix(&home).and_then(|rest| rest.strip_prefix('/')) {
        Some(relative) if rng.permille(400) => relative.as_bytes().to_vec(),
        _ => path.into_bytes(),
    }
}

/// A node that a guest may write, one below it, or something at home.
fn writable(rng: &mut Rng, tree: &Tree, asker: Asker) -> String {
    let granted: Vec<&str> = tree.paths().filter(|path| tree.may_write(asker, path)).collect();
    let home = text::home(asker.domid);
    let Some(first) = granted.first().filter(|_| rng.permille(950)) else { return home };
    let top = *rng.pick(first, &granted);
    match rng.below(10) {
        0..6 => top.to_owned(),
        6..9 => format!("{}/{}", top.trim_end_matches('/'), part(rng)),
        _ => format!("{home}/{}/{}", part(rng), part(rng)),
    }
}

/// A node that a guest owns, if it does any; else any path.
pub fn owned_path(rng: &mut Rng, tree: &Tree, asker: Asker) -> Vec<u8> {
    let owned: Vec<&str> = tree.paths().filter(|path| tree.owns(asker, path)).collect();
    match owned.first().filter(|_| asker.is_guest() && rng.permille(700)) {
        Some(first) => rng.pick(first, &owned).as_bytes().to_vec(),
        None => path(rng, tree, asker),
    }
}

fn any_path(rng: &mut Rng, tree: &Tree) -> String {
    match rng.weighted(&[(50, 0), (38, 1), (6, 2), (1, 3), (5, 4)]) {
        Some(0) => tree.nth(rng.below(tree.len())).to_owned(),
        Some(1) => constructed(rng),
        Some(2) => {
            format!("{}/{}", tree.nth(rng.below(tree.len())).trim_end_matches('/'), part(rng))
        }
        Some(3) => long(rng),
        _ => big_child(rng),
    }
}

/// A path of a node that exists, and not one near the root too often. A guest's own, mostly.
pub fn removable(rng: &mut Rng, tree: &Tree, asker: Asker) -> Vec<u8> {
    if asker.is_guest() && rng.permille(800) {
        return path(rng, tree, asker);
    }
    let mut path = tree.nth(rng.below(tree.len()));
    for _ in 0..4 {
        if path.matches('/').count() > 1 && !path.starts_with(BIG) {
            break;
        }
        path = tree.nth(rng.below(tree.len()));
    }
    path.as_bytes().to_vec()
}

/// A path that no request on a node accepts.
pub fn bad_path(rng: &mut Rng) -> Vec<u8> {
    rng.pick(&b"".as_slice(), BAD_PATHS).to_vec()
}

/// A path to watch.
pub fn watch_path(rng: &mut Rng, tree: &Tree, asker: Asker) -> Vec<u8> {
    match rng.weighted(&[(15, 0), (10, 1), (75, 2)]) {
        Some(0) => rng.pick(&b"@releaseDomain".as_slice(), SPECIAL).to_vec(),
        Some(1) => b"/".to_vec(),
        _ => path(rng, tree, asker),
    }
}

/// A token; few, so that they repeat, and some so long that events with them are dropped.
pub fn token(rng: &mut Rng) -> Vec<u8> {
    match rng.below(40) {
        0 => Vec::new(),
        1 => vec![b'T'; 3_000 + rng.below(500)],
        2 => b"\xff\x01 token".to_vec(),
        n => format!("t{}", n % 3).into_bytes(),
    }
}

/// A value that fits into a request behind `path`. That of a guest is often about as long as its
/// quota allows.
pub fn value(rng: &mut Rng, path: &[u8], asker: Asker) -> Vec<u8> {
    let room = myriad_ring::v1::PAYLOAD_MAX.saturating_sub(path.len() + 1);
    let most = GUEST_NODE_SIZE - size(0, rng.below(GUEST_PERMS));
    let length = match rng.below(200) {
        8..16 if asker.is_guest() => most - 3 + rng.below(6),
        0 => room,
        1 => room.saturating_sub(rng.below(100)),
        2..8 => rng.below(1_000),
        8..40 => 0,
        _ => rng.below(12),
    };
    let binary = rng.permille(100);
    let byte = |rng: &mut Rng| {
        let [byte, ..] = rng.draw().to_le_bytes();
        if binary { byte } else { b'0' + byte % 10 }
    };
    (0..length.min(room)).map(|_| byte(rng)).collect()
}

/// A permission list: owner first, each with its NUL.
pub fn perms(rng: &mut Rng, hosts: &Hosts, asker: Asker) -> Vec<u8> {
    let count = match rng.below(100) {
        0 => 40,
        1 => 500,
        n if asker.is_guest() => n % (GUEST_PERMS + 1),
        n => n % 4,
    };
    let myself = if asker.is_guest() { 500 } else { 60 };
    let owner = match rng.weighted(&[(myself, 0), (32, 1), (8, 2)]) {
        Some(0) => match asker.target.filter(|_| rng.permille(300)) {
            Some(target) => target,
            None => asker.domid,
        },
        Some(1) => domid(rng, |d| hosts.exists(d)),
        _ => any_domid(rng),
    };
    let mut text = Vec::new();
    for at in 0..=count {
        let domid = if at == 0 { owner } else { any_domid(rng) };
        text.push(*rng.pick(&b'n', b"rwb"));
        text.extend_from_slice(domid.to_string().as_bytes());
        text.push(0);
    }
    text
}

/// A permission list that no server accepts.
pub fn bad_perms(rng: &mut Rng) -> Vec<u8> {
    const BAD: &[&[u8]] = &[
        b"",
        b"n0",
        b"x0\0",
        b"r\0",
        b"\0",
        b"n0\0r\0",
        b"n0\0\0",
        b"5\0",
        b"rx\0",
        b"n0x\0",
        b"N0\0",
        b"n0\0q5\0",
        b"n-\0",
    ];
    rng.pick(&b"n0\0r5 \0".as_slice(), BAD).to_vec()
}

/// A domain that `fits`, or any.
pub fn domid(rng: &mut Rng, fits: impl Fn(u32) -> bool) -> u32 {
    let fitting: Vec<u32> = (1..=DOMAINS).filter(|d| fits(*d)).collect();
    match fitting.first() {
        Some(first) => *rng.pick(first, &fitting),
        None => any_domid(rng),
    }
}

/// A domain that exists, has died, or never did.
pub fn any_domid(rng: &mut Rng) -> u32 {
    match rng.below(30) {
        0 => 32_752,
        1 => 40_000,
        n => u32::try_from(n).unwrap_or(0),
    }
}

/// What stands where a domain's number is expected.
pub fn odd_number(rng: &mut Rng) -> String {
    (*rng.pick(&"21", ODD_NUMBERS)).to_owned()
}

fn constructed(rng: &mut Rng) -> String {
    let mut path = (*rng.pick(&"/a", ROOTS)).to_owned();
    for _ in 0..rng.below(4) {
        path.push('/');
        path.push_str(part(rng));
    }
    path
}

/// A path that is deep, or as long as it may be.
fn long(rng: &mut Rng) -> String {
    match rng.below(3) {
        0 => format!("/{}", "L".repeat(PATH_MAX - 1 - rng.below(3))),
        1 => format!("/long/{}", "M".repeat(rng.range(1_000, 2_000))),
        _ => "/d".repeat(rng.range(10, 80)),
    }
}

/// A child of [`BIG`]; its number decides how long its name is.
pub fn big_child(rng: &mut Rng) -> String {
    let number = rng.below(BIG_CHILDREN);
    format!("{BIG}/{number:02}-{}", "x".repeat(90 + number * 3))
}

fn part(rng: &mut Rng) -> &'static str {
    let part: &&'static str = rng.pick(&"a", PARTS);
    part
}
