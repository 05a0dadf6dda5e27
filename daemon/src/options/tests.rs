//! Command lines of all kinds.

use super::*;

fn parse(args: &[&str]) -> Result<Options, String> {
    let all = std::iter::once("xenstored").chain(args.iter().copied());
    Options::try_parse_from(all).map_err(|e| e.to_string())
}

#[test]
fn launch_xenstores_arguments_are_taken() {
    let options = parse(&["--pid-file", "/run/xen/xenstored.pid", "-T", "/var/log/t.log"]);
    let options = options.unwrap();
    assert_eq!(options.pid_file, Some("/run/xen/xenstored.pid".into()));
    assert_eq!(options.trace_file, Some("/var/log/t.log".into()));
    assert!(!options.no_fork);
    assert_eq!(options.priv_domid, DomId(0));
}

#[test]
fn every_option_of_both_versions_is_taken() {
    let args = [
        "-D",
        "-E",
        "9",
        "-F",
        "p",
        "-N",
        "-P",
        "-S",
        "8",
        "-T",
        "t",
        "-t",
        "7",
        "-A",
        "6",
        "-M",
        "100",
        "-Q",
        "memory=1",
        "-q",
        "memory=2",
        "-w",
        "watch-event=3",
        "-R",
        "-I",
        "-K",
        "-V",
        "-W",
        "5",
        "-U",
        "-L",
        "-e",
        "4",
        "-m",
        "3",
        "-p",
        "2",
        "--trace-control=+io",
    ];
    let options = parse(&args).unwrap();
    let quotas = options.quotas();
    let expect = [
        (Quota::Nodes, 9),
        (Quota::NodeSize, 8),
        (Quota::Transactions, 7),
        (Quota::NodePermissions, 6),
        (Quota::PathMax, 100),
        (Quota::Watches, 5),
        (Quota::Memory, 1),
        (Quota::SoftMemory, 2),
        (Quota::Outstanding, 20),
    ];
    for (quota, value) in expect {
        assert_eq!(quotas.get(quota), value, "{quota}");
    }
    assert_eq!(options.watch_event_timeout(), Some(Duration::from_secs(3)));
    assert_eq!(parse(&["-w", "watch-event=0"]).unwrap().watch_event_timeout(), None);
    assert_eq!((options.master_domid, options.priv_domid), (DomId(3), DomId(2)));
    assert_eq!(options.trace_control, [Switch { index: 1, on: true }]);
    assert!(options.live_update && options.keep_orphans && options.no_domain_init);
}

#[test]
fn long_names_may_be_shortened_as_getopt_long_allows() {
    assert!(parse(&["--no-fork", "--pid", "f", "--entry-n", "3"]).is_ok());
    assert!(parse(&["--internal-db", "off", "-N"]).is_ok());
    assert_eq!(parse(&["-Ioff"]).unwrap().internal_db, Some(InternalDb::Off));
    assert!(parse(&["--trace-control", "-obj"]).is_ok());
}

#[test]
fn a_wrong_value_names_the_option_and_the_remedy() {
    let cases: [(&[&str], &str, &str); 10] = [
        (&["-Q", "colour=3"], "--quota", "it must be one of nodes"),
        (&["-Q", "soft-memory=3"], "--quota", "it must be one of nodes"),
        (&["-Q", "nodes"], "--quota", "<what>=<nb>"),
        (&["-q", "nodes=3"], "--quota-soft", "it must be memory"),
        (&["-w", "x=3"], "--timeout", "it must be watch-event"),
        (&["-E", "-1"], "-1", "--"),
        (&["-E", "2147483648"], "--entry-nb", "0 to 2147483647"),
        (&["-p", "32752"], "--priv-domid", "0 to 32751"),
        (&["--sim-domains", "5-2"], "--sim-domains", "write 2-5"),
        (&["--trace-control", "io"], "--trace-control", "+ or -"),
    ];
    for (args, option, remedy) in cases {
        let error = parse(args).unwrap_err();
        assert!(error.contains(option) && error.contains(remedy), "{args:?}: {error}");
    }
}

#[test]
fn paths_are_never_longer_than_the_protocol_allows() {
    assert_eq!(parse(&["-M", "9999"]).unwrap().quotas().get(Quota::PathMax), 2048);
}

#[test]
fn simulated_domains_come_as_ranges() {
    let options = parse(&["--sim-domains", "1-3,30"]).unwrap();
    let all: Vec<u16> = options.sim_domains.iter().flat_map(|r| r.iter()).map(|d| d.0).collect();
    assert_eq!(all, [1, 2, 3, 30]);
}

#[test]
fn workers_default_to_the_cores_up_to_four() {
    assert!((1..=limits::DEFAULT_WORKERS).contains(&parse(&[]).unwrap().workers()));
    assert_eq!(parse(&["--workers", "7"]).unwrap().workers(), 7);
    assert!(parse(&["--workers", "0"]).is_err());
}
