//! How a domain is told that its ring has moved.

use std::sync::Arc;

use myriad_core::DomId;
use tracing::warn;

use super::machine::Machine;
use crate::xen::{EventChannels, LocalPort};

/// A doorbell of one domain.
#[derive(Debug)]
pub(super) enum Doorbell {
    /// A simulated domain's: a bit on its machine's board.
    Machine(Arc<Machine>),
    /// A real one's event channel.
    Port(Port),
}

/// An event channel, given back when dropped.
#[derive(Debug)]
pub(super) struct Port {
    channels: Arc<EventChannels>,
    port: LocalPort,
}

impl Doorbell {
    /// Whether it is one of this machine's.
    pub(super) fn is_of(&self, other: &Machine) -> bool {
        matches!(self, Doorbell::Machine(machine) if machine.number() == other.number())
    }

    pub(super) fn ring(&self, domid: DomId) {
        match self {
            Doorbell::Machine(machine) => machine.ring(domid),
            Doorbell::Port(port) => {
                if let Err(error) = port.channels.notify(port.port) {
                    warn!("domain {domid} can't be told of its replies: {error}");
                }
            }
        }
    }
}

impl Port {
    pub(super) fn new(channels: Arc<EventChannels>, port: LocalPort) -> Port {
        Port { channels, port }
    }

    pub(super) fn number(&self) -> u32 {
        self.port.number()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if let Err(error) = self.channels.unbind(self.port) {
            warn!("an event channel isn't given back: {error}");
        }
    }
}
