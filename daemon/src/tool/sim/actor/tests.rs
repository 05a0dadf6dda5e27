//! Parties with answers that are right, and with such that are not.

use super::{
    super::script::{Device, End, absent, read, write},
    *,
};

/// A party of guest 7, and what it talks to.
struct Stage {
    actor: Actor,
    cast: Cast,
    states: States,
    world: World,
}

impl Stage {
    fn of(role: Role, script: &'static [Step]) -> Stage {
        let mut actor = Actor::new(role);
        actor.start(script);
        let (states, world) = (States::default(), World::default());
        Stage { actor, cast: Cast::new(7, 1), states, world }
    }

    /// The request that it makes: operation, transaction, payload.
    fn asks(&mut self) -> (Op, u32, String) {
        match self.actor.turn(&self.cast, &mut self.states) {
            Turn::Send(Request { op, tx, payload }) => {
                (op, tx, String::from_utf8(payload).unwrap())
            }
            turn => panic!("{turn:?}"),
        }
    }

    fn waits(&mut self) -> bool {
        self.actor.turn(&self.cast, &mut self.states) == Turn::Wait
    }

    fn is_done(&mut self) -> bool {
        self.actor.turn(&self.cast, &mut self.states) == Turn::Done
    }

    fn answer(&mut self, op: Op, payload: &str) -> Result<(), Wrong> {
        let reply = (op as u32, payload.as_bytes());
        self.actor.reply(reply, &self.cast, &mut self.states, &mut self.world)
    }

    fn event(&mut self, spot: Spot, path: &str) -> Result<(), Wrong> {
        self.actor.event(spot, path.as_bytes(), &self.cast)
    }
}

#[test]
fn each_answer_is_compared_with_what_must_come() {
    const SCRIPT: &[Step] = &[Step::Ask(read("name\0", "$M"))];
    for (op, payload, got) in [
        (Op::Read, "sim-8", "\"sim-8\""),
        (Op::Read, "sim-7\0", "\"sim-7\""),
        (Op::Error, "ENOENT\0", "ENOENT"),
        (Op::Error, "sim-7", "sim-7"),
        (Op::Write, "sim-7", "\"sim-7\""),
    ] {
        let mut stage = Stage::of(Role::Guest, SCRIPT);
        assert_eq!(stage.asks(), (Op::Read, 0, "name\0".into()));
        let wrong = stage.answer(op, payload).unwrap_err();
        assert_eq!((wrong.guest, wrong.who), (7, "guest"));
        assert_eq!(wrong.request, "READ \"name\"");
        assert_eq!((&*wrong.expected, &*wrong.got), ("\"sim-7\"", got));
    }
    let mut stage = Stage::of(Role::Guest, SCRIPT);
    stage.asks();
    stage.answer(Op::Read, "sim-7").unwrap();
    assert!(stage.is_done() && stage.actor.is_done());
    assert_eq!(stage.answer(Op::Read, "sim-7").unwrap_err().expected, "nothing");
}

#[test]
fn a_refusal_that_must_come_is_the_right_answer_and_no_other() {
    const SCRIPT: &[Step] = &[Step::Ask(absent("x\0"))];
    for (op, payload, is_right) in [
        (Op::Error, "ENOENT\0", true),
        (Op::Error, "EACCES\0", false),
        (Op::Error, "ENOENT", false),
        (Op::Read, "ENOENT\0", false),
    ] {
        let mut stage = Stage::of(Role::Guest, SCRIPT);
        stage.asks();
        assert_eq!(stage.answer(op, payload).is_ok(), is_right, "{op:?} {payload}");
    }
}

#[test]
fn a_transaction_that_met_another_begins_again_but_not_for_ever() {
    const SCRIPT: &[Step] = &[Step::Commit(&[write("a\x001"), write("b\x002")])];
    let mut stage = Stage::of(Role::Guest, SCRIPT);
    for (round, end) in [(1, Op::Error), (2, Op::TransactionEnd)] {
        assert_eq!(stage.asks(), (Op::TransactionStart, 0, "\0".into()));
        stage.answer(Op::TransactionStart, &format!("{round}\0")).unwrap();
        assert_eq!(stage.asks(), (Op::Write, round, "a\x001".into()));
        stage.answer(Op::Write, "OK\0").unwrap();
        assert_eq!(stage.asks(), (Op::Write, round, "b\x002".into()));
        stage.answer(Op::Write, "OK\0").unwrap();
        assert_eq!(stage.asks(), (Op::TransactionEnd, round, "T\0".into()));
        let says = if end == Op::Error { "EAGAIN\0" } else { "OK\0" };
        stage.answer(end, says).unwrap();
        assert_eq!(stage.actor.starved(1, &stage.cast).is_some(), round == 1);
    }
    assert!(stage.is_done());
    assert_eq!(stage.world.conflicts, 1);
    for (op, payload) in [(Op::TransactionStart, "0\0"), (Op::Error, "ENOSPC\0")] {
        let mut stage = Stage::of(Role::Guest, SCRIPT);
        stage.asks();
        assert!(stage.answer(op, payload).is_err());
    }
}

#[test]
fn a_state_is_one_that_the_device_was_in_between_request_and_reply() {
    const SCRIPT: &[Step] = &[Step::Watch(Spot::State(Device::Vif)), Step::Until(Device::Vif, 4)];
    let path = "/local/domain/0/backend/vif/7/0/state";
    let watching = || {
        let mut stage = Stage::of(Role::Guest, SCRIPT);
        let (op, _, payload) = stage.asks();
        assert_eq!((op, payload.split('\0').next().unwrap()), (Op::Watch, path));
        stage.answer(Op::Watch, "OK\0").unwrap();
        assert!(stage.waits());
        let missing = stage.actor.awaited(&stage.cast).unwrap();
        assert!(missing.request.contains(path) && missing.got == "nothing", "{missing}");
        stage.event(Spot::State(Device::Vif), path).unwrap();
        stage.states.ask(Device::Vif, End::Back, 2);
        stage.states.acknowledge(Device::Vif, End::Back);
        stage.states.ask(Device::Vif, End::Back, 4);
        assert_eq!(stage.asks(), (Op::Read, 0, format!("{path}\0")));
        stage
    };
    for state in ["1", "5", "", "x"] {
        let wrong = watching().answer(Op::Read, state).unwrap_err();
        assert_eq!(wrong.expected, "a state from 2 to 4");
    }
    // Not there yet: the next event is waited for, and there must be one.
    let mut stage = watching();
    stage.answer(Op::Read, "2").unwrap();
    assert!(stage.waits());
    stage.event(Spot::State(Device::Vif), path).unwrap();
    stage.asks();
    stage.answer(Op::Read, "4").unwrap();
    assert!(stage.is_done());
    // What was acknowledged before the request must be seen.
    let mut late = Stage::of(Role::Guest, SCRIPT);
    late.asks();
    late.answer(Op::Watch, "OK\0").unwrap();
    late.event(Spot::State(Device::Vif), path).unwrap();
    late.states.ask(Device::Vif, End::Back, 4);
    late.states.acknowledge(Device::Vif, End::Back);
    late.asks();
    assert_eq!(late.answer(Op::Read, "2").unwrap_err().expected, "a state from 4 to 4");
}

#[test]
fn an_own_state_is_changed_in_a_transaction() {
    const SCRIPT: &[Step] = &[Step::Switch(Device::Console, 3)];
    let mut stage = Stage::of(Role::Guest, SCRIPT);
    let node = "device/console/1/state\0";
    stage.asks();
    stage.answer(Op::TransactionStart, "9\0").unwrap();
    assert_eq!(stage.asks(), (Op::Read, 9, node.into()));
    stage.answer(Op::Read, "1").unwrap();
    assert_eq!(stage.asks(), (Op::Write, 9, format!("{node}3")));
    stage.answer(Op::Write, "OK\0").unwrap();
    assert_eq!(stage.states.most(Device::Console, End::Front), 1);
    stage.asks();
    let known = |states: &States| {
        (states.least(Device::Console, End::Front), states.most(Device::Console, End::Front))
    };
    assert_eq!(known(&stage.states), (1, 3));
    stage.answer(Op::TransactionEnd, "OK\0").unwrap();
    assert_eq!(known(&stage.states), (3, 3));
    assert!(stage.is_done());
}

#[test]
fn an_event_must_be_of_a_watch_and_at_or_below_its_path() {
    const SCRIPT: &[Step] = &[Step::Watch(Spot::Cpu), Step::Unwatch(Spot::Cpu)];
    let mut stage = Stage::of(Role::Guest, SCRIPT);
    assert!(stage.event(Spot::Cpu, "cpu").is_err());
    stage.asks();
    // It may come before the answer is seen.
    stage.event(Spot::Cpu, "cpu").unwrap();
    stage.answer(Op::Watch, "OK\0").unwrap();
    stage.event(Spot::Cpu, "cpu/0/availability").unwrap();
    for (spot, path) in [(Spot::Cpu, "cpus"), (Spot::Cpu, "/cpu"), (Spot::Memory, "memory/target")]
    {
        assert!(stage.event(spot, path).is_err(), "{path}");
    }
    stage.asks();
    stage.event(Spot::Cpu, "cpu").unwrap();
    stage.answer(Op::Unwatch, "OK\0").unwrap();
    assert_eq!(stage.event(Spot::Cpu, "cpu").unwrap_err().expected, "none: no such watch");
}

#[test]
fn the_word_to_power_off_must_be_there_once_it_was_given() {
    const SCRIPT: &[Step] = &[Step::Watch(Spot::Shutdown), Step::Word];
    let mut stage = Stage::of(Role::Guest, SCRIPT);
    stage.asks();
    stage.answer(Op::Watch, "OK\0").unwrap();
    stage.event(Spot::Shutdown, "control/shutdown").unwrap();
    stage.asks();
    // An event without a cause: it waits on.
    stage.answer(Op::Read, "").unwrap();
    assert!(stage.waits());
    stage.states.is_told = true;
    stage.event(Spot::Shutdown, "control/shutdown").unwrap();
    stage.asks();
    assert_eq!(stage.answer(Op::Read, "").unwrap_err().expected, "\"poweroff\"");
    let mut stage = Stage::of(Role::Guest, &SCRIPT[1..]);
    stage.actor.heard = u16::MAX;
    stage.asks();
    stage.answer(Op::Read, "poweroff").unwrap();
    assert!(stage.is_done());
}

#[test]
fn a_domain_is_introduced_after_its_event() {
    const SCRIPT: &[Step] =
        &[Step::Ask(Ask { op: Op::Introduce, text: "$N\x001\x001\0", expect: Expect::Introduced })];
    for (events, is_right) in [(1, false), (2, true)] {
        let mut stage = Stage::of(Role::Toolstack, SCRIPT);
        stage.world.introductions = events;
        stage.asks();
        assert_eq!(stage.answer(Op::Introduce, "OK\0").is_ok(), is_right);
    }
}
