use serde::Serialize;

use crate::terms::Estimate;

/// One number as it is shown: the value, the display text and the unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// The value in its own scale (a probability lies in 0 to 1).
    pub value: f64,
    /// Display text, unit included where it is written with one.
    pub text: String,
    /// Unit of `text`, empty for a plain number.
    pub unit: &'static str,
}

impl Figure {
    /// A share in 0 to 1, shown as a whole percentage.
    #[must_use]
    pub fn percent(value: f64) -> Self {
        Self { value, text: format!("{} %", percent_number(value)), unit: "%" }
    }

    /// A count of `unit` (`patients`, `images`).
    #[must_use]
    pub fn count(n: usize, unit: &'static str) -> Self {
        Self { value: n as f64, text: n.to_string(), unit }
    }

    /// A signed number with two decimals, on the logit scale.
    #[must_use]
    pub fn logit(value: f64) -> Self {
        Self { value, text: signed(value), unit: "logit" }
    }
}

/// An estimate with its 95 % interval, under the three keys that every regimen JSON uses, and its texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IntervalFigure {
    /// The point estimate.
    pub estimate: f64,
    /// Lower end of the 95 % interval.
    pub lower95: f64,
    /// Upper end of the 95 % interval.
    pub upper95: f64,
    /// Point estimate as display text.
    pub text: String,
    /// Interval as display text (`30 to 55 %`).
    pub interval_text: String,
    /// Unit of both texts, empty for a plain number.
    pub unit: &'static str,
}

impl IntervalFigure {
    /// A probability with its interval, shown in whole percentages.
    ///
    /// Returns `None` when a number is not finite, lies outside 0 to 1, or the interval does not hold the estimate:
    /// such a result is not shown to anyone.
    #[must_use]
    pub fn probability(from: &Estimate) -> Option<Self> {
        let ordered = 0.0 <= from.lower95
            && from.lower95 <= from.estimate
            && from.estimate <= from.upper95
            && from.upper95 <= 1.0;
        ordered.then(|| Self {
            estimate: from.estimate,
            lower95: from.lower95,
            upper95: from.upper95,
            text: format!("{} %", percent_number(from.estimate)),
            interval_text: format!("{} to {} %", percent_number(from.lower95), percent_number(from.upper95)),
            unit: "%",
        })
    }

    /// A plain statistic with its interval, shown with two decimals; `None` when a number is not finite.
    #[must_use]
    pub fn statistic(from: &Estimate) -> Option<Self> {
        Self::finite(from, decimals, decimals(from.estimate), "")
    }

    /// A difference of shares with its interval in percentage points, signed, one decimal; `None` when a number is not finite.
    #[must_use]
    pub fn points(from: &Estimate) -> Option<Self> {
        Self::signed_tenths(from, 100.0, "points")
    }

    /// A difference of mean years alive with its interval, shown in months, signed, one decimal; the numbers stay years.
    /// `None` when a number is not finite.
    #[must_use]
    pub fn months(from: &Estimate) -> Option<Self> {
        Self::signed_tenths(from, 12.0, "months")
    }

    /// `from` times `factor`, signed, with one decimal.
    fn signed_tenths(from: &Estimate, factor: f64, unit: &'static str) -> Option<Self> {
        let number = |value: f64| {
            let rounded = format!("{:.1}", factor * value);
            if rounded == "-0.0" { "0.0".to_owned() } else { rounded.replace('-', "\u{2212}") }
        };
        let sign = if from.estimate > 0.0 { "+" } else { "" };
        Self::finite(from, number, format!("{sign}{}", number(from.estimate)), unit)
    }

    fn finite(from: &Estimate, number: impl Fn(f64) -> String, text: String, unit: &'static str) -> Option<Self> {
        let finite = [from.estimate, from.lower95, from.upper95].iter().all(|value| value.is_finite());
        finite.then(|| Self {
            estimate: from.estimate,
            lower95: from.lower95,
            upper95: from.upper95,
            interval_text: format!("{} to {}", number(from.lower95), number(from.upper95)),
            text,
            unit,
        })
    }
}

/// A share as a whole number of 100, `<1` and `>99` where rounding would claim never or always.
#[must_use]
pub fn percent_number(share: f64) -> String {
    let percent = share * 100.0;
    // Half goes up, as in the count of patients of 100.
    if percent > 0.0 && percent < 0.5 {
        "<1".to_owned()
    } else if percent > 99.5 && percent < 100.0 {
        ">99".to_owned()
    } else {
        format!("{:.0}", percent.round())
    }
}

/// A number with two decimals and a typographic minus.
#[must_use]
pub fn decimals(value: f64) -> String {
    let rounded = format!("{value:.2}");
    match rounded.strip_prefix('-') {
        Some("0.00") => "0.00".to_owned(),
        Some(rest) => format!("\u{2212}{rest}"),
        None => rounded,
    }
}

/// [`decimals`] with a plus sign for what is above zero.
#[must_use]
pub fn signed(value: f64) -> String {
    let text = decimals(value);
    if text == "0.00" || text.starts_with('\u{2212}') { text } else { format!("+{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_never_claims_never_or_always() {
        assert_eq!(Figure::percent(0.002).text, "<1 %");
        assert_eq!(Figure::percent(0.998).text, ">99 %");
        assert_eq!(Figure::percent(0.0).text, "0 %");
        assert_eq!(Figure::percent(1.0).text, "100 %");
        assert_eq!(Figure::percent(0.424).text, "42 %");
        assert_eq!(Figure::percent(0.625).text, "63 %");
    }

    #[test]
    fn a_broken_interval_is_no_number() {
        let broken = [(0.4, 0.5, 0.6), (f64::NAN, 0.1, 0.2), (0.4, 0.3, 1.2), (0.4, -0.1, 0.5), (0.7, 0.3, 0.6)];
        for (estimate, lower95, upper95) in broken {
            assert_eq!(IntervalFigure::probability(&Estimate { estimate, lower95, upper95 }), None);
        }
    }

    #[test]
    fn signs_are_typographic_and_zero_has_none() {
        assert_eq!(signed(0.416), "+0.42");
        assert_eq!(signed(-0.416), "\u{2212}0.42");
        assert_eq!(signed(-0.001), "0.00");
    }
}
