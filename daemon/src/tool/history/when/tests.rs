//! Phrases and what they mean, on a Monday in Berlin, a month after summer time has ended.

use jiff::Zoned;

use super::parse;

const NOW: &str = "2026-11-23T14:30:15+01:00[Europe/Berlin]";

fn at(phrase: &str, now: &str) -> String {
    let now: Zoned = now.parse().unwrap();
    match parse(phrase, &now) {
        Ok(time) => time.to_zoned(now.time_zone().clone()).strftime("%F %T%.f").to_string(),
        Err(error) => error.why,
    }
}

#[test]
fn phrases_mean_what_people_mean() {
    let table = [
        ("now", "2026-11-23 14:30:15"),
        ("2 min ago", "2026-11-23 14:28:15"),
        ("90s ago", "2026-11-23 14:28:45"),
        ("1h30m ago", "2026-11-23 13:00:15"),
        ("an hour ago", "2026-11-23 13:30:15"),
        ("1 day and 2 hours ago", "2026-11-22 12:30:15"),
        ("2 weeks ago", "2026-11-09 14:30:15"),
        ("3 months ago", "2026-08-23 14:30:15"),
        ("2 days ago at 9:05", "2026-11-21 09:05:00"),
        ("14:05", "2026-11-23 14:05:00"),
        ("14:30:15", "2026-11-23 14:30:15"),
        ("14:31", "2026-11-22 14:31:00"),
        ("9:07", "2026-11-23 09:07:00"),
        ("14:05:06.25", "2026-11-23 14:05:06.25"),
        ("2pm", "2026-11-23 14:00:00"),
        ("12am", "2026-11-23 00:00:00"),
        ("12:10 PM", "2026-11-23 12:10:00"),
        ("noon", "2026-11-23 12:00:00"),
        ("today", "2026-11-23 00:00:00"),
        ("today 18:00", "2026-11-23 18:00:00"),
        ("yesterday", "2026-11-22 00:00:00"),
        ("yesterday 14:00", "2026-11-22 14:00:00"),
        ("Yesterday at noon", "2026-11-22 12:00:00"),
        ("monday", "2026-11-23 00:00:00"),
        ("monday 14:00", "2026-11-23 14:00:00"),
        ("monday 15:00", "2026-11-16 15:00:00"),
        ("last monday", "2026-11-16 00:00:00"),
        ("sun 23:00", "2026-11-22 23:00:00"),
        ("last friday 8am", "2026-11-20 08:00:00"),
        ("2026-11-23", "2026-11-23 00:00:00"),
        ("2026-11-23 14:00", "2026-11-23 14:00:00"),
        ("2026-11-23T14:00", "2026-11-23 14:00:00"),
        ("2026-11-23T14:00:00Z", "2026-11-23 15:00:00"),
        ("2026-11-23 14:00:00+05:30", "2026-11-23 09:30:00"),
        ("2026-11-23T14:00:00[America/New_York]", "2026-11-23 20:00:00"),
        ("2027-01-01", "2027-01-01 00:00:00"),
    ];
    for (phrase, expected) in table {
        assert_eq!(at(phrase, NOW), expected, "{phrase}");
    }
}

#[test]
fn clocks_that_are_set_back_or_forward_are_minded() {
    // Clocks went back at 3:00 on 2026-10-25: a day before is 25 hours before.
    let after = "2026-10-25T12:00:00+01:00[Europe/Berlin]";
    assert_eq!(at("1 day ago", after), "2026-10-24 12:00:00");
    assert_eq!(at("24 hours ago", after), "2026-10-24 13:00:00");
    assert_eq!(at("2:30", after), "2026-10-25 02:30:00");
    // 2:30 didn't exist on the day on which they were set forward.
    let spring = "2026-03-29T12:00:00+02:00[Europe/Berlin]";
    assert_eq!(at("2:30", spring), "2026-03-29 03:30:00");
}

#[test]
fn what_is_no_time_is_refused_by_the_word() {
    let table = [
        ("", "it is empty"),
        ("ago", "nothing stands before \"ago\""),
        ("2 moths ago", "\"moths\" is no unit of time"),
        ("two min ago", "\"two\" is no number"),
        ("5 ago", "\"5\" lacks a unit"),
        ("999999 years ago", "it is too far away"),
        ("99999999999999999999 s ago", "\"99999999999999999999\" is no number"),
        ("25:00", "\"25:00\" is no time of day"),
        ("13pm", "\"13pm\" is no time of day"),
        ("tomorrow", "\"tomorrow\" is no time of day"),
        ("2026-13-01", "\"2026-13-01\" is no day (year-month-day)"),
        ("last tim", "\"tim\" is no day of the week"),
        ("yesterday teatime", "\"teatime\" is no time of day"),
        ("14", "\"14\" is no time of day"),
        ("äh ago", "\"äh\" lacks a unit"),
    ];
    for (phrase, expected) in table {
        assert_eq!(at(phrase, NOW), expected, "{phrase}");
    }
    let error = parse("soon", &NOW.parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("\"soon\" is no time"), "{error}");
    assert!(error.to_string().contains("yesterday 14:00"), "{error}");
}
