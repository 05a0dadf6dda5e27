//! CONTROL commands, and the logs that they steer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::Daemon;
use myriad_ring::v1::Op;

#[test]
fn cs_commands_answer_as_cs() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    for (words, answer) in [
        (&["check"][..], "OK"),
        (&["print", "hello"], "OK"),
        (&["log", "on"], "OK"),
        (&["log", "+io"], "OK"),
        (&["quota", "set", "watches", "77"], "OK"),
        (&["quota-soft", "set", "memory", "99"], "OK"),
    ] {
        assert_eq!(client.control(words).as_deref(), Ok(answer), "{words:?}");
    }
    for words in [
        &["nonsense"][..],
        &["check", "x"],
        &["print"],
        &["log", "io"],
        &["log", "+nonsense"],
        &["quota", "set", "watches", "0"],
        &["quota", "set", "nonsense", "1"],
        &["quota-soft", "set", "nodes", "1"],
        &["live-update"],
    ] {
        assert_eq!(client.control(words), Err("EINVAL".into()), "{words:?}");
    }
    assert_eq!(client.ask(Op::Control, 0, b""), Err("EINVAL".into()));
    assert_eq!(client.control(&["quota", "9"]), Err("ENOENT".into()));
    assert!(client.control(&["quota", "0"]).unwrap().starts_with("Domain 0:\nnodes"));
    let quotas = client.control(&["quota"]).unwrap();
    assert!(quotas.starts_with("Quota settings:\nnodes            :     1000 Nodes per domain\n"));
    assert!(quotas.contains("watches          :       77 Watches per domain\n"));
    let soft = client.control(&["quota-soft"]).unwrap();
    assert!(soft.contains("memory           :       99 "), "{soft}");
    let max = client.control(&["quota", "max", "-r"]).unwrap();
    assert!(max.starts_with("Max. seen accounting values:\nnodes"), "{max}");
    let switches = client.control(&["log"]).unwrap();
    assert!(switches.starts_with("Log switch settings:\nobj     : on\nio      : on\n"));
    let update = client.control(&["live-update", "-s"]).unwrap();
    assert!(update.starts_with("Live update is not supported"));
    assert!(client.control(&["help"]).unwrap().starts_with("check           \nlog             ["));
}

#[test]
fn reports_and_logs_go_to_the_files_named() {
    let daemon = Daemon::start(&[]);
    let (report, log) = (daemon.path("report"), daemon.path("log"));
    let mut client = daemon.connect();
    client.control(&["memreport", report.to_str().unwrap()]).unwrap();
    let text = std::fs::read_to_string(&report).unwrap();
    assert!(text.starts_with("memory report: resident "), "{text}");
    assert_eq!(client.control(&["memreport", "/nonexistent/x"]), Err("ENOENT".into()));
    assert_eq!(client.control(&["logfile", "/nonexistent/x"]), Err("ENOENT".into()));
    client.control(&["logfile", log.to_str().unwrap()]).unwrap();
    client.control(&["print", "in\nto it"]).unwrap();
    client.read("/tool").unwrap();
    drop(client);
    let (_, dir) = daemon.stop();
    let text = std::fs::read_to_string(&log).unwrap();
    drop(dir);
    assert!(text.contains("control: in\\nto it"), "{text}");
    assert!(text.contains(" READ (/tool )\n"), "{text}");
}

#[test]
fn accesses_are_logged_in_oxenstoreds_form() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access");
    let daemon = Daemon::start_in(dir, &["--access-log", path.to_str().unwrap()]);
    let mut client = daemon.connect();
    client.watch("/a", "tok");
    client.write("/a", "b c").unwrap();
    let id = client.ok(Op::TransactionStart, b"\0");
    let tx: u32 = String::from_utf8(id).unwrap().trim_end_matches('\0').parse().unwrap();
    client.ask(Op::Write, tx, b"/t\0x").unwrap();
    client.ask(Op::TransactionEnd, tx, b"T\0").unwrap();
    drop(client);
    let (_, dir) = daemon.stop();
    let text = std::fs::read_to_string(&path).unwrap();
    for part in ["newconn", "watch     /a tok ", "write     /a b c\n", "w event   /a tok", "commit"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains(&format!(".{tx} ")), "{text}");
    assert!(text.lines().all(|l| l.starts_with("[2") && l.contains("Z]  A")), "{text}");
    drop(dir);
}
