//! Every bound of what the tool does with the past.

use std::time::Duration;

/// Bytes of a node's name that become a file's name in one piece; Linux allows 255.
pub(super) const NAME_BYTES: usize = 250;
/// Nodes of a version that are put into a store in one publication, unless they are fewer.
pub(super) const NODES_PER_EDIT: usize = 1 << 14;
/// Clients of the past that are served at once; more wait.
pub(super) const PAST_CLIENTS: usize = 64;
/// Bytes that may wait to be sent to a client of the past before it isn't read any more.
pub(super) const PAST_OUTPUT: usize = 1 << 20;
/// Bytes that are read from a client of the past at once. With a message that isn't whole yet,
/// they fit into what is kept of a client's input.
pub(super) const PAST_READ: usize = 4096;
/// Commits that `log --follow` begins with.
pub(super) const FOLLOW_SHOWN: usize = 10;
/// How long `log --follow` waits before it looks by itself, where the system doesn't say that the
/// file was written to.
pub(super) const FOLLOW_WAIT: Duration = Duration::from_secs(1);
/// Columns of the plot of `history stats` where the output is no terminal.
pub(super) const PLOT_COLUMNS: usize = 80;
/// Characters of the first line of an exported commit's message.
pub(super) const EXPORT_SUBJECT: usize = 100;
/// Changes that an exported commit's message lists.
pub(super) const EXPORT_LINES: usize = 100;
