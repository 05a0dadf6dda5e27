//! Quotas: their names, defaults and where they are counted.

use std::fmt;

/// A limit on what an unprivileged domain may use (names and defaults of C's `core.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quota {
    /// Nodes that a domain owns.
    Nodes,
    /// Watches that a domain has registered.
    Watches,
    /// Requests whose answers or events are not delivered yet.
    Outstanding,
    /// Bytes kept for a domain: its nodes, its watches, and what waits to be sent to it.
    Memory,
    /// Bytes above which a domain is reported.
    SoftMemory,
    /// Transactions that a domain has open.
    Transactions,
    /// Nodes that one transaction touches.
    TransactionNodes,
    /// Entries of one node's permissions.
    NodePermissions,
    /// Bytes of a path.
    PathMax,
    /// Bytes of a node: value, permissions and a head.
    NodeSize,
}

impl Quota {
    /// All of them, in the order in which GET_QUOTA lists their names: that of C's `enum accitem`
    /// (`domain.h`), a soft quota after the hard one of its name (`do_get_quota`, `domain.c`).
    pub const ALL: [Quota; 10] = [
        Quota::Nodes,
        Quota::Watches,
        Quota::Outstanding,
        Quota::Memory,
        Quota::SoftMemory,
        Quota::Transactions,
        Quota::TransactionNodes,
        Quota::NodePermissions,
        Quota::PathMax,
        Quota::NodeSize,
    ];

    /// The name in GET_QUOTA, SET_QUOTA, CONTROL and `-Q`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Quota::Nodes => "nodes",
            Quota::Watches => "watches",
            Quota::Transactions => "transactions",
            Quota::Outstanding => "outstanding",
            Quota::TransactionNodes => "transaction-nodes",
            Quota::Memory => "memory",
            Quota::SoftMemory => "soft-memory",
            Quota::NodeSize => "node-size",
            Quota::NodePermissions => "node-permissions",
            Quota::PathMax => "path-max",
        }
    }

    /// The quota of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Quota> {
        Quota::ALL.into_iter().find(|q| q.name() == name)
    }

    /// C's default.
    #[must_use]
    pub fn default_value(self) -> u32 {
        match self {
            Quota::Nodes => 1000,
            Quota::Watches => 128,
            Quota::Transactions => 10,
            Quota::Outstanding => 20,
            Quota::TransactionNodes => 1024,
            Quota::Memory => 2560 * 1024,
            Quota::SoftMemory => 2048 * 1024,
            Quota::NodeSize | Quota::PathMax => 2048,
            Quota::NodePermissions => 5,
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value for each quota. 0 means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas([u32; Quota::ALL.len()]);

impl Default for Quotas {
    fn default() -> Quotas {
        Quotas(Quota::ALL.map(Quota::default_value))
    }
}

impl Quotas {
    /// The value of a quota; 0 means no limit.
    #[must_use]
    pub fn get(&self, quota: Quota) -> u32 {
        self.0.get(quota as usize).copied().unwrap_or(0)
    }

    /// Sets a quota; 0 means no limit.
    pub fn set(&mut self, quota: Quota, value: u32) {
        if let Some(slot) = self.0.get_mut(quota as usize) {
            *slot = value;
        }
    }

    /// Whether `used` is at or past the quota (C refuses *at* the value).
    #[must_use]
    pub fn reached(&self, quota: Quota, used: u32) -> bool {
        let limit = self.get(quota);
        limit != 0 && used >= limit
    }
}
