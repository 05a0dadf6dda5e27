//! Times as people say them.
//!
//! Invariants:
//! - [`parse`] depends on its arguments alone: the present and its time zone are given.
//! - What leaves the day open means the past: `14:05` is the last 14:05, `monday` the last Monday
//!   or today. A day without a time of day is its beginning.

use jiff::{
    Span, Timestamp, ToSpan, Zoned,
    civil::{Date, Time, Weekday},
};

/// a phrase that names no time
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{phrase}\" is no time: {why}; say it as in: 2 min ago, yesterday 14:00, 14:05, \
     2026-11-23 14:00, 2026-11-23T14:00:00Z"
)]
pub(crate) struct NoTime {
    /// What was said.
    pub(crate) phrase: String,
    /// What is wrong with it.
    pub(crate) why: String,
}

/// The time that a phrase means at `now`, in its zone.
///
/// # Errors
/// [`NoTime`], which names the phrase and the word that isn't understood.
pub(crate) fn parse(phrase: &str, now: &Zoned) -> Result<Timestamp, NoTime> {
    let no_time = |why: String| NoTime { phrase: phrase.to_owned(), why };
    let text = phrase.trim();
    // RFC 3339 and 9557: the zone is said, so nothing is left open.
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(time) = text.parse::<Zoned>() {
        return Ok(time.timestamp());
    }
    let text = text.to_ascii_lowercase().replace(',', " ");
    let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "at").collect();
    let Some(last) = words.last() else { return Err(no_time("it is empty".into())) };
    if *last == "now" && words.len() == 1 {
        return Ok(now.timestamp());
    }
    let ago = words.iter().position(|word| *word == "ago");
    let time = match ago.and_then(|at| words.split_at_checked(at)) {
        Some((amount, rest)) => before(amount, rest.get(1..).unwrap_or_default(), now),
        None => on_a_day(&words, now),
    };
    time.map_err(no_time)
}

/// `2 days ago`, and a time of day that may follow.
fn before(amount: &[&str], clock: &[&str], now: &Zoned) -> Result<Timestamp, String> {
    let far = |_| "it is too far away".to_owned();
    let mut then = now.clone();
    for span in spans(amount)? {
        then = then.checked_sub(span).map_err(far)?;
    }
    if clock.is_empty() {
        return Ok(then.timestamp());
    }
    at(then.date(), time_of_day(clock)?, now)
}

/// `yesterday 14:00`, `14:05`, `last monday`, `2026-11-23 2pm`.
fn on_a_day(words: &[&str], now: &Zoned) -> Result<Timestamp, String> {
    // `2026-11-23t14:00`
    let split: Vec<&str> = match words {
        [one] if one.get(10..11) == Some("t") => one.split('t').collect(),
        words => words.to_vec(),
    };
    let (day, clock) = match split.as_slice() {
        ["last", name, clock @ ..] => {
            let day = weekday(name).ok_or_else(|| format!("\"{name}\" is no day of the week"))?;
            (Day::Before(day), clock)
        }
        [first, clock @ ..] => match day(first)? {
            Some(day) => (day, clock),
            None => (Day::Open, split.as_slice()),
        },
        [] => return Err("it is empty".into()),
    };
    let time = if clock.is_empty() { None } else { Some(time_of_day(clock)?) };
    let today = now.date();
    let back =
        |days: i64| today.checked_sub(days.days()).map_err(|_| "it is too far away".to_owned());
    let begin = time.unwrap_or(Time::MIN);
    match day {
        Day::On(date) => at(date, begin, now),
        Day::Back(days) => at(back(days)?, begin, now),
        Day::Open => latest(begin, now, back, 1),
        Day::Of(weekday) => {
            let days = i64::from(weekday.until(today.weekday()));
            latest(begin, now, |more| back(days + more), 7)
        }
        Day::Before(weekday) => {
            let days = match i64::from(weekday.until(today.weekday())) {
                0 => 7,
                days => days,
            };
            at(back(days)?, begin, now)
        }
    }
}

/// That time of the nearest day that isn't after now: today's, or the one `step` days before.
fn latest(
    time: Time,
    now: &Zoned,
    back: impl Fn(i64) -> Result<Date, String>,
    step: i64,
) -> Result<Timestamp, String> {
    let first = at(back(0)?, time, now)?;
    if first <= now.timestamp() { Ok(first) } else { at(back(step)?, time, now) }
}

fn at(date: Date, time: Time, now: &Zoned) -> Result<Timestamp, String> {
    let zoned = date.to_datetime(time).to_zoned(now.time_zone().clone());
    zoned.map(|zoned| zoned.timestamp()).map_err(|_| "it is too far away".into())
}

/// A day as it can be said.
enum Day {
    On(Date),
    /// So many days before today.
    Back(i64),
    /// Today, or that day of the last week.
    Of(Weekday),
    /// That day before today.
    Before(Weekday),
    /// It isn't said.
    Open,
}

/// The day that a word names; nothing where it is a time of day.
fn day(word: &str) -> Result<Option<Day>, String> {
    Ok(match word {
        "today" => Some(Day::Back(0)),
        "yesterday" => Some(Day::Back(1)),
        _ => match weekday(word) {
            Some(weekday) => Some(Day::Of(weekday)),
            None if word.matches('-').count() == 2 => {
                let bad = |_| format!("\"{word}\" is no day (year-month-day)");
                Some(Day::On(word.parse().map_err(bad)?))
            }
            None => None,
        },
    })
}

fn weekday(word: &str) -> Option<Weekday> {
    let all = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let is = |name: &str| word.len() >= 3 && name.starts_with(word);
    all.into_iter().find(|(name, _)| is(name)).map(|(_, day)| day)
}

/// `14:05`, `14:05:06.5`, `2pm`, `2:30 pm`, `noon`, `midnight`.
fn time_of_day(words: &[&str]) -> Result<Time, String> {
    let text = words.concat();
    let bad = || format!("\"{}\" is no time of day", words.join(" "));
    match text.as_str() {
        "noon" => return Ok(Time::midnight() + 12.hours()),
        "midnight" => return Ok(Time::midnight()),
        _ => {}
    }
    let (digits, half) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(0)),
        (_, Some(digits)) => (digits, Some(12)),
        _ => (text.as_str(), None),
    };
    let Some(half) = half else {
        let is_clock = digits.contains(':') && digits.starts_with(|c: char| c.is_ascii_digit());
        let padded = if digits.find(':') == Some(1) { format!("0{digits}") } else { digits.into() };
        return if is_clock { padded.parse().map_err(|_| bad()) } else { Err(bad()) };
    };
    let (hour, minute) = digits.split_once(':').unwrap_or((digits, "0"));
    let hour: i8 = hour.parse().ok().filter(|hour| (1..=12).contains(hour)).ok_or_else(bad)?;
    let minute: i8 = minute.parse().map_err(|_| bad())?;
    Time::new(hour % 12 + half, minute, 0, 0).map_err(|_| bad())
}

/// `2 min`, `1h30m`, `an hour`, `1 day 2 hours`.
fn spans(words: &[&str]) -> Result<Vec<Span>, String> {
    let mut pieces = Vec::new();
    for word in words.iter().filter(|word| **word != "and") {
        let is_digit = |c: &char| c.is_ascii_digit();
        let mut rest = *word;
        while let Some(first) = rest.chars().next() {
            let same = |c: &char| is_digit(c) == is_digit(&first);
            let len = rest.chars().take_while(same).map(char::len_utf8).sum();
            let (piece, after) = rest.split_at(len);
            pieces.push(piece);
            rest = after;
        }
    }
    if pieces.is_empty() {
        return Err("nothing stands before \"ago\"".into());
    }
    let spans = pieces.chunks(2).map(|pair| {
        let [number, unit] = pair else {
            return Err(format!("\"{}\" lacks a unit", pair.concat()));
        };
        let number: i64 = match *number {
            "a" | "an" => 1,
            number => number.parse().map_err(|_| format!("\"{number}\" is no number"))?,
        };
        unit_of(unit, number)
    });
    spans.collect()
}

fn unit_of(unit: &str, n: i64) -> Result<Span, String> {
    let span = Span::new();
    let span = match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => span.try_seconds(n),
        "m" | "min" | "mins" | "minute" | "minutes" => span.try_minutes(n),
        "h" | "hr" | "hrs" | "hour" | "hours" => span.try_hours(n),
        "d" | "day" | "days" => span.try_days(n),
        "w" | "week" | "weeks" => span.try_days(n.saturating_mul(7)),
        "month" | "months" => span.try_months(n),
        "y" | "year" | "years" => span.try_years(n),
        other => return Err(format!("\"{other}\" is no unit of time")),
    };
    span.map_err(|_| "it is too far away".into())
}

#[cfg(test)]
mod tests;
