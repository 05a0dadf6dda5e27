//! A party that is not answered as it should be, in words.

use super::{Actor, Cast, Spot, Step, Wrong, show};

impl Actor {
    /// What it waits for, where it is not done; as an answer that is missing.
    pub(in crate::tool::sim) fn awaited(&self, cast: &Cast) -> Option<Wrong> {
        let watch = |spot: Spot, expected: String| {
            let path = cast.render(spot.path(self.role));
            (format!("its watch on {}", show(&path)), expected)
        };
        let (asked, expected) = match (&self.sent, self.script.get(self.at)) {
            (Some(sent), _) => (sent.request(), "a reply".to_owned()),
            (None, Some(Step::Heard(spot))) => watch(*spot, "an event".into()),
            (None, Some(Step::Word)) => watch(Spot::Shutdown, "an event, the word is given".into()),
            (None, Some(Step::Until(device, state))) => {
                let expected = format!("an event, the state being on its way to {state}");
                watch(Spot::State(*device), expected)
            }
            _ => return None,
        };
        Some(self.wrong(cast, asked, expected, "nothing".into()))
    }

    /// Its transaction, where it has met EAGAIN so often.
    pub(in crate::tool::sim) fn starved(&self, attempts: u32, cast: &Cast) -> Option<Wrong> {
        let got = format!("EAGAIN {} times in a row", self.attempts);
        let (request, expected) = ("TRANSACTION_END".into(), "a commit".into());
        (self.attempts >= attempts).then(|| self.wrong(cast, request, expected, got))
    }

    pub(super) fn unasked(&self, cast: &Cast, got: String) -> Wrong {
        self.wrong(cast, "no request is under way".into(), "nothing".into(), got)
    }

    pub(super) fn wrong(
        &self,
        cast: &Cast,
        request: String,
        expected: String,
        got: String,
    ) -> Wrong {
        Wrong { guest: cast.domid, who: self.role.name(), request, expected, got }
    }
}
