//! The store that the benches run on, and the yardsticks with the same content.

use myriad_core::{Caller, Config, Path, Store, Writes};

use crate::{
    fail::or_die,
    rng::Rng,
    vm::{self, Layout, NODES, Vm},
};

/// VMs in the store of 410,000 nodes.
pub const VMS: u16 = 10_000;

/// A mutable concurrent map keyed by the full path, as papaya gives it.
pub type PapayaMap<S> = papaya::HashMap<Box<str>, Box<[u8]>, S>;
/// A mutable concurrent map keyed by the full path, as dashmap gives it.
pub type DashMap<S> = dashmap::DashMap<Box<str>, Box<[u8]>, S>;

/// A node of a VM, as it is to be written: a directory where there is no value.
pub type OwnedNode = (Path<'static>, Option<&'static [u8]>);

/// A store with so many VMs, domain ids from 1, each written in one commit.
#[must_use]
pub fn store(config: &Config, layout: Layout, vms: u16) -> Store {
    store_below(config, layout, vms, "")
}

/// The same, with everything below `prefix`: where no index looks, if that isn't empty.
#[must_use]
pub fn store_below(config: &Config, layout: Layout, vms: u16, prefix: &str) -> Store {
    let store = or_die("a store", Store::new(config));
    for path in std::iter::once(&"").chain(vm::parents(layout)) {
        let text = format!("{prefix}{path}");
        if let Ok(path) = Path::new(&text) {
            or_die("a parent", store.edit(|edit| edit.mkdir(&Caller::Control, path)).result);
        }
    }
    for domid in 1..=vms {
        let vm = Vm::new(layout, domid);
        let written = store.edit(|edit| {
            vm.each(|node| {
                let text = format!("{prefix}{}", node.path);
                let path = Path::new(&text)?;
                match node.value {
                    Some(value) => edit.write(&Caller::Control, path, value),
                    None => edit.mkdir(&Caller::Control, path),
                }
            })
        });
        or_die("a VM", written.result);
    }
    store
}

/// Visits the nodes of all VMs, with an empty value for a directory.
pub fn each_node(layout: Layout, vms: u16, mut visit: impl FnMut(&str, &[u8])) {
    for domid in 1..=vms {
        let visited: Result<(), std::convert::Infallible> = Vm::new(layout, domid).each(|node| {
            visit(node.path, node.value.unwrap_or_default());
            Ok(())
        });
        match visited {
            Ok(()) => {}
        }
    }
}

/// The same nodes in a papaya map.
#[must_use]
pub fn papaya<S>(layout: Layout, vms: u16) -> PapayaMap<S>
where
    S: std::hash::BuildHasher + Default,
{
    let map = PapayaMap::with_hasher(S::default());
    {
        let pinned = map.pin();
        each_node(layout, vms, |path, value| {
            pinned.insert(Box::from(path), Box::from(value));
        });
    }
    map
}

/// The same nodes in a dashmap.
#[must_use]
pub fn dash<S>(layout: Layout, vms: u16) -> DashMap<S>
where
    S: std::hash::BuildHasher + Default + Clone,
{
    let map = DashMap::with_hasher(S::default());
    each_node(layout, vms, |path, value| {
        map.insert(Box::from(path), Box::from(value));
    });
    map
}

/// Which nodes a list of keys is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// All of them.
    All,
    /// Those whose path has six components.
    SixLevels,
    /// Those with six components that are no directory.
    SixLevelValues,
}

/// Paths in random order, their text laid out in that order, so that what a request's bytes cost
/// is the same for all (and next to nothing). `most` bounds how many; a multiple of `multiple`.
///
/// The text lives for the rest of the program.
#[must_use]
pub fn keys(
    which: Keys,
    layout: Layout,
    vms: u16,
    seed: u64,
    most: usize,
    multiple: usize,
) -> Vec<Path<'static>> {
    let mut texts: Vec<Box<str>> = Vec::new();
    for domid in 1..=vms {
        let _: Result<(), ()> = Vm::new(layout, domid).each(|node| {
            let six = vm::levels(node.path) == 6;
            let wanted = match which {
                Keys::All => true,
                Keys::SixLevels => six,
                Keys::SixLevelValues => six && node.value.is_some(),
            };
            if wanted {
                texts.push(Box::from(node.path));
            }
            Ok(())
        });
    }
    Rng::new(seed).shuffle(&mut texts);
    texts.truncate(most);
    texts.truncate(texts.len() / multiple * multiple);
    leaked_paths(&texts)
}

/// The nodes of VMs that the store does not hold yet.
#[must_use]
pub fn new_vms(layout: Layout, first: u16, count: u16) -> Vec<Vec<OwnedNode>> {
    let one = |domid| {
        let (mut texts, mut values) = (Vec::with_capacity(NODES), Vec::with_capacity(NODES));
        let _: Result<(), ()> = Vm::new(layout, domid).each(|node| {
            texts.push(Box::from(node.path));
            values.push(node.value.map(|v| &*Box::leak(Box::<[u8]>::from(v))));
            Ok(())
        });
        leaked_paths(&texts).into_iter().zip(values).collect()
    };
    (first..first.saturating_add(count)).map(one).collect()
}

/// The roots of those VMs' subtrees.
#[must_use]
pub fn new_vm_roots(layout: Layout, first: u16, count: u16) -> Vec<Vec<Path<'static>>> {
    let one = |domid| {
        let roots = Vm::new(layout, domid).roots();
        leaked_paths(&roots.into_iter().map(String::into_boxed_str).collect::<Vec<_>>())
    };
    (first..first.saturating_add(count)).map(one).collect()
}

fn leaked_paths(texts: &[Box<str>]) -> Vec<Path<'static>> {
    let mut rest: &'static str = Box::leak(texts.concat().into_boxed_str());
    let mut paths = Vec::with_capacity(texts.len());
    for text in texts {
        let Some((head, tail)) = rest.split_at_checked(text.len()) else { break };
        paths.push(or_die("a path of the fixture", Path::new(head)));
        rest = tail;
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::{Keys, dash, keys, new_vms, papaya};
    use crate::vm::{Layout, NODES};

    #[test]
    fn keys_are_those_of_the_maps() {
        let papaya = papaya::<ahash::RandomState>(Layout::Compact, 20);
        let dash = dash::<ahash::RandomState>(Layout::Compact, 20);
        assert_eq!((papaya.len(), dash.len()), (20 * NODES, 20 * NODES));
        let six = keys(Keys::SixLevels, Layout::Compact, 20, 1, usize::MAX, 16);
        assert_eq!(six.len(), 20 * 5 / 16 * 16);
        for path in six {
            assert!(papaya.pin().get(path.as_str()).is_some());
            assert!(dash.get(path.as_str()).is_some());
        }
        assert_eq!(keys(Keys::All, Layout::Spread, 20, 1, 100, 16).len(), 96);
        assert_eq!(new_vms(Layout::Spread, 21, 3).iter().flatten().count(), 3 * NODES);
    }
}
