//! The bounds of history and recovery.
