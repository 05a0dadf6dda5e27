//! HISTORY: the host is asked, and answers later.

use super::{Around, Failed, Served, Speaker};
use crate::{v1::Header, v2::records};

/// What a client asks about the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What.
    pub head: records::Question,
    /// An absolute path.
    pub path: String,
}

impl Speaker {
    /// Has the past asked; the answer comes later.
    pub(super) fn ask(
        &mut self,
        id: u64,
        question: &records::Question,
        path: &[u8],
        around: &mut Around<'_>,
    ) -> Result<Served, Failed> {
        let mut buffer = String::new();
        let is_range = question.kind.get() == records::ASK_RANGE;
        let path = around.node(if is_range { b"/" } else { path }, &mut buffer)?;
        let path = path.as_str().to_owned();
        let asked = around.host.ask_history(Question { head: *question, path });
        let why = "no history is kept, or too many ask about it";
        asked.map_err(|errno| Failed::new(errno, why))?;
        self.waiting = id;
        // By this number the answer to it is told from that to a request of v1.
        let header = Header { op: records::HELLO, req_id: 0, tx_id: 0, len: 0 };
        Ok(Served { reply: Vec::new(), seq: 0, later: Some(header) })
    }
}
