//! Calendar dates for log lines, in UTC.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

/// A moment as a date and a time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    year: u64,
    month: u64,
    day: u64,
    second_of_day: u64,
    millisecond: u32,
}

impl Stamp {
    /// The present.
    #[must_use]
    pub fn now() -> Stamp {
        Stamp::from(SystemTime::now())
    }

    /// As C's trace file writes it: `20261123 02:01:06`.
    #[must_use]
    pub fn spaced(self) -> impl fmt::Display {
        Spaced(self)
    }

    fn time_of_day(self) -> (u64, u64, u64) {
        (self.second_of_day / 3600, self.second_of_day / 60 % 60, self.second_of_day % 60)
    }
}

impl From<SystemTime> for Stamp {
    /// A moment before 1970 counts as its first second.
    fn from(time: SystemTime) -> Stamp {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let days = since.as_secs() / 86_400;
        // Days counted in years that begin in March: Hinnant, "chrono-compatible low-level date
        // algorithms", `civil_from_days`.
        let shifted = days + 719_468;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Stamp {
            year: shifted / 146_097 * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            second_of_day: since.as_secs() % 86_400,
            millisecond: since.subsec_millis(),
        }
    }
}

impl fmt::Display for Stamp {
    /// As oxenstored writes it: `20261123T02:01:06.123Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second) = self.time_of_day();
        let Stamp { year, month, day, millisecond, .. } = self;
        write!(f, "{year}{month:02}{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
    }
}

struct Spaced(Stamp);

impl fmt::Display for Spaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second) = self.0.time_of_day();
        let Stamp { year, month, day, .. } = self.0;
        write!(f, "{year:04}{month:02}{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn stamp(seconds: u64, millis: u64) -> Stamp {
        let since = Duration::from_secs(seconds) + Duration::from_millis(millis);
        Stamp::from(UNIX_EPOCH + since)
    }

    #[test]
    fn known_days() {
        // Each as `date -u -d @SECONDS` gives it.
        let cases = [
            (0, "19700101 00:00:00"),
            (951_782_399, "20000228 23:59:59"),
            (951_782_400, "20000229 00:00:00"),
            (951_868_800, "20000301 00:00:00"),
            (1_709_164_800, "20240229 00:00:00"),
            (1_735_689_599, "20241231 23:59:59"),
            (4_107_542_400, "21000301 00:00:00"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(stamp(seconds, 0).spaced().to_string(), expected);
        }
    }

    #[test]
    fn oxenstoreds_form_has_milliseconds() {
        assert_eq!(stamp(951_782_400, 7).to_string(), "20000229T00:00:00.007Z");
    }
}
