use serde::{Deserialize, Serialize};

/// Unit of the columns that hold a date as the number that [`DateOrder::parse`] gives.
pub(super) const DAY_NUMBER: &str = "days from 1970-01-01";

/// The order of year, month and day in a date written as text: declared, because 03/04/2021 is ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// 2021-04-03
    Ymd,
    /// 03.04.2021
    Dmy,
    /// 04/03/2021
    Mdy,
}

impl DateOrder {
    /// The day number of a date, counted from 1970-01-01; a time of day after `T` or a space is left out.
    ///
    /// Parts are separated by `-`, `/` or `.`; the year has four digits.
    ///
    /// # Errors
    /// What was expected, in words.
    pub fn parse(self, text: &str) -> Result<i64, String> {
        let wrong = || format!("a date written {}", self.words());
        let date = text.trim().split(['T', ' ']).next().unwrap_or("");
        let parts: Vec<i64> = date
            .split(['-', '/', '.'])
            .map(|part| if part.is_empty() || part.len() > 4 { None } else { part.parse().ok() })
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        let (year, month, day) = match (self, parts.as_slice()) {
            (Self::Ymd, [year, month, day]) => (*year, *month, *day),
            (Self::Dmy, [day, month, year]) => (*year, *month, *day),
            (Self::Mdy, [month, day, year]) => (*year, *month, *day),
            _ => return Err(wrong()),
        };
        if !(1800..=2200).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
            return Err(wrong());
        }
        Ok(day_number(year, month, day))
    }

    fn words(self) -> &'static str {
        match self {
            Self::Ymd => "year-month-day",
            Self::Dmy => "day-month-year",
            Self::Mdy => "month-day-year",
        }
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 of a date of the Gregorian calendar, years counted from March.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 306 + 5) / 10 + day
        - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_numbers_follow_the_calendar() {
        assert_eq!(DateOrder::Ymd.parse("1970-01-01"), Ok(0));
        assert_eq!(DateOrder::Ymd.parse("2000/03/01"), Ok(11_017));
        assert_eq!(DateOrder::Dmy.parse("03.04.2021"), DateOrder::Ymd.parse("2021-04-03T09:30:00"));
        assert_eq!(DateOrder::Mdy.parse("04/03/2021"), DateOrder::Ymd.parse("2021-04-03"));
        let every_day: Vec<i64> = (1995..2005)
            .flat_map(|year| {
                (1..=12).flat_map(move |month| (1..=days_in(year, month)).map(move |day| (year, month, day)))
            })
            .map(|(year, month, day)| day_number(year, month, day))
            .collect();
        assert!(every_day.windows(2).all(|pair| pair[1] == pair[0] + 1));
    }

    #[test]
    fn days_that_do_not_exist_and_other_orders_are_refused() {
        for text in ["2021-02-29", "2021-13-01", "21-01-01", "01-02-2021", "", "2021-1", "today", "2021-01-01-01"] {
            assert!(DateOrder::Ymd.parse(text).is_err(), "{text}");
        }
        assert!(DateOrder::Ymd.parse("2020-02-29").is_ok());
    }
}
