//! What counts as a change between two looks.

use super::*;

fn running(domid: u16, unique_id: u64) -> Domain {
    Domain { domid: DomId(domid), unique_id, shutdown: None, dead: false }
}

fn shut_down(domid: u16, unique_id: u64, reason: Reason) -> Domain {
    Domain { shutdown: Some(reason), ..running(domid, unique_id) }
}

fn dead(domid: u16, unique_id: u64) -> Domain {
    Domain { dead: true, ..shut_down(domid, unique_id, Reason::PowerOff) }
}

fn gone(domid: u16, unique_id: u64) -> Change {
    Change::Gone { domid: DomId(domid), unique_id }
}

fn changes(known: &mut Known, list: &[Domain]) -> Vec<Change> {
    let mut changes = Vec::new();
    known.note_all(list, &mut changes);
    changes
}

#[test]
fn each_change_is_told_once() {
    let mut known = Known::default();
    let (zero, one) = (running(0, 0), running(1, 11));
    let appeared = [Change::Appeared(zero), Change::Appeared(one)];
    assert_eq!(changes(&mut known, &[zero, one]), appeared);
    assert_eq!(changes(&mut known, &[zero, one]), []);
    let off = shut_down(1, 11, Reason::PowerOff);
    assert_eq!(changes(&mut known, &[zero, off]), [Change::ShutDown(off)]);
    assert_eq!(changes(&mut known, &[zero, off]), []);
    assert_eq!(changes(&mut known, &[zero]), [gone(1, 11)]);
    assert_eq!(changes(&mut known, &[zero]), []);
}

#[test]
fn the_dead_are_gone_once_however_long_they_stay() {
    let mut known = Known::default();
    changes(&mut known, &[running(1, 11)]);
    assert_eq!(changes(&mut known, &[dead(1, 11)]), [gone(1, 11)]);
    assert_eq!(changes(&mut known, &[dead(1, 11)]), []);
    assert_eq!(changes(&mut known, &[]), []);
    // The end of one that was never seen alive is no change; whoever knows it has to ask.
    assert_eq!(
        changes(&mut known, &[running(0, 0), dead(2, 22)]),
        [Change::Appeared(running(0, 0))]
    );
    assert_eq!(known.iter().count(), 2);
    assert_eq!([0, 1, 2].map(|domid| known.has(DomId(domid))), [true, false, false]);
}

#[test]
fn an_id_that_is_used_again_is_another_domain() {
    let mut known = Known::default();
    changes(&mut known, &[running(1, 11)]);
    let next = running(1, 12);
    assert_eq!(changes(&mut known, &[next]), [gone(1, 11), Change::Appeared(next)]);
    changes(&mut known, &[dead(1, 12)]);
    let third = shut_down(1, 13, Reason::Crash);
    let expected = [Change::Appeared(third), Change::ShutDown(third)];
    assert_eq!(changes(&mut known, &[third]), expected);
}

#[test]
fn a_shutdown_after_a_resume_is_told_even_if_nobody_looked() {
    let mut known = Known::default();
    let suspended = shut_down(1, 11, Reason::Suspend);
    changes(&mut known, &[suspended]);
    assert_eq!(changes(&mut known, &[suspended]), []);
    known.resumed(DomId(1));
    known.resumed(DomId(2));
    assert_eq!(changes(&mut known, &[suspended]), [Change::ShutDown(suspended)]);
    // One that was seen running needs no word.
    changes(&mut known, &[running(1, 11)]);
    assert_eq!(changes(&mut known, &[suspended]), [Change::ShutDown(suspended)]);
}

#[test]
fn one_domain_at_a_time_is_as_all_at_once() {
    let mut known = Known::default();
    let mut told = Vec::new();
    known.note(DomId(1), Some(running(1, 11)), &mut told);
    known.note(DomId(2), Some(running(2, 22)), &mut told);
    known.note(DomId(1), Some(dead(1, 11)), &mut told);
    known.note(DomId(1), None, &mut told);
    known.note(DomId(3), None, &mut told);
    let appeared = |domain| Change::Appeared(domain);
    assert_eq!(told, [appeared(running(1, 11)), appeared(running(2, 22)), gone(1, 11)]);
    assert_eq!(changes(&mut known, &[running(2, 22)]), []);
}

#[test]
fn the_gone_are_told_in_order() {
    let mut known = Known::default();
    let many: Vec<Domain> = (0..100).map(|n| running(n, n.into())).collect();
    assert_eq!(changes(&mut known, &many).len(), 100);
    let expected: Vec<Change> = (1..100).map(|n| gone(n, n.into())).collect();
    assert_eq!(changes(&mut known, &many[..1]), expected);
}

#[test]
fn the_store_sees_three_conditions() {
    let condition = |domain: Domain| domain.state().map(|state| state.condition);
    assert_eq!(condition(running(1, 1)), Some(Condition::Running));
    assert_eq!(condition(shut_down(1, 1, Reason::PowerOff)), Some(Condition::Shutdown));
    assert_eq!(condition(shut_down(1, 1, Reason::Unsaid)), Some(Condition::Shutdown));
    assert_eq!(condition(shut_down(1, 1, Reason::from_code(3))), Some(Condition::Crashed));
    assert_eq!(condition(dead(1, 1)), None);
    assert_eq!(Reason::from_code(6), Reason::Other(6));
}
