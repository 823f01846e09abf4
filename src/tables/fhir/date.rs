/// A FHIR `date`, `dateTime` or `instant`: a year, a year and month, a day, or a moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FhirDate {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    /// Seconds since 1970 in UTC, when the time of day is given.
    moment: Option<i64>,
}

impl FhirDate {
    /// Reads a FHIR date; `None` when it is none, or when there is no such day.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
        let mut parts = date.split('-');
        let year = digits(parts.next()?, 4)?;
        let month = parts.next().map(|part| digits(part, 2)).map_or(Some(None), |month| month.map(Some))?;
        let day = parts.next().map(|part| digits(part, 2)).map_or(Some(None), |day| day.map(Some))?;
        if parts.next().is_some() || year == 0 || month.is_some_and(|month| !(1..=12).contains(&month)) {
            return None;
        }
        if let (Some(month), Some(day)) = (month, day)
            && !(1..=days_of(year, month)).contains(&day)
        {
            return None;
        }
        let mut read = Self { year, month, day, moment: None };
        if let Some(time) = time {
            day?;
            read.moment = Some(read.first_day() * 86_400 + seconds(time)?);
        }
        Some(read)
    }

    /// The date without its time of day, as precise as it was given: `1970`, `1970-05`, `1970-05-12`.
    pub(super) fn text(&self) -> String {
        match (self.month, self.day) {
            (Some(month), Some(day)) => format!("{:04}-{month:02}-{day:02}", self.year),
            (Some(month), None) => format!("{:04}-{month:02}", self.year),
            _ => format!("{:04}", self.year),
        }
    }

    /// First day that the date may mean, counted from 1970-01-01.
    pub(super) fn first_day(&self) -> i64 {
        day_number(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1))
    }

    /// Last day that the date may mean.
    pub(super) fn last_day(&self) -> i64 {
        let month = self.month.unwrap_or(12);
        day_number(self.year, month, self.day.unwrap_or_else(|| days_of(self.year, month)))
    }

    /// Orders dates by the first day they may mean, then by the time of day.
    pub(super) fn key(&self) -> (i64, Option<i64>) {
        (self.first_day(), self.moment)
    }

    /// True when this date is certainly before the other, whatever the missing parts are.
    pub(super) fn surely_before(&self, other: &Self) -> bool {
        match (self.moment, other.moment) {
            (Some(mine), Some(others)) => mine < others,
            _ => self.last_day() < other.first_day(),
        }
    }

    /// Whole months from this date to the other, when year and month of both are known.
    ///
    /// With both days known, a month counts when its day is reached; with either unknown, months are subtracted, so
    /// the result may be one month too high.
    pub(super) fn months_to(&self, other: &Self) -> Option<i64> {
        let months = (other.year - self.year) * 12 + other.month? - self.month?;
        let unreached = matches!((self.day, other.day), (Some(mine), Some(others)) if others < mine);
        Some(months - i64::from(unreached))
    }
}

/// Exactly `n` digits.
fn digits(text: &str, n: usize) -> Option<i64> {
    (text.len() == n && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Seconds of `hh:mm:ss(.fff)(Z|±hh:mm)` since midnight UTC of the written day; without an offset, UTC is meant.
fn seconds(time: &str) -> Option<i64> {
    let (clock, offset) = match (time.strip_suffix('Z'), time.rfind(['+', '-'])) {
        (Some(clock), _) => (clock, 0),
        (None, Some(at)) => {
            let (clock, zone) = time.split_at(at);
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let minutes = digits(hours, 2)? * 60 + digits(minutes, 2)?;
            (clock, if zone.starts_with('-') { -minutes } else { minutes })
        }
        (None, None) => (time, 0),
    };
    let whole = match clock.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit()) => whole,
        Some(_) => return None,
        None => clock,
    };
    let mut parts = whole.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |part| digits(part, 2))?;
    // 60 is a leap second.
    let fits = hour <= 23 && minute <= 59 && second <= 60 && parts.next().is_none() && offset.abs() <= 14 * 60;
    fits.then_some(hour * 3600 + minute * 60 + second - offset * 60)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> FhirDate {
        FhirDate::read(text).unwrap()
    }

    #[test]
    fn dates_keep_the_precision_they_have() {
        for (given, kept) in [
            ("1970", "1970"),
            ("1970-05", "1970-05"),
            ("1970-05-12", "1970-05-12"),
            ("2024-02-29T23:59:59.5+14:00", "2024-02-29"),
        ] {
            assert_eq!(date(given).text(), kept);
        }
        for bad in [
            "",
            "70",
            "19700",
            "1970-13",
            "1970-5",
            "2023-02-29",
            "1970-05-12T",
            "1970-05T10:00:00Z",
            "1970-05-12T25:00:00Z",
            "1970-05-12T10:00:00.Z",
            "1970-05-12T10:00:00+9:00",
            "1970-05-12-01",
            "0000",
            "12.05.1970",
            "١٩٧٠",
        ] {
            assert_eq!(FhirDate::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(date("1970-01-01").first_day(), 0);
        assert_eq!(date("2000-03-01").first_day(), 11017);
        assert_eq!((date("2024-02").first_day(), date("2024-02").last_day()), (19754, 19782));
        assert_eq!(date("1969-12-31").first_day(), -1);
    }

    #[test]
    fn order_is_said_only_when_it_is_sure() {
        assert!(date("2024-03-01").surely_before(&date("2024-03-02")));
        assert!(
            !date("2024-03").surely_before(&date("2024-03-15")) && !date("2024-03-15").surely_before(&date("2024-03"))
        );
        assert!(!date("2024-03-01T08:00:00Z").surely_before(&date("2024-03-01")));
        assert!(date("2024-03-01T08:00:00Z").surely_before(&date("2024-03-01T04:00:00-05:00")));
    }

    #[test]
    fn months_need_year_and_month() {
        assert_eq!(date("1970-05-12").months_to(&date("2020-05-11")), Some(599));
        assert_eq!(date("1970-05-12").months_to(&date("2020-05-12")), Some(600));
        assert_eq!(date("1970-05").months_to(&date("2020-05-11")), Some(600));
        assert_eq!(date("1970").months_to(&date("2020-05-11")), None);
    }
}
