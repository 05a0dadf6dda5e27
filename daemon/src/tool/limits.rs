//! Every bound of the tool, in one place. Those of its connection are in
//! [`myriad_ring::client::limits`].

/// Bytes of a line that `ls` in the form of xenstore-ls fills where its output is no terminal.
pub(crate) const DEFAULT_WIDTH: i64 = 80;
/// The column at which that form puts permissions.
pub(crate) const PERMISSIONS_COLUMN: i64 = 60;
/// Columns of a terminal that it leaves free.
pub(crate) const MARGIN: i64 = 2;
/// Seconds for which `xenstore-control live-update` asks again while the daemon is busy.
pub(crate) const LIVE_UPDATE_SECONDS: i32 = 60;
/// Nodes that are asked for in one message of v2: with values of 4 KiB they fit into an answer.
pub(crate) const NODES_AT_ONCE: usize = 128;
