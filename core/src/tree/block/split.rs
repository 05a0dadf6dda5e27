//! How a block that has outgrown its size falls apart.

use super::builder::Builder;
use super::*;

impl Block {
    /// The root alone, and each of its children's subtrees as a block of its own, in order.
    pub(crate) fn split(&self, keys: &Keys, mut next_order: impl FnMut() -> u64) -> Vec<Block> {
        let mut own = Builder::new(self.hash(), self.order(), self.name());
        own.push(0, 0, "", &self.root().parts());
        let mut blocks = vec![own];
        // For each record: the block it goes to, and its index there.
        let mut places: Vec<(usize, u16)> = vec![(0, 0)];
        for (_, record) in self.records().skip(1) {
            let above = places.get(usize::from(record.parent())).copied().unwrap_or((0, 0));
            let parts = record.parts();
            let place = match blocks.get_mut(above.0) {
                Some(block) if above.0 != 0 => {
                    let below = text(record.below());
                    let below = below.split_once('/').map_or(below, |(_, rest)| rest);
                    let index = block.len();
                    block.push(tag(keys, block.hash, below), above.1, below, &parts);
                    (above.0, index)
                }
                _ => {
                    let hash = keys.child(self.hash(), record.name());
                    let mut block = Builder::new(hash, next_order(), record.name());
                    block.push(0, 0, "", &parts);
                    blocks.push(block);
                    (blocks.len() - 1, 0)
                }
            };
            places.push(place);
        }
        blocks.into_iter().map(Builder::finish).collect()
    }
}
