//! What must come back for a request, compared with what came.

use myriad_ring::v1::Op;

use super::{cast::Cast, script::Expect, states::States, wrong::show};

/// A request under way.
#[derive(Debug)]
pub(super) struct Sent {
    /// What it is called.
    pub(super) name: &'static str,
    /// The operation that the reply is of.
    pub(super) op: Op,
    pub(super) payload: Vec<u8>,
    pub(super) expect: Expect,
    /// The least state that may come; 1 where the word to power off must come.
    pub(super) least: u8,
}

/// What all guests see together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct World {
    /// Events of `@introduceDomain` so far, the one at registration too, …
    pub(super) introductions: u64,
    /// … and domains that were introduced: there must be more events than these.
    pub(super) introduced: u64,
    /// Transactions that met EAGAIN.
    pub(super) conflicts: u64,
}

impl Sent {
    /// The request, for people.
    pub(super) fn request(&self) -> String {
        format!("{} {}", self.name, show(&self.payload))
    }
}

/// Compares a reply with what must come; says what that is where it didn't.
pub(super) fn judge(
    sent: &Sent,
    op: u32,
    payload: &[u8],
    cast: &Cast,
    states: &States,
    world: &mut World,
) -> Result<(), String> {
    let is_reply = op == sent.op as u32;
    let is_error =
        |name: &str| op == Op::Error as u32 && payload.strip_suffix(b"\0") == Some(name.as_bytes());
    let is_ok = is_reply && payload == b"OK\0";
    let (is_right, expected) = match sent.expect {
        Expect::Ok => (is_ok, "\"OK\"".to_owned()),
        Expect::Text(template) => {
            let text = cast.render(template);
            (is_reply && payload == text, show(&text))
        }
        Expect::Error(name) => (is_error(name), name.to_owned()),
        Expect::Id => {
            let is_id = is_reply && number(payload).is_some_and(|id| id != 0);
            (is_id, "the id of a transaction".to_owned())
        }
        Expect::Commit => (is_ok || is_error("EAGAIN"), "\"OK\" or EAGAIN".to_owned()),
        Expect::State(device, end) => {
            let (least, most) = (sent.least, states.most(device, end));
            let is_state = |state: u8| (least..=most).contains(&state);
            let expected = format!("a state from {least} to {most}");
            (is_reply && digits(payload).is_some_and(is_state), expected)
        }
        Expect::Word => {
            let is_right = payload == b"poweroff" || (sent.least == 0 && payload.is_empty());
            (is_reply && is_right, "\"poweroff\"".to_owned())
        }
        Expect::Introduced => {
            world.introduced += 1;
            let told = world.introductions > world.introduced;
            (is_ok && told, "an event of @introduceDomain, then \"OK\"".to_owned())
        }
    };
    if is_right { Ok(()) } else { Err(expected) }
}

/// A decimal, closed by a NUL.
pub(super) fn number(payload: &[u8]) -> Option<u32> {
    std::str::from_utf8(payload.strip_suffix(b"\0")?).ok()?.parse().ok()
}

/// A decimal, as a value.
pub(super) fn digits(payload: &[u8]) -> Option<u8> {
    std::str::from_utf8(payload).ok()?.parse().ok()
}
