//! Things by number, found without hashing: a worker looks its clients up many times per request.
//!
//! A number is a slot and how many had the slot before, so that who comes later isn't taken for who
//! was there before. A slot's turns begin anew after 2²⁸.

use crate::limits::SLOTS;

/// Things by number.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Slot<T> {
    /// Of what is there, or will be next.
    number: u64,
    /// Boxed, since slots outlive what is in them, and move.
    value: Option<Box<T>>,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// A number that nobody has, for [`Slab::insert`]; none where all slots are taken.
    pub(super) fn reserve(&mut self) -> Option<u64> {
        let slot = match self.free.last() {
            Some(slot) => *slot,
            None if self.slots.len() < SLOTS => {
                let slot = self.slots.len();
                self.slots.push(Slot { number: u64::try_from(slot).ok()?, value: None });
                self.free.push(slot);
                slot
            }
            None => return None,
        };
        self.slots.get(slot).map(|slot| slot.number)
    }

    /// Puts something under the number that was reserved last.
    pub(super) fn insert(&mut self, number: u64, value: T) {
        if self.free.pop_if(|slot| *slot == slot_of(number)).is_some()
            && let Some(slot) = self.slots.get_mut(slot_of(number))
        {
            slot.value = Some(Box::new(value));
        }
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        let slot = self.slots.get(slot_of(number)).filter(|slot| slot.number == number)?;
        slot.value.as_deref()
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let slot = self.slots.get_mut(slot_of(number)).filter(|slot| slot.number == number)?;
        slot.value.as_deref_mut()
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Box<T>> {
        let slot = self.slots.get_mut(slot_of(number)).filter(|slot| slot.number == number)?;
        let value = slot.value.take()?;
        slot.number = number.wrapping_add(TURN) & NUMBERS;
        self.free.push(slot_of(number));
        Some(value)
    }

    /// Makes something else of what is under a number, which it keeps.
    pub(super) fn update(&mut self, number: u64, change: impl FnOnce(T) -> T) {
        if let Some(slot) = self.slots.get_mut(slot_of(number))
            && slot.number == number
        {
            slot.value = slot.value.take().map(|value| Box::new(change(*value)));
        }
    }

    /// All numbers.
    pub(super) fn numbers(&self) -> Vec<u64> {
        let taken = self.slots.iter().filter(|slot| slot.value.is_some());
        taken.map(|slot| slot.number).collect()
    }
}

fn slot_of(number: u64) -> usize {
    usize::try_from(number % TURN).unwrap_or(usize::MAX)
}

/// What the number of a slot grows by with each turn.
const TURN: u64 = SLOTS as u64;
/// A `ConnId` has room for 48 bits beside its worker.
const NUMBERS: u64 = (1 << 48) - 1;

const _: () = assert!(TURN.is_power_of_two() && TURN < NUMBERS);

#[cfg(test)]
mod tests {
    use super::*;

    fn add(slab: &mut Slab<char>, value: char) -> u64 {
        let number = slab.reserve().unwrap();
        slab.insert(number, value);
        number
    }

    #[test]
    fn a_number_is_not_used_again_while_its_slot_is() {
        let mut slab = Slab::default();
        let (a, b) = (add(&mut slab, 'a'), add(&mut slab, 'b'));
        assert_eq!((slab.get(a), slab.get(77)), (Some(&'a'), None));
        assert_eq!(slab.get_mut(b), Some(&mut 'b'));
        assert_eq!(slab.remove(a), Some(Box::new('a')));
        assert_eq!(slab.remove(a), None);
        let c = add(&mut slab, 'c');
        assert_eq!((slot_of(c), slab.get(a), slab.get(c)), (slot_of(a), None, Some(&'c')));
        assert_ne!(a, c);
        assert_eq!(slab.slots.len(), 2);
        assert_eq!(slab.numbers().len(), 2);
    }

    #[test]
    fn what_was_reserved_and_not_used_is_reserved_again() {
        let mut slab = Slab::<char>::default();
        assert_eq!(slab.reserve(), slab.reserve());
        let number = slab.reserve().unwrap();
        assert_eq!(slab.remove(number), None);
        assert!(slab.get(number).is_none() && slab.numbers().is_empty());
    }

    #[test]
    fn turns_begin_anew_and_stay_within_their_bits() {
        let mut slab = Slab::default();
        let first = add(&mut slab, 'a');
        slab.slots[0].number = NUMBERS - (TURN - 1);
        let last = slab.slots[0].number;
        slab.remove(last);
        assert_eq!(add(&mut slab, 'b'), first);
    }
}
