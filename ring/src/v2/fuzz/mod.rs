//! Entry points for fuzzers.

mod codec;
mod connection;
mod requests;

pub use codec::codec_v2;
pub use connection::connection_v2;

/// Runs an input: one that begins with an even byte is a stream for [`codec_v2`], any other
/// commands for [`connection_v2`].
///
/// # Panics
/// Where the codec, or a connection, is wrong.
pub fn v2(data: &[u8]) {
    match data.split_first() {
        Some((first, rest)) if first % 2 == 0 => codec_v2(rest),
        Some((_, rest)) => connection_v2(rest),
        None => {}
    }
}
