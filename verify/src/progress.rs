//! How far a long check has come, for whoever waits before a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that counts up to `total` of something, `what` in the plural, with a message where one is
/// set. It is drawn on a terminal only; clear it with [`ProgressBar::finish_and_clear`].
///
/// ```
/// let bar = myriad_verify::progress::bar(3, "seeds");
/// bar.inc(3);
/// assert_eq!((bar.position(), bar.length()), (3, Some(3)));
/// bar.finish_and_clear();
/// ```
#[must_use]
pub fn bar(total: u64, what: &str) -> ProgressBar {
    let template = format!("{{pos}}/{{len}} {what} {{wide_bar}} {{msg}} {{eta}}");
    let style = ProgressStyle::with_template(&template);
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
