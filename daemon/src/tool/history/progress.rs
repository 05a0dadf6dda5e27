//! How far something long has come, on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error; drawn where that is a terminal, and taken away at the end.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Of so many.
    pub(crate) fn of(what: &'static str, len: usize) -> Progress {
        let bar = ProgressBar::new(u64::try_from(len).unwrap_or(u64::MAX));
        Progress::styled(bar, what, "{msg} {wide_bar} {pos} of {len}, {eta} left")
    }

    /// Of what isn't known.
    pub(crate) fn open(what: &'static str) -> Progress {
        Progress::styled(ProgressBar::no_length(), what, "{msg} {spinner} {pos}, {elapsed}")
    }

    fn styled(bar: ProgressBar, what: &'static str, template: &str) -> Progress {
        let bar = match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        bar.set_message(what);
        Progress(bar)
    }

    /// One more is done.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
