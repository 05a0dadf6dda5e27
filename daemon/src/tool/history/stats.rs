//! `myriad history stats` and `gaps`: what a history file holds, and what it doesn't.

use std::path::Path;

use myriad_history::file::{Gap, GapReason, LeftOut, Stats, TierStats};
use serde_json::{Value, json};

use super::{
    plot::{Bar, plot},
    source::Source,
    words,
};
use crate::tool::{
    console::Console,
    failure::Failure,
    history::limits::PLOT_COLUMNS,
    output::{json_line, line},
};

/// Prints what each tier holds, and a picture of how far back each reaches.
///
/// # Errors
/// [`Failure::Past`].
pub(crate) fn stats(file: &Path, json: bool, console: &mut Console<'_>) -> Result<(), Failure> {
    let source = Source::open(file)?;
    let stats = source.history.stats();
    if json {
        return Ok(json_line(console.out, &json_stats(&stats, file))?);
    }
    let out = &mut *console.out;
    let made = words::time(stats.created);
    let (file, size) = (file.display(), bytes(stats.size));
    writeln!(out, "{file}: {size}, made {made}, written by {} runs", stats.incarnation)?;
    writeln!(
        out,
        "{:<13} {:>8}  {:>9} of {:>9}  {:>9}  {:<23}  {:<23}",
        "keeps", "versions", "used", "budget", "snapshots", "oldest", "newest"
    )?;
    for tier in &stats.tiers {
        line(out, row(tier).trim_end().as_bytes())?;
    }
    if stats.too_small {
        let says = "the file is too small for its store: snapshots are cut, and parts of versions";
        writeln!(out, "{says} are not known; start the daemon with a larger one")?;
    }
    let bars: Vec<Bar> = stats.tiers.iter().filter_map(|tier| bar(tier, source.now())).collect();
    let columns = console.columns.map_or(PLOT_COLUMNS, usize::from);
    for text in plot(&bars, columns, is_utf8()) {
        line(console.out, text.as_bytes())?;
    }
    Ok(())
}

fn row(tier: &TierStats) -> String {
    let (oldest, newest) = tier.span.map_or((String::new(), String::new()), |(oldest, newest)| {
        (words::time(oldest.1), words::time(newest.1))
    });
    let snapshots = match tier.snapshots_cut {
        0 => tier.snapshots.to_string(),
        cut => format!("{} ({cut} cut)", tier.snapshots),
    };
    format!(
        "{:<13} {:>8}  {:>9} of {:>9}  {snapshots:>9}  {oldest:<23}  {newest:<23}",
        keeps(tier.period),
        tier.versions,
        bytes(tier.used),
        bytes(tier.budget),
    )
}

fn bar(tier: &TierStats, now: u64) -> Option<Bar> {
    let (oldest, newest) = tier.span?;
    let age = |at: u64| now.saturating_sub(at) / SECOND;
    Some(Bar { name: keeps(tier.period), from: age(newest.1), to: age(oldest.1) })
}

/// What a tier keeps, in words.
fn keeps(period: u64) -> String {
    if period == 0 { "every commit".into() } else { format!("one per {}", duration(period)) }
}

/// A duration in its largest unit that divides it.
pub(crate) fn duration(nanoseconds: u64) -> String {
    let units = [(86_400 * SECOND, "d"), (3600 * SECOND, "h"), (60 * SECOND, "min"), (SECOND, "s")];
    let unit =
        units.into_iter().find(|(unit, _)| nanoseconds.is_multiple_of(*unit) && nanoseconds > 0);
    match unit {
        Some((unit, name)) => format!("{} {name}", nanoseconds / unit),
        None => format!("{} ms", nanoseconds / 1_000_000),
    }
}

fn bytes(count: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| count >= *unit) {
        Some((unit, name)) => {
            let tenths = u128::from(count) * 10 / u128::from(unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{count} B"),
    }
}

fn is_utf8() -> bool {
    let named = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(named).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.ends_with("utf-8") || locale.ends_with("utf8")
}

fn json_stats(stats: &Stats, file: &Path) -> Value {
    let end = |(generation, at): (u64, u64)| {
        let time = words::json_time(at);
        json!({"generation": generation, "time": time})
    };
    let tier = |tier: &TierStats| {
        json!({
            "tier": tier.tier.0,
            "period_seconds": seconds(tier.period),
            "versions": tier.versions,
            "used": tier.used,
            "budget": tier.budget,
            "segments": tier.segments,
            "evicted": tier.evicted,
            "snapshots": tier.snapshots,
            "snapshots_cut": tier.snapshots_cut,
            "snapshot_bytes": tier.snapshot_bytes,
            "oldest": tier.span.map(|(oldest, _)| end(oldest)),
            "newest": tier.span.map(|(_, newest)| end(newest)),
        })
    };
    let tiers: Vec<Value> = stats.tiers.iter().map(tier).collect();
    json!({
        "file": file.to_string_lossy(),
        "size": stats.size,
        "created": words::json_time(stats.created),
        "incarnation": stats.incarnation,
        "too_small": stats.too_small,
        "tiers": tiers,
    })
}

fn seconds(nanoseconds: u64) -> f64 {
    std::time::Duration::from_nanos(nanoseconds).as_secs_f64()
}

/// Prints what is missing in the history, and why.
///
/// # Errors
/// [`Failure::Past`].
pub(crate) fn gaps(file: &Path, json: bool, console: &mut Console<'_>) -> Result<(), Failure> {
    let source = Source::open(file)?;
    for gap in source.history.gaps() {
        if json {
            json_line(console.out, &json_gap(gap))?;
        } else {
            line(console.out, gap_text(gap).as_bytes())?;
        }
    }
    for left_out in source.history.left_out() {
        if json {
            json_line(console.out, &json_left_out(left_out))?;
        } else {
            line(console.out, left_out_text(left_out).as_bytes())?;
        }
    }
    Ok(())
}

fn reason(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Overrun => "the writer was too far behind the store",
        GapReason::Disk => "the disk failed or was full",
        GapReason::Restart => "the daemon was down",
        GapReason::TooLarge => "a commit was larger than a segment",
        _ => "a reason that this program doesn't know",
    }
}

fn word(reason: GapReason) -> String {
    format!("{reason:?}").to_ascii_lowercase()
}

fn gap_text(gap: &Gap) -> String {
    let Gap { from_seq, to_seq, generation, .. } = gap;
    let missing = match to_seq {
        0 => format!("publications from {from_seq} on are missing"),
        to => format!("publications {from_seq} to {} are missing", to.saturating_sub(1)),
    };
    let at = words::time(gap.at);
    format!("{at}  {missing}, after generation {generation}: {}", reason(gap.reason))
}

fn json_gap(gap: &Gap) -> Value {
    json!({
        "gap": word(gap.reason),
        "from_seq": gap.from_seq,
        "to_seq": (gap.to_seq != 0).then_some(gap.to_seq),
        "generation": gap.generation,
        "time": words::json_time(gap.at),
    })
}

fn left_out_text(left: &LeftOut) -> String {
    let LeftOut { domid, from, to, changes, tier, .. } = left;
    let end = if *to == 0 { "on".to_owned() } else { format!("to {to}") };
    format!(
        "generation {from} {end}: {changes} changes by domain {domid} are left out of tier {}, \
         beyond its share",
        tier.0
    )
}

fn json_left_out(left: &LeftOut) -> Value {
    json!({
        "left_out": left.changes,
        "domid": left.domid,
        "instance": left.instance,
        "from": left.from,
        "to": (left.to != 0).then_some(left.to),
        "tier": left.tier.0,
    })
}

const SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_units_that_fit() {
        let durations =
            [(0, "0 ms"), (SECOND, "1 s"), (90 * SECOND, "90 s"), (60 * SECOND, "1 min")];
        for (nanoseconds, expected) in durations {
            assert_eq!(duration(nanoseconds), expected);
        }
        assert_eq!(duration(48 * 3600 * SECOND), "2 d");
        let sizes = [(12, "12 B"), (1024, "1.0 KiB"), (64 << 20, "64.0 MiB"), (3 << 29, "1.5 GiB")];
        for (count, expected) in sizes {
            assert_eq!(bytes(count), expected);
        }
    }

    #[test]
    fn gaps_say_what_is_missing_and_why() {
        let mut gap =
            Gap { reason: GapReason::Disk, from_seq: 5, to_seq: 9, generation: 4, at: SECOND };
        let text = gap_text(&gap);
        assert!(text.ends_with(
            "publications 5 to 8 are missing, after generation 4: the disk failed or was full"
        ));
        gap.to_seq = 0;
        assert!(gap_text(&gap).contains("from 5 on are missing"));
        assert_eq!(json_gap(&gap)["to_seq"], Value::Null);
        assert_eq!(json_gap(&gap)["gap"], "disk");
    }
}
