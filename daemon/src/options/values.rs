//! The values of options, each refused with what would be right.

use std::{path::PathBuf, str::FromStr};

use myriad_core::{DomId, Quota};
use myriad_ring::page::Doorbells;

use crate::limits;

/// A `quota=value` of `-Q` or `-q`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaSetting {
    /// Which quota.
    pub quota: Quota,
    /// Its value; 0 means no limit.
    pub value: u32,
}

/// A `watch-event=seconds` of `-w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeoutSetting {
    /// The seconds; 0: for ever.
    pub seconds: u32,
}

/// A trace switch with its sign, as `--trace-control` and `CONTROL log` take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Which of [`crate::logs::TRACE_SWITCHES`].
    pub index: usize,
    /// Whether it is turned on.
    pub on: bool,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// When a guest's doorbell is rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RingDoorbells {
    /// Whenever its ring has moved, as the protocol asks for.
    Always,
    /// When the guest may be asleep, judged as Linux judges the server: it had seen all that was
    /// there before, or its ring was full. For hosts without MiniOS guests.
    Needed,
}

impl From<RingDoorbells> for Doorbells {
    fn from(when: RingDoorbells) -> Doorbells {
        match when {
            RingDoorbells::Always => Doorbells::Always,
            RingDoorbells::Needed => Doorbells::WhenNeeded,
        }
    }
}

/// C 4.17's `--internal-db`, which changes nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum InternalDb {
    /// The default.
    On,
    /// A file, once.
    Off,
}

/// Where accesses are logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// Nowhere.
    Off,
    /// To a file.
    File(PathBuf),
}

/// Domain ids from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomidRange {
    /// The first.
    pub first: DomId,
    /// The last.
    pub last: DomId,
}

impl DomidRange {
    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = DomId> {
        (self.first.0..=self.last.0).map(DomId)
    }
}

impl FromStr for TimeoutSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, seconds) = pair(text, "seconds")?;
        match what {
            "watch-event" => Ok(TimeoutSetting { seconds }),
            _ => Err(format!("unknown timeout \"{what}\": it must be watch-event")),
        }
    }
}

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let switches = crate::logs::TRACE_SWITCHES;
        let all = switches.join(", ");
        let on = match text.as_bytes().first() {
            Some(b'+') => true,
            Some(b'-') => false,
            _ => return Err(format!("write + or - before the switch, one of {all}")),
        };
        let name = text.get(1..).unwrap_or_default();
        let index = switches.iter().position(|s| *s == name);
        let index = index.ok_or_else(|| format!("unknown switch \"{name}\": use one of {all}"))?;
        Ok(Switch { index, on })
    }
}

impl FromStr for AccessLog {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "off" { AccessLog::Off } else { AccessLog::File(text.into()) })
    }
}

impl FromStr for DomidRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (domid(first)?, domid(last)?);
        if first > last {
            return Err(format!("the range {text} runs backwards: write {last}-{first}"));
        }
        Ok(DomidRange { first, last })
    }
}

/// A number as C takes it: 0 to 2^31 - 1, decimal.
pub(super) fn number(text: &str) -> Result<u32, String> {
    let ok = |n: &u32| *n <= limits::OPTION_NUMBER_MAX;
    let number = text.parse::<u32>().ok().filter(ok);
    number.ok_or_else(|| format!("\"{text}\" is not a number from 0 to {}", i32::MAX))
}

/// The id of a domain that can exist.
pub(super) fn domid(text: &str) -> Result<DomId, String> {
    let domid = text.parse::<u16>().ok().map(DomId).filter(|d| d.is_real());
    let last = DomId::FIRST_RESERVED.0 - 1;
    domid.ok_or_else(|| format!("\"{text}\" is not a domain id: they go from 0 to {last}"))
}

/// The number of workers.
pub(super) fn workers(text: &str) -> Result<u16, String> {
    let count = text.parse::<u16>().ok().filter(|n| (1..=limits::MAX_WORKERS).contains(n));
    count.ok_or_else(|| format!("\"{text}\" is not a number from 1 to {}", limits::MAX_WORKERS))
}

/// A `-Q`.
pub(super) fn hard_quota(text: &str) -> Result<QuotaSetting, String> {
    let (what, value) = pair(text, "nb")?;
    let quota = quota_of(what).filter(|q| *q != Quota::SoftMemory).ok_or_else(|| {
        let hard = Quota::ALL.into_iter().filter(|q| *q != Quota::SoftMemory);
        let names: Vec<_> = hard.map(Quota::name).collect();
        format!("unknown quota \"{what}\": it must be one of {}", names.join(", "))
    })?;
    Ok(QuotaSetting { quota, value })
}

/// A `-q`.
pub(super) fn soft_quota(text: &str) -> Result<QuotaSetting, String> {
    match pair(text, "nb")? {
        ("memory", value) => Ok(QuotaSetting { quota: Quota::SoftMemory, value }),
        (what, _) => Err(format!("unknown soft quota \"{what}\": it must be memory")),
    }
}

/// The quota of a name, those of older releases and of C's usage text included.
fn quota_of(name: &str) -> Option<Quota> {
    match name {
        "permissions" => Some(Quota::NodePermissions),
        "path-length" => Some(Quota::PathMax),
        _ => Quota::from_name(name),
    }
}

fn pair<'a>(text: &'a str, value_name: &str) -> Result<(&'a str, u32), String> {
    let wrong = || format!("\"{text}\" must be of the form <what>=<{value_name}>");
    let (what, value) = text.split_once('=').ok_or_else(wrong)?;
    Ok((what, number(value)?))
}

/// The size of the journal.
pub(super) fn journal_size(text: &str) -> Result<SizeOrOff, String> {
    let size: SizeOrOff = text.parse()?;
    let range = limits::JOURNAL_LEAST..=limits::JOURNAL_MOST;
    match size.bytes().is_none_or(|bytes| range.contains(&bytes)) {
        true => Ok(size),
        false => Err(format!("a journal has 1M to 64G, and not {text}")),
    }
}

/// A number of bytes, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeOrOff {
    /// Bytes.
    Size(u64),
    /// Nothing.
    Off,
}

impl SizeOrOff {
    /// The bytes; none for `off`.
    #[must_use]
    pub fn bytes(self) -> Option<u64> {
        match self {
            SizeOrOff::Size(bytes) => Some(bytes),
            SizeOrOff::Off => None,
        }
    }
}

impl FromStr for SizeOrOff {
    type Err = String;

    /// Bytes, or K, M or G of them (powers of 1024).
    fn from_str(text: &str) -> Result<SizeOrOff, String> {
        if text == "off" {
            return Ok(SizeOrOff::Off);
        }
        let bad = || format!("`{text}` is no size: use `off`, or a number such as 64M or 1G");
        let (digits, unit) = match text.char_indices().last() {
            Some((at, 'K' | 'k')) => (text.get(..at), 1 << 10),
            Some((at, 'M' | 'm')) => (text.get(..at), 1 << 20),
            Some((at, 'G' | 'g')) => (text.get(..at), 1 << 30),
            _ => (Some(text), 1),
        };
        let number: u64 = digits.and_then(|digits| digits.parse().ok()).ok_or_else(bad)?;
        number.checked_mul(unit).filter(|bytes| *bytes > 0).map(SizeOrOff::Size).ok_or_else(bad)
    }
}
