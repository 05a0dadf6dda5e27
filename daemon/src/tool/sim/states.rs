//! What a simulated guest's parties know of each other's devices, to judge what they read.

use super::script::{Device, End};

/// The states of a guest's devices at both ends: what was asked for, and what was acknowledged.
///
/// Invariant: a state only grows, so whoever reads one must see a value from what was acknowledged
/// when the request was made to what was asked for when the reply is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct States {
    devices: [[Known; 2]; 3],
    /// Whether the toolstack's word to power off was acknowledged.
    pub(super) is_told: bool,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    acknowledged: u8,
    asked: u8,
}

impl Default for States {
    /// As the toolstack has made them.
    fn default() -> States {
        let known = Known { acknowledged: INITIALISING, asked: INITIALISING };
        States { devices: [[known; 2]; 3], is_told: false }
    }
}

impl States {
    /// A change was asked for.
    pub(super) fn ask(&mut self, device: Device, end: End, state: u8) {
        let known = self.of_mut(device, end);
        known.asked = known.asked.max(state);
    }

    /// The last change was acknowledged.
    pub(super) fn acknowledge(&mut self, device: Device, end: End) {
        let known = self.of_mut(device, end);
        known.acknowledged = known.asked;
    }

    /// The least that a read made now may give.
    pub(super) fn least(&self, device: Device, end: End) -> u8 {
        self.of(device, end).acknowledged
    }

    /// The most that a reply may give now.
    pub(super) fn most(&self, device: Device, end: End) -> u8 {
        self.of(device, end).asked
    }

    fn of(&self, device: Device, end: End) -> Known {
        let [front, back] = *device.of(&self.devices);
        if end == End::Front { front } else { back }
    }

    fn of_mut(&mut self, device: Device, end: End) -> &mut Known {
        let [front, back] = device.of_mut(&mut self.devices);
        if end == End::Front { front } else { back }
    }
}

/// `XenbusStateInitialising`.
const INITIALISING: u8 = 1;
