//! The layouts against buffers made by hand, after the headers.

use super::*;

/// An answer of `getdomaininfo`, at its place in a `struct xen_domctl`.
fn info_answer(domid: u16, flags: u32, handle: [u8; 16]) -> Vec<u8> {
    let mut op = vec![0xAA; DOMCTL_BYTES];
    op[16..18].copy_from_slice(&domid.to_ne_bytes());
    op[20..24].copy_from_slice(&flags.to_ne_bytes());
    op[16 + 76..16 + 92].copy_from_slice(&handle);
    op
}

/// An answer of `get_domain_state`.
fn state_answer(domid: u16, flags: u16, unique_id: u64) -> Vec<u8> {
    let mut op = vec![0; DOMCTL_BYTES];
    op[8..10].copy_from_slice(&domid.to_ne_bytes());
    op[16..18].copy_from_slice(&flags.to_ne_bytes());
    op[24..32].copy_from_slice(&unique_id.to_ne_bytes());
    op
}

#[test]
fn a_question_of_one_domain_has_the_headers_layout() {
    let op = Domctl::info(0x15, DomId(7));
    assert_eq!(op.bytes().len(), 144);
    assert_eq!(op.bytes()[..12], [5, 0, 0, 0, 0x15, 0, 0, 0, 7, 0, 0, 0]);
    assert!(op.bytes()[12..].iter().all(|byte| *byte == 0));
    let op = Domctl::state(DomId::INVALID);
    assert_eq!(op.bytes()[..12], [90, 0, 0, 0, 0, 0, 0, 0, 0xF4, 0x7F, 0, 0]);
}

#[test]
fn a_question_of_all_has_the_headers_layout() {
    let mut op = list(0x16, DomId(0x102), 512, 0x1122_3344_5566_7788);
    assert_eq!(op.len(), 136);
    assert_eq!(op[..12], [6, 0, 0, 0, 0x16, 0, 0, 0, 2, 1, 0, 0]);
    assert_eq!(op[12..16], [0, 2, 0, 0]);
    assert_eq!(op[16..24], [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]);
    op[24..28].copy_from_slice(&3_u32.to_ne_bytes());
    assert_eq!(listed(&op), Some(3));
    assert_eq!(listed(&op[..26]), None);
}

#[test]
fn the_state_of_a_domain_is_read() {
    let of = |flags| state(&state_answer(9, flags, 77)).unwrap();
    let running = Domain { domid: DomId(9), unique_id: 77, shutdown: None, dead: false };
    assert_eq!(of(0b0001), (DomId(9), Some(running)));
    let shutdown = Some(Reason::Unsaid);
    assert_eq!(of(0b0011), (DomId(9), Some(Domain { shutdown, ..running })));
    // Dying is not dead yet.
    assert_eq!(of(0b0111), (DomId(9), Some(Domain { shutdown, ..running })));
    assert_eq!(of(0b1011), (DomId(9), Some(Domain { shutdown, dead: true, ..running })));
    assert_eq!(of(0), (DomId(9), None));
    assert_eq!(state(&[0; 31]), None);
}

#[test]
fn an_entry_of_the_list_is_read() {
    let handle = *b"0123456789abcdef";
    let of = |flags| info(&info_answer(0x1234, flags, handle)).unwrap();
    let running = of(0b10_0000);
    assert_eq!((running.domid, running.shutdown, running.dead), (DomId(0x1234), None, false));
    // As a guest is seen that has shut down: paused and blocked besides.
    assert_eq!(of(0x0000_001C).shutdown, Some(Reason::PowerOff));
    assert_eq!(of(0x0001_0004).shutdown, Some(Reason::Reboot));
    assert_eq!(of(0x0002_0004).shutdown, Some(Reason::Suspend));
    assert_eq!(of(0x0003_0004).shutdown, Some(Reason::Crash));
    assert_eq!(of(0x00FF_0004).shutdown, Some(Reason::Other(255)));
    // A running domain has no reason; Xen sets all ones there.
    assert_eq!(of(0x00FF_0000).shutdown, None);
    assert!(of(0x0001).dead);
    assert_eq!(entry(&[0; 91]), None);
}

#[test]
fn the_handle_stands_for_the_unique_id() {
    let of = |handle| info(&info_answer(1, 0, handle)).unwrap().unique_id;
    assert_eq!(of([0; 16]), 0);
    assert_ne!(of([3; 16]), 0);
    let mut changed = *b"0123456789abcdef";
    let before = of(changed);
    changed[15] ^= 1;
    assert_ne!(of(changed), before);
    changed = *b"89abcdef01234567";
    assert_ne!(of(changed), before);
}

#[test]
fn no_two_releases_are_alike() {
    for (n, one) in RELEASES.iter().enumerate() {
        for other in &RELEASES[n + 1..] {
            assert_ne!((one.domctl, one.sysctl), (other.domctl, other.sysctl));
        }
    }
}
