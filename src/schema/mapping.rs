use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;

use super::dates::DAY_NUMBER;
use super::{Column, DateOrder, Kind, conversion, declarable};

/// Where the patient's id is, which part of the text it is, and the cohort that it belongs to.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawPatientKey")]
pub struct PatientKey {
    /// Column in the file.
    pub column: String,
    /// Namespace and regular expression, tried in order; the first group of the first match is the id.
    /// No namespace: that of the definition.
    pub patterns: Vec<(Option<String>, Regex)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPatientKey {
    column: String,
    pattern: Option<String>,
    #[serde(default)]
    patterns: BTreeMap<String, String>,
}

impl TryFrom<RawPatientKey> for PatientKey {
    type Error = String;

    fn try_from(raw: RawPatientKey) -> Result<Self, String> {
        let regex = |text: &String| match Regex::new(text) {
            Ok(regex) if regex.captures_len() >= 2 => Ok(regex),
            Ok(_) => Err(format!("`{text}` has no capture group for the patient's id")),
            Err(error) => Err(error.to_string()),
        };
        let patterns = match (&raw.pattern, raw.patterns.is_empty()) {
            (Some(pattern), true) => vec![(None, regex(pattern)?)],
            (None, false) => raw
                .patterns
                .iter()
                .map(|(namespace, pattern)| Ok((Some(namespace.clone()), regex(pattern)?)))
                .collect::<Result<_, String>>()?,
            _ => return Err("a patient key has `pattern`, or `patterns` by namespace".to_owned()),
        };
        Ok(Self { column: raw.column, patterns })
    }
}

impl PatientKey {
    /// The namespace (if the pattern names one) and the id within it; `None` when no pattern matches.
    #[must_use]
    pub fn read<'a>(&'a self, text: &'a str) -> Option<(Option<&'a str>, &'a str)> {
        self.patterns.iter().find_map(|(namespace, pattern)| {
            let id = pattern.captures(text.trim())?.get(1)?.as_str();
            Some((namespace.as_deref(), id))
        })
    }

    /// The patterns, for messages.
    #[must_use]
    pub fn rule(&self) -> String {
        let patterns: Vec<&str> = self.patterns.iter().map(|(_, pattern)| pattern.as_str()).collect();
        format!("a patient id that matches {}", patterns.join(" or "))
    }
}

/// When the rows of a file were measured, and which of them may enter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Column with the day or date of the measurement.
    pub column: String,
    /// Order of year, month and day; without it the column counts days from the definition's time origin.
    #[serde(default)]
    pub date: Option<DateOrder>,
    /// First and last day accepted, relative to the decision point. The last may not lie after it unless
    /// `after_decision` is set, which outcome files need.
    pub window: (f64, f64),
    /// True for files whose columns are outcomes.
    #[serde(default)]
    pub after_decision: bool,
}

/// The day on which the treatment was decided.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Id of the file that holds it.
    pub file: String,
    /// Column in that file.
    pub column: String,
    /// Order of year, month and day; without it the column counts days from the definition's time origin.
    #[serde(default)]
    pub date: Option<DateOrder>,
}

/// Keeps the rows whose column holds one of the texts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowFilter {
    /// Column in the file.
    pub column: String,
    /// Accepted texts.
    pub equals: Vec<String>,
}

/// How a canonical column is read from a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawValueMap")]
pub struct ValueMap {
    /// Alternatives in order: the first that applies and is not missing gives the value.
    pub cases: Vec<Case>,
    /// Raw text to canonical text, after the case was chosen; a text outside the map is a violation, and an
    /// empty canonical text means "not recorded" (TX, Nx).
    pub levels: Option<BTreeMap<String, String>>,
    /// Unit of the numbers in the file; declared wherever the schema's unit can be converted to.
    pub unit: Option<String>,
    /// Order of year, month and day of a date that becomes its day number.
    pub date: Option<DateOrder>,
    /// True: a text that cannot be read is missing, and counted; false: it is a violation.
    pub unreadable_is_missing: bool,
}

/// One alternative of a [`ValueMap`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Applies where each of these columns holds one of its texts; always, when empty.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
    /// Applies where each of these columns is recorded.
    #[serde(default)]
    pub given: Vec<String>,
    /// Column whose text is the value.
    #[serde(default)]
    pub from: Option<String>,
    /// Canonical text that is the value: not looked up in `levels`, not converted.
    #[serde(default)]
    pub value: Option<String>,
    /// Columns of numbers, of which the smallest that is not missing is the value.
    #[serde(default)]
    pub earliest: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawValueMap {
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    cases: Vec<Case>,
    #[serde(default)]
    levels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    date: Option<DateOrder>,
    #[serde(default)]
    unreadable: Option<String>,
}

impl TryFrom<RawValueMap> for ValueMap {
    type Error = String;

    fn try_from(raw: RawValueMap) -> Result<Self, String> {
        let cases = match (raw.from, raw.cases) {
            (Some(from), cases) if cases.is_empty() => {
                vec![Case { from: Some(from), ..Case::default() }]
            }
            (None, cases) if !cases.is_empty() => cases,
            _ => return Err("a column has `from`, or `cases`".to_owned()),
        };
        for case in &cases {
            let given = [case.from.is_some(), case.value.is_some(), !case.earliest.is_empty()];
            if given.iter().filter(|given| **given).count() != 1 {
                return Err("a case has one of `from`, `value` and `earliest`".to_owned());
            }
        }
        if raw.date.is_some() && cases.iter().any(|case| case.from.is_none()) {
            return Err("date: expected `from` in every case".to_owned());
        }
        let unreadable_is_missing = match raw.unreadable.as_deref() {
            None => false,
            Some("missing") => true,
            Some(other) => return Err(format!("unreadable: expected \"missing\", found \"{other}\"")),
        };
        Ok(Self { cases, levels: raw.levels, unit: raw.unit, date: raw.date, unreadable_is_missing })
    }
}

impl ValueMap {
    /// Every column of the file that the mapping reads.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.cases.iter().flat_map(|case| {
            case.from.iter().chain(case.when.keys()).chain(&case.given).chain(&case.earliest).map(String::as_str)
        })
    }

    /// The factor to the column's unit.
    ///
    /// # Errors
    /// What is wrong, in words: a unit without a rule, a convertible unit that is not declared, a declared one on a
    /// column that has none, or a date for a column that does not hold day numbers.
    pub fn factor(&self, column: &Column) -> Result<f64, String> {
        let unit = column.unit();
        if self.date.is_some() && unit != DAY_NUMBER {
            return Err(format!("declares a date: expected a column in {DAY_NUMBER}"));
        }
        let known = declarable(unit);
        match (&self.unit, matches!(column.kind, Kind::Number { .. })) {
            (Some(_), false) => Err("declares a unit for a column that is not a number".to_owned()),
            (Some(declared), true) => {
                conversion(declared, unit).or((declared == unit).then_some(1.0)).ok_or_else(|| {
                    format!(
                        "declares the unit `{declared}`: expected one of {}",
                        [known.as_slice(), &[unit]].concat().join(", ")
                    )
                })
            }
            (None, true) if known.len() > 1 && self.cases.iter().any(|case| case.value.is_none()) => {
                Err(format!("declares no unit: expected `unit` to be one of {}", known.join(", ")))
            }
            _ => Ok(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Dictionary;

    fn map(text: &str) -> Result<ValueMap, String> {
        toml::from_str::<ValueMap>(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_convertible_unit_must_be_declared() {
        let size = Dictionary::compiled().column("tumour_size_mm").unwrap();
        assert!(map("from='s'").unwrap().factor(size).unwrap_err().contains("declares no unit"));
        assert_eq!(map("from='s'\nunit='cm'").unwrap().factor(size), Ok(10.0));
        assert!(map("from='s'\nunit='inch'").unwrap().factor(size).unwrap_err().contains("mm, cm"));
        let er = Dictionary::compiled().column("er").unwrap();
        assert!(map("from='s'\nunit='cm'").unwrap().factor(er).is_err());
        assert_eq!(map("from='s'").unwrap().factor(Dictionary::compiled().column("npi").unwrap()), Ok(1.0));
    }

    #[test]
    fn a_date_becomes_a_day_number_where_the_column_holds_one() {
        let dictionary = Dictionary::compiled();
        let read = map("from='d'\ndate='ymd'").unwrap();
        assert_eq!(read.factor(dictionary.column("enrolment_day").unwrap()), Ok(1.0));
        let refused = read.factor(dictionary.column("tumour_size_mm").unwrap()).unwrap_err();
        assert_eq!(refused, "declares a date: expected a column in days from 1970-01-01");
        assert!(map("cases=[{earliest=['a','b']}]\ndate='ymd'").is_err());
    }

    #[test]
    fn a_column_is_read_in_one_way() {
        assert!(map("from='a'\ncases=[{from='b'}]").is_err());
        assert!(map("cases=[{from='b', value='c'}]").is_err());
        assert!(map("cases=[{when={a=['1']}}]").is_err());
        assert!(map("unit='cm'").is_err());
        let read = map("cases=[{when={a=['1']}, value='x'},{earliest=['b','c']}]").unwrap();
        assert_eq!(read.sources().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn a_file_of_several_cohorts_gives_each_patient_her_namespace() {
        let key: PatientKey =
            toml::from_str("column='id'\npatterns={duke='^DUKE_([0-9]+)$', ispy2='^ISPY2_([0-9]+)$'}").unwrap();
        assert_eq!(key.read(" DUKE_001 "), Some((Some("duke"), "001")));
        assert_eq!(key.read("ISPY2_5"), Some((Some("ispy2"), "5")));
        assert_eq!(key.read("X5"), None);
        assert!(toml::from_str::<PatientKey>("column='id'\npattern='x'").is_err());
    }
}
