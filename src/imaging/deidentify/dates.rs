//! Dates moved by whole days, so that the intervals between all dates of a patient stay what they were.

/// A DA value moved back by `days`: `YYYYMMDD`; the retired form `YYYY.MM.DD` is read too. `None` when it is no date.
///
/// # Source
/// PS3.5 section 6.2.
pub(super) fn shift_date(date: &str, days: i64) -> Option<String> {
    let date = date.trim();
    let plain = match date.as_bytes() {
        [_, _, _, _, b'.', _, _, b'.', _, _] => date.replace('.', ""),
        _ => date.to_owned(),
    };
    if plain.len() != 8 || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| plain.get(range)?.parse::<i64>().ok();
    let number = day_number(part(0..4)?, part(4..6)?, part(6..8)?)?;
    let (year, month, day) = civil(number - days);
    (1..=9999).contains(&year).then(|| format!("{year:04}{month:02}{day:02}"))
}

/// A DT value whose date moved back by `days`; the time of day, its fraction and its zone stay.
///
/// `None` when it is no date-time, or one without a day, which cannot be moved by days.
pub(super) fn shift_date_time(value: &str, days: i64) -> Option<String> {
    let value = value.trim();
    let (date, rest) = value.split_at_checked(8)?;
    let (clock, zone) = rest.find(['+', '-']).map_or((rest, ""), |at| rest.split_at(at));
    let plausible = (clock.is_empty() || is_time(clock) && !clock.contains(':')) && (zone.is_empty() || is_zone(zone));
    plausible.then(|| shift_date(date, days)).flatten().map(|date| format!("{date}{rest}"))
}

/// True for a TM value, `HHMMSS.FFFFFF` or shorter, or the retired `HH:MM:SS`.
pub(super) fn is_time(value: &str) -> bool {
    let value = value.trim();
    let (clock, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = if clock.contains(':') { clock.replace(':', "") } else { clock.to_owned() };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let below = |range: std::ops::Range<usize>, limit: u8| {
        digits.get(range).is_none_or(|pair| pair.parse::<u8>().is_ok_and(|value| value < limit))
    };
    number(&digits)
        && matches!(digits.len(), 2 | 4 | 6)
        && below(0..2, 24)
        && below(2..4, 60)
        && below(4..6, 61)
        && number(fraction)
        && fraction.len() <= 6
}

/// True for an offset from UTC, `+0100`.
pub(super) fn is_zone(value: &str) -> bool {
    let value = value.trim();
    value.len() == 5 && value.starts_with(['+', '-']) && value.bytes().skip(1).all(|byte| byte.is_ascii_digit())
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; `None` when there is no such day.
///
/// # Source
/// H. Hinnant, chrono-compatible low-level date algorithms (`days_from_civil`).
fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    if year < 1 || !(1..=12).contains(&month) || day < 1 {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let number = era * 146_097 + day_of_era - 719_468;
    (civil(number) == (year, month, day)).then_some(number)
}

/// The year, month and day of a number of days from 1970-01-01: the inverse of [`day_number`].
fn civil(number: i64) -> (i64, i64, i64) {
    let shifted = number + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_like_the_calendar() {
        // By walking the calendar day by day over 800 years: 292 194 days (PS: 2 x 146 097).
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let (mut year, mut month, mut day) = (1600, 1, 1);
        let start = day_number(1600, 1, 1).unwrap();
        for step in 0..292_194 {
            assert_eq!(day_number(year, month, day), Some(start + step));
            let last = match month {
                2 => 28 + i64::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            assert_eq!(day_number(year, month, last + 1), None);
            day += 1;
            if day > last {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day), (2400, 1, 1));
        assert_eq!(day_number(1970, 1, 1), Some(0));
    }

    #[test]
    fn dates_move_and_keep_their_intervals() {
        assert_eq!(shift_date("20240301", 1).as_deref(), Some("20240229"));
        assert_eq!(shift_date("2024.03.01", 366).as_deref(), Some("20230301"), "the retired form");
        let days = |date: &str| {
            day_number(date[..4].parse().unwrap(), date[4..6].parse().unwrap(), date[6..].parse().unwrap())
        };
        let (a, b) = (shift_date("20191231", 1234).unwrap(), shift_date("20200615", 1234).unwrap());
        assert_eq!(days(&b).unwrap() - days(&a).unwrap(), 167, "0 + 31 + 29 + 31 + 30 + 31 + 15 days");
        for wrong in ["", "20230229", "2023", "202301", "Mueller1", "20230101-20240101", "00010101", "99991301"] {
            assert_eq!(shift_date(wrong, 400), None, "{wrong}");
        }
    }

    #[test]
    fn a_date_time_keeps_its_clock_and_zone() {
        assert_eq!(shift_date_time("20240301123059.25+0100", 1).as_deref(), Some("20240229123059.25+0100"));
        assert_eq!(shift_date_time("20240301", 1).as_deref(), Some("20240229"));
        assert_eq!(shift_date_time("2024030112-0330", 1).as_deref(), Some("2024022912-0330"));
        for wrong in ["2024", "202403", "20240301Mueller", "20240301+1", "2024030112:30", "20240301999999"] {
            assert_eq!(shift_date_time(wrong, 1), None, "{wrong}");
        }
    }

    #[test]
    fn clocks_and_zones_are_told_from_text() {
        assert!(["12", "1230", "123059", "123059.123456", "12:30:59", "235960"].iter().all(|time| is_time(time)));
        assert!(
            ["", "1", "2460", "1261", "Mueller", "123059.1234567", "123059.", "12305"]
                .iter()
                .all(|time| !is_time(time))
        );
        assert!(is_zone("+0100") && is_zone("-0330") && !is_zone("0100") && !is_zone("+01:0") && !is_zone("+Anna"));
    }
}
