//! Shows in Xen's control domain, without serving, that the devices do what [`myriad::xen`] expects.
//!
//! `xen_probe` alone must not run beside another xenstored, whose event it would take: it binds
//! the event of changed domains, lists domains and looks at the control domain's ring. With a
//! domain id (`xen_probe 5`) it maps that guest's page beside whoever serves it, and looks only.
#![forbid(unsafe_code)]

use std::{error::Error, path::Path, sync::Arc};

use myriad::{
    hypervisor::Hypervisor,
    xen::{EventChannels, Mapped, OwnRing, XENSTORE_GRANT, XenHost, map_granted, probe},
};
use myriad_core::DomId;

fn main() -> Result<(), Box<dyn Error>> {
    print!("{}", probe(Path::new("/run/xenstored/socket")));
    let host = Arc::new(XenHost::open()?);
    println!("{}", host.interface());
    for domain in host.list()? {
        println!("{domain:?}");
    }
    match std::env::args().nth(1) {
        Some(domid) => look_at(&host, DomId(domid.parse()?)),
        None => look_at_own(&host),
    }
}

/// The control domain's own ring, and the first look for changes.
fn look_at_own(host: &Arc<XenHost>) -> Result<(), Box<dyn Error>> {
    let channels = EventChannels::open()?;
    let event = channels.bind_domain_exception()?;
    println!("VIRQ_DOM_EXC is port {}", event.number());
    if let Err(error) = EventChannels::open()?.bind_domain_exception() {
        println!("a second time: {error}");
    }
    let mut watch = host.watch()?;
    let mut changes = Vec::new();
    watch.changes(&mut changes)?;
    println!("first look: {changes:?}");
    changes.clear();
    watch.changes(&mut changes)?;
    println!("second look: {changes:?}");

    let ring = OwnRing::map()?;
    show("the control domain's ring", &ring.page);
    let local = channels.bind(DomId::ZERO, ring.port)?;
    println!("port {} of domain 0 is port {} here", ring.port, local.number());
    for port in channels.pending()? {
        println!("pending: port {}", port.number());
        channels.unmask(port)?;
    }
    channels.unbind(local)?;
    println!("after unbinding: {}", channels.notify(local).unwrap_err());
    Ok(())
}

/// A guest's page, and what comes of a wrong domain, grant or port.
fn look_at(host: &XenHost, domid: DomId) -> Result<(), Box<dyn Error>> {
    println!("domain {domid}: {:?}", host.domain(domid));
    println!("domain {}: {:?}", domid.0 + 1000, host.domain(DomId(domid.0 + 1000)));
    for round in 0..200 {
        let page = map_granted(domid, XENSTORE_GRANT)?;
        if round == 0 {
            show("its ring", &page);
        }
    }
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    println!("mappings of gntdev after 200 rounds: {}", maps.matches("gntdev").count());
    println!("grant 7: {}", map_granted(domid, 7).map(drop).unwrap_err());
    println!("no domain: {}", map_granted(DomId(30_000), 1).map(drop).unwrap_err());
    println!("port 999: {}", EventChannels::open()?.bind(domid, 999).unwrap_err());
    Ok(())
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
    let fields: Vec<String> = names
        .iter()
        .map(|(name, at)| format!("{name} {}", page.peek(*at).unwrap_or_default()))
        .collect();
    println!("{what}: {}", fields.join(", "));
}
