//! What people and programs see of a run.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{Observer, Summary};
use crate::tool::output::{json_line, line};

/// A bar on standard error for each phase. It is drawn where that is a terminal.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new() -> Bar {
        Bar(ProgressBar::hidden())
    }
}

impl Observer for Bar {
    fn phase(&mut self, what: &'static str, guests: usize) {
        self.0.finish_and_clear();
        let bar = ProgressBar::new(u64::try_from(guests).unwrap_or(0));
        let template = "{msg} {wide_bar} {pos} of {len} guests, {elapsed}";
        self.0 = match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        self.0.set_message(what);
        self.0.tick();
    }

    fn progress(&mut self, done: usize) {
        self.0.set_position(u64::try_from(done).unwrap_or(0));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Prints what a run saw.
pub(crate) fn print(summary: &Summary, json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json { json_line(out, &summary.json()) } else { line(out, summary.text().as_bytes()) }
}

impl Summary {
    /// All of it, for programs. Times are in seconds.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "guests": self.guests,
            "requests": self.requests,
            "making": self.making,
            "checked": self.checked,
            "events": self.events,
            "conflicts": self.conflicts,
            "boot_seconds": self.boot.as_secs_f64(),
            "removal_seconds": self.removal.map(|removal| removal.as_secs_f64()),
            "guest_boot_p50_seconds": self.each.0.as_secs_f64(),
            "guest_boot_p99_seconds": self.each.1.as_secs_f64(),
        })
    }

    /// All of it, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let Summary { guests, requests, making, checked, events, conflicts, .. } = self;
        let Summary { boot, removal, each, .. } = self;
        let removal = removal.map(|removal| format!(", and were gone after {removal:.2?} more"));
        format!(
            "{guests} guests booted in {boot:.2?}{}\n\
             {requests} requests, {making} of them to make guests; {checked} answers checked, \
             {events} events, all right; {conflicts} transactions tried again\n\
             boot of a guest: p50 {:.2?}, p99 {:.2?}",
            removal.unwrap_or_default(),
            each.0,
            each.1,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_summary_is_printed_for_people_and_for_programs() {
        let summary = Summary {
            guests: 2,
            requests: 300,
            making: 4,
            checked: 300,
            events: 40,
            conflicts: 1,
            boot: Duration::from_millis(1500),
            removal: Some(Duration::from_millis(250)),
            each: (Duration::from_millis(3), Duration::from_millis(9)),
        };
        let mut out = Vec::new();
        print(&summary, false, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "2 guests booted in 1.50s, and were gone after 250.00ms more\n\
             300 requests, 4 of them to make guests; 300 answers checked, 40 events, all right; \
             1 transactions tried again\n\
             boot of a guest: p50 3.00ms, p99 9.00ms\n"
        );
        let json = summary.json();
        assert_eq!(
            (json["guests"].as_u64(), json["removal_seconds"].as_f64()),
            (Some(2), Some(0.25))
        );
    }
}
