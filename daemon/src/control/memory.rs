//! `memreport`: what the daemon's memory is used for.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::{FileExt, OpenOptionsExt},
    sync::OnceLock,
};

use myriad_core::{Errno, Store};

use tracing::info;

use super::{Answer, Pins, Run, errno, refused};

/// `memreport [<file>]`: appends a report to the file, else to the log.
pub(super) fn report(run: &mut Run<'_, '_>, words: &[&str]) -> Result<Answer, Errno> {
    let text = text(run.context.store, run.context.pins);
    match words {
        [] => info!("{text}"),
        [path] => {
            let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(0o600).custom_flags(flags);
            let mut file = options.open(path).map_err(|error| refused(path, &error))?;
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

/// Opens what a report needs, before confinement would refuse it.
pub(crate) fn prepare() {
    status();
}

/// The file in which the kernel tells of this process; it stays open.
fn status() -> Option<&'static File> {
    static STATUS: OnceLock<Option<File>> = OnceLock::new();
    STATUS.get_or_init(|| File::open("/proc/self/status").ok()).as_ref()
}

/// The resident set, as Linux counts it.
fn resident_kib() -> Option<u64> {
    let mut status = Vec::new();
    let mut bytes = [0; STATUS_CHUNK];
    // Ends: the kernel's text does, and each read is of what comes after the last.
    loop {
        let offset = u64::try_from(status.len()).ok()?;
        match self::status()?.read_at(&mut bytes, offset).ok()? {
            0 => break,
            len => status.extend_from_slice(bytes.get(..len)?),
        }
    }
    let status = String::from_utf8_lossy(&status);
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Bytes of that file that are read at once: all of it, as a rule.
const STATUS_CHUNK: usize = 4096;

#[cfg(test)]
mod tests {
    #[test]
    fn a_process_resides_somewhere() {
        assert!(super::resident_kib().unwrap() > 100);
    }
}
