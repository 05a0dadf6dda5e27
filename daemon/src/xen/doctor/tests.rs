//! What is said of hosts of all kinds.

use super::{owner::holder, *};
use crate::xen::RELEASES;
use rustix::io::Errno;
use std::{fs, os::unix::net::UnixListener};

fn diagnosis(access: [Access; 6], interface: bool) -> Diagnosis {
    let finding = |((path, purpose), access): ((&'static str, &'static str), Access)| {
        let owner = (access != Access::Missing).then_some((0o600, 0, 0));
        Finding { path, purpose, owner, access }
    };
    let found = Interface { xen: (4, 17), stable: false, release: Some(&RELEASES[0]) };
    Diagnosis {
        devices: NEEDED.into_iter().zip(access).map(finding).collect(),
        control_domain: interface,
        interface: if interface { Ok(found) } else { Err("no hypervisor".into()) },
        socket: "/run/xenstored/socket".into(),
        owner: SocketState::Absent,
        pid_file: "/run/xen/xenstored.pid".into(),
        pid: PidFileState::Absent,
        run_dir: RunDir {
            path: "/run/xenstored".into(),
            existing: "/run".into(),
            writable: true,
            in_memory: true,
        },
        limits: Limits { open_files: (Some(1024), None), mappings: Some(65_530), guests: 1000 },
        confinement: "the kernel offers landlock 6, seccomp".into(),
    }
}

fn served() -> SocketState {
    SocketState::Served { pid: 7, name: "xenstored".into(), answers: true }
}

const USABLE: [Access; 6] = [Access::Usable; 6];
const MISSING: [Access; 6] = [Access::Missing; 6];

#[test]
fn the_verdict_follows_from_what_is_there() {
    let mut refused = USABLE;
    refused[1] = Access::Refused(Errno::ACCESS);
    let mut incomplete = USABLE;
    incomplete[1] = Access::Missing;
    let table = [
        (USABLE, true, Verdict::Serves),
        (USABLE, false, Verdict::Fails),
        (refused, true, Verdict::Fails),
        (incomplete, true, Verdict::Fails),
        (MISSING, true, Verdict::Fails),
        // A guest of Xen's has some devices, too.
        (incomplete, false, Verdict::NoXen),
        (MISSING, false, Verdict::NoXen),
    ];
    for (access, interface, verdict) in table {
        let found = diagnosis(access, interface);
        assert_eq!(found.verdict(), verdict);
        assert_eq!(verdict.would_start(), matches!(verdict, Verdict::Serves | Verdict::NoXen));
        // Whoever is at work already comes first.
        let occupied = Diagnosis { owner: served(), ..diagnosis(access, interface) };
        assert_eq!(occupied.verdict(), Verdict::Occupied);
        let pid = PidFileState::Held(9, "oxenstored".into());
        let held = Diagnosis { pid, ..diagnosis(access, interface) };
        assert_eq!(held.verdict(), Verdict::Occupied);
        assert!(held.remedies()[0].starts_with("stop process 9 (oxenstored)"));
        let blocked = Diagnosis { owner: SocketState::NoSocket, ..diagnosis(access, interface) };
        assert_eq!(blocked.verdict(), Verdict::NoPlace);
        let left_over = Diagnosis {
            owner: SocketState::Stale,
            pid: PidFileState::Stale("9".into()),
            ..diagnosis(access, interface)
        };
        assert_eq!(left_over.verdict(), verdict);
    }
}

#[test]
fn what_is_wrong_has_a_remedy_and_what_is_right_has_none() {
    assert_eq!(diagnosis(USABLE, true).remedies(), [""; 0]);
    // Without Xen its devices are not missed.
    assert_eq!(diagnosis(MISSING, false).remedies(), [""; 0]);
    let mut access = USABLE;
    access[1] = Access::Missing;
    access[4] = Access::Refused(Errno::ACCESS);
    let mut found = diagnosis(access, true);
    found.run_dir.in_memory = false;
    found.limits =
        Limits { open_files: (Some(64), Some(4096)), mappings: Some(1000), guests: 10_000 };
    let remedies = found.remedies();
    assert!(remedies[0].starts_with("mount a tmpfs on /run:"), "{remedies:?}");
    assert_eq!(remedies[1], "/dev/xen/gntdev: modprobe xen-gntdev");
    assert_eq!(remedies[2], "/proc/xen/xsd_kva: run as root");
    assert!(remedies[3].starts_with("allow 10064 open files: LimitNOFILE="), "{remedies:?}");
    assert_eq!(remedies[4], "allow 10512 mappings: sysctl vm.max_map_count=10512");
    found.run_dir.writable = false;
    assert!(found.remedies()[0].contains("XENSTORED_RUNDIR"));
    assert_eq!(found.verdict(), Verdict::NoPlace);
}

#[test]
fn it_is_printed_for_people_and_for_programs() {
    let mut access = USABLE;
    access[0] = Access::Missing;
    access[1] = Access::Refused(Errno::ACCESS);
    let found = Diagnosis { owner: served(), ..diagnosis(access, true) };
    let text = found.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "/dev/xen/evtchn      missing: event channels");
    assert!(lines[1].starts_with("/dev/xen/gntdev      refused: Permission denied"), "{text}");
    assert!(lines[1].ends_with("(mode 0600, user 0, group 0): the rings of guests"), "{text}");
    assert_eq!(lines[6], "control domain       yes");
    assert!(lines[7].starts_with("hypervisor           Xen 4.17, the interface of"), "{text}");
    let socket = "socket               /run/xenstored/socket: served by process 7 (xenstored), \
         which answers";
    assert_eq!(lines[8], socket);
    assert_eq!(lines[9], "pid file             /run/xen/xenstored.pid: absent");
    let run_dir = "run directory        /run/xenstored: would be made, can be written, in memory";
    assert_eq!(lines[10], run_dir);
    let limits = "limits               1024 open files (any number of when raised), \
         65530 mappings: enough for 1000 guests";
    assert_eq!(lines[11], limits);
    assert_eq!(lines[12], "confinement          the kernel offers landlock 6, seccomp");
    assert!(lines[13].starts_with("on start             would refuse"), "{text}");
    assert!(lines[14].starts_with("what to do           stop process 7 (xenstored) first"));
    let json = found.json();
    assert_eq!(json["verdict"], "occupied");
    assert_eq!(json["would_start"], false);
    assert_eq!(json["xen"], "4.17");
    assert_eq!(json["devices"][0]["mode"], serde_json::Value::Null);
    assert_eq!(json["devices"][2]["mode"], "0600");
    assert_eq!(json["socket"]["served_by"]["pid"], 7);
    assert_eq!(json["remedies"].as_array().unwrap().len(), found.remedies().len());
}

#[test]
fn the_owner_of_a_socket_is_known_whether_or_not_it_answers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    assert_eq!(SocketState::of(&path), SocketState::Absent);
    let listener = UnixListener::bind(&path).unwrap();
    // It takes nobody in: a daemon that is stuck.
    let SocketState::Served { pid, name, answers } = SocketState::of(&path) else {
        panic!("it is served")
    };
    assert_eq!(u32::try_from(pid).unwrap(), std::process::id());
    assert!(!answers && !name.is_empty() && !name.ends_with('\n'));
    drop(listener);
    assert_eq!(SocketState::of(&path), SocketState::Stale);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(SocketState::of(&path), SocketState::NoSocket);
}

#[test]
fn who_holds_the_pid_file_is_known_without_locking_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pid");
    assert_eq!(PidFileState::of(&path), PidFileState::Absent);
    fs::write(&path, "999999999\n").unwrap();
    assert_eq!(PidFileState::of(&path), PidFileState::Stale("999999999".into()));
    fs::write(&path, std::process::id().to_string()).unwrap();
    assert!(matches!(PidFileState::of(&path), PidFileState::Named(..)));
    let held = crate::claim::PidFile::claim(&path).unwrap();
    let PidFileState::Held(pid, _) = PidFileState::of(&path) else { panic!("it is held") };
    assert_eq!(u32::try_from(pid).unwrap(), std::process::id());
    drop(held);
    assert_eq!(PidFileState::of(&path), PidFileState::Absent);
    let locks = "1: POSIX  ADVISORY  WRITE 708 00:13:1022 0 EOF\n\
                 2: -> FLOCK  ADVISORY  WRITE 9 00:13:77 0 EOF\n\
                 3: FLOCK  ADVISORY  WRITE 12 fd:01:1023 0 EOF\n";
    assert_eq!(holder(locks, 1022), Some(708));
    assert_eq!(holder(locks, 1023), Some(12));
    // One that waits holds nothing.
    assert_eq!((holder(locks, 77), holder(locks, 1024)), (None, None));
}

#[test]
fn a_look_at_this_host_finds_each_device_once() {
    let dir = tempfile::tempdir().unwrap();
    let (run_dir, root_dir) = (dir.path().into(), dir.path().into());
    let places = Places { run_dir, root_dir, socket: dir.path().join("deep/er/socket") };
    let found = probe(&places, &dir.path().join("pid"), 5);
    assert_eq!(found.devices.len(), NEEDED.len());
    assert_eq!((&found.owner, &found.pid), (&SocketState::Absent, &PidFileState::Absent));
    assert_eq!((&*found.run_dir.existing, found.run_dir.writable), (dir.path(), true));
    assert_eq!(found.json()["devices"].as_array().unwrap().len(), NEEDED.len());
    // Where the devices are missing, the reason names the first of them.
    if let (Verdict::NoXen, Err(error)) = (found.verdict(), &found.interface) {
        assert!(error.starts_with("/dev/xen/privcmd can't be opened"), "{error}");
    }
}
