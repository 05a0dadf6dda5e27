//! Shows in Xen's control domain, without serving, that its devices do what [`myriad::xen`]
//! expects of them.
//!
//! - `xen_probe own`: the event of changed domains and the control domain's ring. Not beside a
//!   running xenstored, which has bound them.
//! - `xen_probe guest DOMID`: a guest's page, mapped beside whoever serves it, and only looked at.
//! - `xen_probe follow`: obeys lines on its input: `look` prints what has changed since the last
//!   look, `map DOMID` and `unmap` hold a guest's page and let it go. (Beside a xenstored on Xen
//!   4.17 to 4.20 alone: newer ones tell of a change once.)
//!
//! It ends with status 1 where something is not as expected.
#![forbid(unsafe_code)]

use std::{error::Error, fmt::Display, io, path::Path, sync::Arc};

use myriad::{
    hypervisor::Hypervisor,
    options::Places,
    xen::{EventChannels, Mapped, OwnRing, RingFile, XENSTORE_GRANT, XenError, XenHost, probe},
};
use myriad_core::DomId;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["own"] => own(),
        ["guest", domid] => guest(DomId(domid.parse()?)),
        ["follow"] => follow(),
        _ => Err("usage: xen_probe own | guest DOMID | follow".into()),
    }
}

fn own() -> Outcome {
    let found = probe(&Places::from_env(), Path::new("/run/xen/xenstored.pid"), 1);
    print!("{found}");
    println!("{}", found.json());
    let host = Arc::new(XenHost::open()?);
    println!("{:?}", host.list()?);

    let channels = EventChannels::open()?;
    let event = channels.bind_domain_exception()?;
    println!("VIRQ_DOM_EXC is port {}", event.number());
    refused("a second time", EventChannels::open()?.bind_domain_exception())?;
    let mut watch = host.watch()?;
    let mut changes = Vec::new();
    watch.changes(&mut changes)?;
    println!("first look: {changes:?}");
    changes.clear();
    watch.changes(&mut changes)?;
    println!("second look: {changes:?}");

    let ring = OwnRing::open()?;
    show("the control domain's ring", &ring.file.map()?);
    let local = channels.bind(DomId::ZERO, ring.port)?;
    println!("port {} of domain 0 is port {} here", ring.port, local.number());
    for port in channels.pending()? {
        println!("pending: port {}", port.number());
        channels.unmask(port)?;
    }
    println!("pending then: {}", channels.pending()?.count());
    channels.notify(local)?;
    channels.unbind(local)?;
    refused("after unbinding", channels.notify(local))
}

fn guest(domid: DomId) -> Outcome {
    let host = XenHost::open()?;
    let other = DomId(domid.0 + 1000);
    println!("domain {domid}: {:?}, {other}: {:?}", host.domain(domid), host.domain(other));
    for round in 0..200 {
        let page = map(domid, XENSTORE_GRANT)?;
        if round == 0 {
            show("its ring", &page);
        }
    }
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let left = maps.matches("gntdev").count();
    println!("mappings left after 200: {left}");
    refused("another grant", map(domid, 7))?;
    refused("another domain", map(other, XENSTORE_GRANT))?;
    refused("another port", EventChannels::open()?.bind(domid, 999))?;
    if left == 0 { Ok(()) } else { Err("pages stay mapped".into()) }
}

fn follow() -> Outcome {
    let host = Arc::new(XenHost::open()?);
    let mut watch = host.watch()?;
    let mut held: Option<Mapped> = None;
    for line in io::stdin().lines() {
        match line?.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["look"] => {
                let mut changes = Vec::new();
                watch.changes(&mut changes)?;
                println!("changes: {changes:?}");
            }
            ["map", domid] => held = Some(map(DomId(domid.parse()?), XENSTORE_GRANT)?),
            ["unmap"] => println!("unmapped: {}", held.take().is_some()),
            _ => return Err("a line is `look`, `map DOMID` or `unmap`".into()),
        }
    }
    Ok(())
}

fn map(domid: DomId, grant_ref: u32) -> Result<Mapped, XenError> {
    RingFile::granted(domid, grant_ref)?.map()
}

/// Prints the error that was to come.
fn refused<T, E: Display>(what: &str, result: Result<T, E>) -> Outcome {
    match result {
        Ok(_) => Err(format!("{what}: not refused").into()),
        Err(error) => {
            println!("{what}: {error}");
            Ok(())
        }
    }
}

/// The numbers in a ring page, by `io/xs_wire.h`.
fn show(what: &str, page: &Mapped) {
    let names = [
        ("req_cons", 2048),
        ("req_prod", 2052),
        ("rsp_cons", 2056),
        ("rsp_prod", 2060),
        ("server_features", 2064),
        ("connection", 2068),
        ("error", 2072),
        ("evtchn_port", 2076),
    ];
    let field =
        |(name, at): &(&str, usize)| format!("{name} {}", page.peek(*at).unwrap_or_default());
    println!("{what}: {}", names.iter().map(field).collect::<Vec<_>>().join(", "));
}
