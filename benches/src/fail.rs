//! The end of a measurement that can't go on.

use std::fmt::Display;

/// The value, or the end of the program with what failed and why: a bench that measures a
/// refused operation would show a fine figure for nothing.
pub fn or_die<T, E: Display>(what: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => {
            eprintln!("{what}: {error}");
            std::process::exit(1)
        }
    }
}
