use serde::{Deserialize, Serialize};

use super::Error;
use crate::terms::Subtype;

/// A versioned list of treatment options: a file of `data-schemas/options`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OptionSet {
    /// Name (`ispy2-arms`).
    pub name: String,
    /// Version.
    pub version: u32,
    /// What follows every option before surgery.
    pub followed_by: String,
    /// Citation.
    pub source: String,
    /// Options in the order in which they are shown; never by estimate.
    #[serde(rename = "option")]
    pub options: Vec<TreatmentOption>,
}

/// One treatment option.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TreatmentOption {
    /// Id, as in the column `arm`.
    pub id: String,
    /// Label for people.
    pub label: String,
    /// Agent under test.
    pub agent: String,
    /// Backbone to which it was added, or in which it replaced a drug.
    pub backbone: String,
    /// `control`, `approved` or `investigational`.
    pub standing: String,
    /// HER2 status for which it was given: `any`, `negative` or `positive`.
    pub her2: Her2Rule,
    /// One sentence about its place today.
    pub note: String,
}

/// HER2 status for which an option was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Her2Rule {
    /// Both.
    Any,
    /// HER2-negative only.
    Negative,
    /// HER2-positive only.
    Positive,
}

impl OptionSet {
    /// Reads a compiled-in options file by name.
    ///
    /// # Errors
    /// [`Error::UnknownOptions`] or [`Error::Options`].
    pub fn load(name: &str) -> Result<Self, Error> {
        let text = crate::schema::embedded(&format!("options/{name}.toml"))
            .ok_or_else(|| Error::UnknownOptions { name: name.to_owned() })?;
        toml::from_str(text).map_err(|error| Error::Options { name: name.to_owned(), message: error.to_string() })
    }

    /// The control option.
    #[must_use]
    pub fn control(&self) -> Option<&TreatmentOption> {
        self.options.iter().find(|option| option.standing == "control")
    }
}

impl TreatmentOption {
    /// Why the option was not given to tumours of that subtype; `None` when it was.
    #[must_use]
    pub fn excluded(&self, subtype: Subtype) -> Option<String> {
        match (self.her2, subtype.is_her2_positive()) {
            (Her2Rule::Negative, true) => Some("given to HER2-negative tumours only".to_owned()),
            (Her2Rule::Positive, false) => Some("given to HER2-positive tumours only".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Dictionary, Kind};

    #[test]
    fn the_arms_are_those_of_the_treatment_schema() {
        let set = OptionSet::load("ispy2-arms").unwrap();
        let Kind::Level { levels } = &Dictionary::compiled().column("arm").unwrap().kind else { panic!("levels") };
        let mut ids: Vec<&String> = set.options.iter().map(|option| &option.id).collect();
        let mut known: Vec<&String> = levels.iter().collect();
        ids.sort();
        known.sort();
        assert_eq!(ids, known);
        assert_eq!(set.control().unwrap().id, "Ctr");
    }
}
