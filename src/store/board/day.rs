use std::fmt;

use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;

/// A calendar day, written `2026-11-30`; ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day {
    year: i32,
    month: u32,
    day: u32,
}

impl Day {
    /// Reads `YYYY-MM-DD`, a day that exists, in the years 1900 to 2199; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shape = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !shape {
            return None;
        }
        let day = Self {
            year: text.get(0..4)?.parse().ok()?,
            month: text.get(5..7)?.parse().ok()?,
            day: text.get(8..10)?.parse().ok()?,
        };
        let exists = (1900..2200).contains(&day.year) && (1..=12).contains(&day.month) && day.day >= 1;
        (exists && day.day <= days_in(day.year, day.month)).then_some(day)
    }

    /// The day of an instant, milliseconds since 1970-01-01 UTC.
    ///
    /// # Source
    /// Hinnant 2013, *chrono-compatible low-level date algorithms*, `civil_from_days`.
    #[must_use]
    pub fn of_ms(at_ms: i64) -> Self {
        let z = at_ms.div_euclid(DAY_MS) + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        Self { year: year as i32, month: month as u32, day: (doy - (153 * mp + 2) / 5 + 1) as u32 }
    }
}

fn days_in(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl TryFrom<String> for Day {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| "expected a day as YYYY-MM-DD".to_owned())
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

/// An instant, milliseconds since 1970-01-01 UTC, as `2026-11-30 14:05 UTC`.
#[must_use]
pub fn instant_text(at_ms: i64) -> String {
    let minutes = at_ms.rem_euclid(DAY_MS) / 60_000;
    format!("{} {:02}:{:02} UTC", Day::of_ms(at_ms), minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_that_exist_are_days() {
        for good in ["2024-02-29", "2000-02-29", "1999-12-31", "2026-11-30"] {
            assert_eq!(Day::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "2023-02-29",
            "1900-02-29",
            "2026-11-31",
            "2026-13-01",
            "2026-00-10",
            "26-11-30",
            "2026-11-30 ",
            "2026-1\u{661}-3",
        ] {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn instants_are_read_as_utc() {
        assert_eq!(instant_text(0), "1970-01-01 00:00 UTC");
        assert_eq!(instant_text(951_827_696_000), "2000-02-29 12:34 UTC");
        assert_eq!(Day::of_ms(4_107_542_400_000).to_string(), "2100-03-01");
        assert_eq!(Day::of_ms(-1).to_string(), "1969-12-31");
    }
}
