//! What a ring's slot says: which ring it was, where its indices were and were about to be, and
//! what is left of its connection.
//!
//! ```text
//! incarnation 8 │ unique id 8 │ connection 8
//! │ indices before: taken 4, put 4 │ after: taken 4, put 4 │ remains …
//! ```

use std::collections::HashMap;

use myriad_core::ConnId;
use myriad_ring::{
    page::Indices,
    v1::connection::{Answered, Connection, Remains},
};

/// The head of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotHead {
    /// Which daemon says this, of those that had this state.
    pub incarnation: u64,
    /// Which of those that had its id the domain is.
    pub unique_id: u64,
    /// The connection.
    pub conn: ConnId,
    /// Where the indices are in the page.
    pub before: Indices,
    /// Where they are about to be.
    pub after: Indices,
}

/// A ring as an earlier daemon has left it.
#[derive(Debug)]
pub struct Former {
    /// Which ring that was.
    pub head: SlotHead,
    /// What is left of its connection.
    pub remains: Remains,
}

impl SlotHead {
    /// Writes what a slot is to say.
    pub fn keep(&self, conn: &Connection, out: &mut Vec<u8>) {
        self.write(out);
        conn.keep(out);
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.incarnation.to_le_bytes());
        out.extend_from_slice(&self.unique_id.to_le_bytes());
        out.extend_from_slice(&self.conn.0.to_le_bytes());
        for index in [self.before.taken, self.before.put, self.after.taken, self.after.put] {
            out.extend_from_slice(&index.to_le_bytes());
        }
    }

    fn read(bytes: &[u8]) -> Option<(SlotHead, &[u8])> {
        let (incarnation, bytes) = bytes.split_first_chunk()?;
        let (unique_id, bytes) = bytes.split_first_chunk()?;
        let (conn, mut bytes) = bytes.split_first_chunk()?;
        let mut indices = [0; 4];
        for index in &mut indices {
            let (read, rest) = bytes.split_first_chunk()?;
            (*index, bytes) = (u32::from_le_bytes(*read), rest);
        }
        let [taken, put, next_taken, next_put] = indices;
        let head = SlotHead {
            incarnation: u64::from_le_bytes(*incarnation),
            unique_id: u64::from_le_bytes(*unique_id),
            conn: ConnId(u64::from_le_bytes(*conn)),
            before: Indices { taken, put },
            after: Indices { taken: next_taken, put: next_put },
        };
        Some((head, bytes))
    }
}

impl Former {
    /// Reads a slot; `requests`: those that the journal of a daemon has, by connection. Those of
    /// another one's were put into the slot when that journal went.
    pub(super) fn read(
        bytes: &[u8],
        (incarnation, requests): (u64, &HashMap<ConnId, Vec<Answered>>),
    ) -> Option<Former> {
        let (head, rest) = SlotHead::read(bytes)?;
        let mut remains = Remains::read(rest).ok()?;
        let journal = requests.get(&head.conn).filter(|_| head.incarnation == incarnation);
        let journal = journal.into_iter().flatten();
        let found: Vec<Answered> =
            journal.filter(|one| one.upto > remains.executed).copied().collect();
        if !found.is_empty() {
            remains.answered = found;
        }
        Some(Former { head, remains })
    }

    /// What its slot is to say, now that the journal is about to go.
    pub(super) fn content(&self) -> Vec<u8> {
        let mut content = Vec::new();
        self.head.write(&mut content);
        self.remains.write(&mut content);
        content
    }
}
