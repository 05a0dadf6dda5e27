//! The border with C, from Rust's side.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;

#[test]
fn strings_are_one_block() {
    for (strings, wanted) in
        [(&b""[..], vec![]), (b"a\0", vec!["a"]), (b"one\0\0three\0", vec!["one", "", "three"])]
    {
        let (block, count) = strings_for_free(strings);
        let text = |at| {
            // SAFETY: the block has `count` strings.
            unsafe { CStr::from_ptr(*block.add(at)) }.to_str().unwrap()
        };
        assert_eq!((0..count).map(text).collect::<Vec<_>>(), wanted);
        free(block.cast());
    }
}

#[test]
fn a_panic_is_an_error() {
    let fault: c_int = guarded(|| panic!("a mistake of ours"));
    assert_eq!(fault, -libc::ENOTRECOVERABLE);
    assert!(!guarded(|| -> bool { panic!("another") }));
    assert_eq!(guarded(|| 7), 7);
}

/// Drops what `free` is for, in tests.
fn free(block: *mut std::ffi::c_void) {
    // SAFETY: tests give blocks of the functions above, each once.
    unsafe { libc::free(block) };
}
