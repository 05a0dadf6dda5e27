//! A VM as the toolstack writes it: the 41 nodes of one with a network device.
//!
//! Two layouts of the same size. *Spread* is where libxl puts them: below `/local/domain/N`,
//! `/local/domain/0/backend/vif/N`, `/vm/UUID` and `/libxl/N`. *Compact* has them all below
//! `/local/domain/N`, so that removing one subtree removes the VM.

mod template;

use std::fmt::Write as _;

use template::{COMPACT, Content, Place, SHARED, SPREAD};

/// Nodes of a VM, directories included.
pub const NODES: usize = 41;
/// Permissions that the toolstack sets on the nodes of a VM.
pub const GRANTS: usize = 21;
/// Watches that the toolstack and the backend hold for a VM.
pub const WATCHES: [&str; 3] = ["control/shutdown", "device/vif/0/state", "memory/target"];

/// Where a VM's nodes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// All in one subtree.
    Compact,
    /// As libxl writes them, in four places.
    Spread,
}

/// Who may use a node, where it differs from its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The toolstack's, readable by the guest: `n0 rN`.
    Toolstack,
    /// The guest's, readable by the toolstack: `nN r0`.
    Guest,
}

/// One node, as it is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// Its absolute path.
    pub path: &'a str,
    /// Its value; none for a directory.
    pub value: Option<&'a [u8]>,
    /// Its permissions, where they aren't inherited.
    pub grant: Option<Grant>,
}

/// One VM.
#[derive(Clone, Copy, Debug)]
pub struct Vm {
    /// Its domain id.
    pub domid: u16,
    layout: Layout,
}

impl Vm {
    /// A VM with that domain id; the same arguments give the same nodes.
    #[must_use]
    pub fn new(layout: Layout, domid: u16) -> Vm {
        Vm { domid, layout }
    }

    /// The name that its `name` node gives.
    #[must_use]
    pub fn name(self) -> String {
        format!("vm-{}", self.domid)
    }

    /// Its home, `/local/domain/N`.
    #[must_use]
    pub fn home(self) -> String {
        format!("/local/domain/{}", self.domid)
    }

    /// The roots of its subtrees: removing these removes it.
    #[must_use]
    pub fn roots(self) -> Vec<String> {
        let n = self.domid;
        let mut roots = vec![self.home()];
        if self.layout == Layout::Spread {
            roots.push(format!("/local/domain/0/backend/vif/{n}"));
            roots.push(format!("/vm/{}", self.uuid()));
            roots.push(format!("/libxl/{n}"));
        }
        roots
    }

    /// Visits each node, parents first, in the order in which a toolstack writes them.
    ///
    /// # Errors
    /// The first one that `visit` gives.
    pub fn each<E>(self, mut visit: impl FnMut(Node<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut path = String::with_capacity(80);
        let mut value = String::with_capacity(80);
        let rest = match self.layout {
            Layout::Compact => &COMPACT,
            Layout::Spread => &SPREAD,
        };
        for (place, below, content, grant) in SHARED.iter().chain(rest) {
            path.clear();
            self.push_path(&mut path, *place, below);
            value.clear();
            let value = self.push_value(&mut value, *content).then_some(value.as_bytes());
            visit(Node { path: &path, value, grant: *grant })?;
        }
        Ok(())
    }

    fn push_path(self, out: &mut String, place: Place, below: &str) {
        let n = self.domid;
        // Writing to a string can't fail.
        let _ = match place {
            Place::Home => write!(out, "/local/domain/{n}"),
            Place::Backend => write!(out, "/local/domain/0/backend/vif/{n}"),
            Place::Vm => write!(out, "/vm/{}", self.uuid()),
            Place::Libxl => write!(out, "/libxl/{n}"),
        };
        if !below.is_empty() {
            out.push('/');
            out.push_str(below);
        }
    }

    /// Writes a value, or says that there is none.
    fn push_value(self, out: &mut String, content: Content) -> bool {
        let n = self.domid;
        let _ = match content {
            Content::Directory => return false,
            Content::Text(text) => write!(out, "{text}"),
            Content::Domid => write!(out, "{n}"),
            Content::Name => write!(out, "vm-{n}"),
            Content::Uuid => write!(out, "{}", self.uuid()),
            Content::VmPath => write!(out, "/vm/{}", self.uuid()),
            Content::Mac => write!(out, "00:16:3e:00:{:02x}:{:02x}", n >> 8, n & 0xFF),
            Content::Frontend => write!(out, "/local/domain/{n}/device/vif/0"),
            Content::Backend => write!(out, "/local/domain/0/backend/vif/{n}/0"),
            Content::Frame => write!(out, "{}", 1_040_000 + u32::from(n)),
        };
        true
    }

    fn uuid(self) -> String {
        // Spread as a real one is, yet reproducible: neighbours share no prefix.
        let mixed = u32::from(self.domid).wrapping_add(1).wrapping_mul(0x9E37_79B1);
        format!("{mixed:08x}-7c3d-4b1e-9f52-0a16{mixed:08x}")
    }
}

/// The nodes above all VMs, which exist before the first.
#[must_use]
pub fn parents(layout: Layout) -> &'static [&'static str] {
    match layout {
        Layout::Compact => &["/local", "/local/domain"],
        Layout::Spread => &[
            "/local",
            "/local/domain",
            "/local/domain/0",
            "/local/domain/0/backend",
            "/local/domain/0/backend/vif",
            "/vm",
            "/libxl",
        ],
    }
}

/// How many children a VM's home has.
#[must_use]
pub fn children_of_home(layout: Layout) -> usize {
    let mut children = 0;
    let _: Result<(), ()> = Vm::new(layout, 1).each(|node| {
        let below = node.path.strip_prefix("/local/domain/1/");
        children += usize::from(below.is_some_and(|b| !b.contains('/')));
        Ok(())
    });
    children
}

/// How many components a path has.
#[must_use]
pub fn levels(path: &str) -> usize {
    path.bytes().filter(|&b| b == b'/').count()
}

#[cfg(test)]
mod tests {
    use super::{GRANTS, Layout, NODES, Vm, WATCHES, levels, parents};
    use std::collections::HashSet;

    /// Every parent exists before its child, so that no write makes a node on the side.
    #[test]
    fn a_vm_has_41_nodes_parents_first() {
        for layout in [Layout::Compact, Layout::Spread] {
            let mut seen: HashSet<String> = parents(layout).iter().map(|&p| p.to_owned()).collect();
            let vm = Vm::new(layout, 4711);
            let (mut count, mut grants) = (0, 0);
            vm.each::<()>(|node| {
                let (parent, _) = node.path.rsplit_once('/').unwrap();
                assert!(seen.contains(parent), "{} comes before its parent", node.path);
                assert!(seen.insert(node.path.to_owned()), "{} comes twice", node.path);
                assert!(vm.roots().iter().any(|r| node.path.starts_with(r)), "{}", node.path);
                count += 1;
                grants += usize::from(node.grant.is_some());
                Ok(())
            })
            .unwrap();
            assert_eq!(count, NODES);
            assert!(layout == Layout::Compact || grants == GRANTS, "{grants}");
            for watch in WATCHES {
                assert!(seen.contains(&format!("{}/{watch}", vm.home())));
            }
        }
    }

    #[test]
    fn vms_share_no_node() {
        let mut seen = HashSet::new();
        for domid in 1..=200 {
            let visit = |n: super::Node<'_>| {
                Err(n.path.to_owned()).or_else(|p| seen.insert(p.clone()).then_some(()).ok_or(p))
            };
            assert_eq!(Vm::new(Layout::Spread, domid).each(visit), Ok(()));
        }
        assert_eq!(levels("/local/domain/7/cpu/0/availability"), 6);
    }
}
