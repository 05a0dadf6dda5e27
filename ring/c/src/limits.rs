//! Every bound of the C libraries. (Those of the protocols and of the client are in
//! `myriad_ring`.)

use std::time::Duration;

/// How long [`crate::myriad`] waits for the rest of an event whose beginning has come, where the
/// caller wants to wait less: a daemon sends events whole, so this is for one that is stopped.
pub const REST_OF_EVENT: Duration = Duration::from_millis(10);

/// Characters of the text of an error; what is longer is cut.
pub const ERROR_TEXT: usize = 1024;

/// Bytes of events that a handle of [`crate::xs`] keeps while nobody asks for them: over half a
/// million of the usual size. They come while the program makes requests, since they lie before
/// the replies; past this the handle is of no use any more, as if the daemon had gone.
pub const EVENT_BYTES: usize = 64 << 20;
