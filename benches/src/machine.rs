//! Facts about the machine and its processes, as Linux tells them.

use std::fs;

use serde_json::{Value, json};

/// What a figure depends on: processor, cores, memory, kernel and how busy it was.
#[must_use]
pub fn facts() -> Value {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or("unknown");
    let flags = cpuinfo.lines().find(|l| l.starts_with("flags")).unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "cpu": model.trim_start_matches(['\t', ' ', ':']),
        "cores": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        "hypervisor": flags.split(' ').any(|f| f == "hypervisor"),
        "memory_mb": kilobytes("/proc/meminfo", "MemTotal:").unwrap_or(0) / 1024,
        "kernel": kernel.trim(),
        "load_average": load.split(' ').next().unwrap_or_default(),
        "allocator": crate::alloc::NAME,
    })
}

/// The facts in one line.
#[must_use]
pub fn line(facts: &Value) -> String {
    let text = |key: &str| match facts.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    format!(
        "{}, {} cores{}, {} MB, Linux {}, load {}, allocator {}",
        text("cpu"),
        text("cores"),
        if facts.get("hypervisor") == Some(&Value::Bool(true)) { " (virtual)" } else { "" },
        text("memory_mb"),
        text("kernel"),
        text("load_average"),
        text("allocator"),
    )
}

/// Resident bytes of a process (`Rss` of `smaps_rollup`), if it may be asked.
#[must_use]
pub fn resident_bytes(pid: Option<u32>) -> Option<u64> {
    let of = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    kilobytes(&format!("/proc/{of}/smaps_rollup"), "Rss:").map(|kb| kb * 1024)
}

/// Bytes of memory that a process has of its own, without its files, if it may be asked
/// (`Anonymous` of `smaps_rollup`).
#[must_use]
pub fn own_bytes(pid: u32) -> Option<u64> {
    kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Anonymous:").map(|kb| kb * 1024)
}

/// Descriptors that a process has open, if it may be asked.
#[must_use]
pub fn descriptors(pid: u32) -> Option<u64> {
    u64::try_from(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count()).ok()
}

/// Processor time of all threads of a process that live, in nanoseconds (`schedstat`).
#[must_use]
pub fn cpu_ns(pid: u32) -> Option<u64> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let stat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        total += stat.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    }
    Some(total)
}

/// The program that a process runs.
#[must_use]
pub fn command(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

fn kilobytes(file: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix(key))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
