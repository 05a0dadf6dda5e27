//! The daemon is killed under load, by few clients and guests: nobody loses anything. The whole run
//! is a program: `cargo run --release -p myriad-verify --bin kill`.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};

use myriad_verify::{
    kill::{Kind, Observer, Plan, Point, Summary, limits::PATIENCE, run},
    programs,
};

struct Nobody;

impl Observer for Nobody {
    fn progress(&mut self, _: Point, _: u32, _: usize) {}
}

fn plan(daemon: &Path, kills: &[(Point, u32)]) -> Plan {
    Plan {
        daemon: daemon.into(),
        arguments: vec!["--workers".into(), "2".into()],
        clients: 2,
        guests: 12,
        mortals: 2,
        kills: kills.to_vec(),
        seed: 7,
        patience: PATIENCE,
        settles: false,
        keeps: false,
    }
}

fn play(plan: &Plan) -> Summary {
    run(plan, &mut Nobody).unwrap()
}

#[test]
fn without_kills_nothing_is_found() {
    let summary = play(&plan(&programs::xenstored().unwrap(), &[]));
    assert_eq!(summary.faults, []);
    assert_eq!((summary.kills(), summary.verified), (0, 1), "{summary}");
}

#[test]
fn killed_at_random_it_comes_back_with_everything() {
    let summary = play(&plan(&programs::xenstored().unwrap(), &[(Point::Random, 6)]));
    assert_eq!(summary.faults, [], "{summary}");
    assert!(summary.kills() >= 6, "{summary}");
}

#[test]
fn killed_at_each_of_its_points_it_comes_back_with_everything() {
    let daemon = programs::xenstored_with_failpoints().unwrap();
    let kills = Point::NAMED.map(|point| (point, 2));
    let mut plan = plan(&daemon, &kills);
    // So that it comes to checkpoints and segments soon.
    plan.arguments.extend(["--journal-size".into(), "1M".into()]);
    let summary = play(&plan);
    assert_eq!(summary.faults, [], "{summary}");
    for (point, count) in kills {
        assert!(summary.points.get(&point).is_some_and(|at| at.kills >= count), "{summary}");
    }
}

#[test]
fn a_daemon_that_forgets_everything_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let forgetful = folder.path().join("forgetful");
    let daemon = programs::xenstored().unwrap();
    let script = "#!/bin/sh\nrm -rf \"$XENSTORED_RUNDIR\"/recovery\nexec";
    std::fs::write(&forgetful, format!("{script} '{}' \"$@\"\n", daemon.display())).unwrap();
    std::fs::set_permissions(&forgetful, PermissionsExt::from_mode(0o700)).unwrap();
    let plan = plan(&forgetful, &[(Point::Random, 1)]);
    let summary = play(&Plan { patience: Duration::from_secs(5), ..plan });
    // What it has acknowledged, its domains, and the rings of its guests.
    for kind in [Kind::Lost, Kind::Domains, Kind::Restart] {
        assert!(summary.count(kind) > 0, "{kind}: {summary}");
    }
}
