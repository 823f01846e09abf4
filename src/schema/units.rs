/// Units that a mapping may declare, each with the unit that schemas use and the factor to it.
///
/// A month is 30.4375 days and a year 365.25 days (the mean of the Julian calendar), as registries count them.
/// `days before` is a day count that runs backwards from the diagnosis: −18 262 is 50 years of age.
const UNITS: [(&str, &str, f64); 19] = [
    ("days", "days", 1.0),
    ("weeks", "days", 7.0),
    ("months", "days", 30.4375),
    ("years", "days", 365.25),
    ("years", "years", 1.0),
    ("months", "years", 1.0 / 12.0),
    ("days", "years", 1.0 / 365.25),
    ("days before", "years", -1.0 / 365.25),
    ("mm", "mm", 1.0),
    ("cm", "mm", 10.0),
    ("mm³", "mm³", 1.0),
    ("cm³", "mm³", 1000.0),
    ("%", "%", 1.0),
    ("fraction", "%", 100.0),
    ("kg", "kg", 1.0),
    ("m", "cm", 100.0),
    ("cm", "cm", 1.0),
    ("fraction", "fraction", 1.0),
    ("%", "fraction", 0.01),
];

/// The factor that turns a number in unit `declared` into the schema's unit; `None` where there is no rule.
#[must_use]
pub fn conversion(declared: &str, unit: &str) -> Option<f64> {
    UNITS.iter().find(|(from, to, _)| *from == declared && *to == unit).map(|(_, _, factor)| *factor)
}

/// The units that may be declared for a column of that unit; empty for a unit that is never converted.
#[must_use]
pub fn declarable(unit: &str) -> Vec<&'static str> {
    UNITS.iter().filter(|(_, to, _)| *to == unit).map(|(from, _, _)| *from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_convertible_unit_may_be_declared_as_itself() {
        for (_, to, _) in UNITS {
            assert_eq!(conversion(to, to), Some(1.0), "{to}");
        }
    }

    #[test]
    fn lengths_times_and_shares_convert_by_pencil() {
        assert_eq!(conversion("cm", "mm"), Some(10.0));
        assert_eq!(conversion("months", "days").map(|factor| 12.0 * factor), Some(365.25));
        assert_eq!(conversion("days before", "years").map(|factor| -18262.5 * factor), Some(50.0));
        assert_eq!(conversion("inches", "mm"), None);
        assert_eq!(declarable("score"), Vec::<&str>::new());
    }
}
