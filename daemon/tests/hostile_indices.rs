//! Guests that stop in the middle of a message. The others at the same worker are served all the
//! while, and so are these when they go on. (Lies about indices and lengths: `xsa_rings.rs`.)
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use guests::{Lab, home, message};
use myriad_ring::{page::guest::Habits, v1::Op};

#[test]
fn half_a_message_may_stay_half_for_ever() {
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    let request = message(Op::Write, b"data\0as it came");
    let cuts: Vec<usize> = (1..request.len()).collect();
    for (domid, cut) in (100_u16..).zip(&cuts) {
        let mut guest = lab.boot(domid, Habits::LINUX);
        guest.put(request[..*cut].to_vec());
        // It rings for nothing more.
        (0..20).for_each(|_| guest.ring());
        bystander.goes_on(1);
        let usage = lab.usage(domid);
        assert_eq!((usage.nodes, usage.outstanding), (1, 0), "cut at {cut}");
        assert_eq!(lab.connect().read(&format!("{}/data", home(domid))), Err("ENOENT".into()));
        // The others' halves are there all the while; this one is made whole after all.
        guest.put(request[*cut..].to_vec());
        assert_eq!(guest.answer(77), Ok("OK".into()));
        assert_eq!(guest.ask(Op::Read, "data\0"), Ok("as it came".into()));
        guest.put(request[..*cut].to_vec());
        // Machines are few: the guest goes, and its domain stays.
    }
    bystander.goes_on(3);
    bystander.stop();
}
