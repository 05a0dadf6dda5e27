//! What `daemon/dist` installs: where, that it works from there, and that it goes again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dist/install.sh");

/// Runs the script; programs are those of this build.
fn install(prefix: &str, destdir: &Path, args: &[&str]) -> Output {
    let programs = Path::new(env!("CARGO_BIN_EXE_xenstored")).parent().unwrap();
    let mut command = Command::new(SCRIPT);
    command.env("PREFIX", prefix).env("DESTDIR", destdir).arg("--from").arg(programs).args(args);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// All files and links below a folder.
fn below(dir: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                dirs.push(entry.path());
            } else {
                found.insert(entry.path());
            }
        }
    }
    found
}

/// Installed at a prefix of its own, so that the paths in the files are true.
fn installed(args: &[&str]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("usr");
    succeeds(&install(prefix.to_str().unwrap(), Path::new(""), args));
    (dir, prefix)
}

#[test]
fn everything_is_put_below_destdir_and_prefix_and_goes_again() {
    let dir = tempfile::tempdir().unwrap();
    let says = succeeds(&install("/opt/xen", dir.path(), &["--links"]));
    assert!(says.contains("/opt/xen/bin/myriad doctor") && says.contains("To go back:"), "{says}");
    let at = |path: &str| dir.path().join("opt/xen").join(path);
    let mode = |path: &str| fs::metadata(at(path)).unwrap().permissions().mode() & 0o7777;
    let files = [
        ("sbin/xenstored", 0o755),
        ("bin/myriad", 0o755),
        ("share/man/man8/xenstored.8", 0o644),
        ("share/man/man1/myriad.1", 0o644),
        ("share/myriad/README.md", 0o644),
        ("share/myriad/xencommons", 0o644),
        ("lib/systemd/system/myriad-xenstored.service", 0o644),
    ];
    for (path, expected) in files {
        assert_eq!(mode(path), expected, "{path}");
    }
    // The links are clients that work.
    let usage = Command::new(at("bin/xenstore-read")).output().unwrap();
    let says = text(&usage.stderr);
    assert!(says.contains("bin/xenstore-read [-h] [-p] [-s] [-R] key"), "{says}");
    assert_eq!(below(dir.path()).len(), files.len() + 10 + 1);
    // Paths in the files are without DESTDIR: those of the host that it's packaged for.
    let unit = fs::read_to_string(at("lib/systemd/system/myriad-xenstored.service")).unwrap();
    assert!(unit.contains("\nExecStart=/opt/xen/sbin/xenstored --no-fork "), "{unit}");
    assert!(!unit.contains("DIR@") && !unit.contains(dir.path().to_str().unwrap()), "{unit}");

    // Once more is an update, which keeps track of what was there before.
    succeeds(&install("/opt/xen", dir.path(), &["--no-unit"]));
    let foreign = at("bin/xl");
    fs::write(&foreign, "").unwrap();
    succeeds(&install("/opt/xen", dir.path(), &["--remove"]));
    assert_eq!(below(dir.path()), BTreeSet::from([foreign]));
    assert_eq!(install("/opt/xen", dir.path(), &["--remove"]).status.code(), Some(1));
}

#[test]
fn a_dry_run_does_nothing_and_says_all() {
    let dir = tempfile::tempdir().unwrap();
    let says = succeeds(&install("/usr/local", dir.path(), &["--dry-run", "--links"]));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    for path in ["sbin/xenstored", "bin/xenstore-ls", "system/myriad-xenstored.service"] {
        let target = format!("{}/usr/local/", dir.path().display());
        let is_of = |line: &str| {
            line.starts_with("would: ") && line.contains(&target) && line.ends_with(path)
        };
        assert!(says.lines().any(is_of), "{path}: {says}");
    }
}

#[test]
fn what_another_package_owns_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let stock = dir.path().join("usr/bin/xenstore-ls");
    fs::create_dir_all(stock.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("nowhere", &stock).unwrap();
    let output = install("/usr", dir.path(), &["--links"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("usr/bin/xenstore-ls is there"));
    // And nothing else was done before it was found.
    assert_eq!(below(dir.path()), BTreeSet::from([stock]));
    succeeds(&install("/usr", dir.path(), &[]));
    for (args, code) in [(&["--boil"][..], 2), (&["--from", "/nonexistent"], 1)] {
        assert_eq!(install("/usr", dir.path(), args).status.code(), Some(code), "{args:?}");
    }
    assert_eq!(install("usr", dir.path(), &[]).status.code(), Some(2));
}

#[test]
fn the_unit_is_valid_and_becomes_xenstored_when_enabled() {
    let (dir, prefix) = installed(&[]);
    let unit = prefix.join("lib/systemd/system/myriad-xenstored.service");
    match Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", text(&output.stderr));
            // It knows every line, too: an unknown one is only warned of.
            assert!(!text(&output.stderr).contains("myriad-xenstored"), "{}", text(&output.stderr));
        }
        Err(error) => eprintln!("the unit was not verified: no systemd-analyze here ({error})"),
    }
    let root = dir.path().join("root");
    let units = root.join("usr/lib/systemd/system");
    fs::create_dir_all(&units).unwrap();
    fs::write(units.join("xenstored.service"), "[Service]\nExecStart=/bin/true\n").unwrap();
    fs::copy(&unit, units.join("myriad-xenstored.service")).unwrap();
    let systemctl = |verb: &str| {
        let mut command = Command::new("systemctl");
        command.arg("--root").arg(&root).args([verb, "myriad-xenstored.service"]);
        command.output()
    };
    let alias = root.join("etc/systemd/system/xenstored.service");
    match systemctl("enable") {
        Ok(output) => {
            assert!(output.status.success(), "{}", text(&output.stderr));
            assert!(fs::read_link(&alias).unwrap().ends_with("myriad-xenstored.service"));
            assert!(systemctl("disable").unwrap().status.success());
            assert!(alias.symlink_metadata().is_err());
        }
        Err(error) => eprintln!("the unit was not enabled: no systemctl here ({error})"),
    }
}

#[test]
fn the_command_of_the_unit_serves_and_tells_systemd() {
    let (dir, prefix) = installed(&[]);
    let unit = prefix.join("lib/systemd/system/myriad-xenstored.service");
    let unit = fs::read_to_string(unit).unwrap();
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let pid_file = dir.path().join("pid");
    let line = line.replace("/run/xen/xenstored.pid", pid_file.to_str().unwrap());
    let notify = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    notify.set_read_timeout(Some(std::time::Duration::from_secs(120))).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {line}")]).env("XENSTORED_ARGS", "--workers 1 -E 900");
    command.env("XENSTORED_RUNDIR", dir.path()).env("NOTIFY_SOCKET", dir.path().join("notify"));
    let mut daemon = command.env_remove("XENSTORED_PATH").spawn().unwrap();
    let mut said = [0; 256];
    let len = notify.recv(&mut said).unwrap();
    assert!(text(&said[..len]).contains("READY=1"));
    assert_eq!(fs::read_to_string(&pid_file).unwrap().trim(), daemon.id().to_string());
    kill_process(Pid::from_child(&daemon), Signal::TERM).unwrap();
    assert!(daemon.wait().unwrap().success());
}

#[test]
fn the_lines_for_xencommons_select_what_is_installed() {
    let (dir, prefix) = installed(&[]);
    let defaults = prefix.join("share/myriad/xencommons");
    // As launch-xenstore and Debian's /etc/init.d/xen do it.
    let script = format!(
        ". {} && exec \"$XENSTORED\" --pid-file {}/pid $XENSTORED_ARGS",
        defaults.display(),
        dir.path().display()
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env("XENSTORED_RUNDIR", dir.path());
    command.env_remove("XENSTORED_PATH").env_remove("NOTIFY_SOCKET");
    succeeds(&command.output().unwrap());
    let doctor = || {
        let mut command = Command::new(prefix.join("bin/myriad"));
        command.env("XENSTORED_RUNDIR", dir.path()).env_remove("XENSTORED_PATH");
        let output = command.args(["--json", "doctor"]).output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let found = doctor();
    let pid = found["socket"]["served_by"]["pid"].as_i64().unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("pid")).unwrap().trim(), pid.to_string());
    let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::TERM).unwrap();
    assert_eq!(exe, prefix.join("sbin/xenstored"));
}
