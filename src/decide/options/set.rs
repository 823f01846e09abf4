use serde::{Deserialize, Serialize};

use super::{Condition, Effect, Eligibility, Harm, Truth};
use crate::decide::branches::Branch;
use crate::decide::record::ClinicalRecord;
use crate::decide::{Error, options::check};
use crate::terms::Subtype;

/// A versioned list of treatment options: a file of `data-schemas/options`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OptionSet {
    /// Name (`ispy2-arms`).
    pub name: String,
    /// Version.
    pub version: u32,
    /// What follows every option.
    pub followed_by: String,
    /// Citation.
    pub source: String,
    /// Facts that close every option of the file where the record holds them.
    #[serde(default)]
    pub excluded_by: Vec<Condition>,
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
    #[serde(default)]
    pub agent: String,
    /// Backbone to which it was added, or in which it replaced a drug.
    #[serde(default)]
    pub backbone: String,
    /// One of [`TreatmentOption::STANDINGS`].
    pub standing: String,
    /// HER2 status for which it was given: `any`, `negative` or `positive`.
    #[serde(default)]
    pub her2: Her2Rule,
    /// One sentence about its place today.
    pub note: String,
    /// Kind of treatment; two options of one class are alternatives.
    #[serde(default)]
    pub class: Class,
    /// When the choice is made.
    #[serde(default)]
    pub decision: DecisionPoint,
    /// Options that it is given together with and counted from.
    #[serde(default)]
    pub given_with: Vec<String>,
    /// Rules that must all be met.
    #[serde(default)]
    pub eligible: Vec<Condition>,
    /// Facts that close the option where the record holds them.
    #[serde(default)]
    pub excluded_by: Vec<Condition>,
    /// Where the rules come from.
    #[serde(default)]
    pub eligible_source: Option<String>,
    /// True when the rules were read in that source.
    #[serde(default)]
    pub eligible_verified: bool,
    /// Published effects.
    #[serde(default, rename = "effect")]
    pub effects: Vec<Effect>,
    /// Quantified harms.
    #[serde(default, rename = "harm")]
    pub harms: Vec<Harm>,
    /// Arms of the response model's trial that come nearest, each for whom and with what differs.
    #[serde(default, rename = "arm")]
    pub arms: Vec<NearestArm>,
}

/// An arm of the response model's trial that comes near an option.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NearestArm {
    /// Id of the arm (`Pembro`).
    pub id: String,
    /// For whom it comes near; empty: everyone.
    #[serde(default)]
    pub applies: Vec<Condition>,
    /// What differs from the option.
    pub differs: String,
}

impl TreatmentOption {
    /// The nearest arm for a patient, where one is known to come near.
    #[must_use]
    pub fn nearest_arm(&self, record: &ClinicalRecord) -> Option<&NearestArm> {
        self.arms.iter().find(|arm| arm.applies.iter().all(|rule| rule.truth(record) == Truth::Met))
    }
}

/// HER2 status for which an option was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Her2Rule {
    /// Both.
    #[default]
    Any,
    /// HER2-negative only.
    Negative,
    /// HER2-positive only.
    Positive,
}

/// Kind of treatment, in the order in which effects are multiplied and increments are stated.
///
/// # Source
/// The first five as PREDICT Breast orders them: radiotherapy, hormone, chemotherapy, trastuzumab, bisphosphonate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Treatment before surgery.
    #[default]
    Neoadjuvant,
    /// Surgery alone, the reference.
    Surgery,
    /// Radiotherapy.
    Radiotherapy,
    /// Five years of endocrine therapy.
    Endocrine,
    /// Aromatase inhibitor instead of tamoxifen.
    AromataseInhibitor,
    /// Ovarian suppression.
    OvarianSuppression,
    /// Endocrine therapy beyond five years.
    ExtendedEndocrine,
    /// Chemotherapy.
    Chemotherapy,
    /// Anti-HER2 therapy.
    AntiHer2,
    /// Bisphosphonate.
    Bisphosphonate,
    /// CDK4/6 inhibitor.
    Cdk46Inhibitor,
    /// Treatment chosen because of residual disease.
    PostNeoadjuvant,
    /// PARP inhibitor.
    ParpInhibitor,
    /// Immunotherapy.
    Immunotherapy,
}

/// When the choice is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionPoint {
    /// Before surgery.
    #[default]
    Neoadjuvant,
    /// After surgery.
    Adjuvant,
    /// After surgery that followed neoadjuvant treatment and found residual disease.
    AfterResidualDisease,
    /// After five years of endocrine therapy.
    #[serde(rename = "after_5_years_endocrine")]
    AfterFiveYearsEndocrine,
}

/// An option that may be shown for a patient, with its rules judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<'a> {
    /// The option.
    pub option: &'a TreatmentOption,
    /// Its rules.
    pub eligibility: Eligibility,
}

impl OptionSet {
    /// Reads a compiled-in options file by name and checks every number in it.
    ///
    /// # Errors
    /// [`Error::UnknownOptions`] or [`Error::Options`], the latter with all violations.
    pub fn load(name: &str) -> Result<Self, Error> {
        let text = crate::schema::embedded(&format!("options/{name}.toml"))
            .ok_or_else(|| Error::UnknownOptions { name: name.to_owned() })?;
        Self::parse(name, text)
    }

    /// Reads the text of an options file.
    ///
    /// # Errors
    /// [`Error::Options`], with all violations.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let broken = |message| Error::Options { name: name.to_owned(), message };
        let set: Self = toml::from_str(text).map_err(|error| broken(error.to_string()))?;
        let violations = check::violations(&set);
        if violations.is_empty() { Ok(set) } else { Err(broken(violations.join("; "))) }
    }

    /// The control option.
    #[must_use]
    pub fn control(&self) -> Option<&TreatmentOption> {
        self.options.iter().find(|option| option.standing == "control")
    }

    /// The option of that id.
    #[must_use]
    pub fn option(&self, id: &str) -> Option<&TreatmentOption> {
        self.options.iter().find(|option| option.id == id)
    }

    /// The options that may be shown for a record within a branch, in the order of the file.
    ///
    /// Options for residual disease are left out until the response at surgery is known or assumed by the branch.
    #[must_use]
    pub fn listed(&self, record: &ClinicalRecord, branch: Branch) -> Vec<Listed<'_>> {
        let record = branch.assume(record);
        let shown = |option: &&TreatmentOption| {
            option.decision != DecisionPoint::AfterResidualDisease || record.residual_disease().is_some()
        };
        self.options
            .iter()
            .filter(shown)
            .map(|option| Listed { option, eligibility: self.eligibility(option, &record) })
            .collect()
    }

    /// The rules of one option judged for a record, the set's exclusions included.
    #[must_use]
    pub fn eligibility(&self, option: &TreatmentOption, record: &ClinicalRecord) -> Eligibility {
        let mut rules = option.eligible.clone();
        match option.her2 {
            Her2Rule::Any => {}
            Her2Rule::Negative => rules.push(Condition::Her2(false)),
            Her2Rule::Positive => rules.push(Condition::Her2(true)),
        }
        let excluded: Vec<Condition> = self.excluded_by.iter().chain(&option.excluded_by).cloned().collect();
        Eligibility::of(&rules, &excluded, record)
    }
}

impl TreatmentOption {
    /// Words for `standing`: the control of a trial, approved and given today, no longer or not beneficial,
    /// investigational or unavailable, or the reference that every benefit is counted from.
    pub const STANDINGS: [&'static str; 5] = ["control", "approved", "no_benefit", "investigational", "reference"];

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
    use crate::decide::options::Truth;
    use crate::decide::{Her2, Receptor};
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

    #[test]
    fn options_for_residual_disease_wait_for_the_response_or_a_branch() {
        let set = OptionSet::load("adjuvant").unwrap();
        let her2 = ClinicalRecord { her2: Some(Her2::Positive), ..ClinicalRecord::default() };
        let has = |record: &ClinicalRecord, branch| {
            set.listed(record, branch).into_iter().find(|listed| listed.option.id == "t-dm1").map(|l| l.eligibility)
        };
        assert_eq!(has(&her2, Branch::AsRecorded), None);
        assert_eq!(has(&her2, Branch::IfResidualDisease).unwrap().overall, Truth::Met);
        assert_eq!(has(&her2, Branch::IfPcr).unwrap().overall, Truth::NotMet);
        let residual = ClinicalRecord { yp_t: Some(1), ..her2 };
        assert_eq!(has(&residual, Branch::AsRecorded).unwrap().overall, Truth::Met);
    }

    #[test]
    fn endocrine_therapy_is_closed_to_a_triple_negative_tumour_and_open_to_an_er_positive_one() {
        let set = OptionSet::load("adjuvant").unwrap();
        let option = set.option("endocrine-5y").unwrap();
        let er = |er| ClinicalRecord {
            er: Some(er),
            pr: Some(Receptor::Negative),
            her2: Some(Her2::Zero),
            ..ClinicalRecord::default()
        };
        assert_eq!(set.eligibility(option, &er(Receptor::Positive)).overall, Truth::Met);
        assert_eq!(set.eligibility(option, &er(Receptor::Negative)).overall, Truth::NotMet);
        assert_eq!(set.eligibility(option, &er(Receptor::LowPositive)).overall, Truth::Unknown);
        let metastatic = ClinicalRecord { metastatic: Some(true), ..er(Receptor::Positive) };
        assert_eq!(set.eligibility(option, &metastatic).overall, Truth::NotMet);
    }
}
