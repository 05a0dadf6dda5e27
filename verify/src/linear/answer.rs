//! What each request is answered, and what it does to a tree.

use std::rc::Rc;

use super::{
    act::{Act, Reply, strings},
    node::{Errno, Raised, is_within},
    tree::Tree,
};

/// What the answer should have been.
pub(super) type Wrong = String;

/// A right answer.
pub(super) type Right = Result<Vec<u8>, Errno>;

pub(super) fn ack() -> Right {
    Ok(b"OK\0".to_vec())
}

pub(super) fn expect(reply: &Reply, right: Right) -> Result<(), Wrong> {
    let same = match (reply, &right) {
        (Ok(got), Ok(right)) => got == right,
        (Err(got), Err(right)) => got == right,
        _ => false,
    };
    if same { Ok(()) } else { Err(show(&right)) }
}

/// An answer in words.
pub(super) fn show<E: AsRef<str>>(answer: &Result<Vec<u8>, E>) -> Wrong {
    match answer {
        Ok(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        Err(errno) => errno.as_ref().to_owned(),
    }
}

pub(super) fn execute(tree: &mut Tree, domid: u16, act: &Act, raised: &mut Vec<Raised>) -> Right {
    match act {
        Act::Write(path, value) => tree.write(domid, path, value, raised)?,
        Act::Mkdir(path) => tree.mkdir(domid, path, raised)?,
        Act::Rm(path) => tree.rm(domid, path, raised)?,
        Act::SetPerms(path, perms) => tree.set_perms(domid, path, perms, raised)?,
        _ => return answer(tree, domid, act),
    }
    ack()
}

/// The answer to a request that changes nothing.
pub(super) fn answer(tree: &Tree, domid: u16, act: &Act) -> Right {
    let told = |path: &str| match answer(tree, domid, &Act::Read(path.to_owned())) {
        Ok(value) => value,
        Err(errno) => format!("!{errno}").into_bytes(),
    };
    match act {
        Act::GetMany(paths) => {
            return Ok(paths.iter().flat_map(|path| [told(path), vec![0]].concat()).collect());
        }
        Act::ListValues(path) => {
            let children = tree.read(domid, path)?.children.iter();
            let one = |name: &Rc<str>| {
                [name.as_bytes(), b"=", &told(&format!("{path}/{name}")), &[0]].concat()
            };
            return Ok(children.flat_map(one).collect());
        }
        Act::LookUp(key) => {
            let domains = tree.names().get(key.as_str()).into_iter().flatten();
            let owner = |domain: &str| tree.owner_of_name(domain).unwrap_or_default();
            return Ok(domains.flat_map(|d| format!("{d} {}\0", owner(d)).into_bytes()).collect());
        }
        _ => {}
    }
    let path = act.path().unwrap_or_default();
    if is_within(path, INDICES) {
        return if domid == 0 { index(tree, path, act) } else { Err("EACCES") };
    }
    let node = tree.read(domid, path)?;
    Ok(match act {
        Act::List(_) => names(node.children.iter()),
        Act::GetPerms(_) => strings(&node.perms).into_bytes(),
        _ => node.value.as_bytes().to_vec(),
    })
}

/// The index of names, as `core/src/virt.rs` shows it. Ids of domains need no escapes here.
fn index(tree: &Tree, path: &str, act: &Act) -> Right {
    let mut rest = path.strip_prefix(INDEX).ok_or("ENOENT")?.split('/').skip(1);
    let lists = matches!(act, Act::List(_));
    let Some(key) = rest.next() else {
        return Ok(if lists { names(tree.names().keys()) } else { Vec::new() });
    };
    let domains = tree.names().get(key).ok_or("ENOENT")?;
    match rest.next() {
        None if lists => Ok(names(domains.iter())),
        None => {
            let trusted = domains.iter().filter(|domain| tree.owner_of_name(domain) == Some(0));
            let trusted: Vec<&str> = trusted.map(|domain| &**domain).collect();
            Ok(trusted.join(" ").into_bytes())
        }
        Some(domain) => {
            let found = domains.iter().find(|one| ***one == *domain).ok_or("ENOENT")?;
            let owner = tree.owner_of_name(found).map_or(String::new(), |owner| owner.to_string());
            Ok(if lists { Vec::new() } else { owner.into_bytes() })
        }
    }
}

fn names<'n>(names: impl Iterator<Item = &'n Rc<str>>) -> Vec<u8> {
    names.flat_map(|name| name.bytes().chain([0])).collect()
}

/// Where all indices are.
pub(super) const INDICES: &str = "/@index";
/// Where the index of names is.
pub(super) const INDEX: &str = "/@index/domain-name";
