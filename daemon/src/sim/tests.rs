//! Domains come, stop and go, and are found again.
#![allow(clippy::unwrap_used)]

use super::*;

const CONTROL: DomId = DomId(0);

#[test]
fn an_id_can_be_used_again_by_another_domain() {
    let host = Host::new(CONTROL);
    host.create(&[DomId(5)]).unwrap();
    let first = host.domain(DomId(5)).unwrap();
    assert_eq!(host.create(&[DomId(5)]), Err(SimError::Exists(DomId(5))));
    host.destroy(DomId(5), CONTROL).unwrap();
    assert_eq!(host.domain(DomId(5)), None);
    assert_eq!(host.destroy(DomId(5), CONTROL), Err(SimError::Unknown(DomId(5))));
    assert_eq!(host.create(&[DomId(5)]), Err(SimError::Exists(DomId(5))), "not buried yet");
    host.buried(DomId(5));
    host.create(&[DomId(5)]).unwrap();
    assert_ne!(host.domain(DomId(5)).unwrap().unique_id, first.unique_id);
}

#[test]
fn a_range_is_created_whole_or_not_at_all() {
    let host = Host::new(CONTROL);
    host.create(&[DomId(3)]).unwrap();
    assert_eq!(host.create(&[DomId(2), DomId(3)]), Err(SimError::Exists(DomId(3))));
    assert_eq!(host.domain(DomId(2)), None);
}

#[test]
fn the_control_domain_neither_stops_nor_dies() {
    let host = Host::new(CONTROL);
    assert_eq!(host.destroy(CONTROL, CONTROL), Err(SimError::Control(CONTROL)));
    let stopped = host.stop(CONTROL, CONTROL, Condition::Shutdown);
    assert_eq!(stopped, Err(SimError::Control(CONTROL)));
    assert_eq!(host.list().len(), 1);
}

#[test]
fn a_domain_that_stopped_still_exists() {
    let host = Host::new(CONTROL);
    host.create(&[DomId(9)]).unwrap();
    host.stop(DomId(9), CONTROL, Condition::Crashed).unwrap();
    assert_eq!(host.domain(DomId(9)).unwrap().condition, Condition::Crashed);
}

#[test]
fn domains_are_found_again_and_unique_ids_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::open(dir.path(), CONTROL).unwrap();
    host.create(&[DomId(5), DomId(6), DomId(7)]).unwrap();
    host.stop(DomId(5), CONTROL, Condition::Shutdown).unwrap();
    host.note_page(DomId(5), 99).unwrap();
    // The greatest unique id is that of one who is gone.
    host.destroy(DomId(7), CONTROL).unwrap();
    host.buried(DomId(7));
    // Killed before it was buried.
    host.destroy(DomId(6), CONTROL).unwrap();
    let before = host.list();
    drop(host);

    let host = Host::open(dir.path(), CONTROL).unwrap();
    assert_eq!(host.list(), before);
    assert_eq!(host.domain(DomId(5)).unwrap().condition, Condition::Shutdown);
    assert!(host.has_page(DomId(5), 99) && !host.has_page(DomId(5), 98));
    assert!(!host.has_page(CONTROL, 0), "no page is nobody's");
    host.create_missing(&[DomId(5), DomId(6)]).unwrap();
    assert_eq!(host.domain(DomId(5)).unwrap().condition, Condition::Shutdown);
    assert_eq!(host.domain(DomId(6)).unwrap().unique_id, 5);
}

#[test]
fn the_file_has_the_last_of_changes_by_several_threads() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::open(dir.path(), CONTROL).unwrap();
    host.create(&[DomId(5)]).unwrap();
    let change = |as_| {
        for _ in 0..500 {
            host.stop(DomId(5), CONTROL, as_).unwrap();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| change(Condition::Shutdown));
        change(Condition::Crashed);
    });
    let last = host.domain(DomId(5));
    drop(host);
    assert_eq!(Host::open(dir.path(), CONTROL).unwrap().domain(DomId(5)), last);
}
