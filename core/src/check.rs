//! Recounts everything that a version accounts: used by tests and by CONTROL `check`.

use std::collections::BTreeMap;

use crate::accounts::{record_bytes, watch_bytes};
use crate::acl::{Acl, AclBuf};
use crate::domain::Instance;
use crate::path::Path;
use crate::perms::Access;
use crate::state::{Env, State};
use crate::tree::{At, Node, unordered};

/// What a recount gives.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    control_nodes: u64,
    /// Nodes, topmost owned paths, watches and bytes by instance.
    domains: BTreeMap<Instance, (u32, Vec<String>, u32, u64)>,
    /// Matches by index and escaped key.
    indices: BTreeMap<(u8, String), Vec<String>>,
}

/// Compares a version's accounts with a recount.
pub(crate) fn check(env: &Env, state: &State) -> Result<(), Vec<String>> {
    let (found, noted) = (recount(env, state), accounts(env, state));
    let mut faults = Vec::new();
    if state.tree.is_open() {
        faults.push("a version was published with an open block".to_owned());
    }
    if found.control_nodes != noted.control_nodes {
        let (a, b) = (found.control_nodes, noted.control_nodes);
        faults.push(format!("the control domain owns {a} nodes, accounted {b}"));
    }
    let empty = (0, Vec::new(), 0, 0);
    for instance in found.domains.keys().chain(noted.domains.keys()) {
        let a = found.domains.get(instance).unwrap_or(&empty);
        let b = noted.domains.get(instance).unwrap_or(&empty);
        if a != b {
            faults.push(format!("{instance:?} has {a:?}, accounted {b:?}"));
        }
    }
    for key in found.indices.keys().chain(noted.indices.keys()) {
        let (a, b) = (found.indices.get(key), noted.indices.get(key));
        if a != b {
            faults.push(format!("index key {key:?} matches {a:?}, noted {b:?}"));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn recount(env: &Env, state: &State) -> Count {
    let mut count = Count { control_nodes: 2, ..Count::default() };
    let root = state.tree.root();
    let above = AclBuf::owned_by_control(Access::None);
    let living = |i: Instance| state.domains.iter().any(|d| d.instance == i);
    unordered(
        Path::ROOT,
        root,
        above.as_acl(),
        &mut |node: Node<'_>, parent: Acl<'_>, at: At<'_>| {
            let owner = node.acl().owner();
            let text = at.path();
            if owner.instance == Instance::CONTROL {
                count.control_nodes += 1;
            } else if living(owner.instance) {
                let domain = count.domains.entry(owner.instance).or_default();
                domain.0 += 1;
                domain.3 += record_bytes(at.bytes(), node.record()).unsigned_abs();
                if parent.owner().instance != owner.instance {
                    domain.1.push(text.clone());
                }
            }
            for (index, captures) in env.definitions.matches(Path::trusted(&text)) {
                let key = crate::key::escape(node.value()).into_owned();
                count.indices.entry((index, key)).or_default().push(captures);
            }
        },
    );
    for watch in state.watches.iter() {
        // By both: what was kept and then damaged may give a life to another domain.
        if let Some((domid, life)) = watch.caller().guest()
            && state.domains.living(&env.keys, domid, life).is_some()
        {
            let domain = count.domains.entry(life).or_default();
            domain.2 += 1;
            domain.3 += watch_bytes(watch.path(), watch.token()).unsigned_abs();
        }
    }
    count.domains.values_mut().for_each(|d| d.1.sort_unstable());
    count.indices.values_mut().for_each(|m| m.sort_unstable());
    count
}

fn accounts(env: &Env, state: &State) -> Count {
    let mut count = Count { control_nodes: state.domains.control_nodes, ..Count::default() };
    for domain in state.domains.iter().filter(|d| d.instance != Instance::CONTROL) {
        let mut owned: Vec<String> = domain.owned.iter().map(|p| p.as_str().to_owned()).collect();
        owned.sort_unstable();
        if domain.nodes > 0 || domain.watches > 0 || domain.memory > 0 || !owned.is_empty() {
            let all = (domain.nodes, owned, domain.watches, domain.memory);
            count.domains.insert(domain.instance, all);
        }
    }
    for index in 0u8..u8::try_from(env.definitions.names().count()).unwrap_or(0) {
        for key in state.indices.keys_of(index) {
            let found = state.indices.get(&env.keys, index, key);
            let mut all: Vec<String> =
                found.iter().flat_map(|m| m.iter()).map(str::to_owned).collect();
            all.sort_unstable();
            count.indices.insert((index, key.to_owned()), all);
        }
    }
    count
}
