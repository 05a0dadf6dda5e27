//! What is said of hosts of all kinds.

use super::*;
use crate::xen::RELEASES;
use std::os::unix::net::UnixListener;

fn diagnosis(access: [Access; 6], interface: bool, owner: SocketState) -> Diagnosis {
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
        owner,
    }
}

#[test]
fn the_verdict_follows_from_what_is_there() {
    let (usable, missing) = ([Access::Usable; 6], [Access::Missing; 6]);
    let mut refused = usable;
    refused[1] = Access::Refused(Errno::ACCESS);
    let verdict = |access, interface, owner: &SocketState| {
        diagnosis(access, interface, owner.clone()).verdict()
    };
    let served = SocketState::Served(7, "xenstored".into());
    assert_eq!(verdict(usable, true, &SocketState::Absent), Verdict::Serves);
    assert_eq!(verdict(usable, true, &SocketState::Stale), Verdict::Serves);
    assert_eq!(verdict(usable, true, &served), Verdict::Occupied);
    assert_eq!(verdict(usable, false, &SocketState::Absent), Verdict::Fails);
    assert_eq!(verdict(refused, true, &SocketState::Absent), Verdict::Fails);
    assert_eq!(verdict(missing, false, &served), Verdict::NoXen);
}

#[test]
fn it_is_printed_for_people_and_for_programs() {
    let mut access = [Access::Usable; 6];
    access[0] = Access::Missing;
    access[1] = Access::Refused(Errno::ACCESS);
    let found = diagnosis(access, true, SocketState::Served(7, "xenstored".into()));
    let text = found.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "/dev/xen/evtchn      missing: event channels");
    assert!(lines[1].starts_with("/dev/xen/gntdev      refused: Permission denied"), "{text}");
    assert!(lines[1].ends_with("(mode 0600, user 0, group 0): the rings of guests"), "{text}");
    assert_eq!(lines[6], "control domain       yes");
    assert!(lines[7].starts_with("hypervisor           Xen 4.17, the interface of"), "{text}");
    let socket = "socket               /run/xenstored/socket: served by process 7 (xenstored)";
    assert_eq!(lines[8], socket);
    let json = found.json();
    assert_eq!(json["verdict"], "occupied");
    assert_eq!(json["xen"], "4.17");
    assert_eq!(json["devices"][0]["mode"], Value::Null);
    assert_eq!(json["devices"][2]["mode"], "0600");
    assert_eq!(json["socket"]["served_by"]["pid"], 7);
}

#[test]
fn the_owner_of_a_socket_is_known_without_a_request() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    assert_eq!(SocketState::of(&path), SocketState::Absent);
    let listener = UnixListener::bind(&path).unwrap();
    let SocketState::Served(pid, name) = SocketState::of(&path) else { panic!("it is served") };
    assert_eq!(u32::try_from(pid).unwrap(), std::process::id());
    assert!(!name.is_empty() && !name.ends_with('\n'));
    drop(listener);
    assert_eq!(SocketState::of(&path), SocketState::Stale);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(SocketState::of(&path), SocketState::Stale);
}

#[test]
fn a_look_at_this_host_finds_each_device_once() {
    let found = probe(Path::new("/nonexistent/socket"));
    assert_eq!(found.devices.len(), NEEDED.len());
    assert_eq!(found.owner, SocketState::Absent);
    assert_eq!(found.json()["devices"].as_array().unwrap().len(), NEEDED.len());
    // Where the devices are missing, the reason names the first of them.
    if let (Verdict::NoXen, Err(error)) = (found.verdict(), &found.interface) {
        assert!(error.starts_with("/dev/xen/privcmd can't be opened"), "{error}");
    }
}
