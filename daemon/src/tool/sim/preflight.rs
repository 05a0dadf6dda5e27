//! What is looked at before the first guest: whether it can be at all.

use std::fs;

use myriad_core::Errno;
use myriad_ring::client::{Client, Store, Stream};
use rustix::net::sockopt::socket_peercred;

use super::{
    Plan,
    limits::{DESCRIPTORS, GUESTS},
    scripts::PARENTS,
    wrong::SimError,
};

/// Refuses what can't work, and makes the nodes above those of all guests; says whether v2 is to be
/// spoken.
pub(super) fn check(plan: &Plan) -> Result<bool, SimError> {
    let Plan { first, guests, .. } = *plan;
    if guests == 0 || plan.parallel == 0 || first == 0 {
        return Err(SimError::Usage("--guests, --first and --parallel begin at 1".into()));
    }
    if u32::from(first) + u32::from(guests) - 1 > u32::from(GUESTS) {
        let most = u32::from(GUESTS).saturating_sub(u32::from(first) - 1);
        let says = format!("from --first {first} on there are ids for {most} guests, not {guests}");
        return Err(SimError::Usage(says));
    }
    let mut client = if plan.v1 {
        Client::connect_to(&plan.socket)?
    } else {
        Client::connect_to_best(&plan.socket)?
    };
    if let Stream::Socket(socket) = client.stream()
        && let Ok(peer) = socket_peercred(socket)
    {
        descriptors(peer.pid.as_raw_nonzero().get(), guests.min(plan.parallel))?;
    }
    let list = client.control("sim", ["list".to_owned(), first.to_string()]);
    let list = list.map_err(|error| match error.errno() {
        Some(Errno::ENOSYS | Errno::EINVAL) => SimError::Usage(
            "this xenstored has no simulated host: start Myriad's where there is no Xen".into(),
        ),
        _ => error.into(),
    })?;
    let next = list.split_ascii_whitespace().next().and_then(|domid| domid.parse::<u16>().ok());
    if let Some(taken) = next.filter(|domid| *domid - first < guests) {
        return Err(SimError::Usage(format!(
            "domain {taken} exists already: take other ids by --first, or destroy it \
             (myriad control sim destroy {taken})"
        )));
    }
    PARENTS.iter().try_for_each(|path| client.mkdir(path))?;
    Ok(client.welcome().is_some())
}

/// Whether the daemon may have as many descriptors as it needs: one for each guest from when it is
/// introduced until it has its ring. Where this can't be told, it is tried.
fn descriptors(pid: i32, guests: u16) -> Result<(), SimError> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let used = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    let used = u64::try_from(used).unwrap_or(0).max(DESCRIPTORS);
    match open_files(&limits) {
        Some(limit) if limit < used + u64::from(guests) => Err(SimError::Limit(format!(
            "xenstored (process {pid}) may have {limit} open files and has {used} already; \
             {guests} guests under way need one each: start it with a higher limit (ulimit -n, or \
             LimitNOFILE= in its unit), or take a lower --parallel"
        ))),
        _ => Ok(()),
    }
}

/// The limit of open files at present, out of `/proc/PID/limits`.
fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_found() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            20000                1048576              files\n";
        assert_eq!(open_files(limits), Some(20_000));
        assert_eq!(open_files("Max open files   unlimited  unlimited  files"), None);
        assert_eq!(open_files(""), None);
    }

    #[test]
    fn the_limit_that_is_too_low_is_named() {
        let ours = i32::try_from(std::process::id()).unwrap();
        let limits = fs::read_to_string("/proc/self/limits").unwrap();
        let found = descriptors(ours, 0);
        assert!(found.is_ok(), "{found:?}");
        if open_files(&limits).is_some_and(|limit| limit < 60_000) {
            let error = descriptors(ours, 60_000).unwrap_err().to_string();
            assert!(error.contains("LimitNOFILE="), "{error}");
        }
    }
}
