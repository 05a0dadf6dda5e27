//! An attack on a daemon of one worker, and a guest at that worker that must not feel it.

use std::ops::Deref;

use super::{Bystander, Lab};

/// A daemon under attack, and a bystander whose answers must all be right.
pub struct Attack {
    lab: Lab,
    bystander: Bystander,
}

impl Attack {
    /// A daemon of one worker with these options besides.
    pub fn on(args: &[&str]) -> Attack {
        let lab = Lab::start(&[&["--workers", "1"], args].concat());
        let bystander = lab.bystander(BYSTANDER);
        // Its nodes are there before anyone looks at them.
        bystander.goes_on(1);
        Attack { lab, bystander }
    }

    /// Waits until the bystander has done a few more round trips.
    pub fn others_go_on(&self) {
        self.bystander.goes_on(ROUNDS);
    }

    /// It is over: the bystander was served rightly all the while, and all accounts are true.
    pub fn survived(self) {
        self.others_go_on();
        self.bystander.stop();
        assert_eq!(self.lab.connect().control(&["check"]).as_deref(), Ok("OK"));
        let log = self.lab.log();
        assert!(!log.contains("check_store"), "{log}");
        assert!(!log.contains("panicked"), "{log}");
    }
}

impl Deref for Attack {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.lab
    }
}

const BYSTANDER: u16 = 60;
const ROUNDS: usize = 3;
