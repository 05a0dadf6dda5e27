//! `memreport`: what the daemon's memory is used for.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt};

use myriad_core::{Errno, Store};

use tracing::info;

use super::{Answer, Pins, Run, errno};

/// `memreport [<file>]`: appends a report to the file, else to the log.
pub(super) fn report(run: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    let text = text(run.context.store, run.context.pins);
    match words {
        [] => info!("{text}"),
        [path] => {
            let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(0o600).custom_flags(flags);
            let mut file = options.open(path).map_err(|error| errno(&error))?;
            writeln!(file, "{text}").map_err(|error| errno(&error))?;
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(Answer::Ack)
}

fn text(store: &Store, pins: &Pins) -> String {
    let resident = resident_kib().map_or_else(|| "unknown".into(), |kib| format!("{kib} KiB"));
    let (domains, generation) = {
        let view = store.pin();
        (view.domains(), view.generation())
    };
    let introduced = domains.iter().filter(|d| d.introduced).count();
    let nodes: u64 = domains.iter().map(|d| u64::from(d.nodes)).sum();
    let watches: u64 = domains.iter().map(|d| u64::from(d.watches)).sum();
    format!(
        "memory report: resident {resident}, generation {generation}, {} domains known, \
         {introduced} introduced, {nodes} nodes, {watches} watches of domains, open transactions \
         pin {} bytes and never more than {}",
        domains.len(),
        pins.bytes(),
        pins.most()
    )
}

/// The resident set, as Linux counts it.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_process_resides_somewhere() {
        assert!(super::resident_kib().unwrap() > 100);
    }
}
