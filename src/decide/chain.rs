//! From response to survival for the neoadjuvant patient: two branches side by side, never a product.
//!
//! The probability of pathological complete response leads to two branches, response and residual disease, each with the
//! event-free survival published for its subtype and the hazard ratio between them. Deliberately absent: a mean over the
//! branches and a difference between options, because either would turn a gain in response into a gain in survival.

use serde::{Deserialize, Serialize};

use super::Error;
use super::branches::Branch;
use super::options::{DecisionPoint, Eligibility, Endpoint, OptionSet, TimeZero};
use super::record::ClinicalRecord;
use crate::terms::{Estimate, Subtype};

const PATH: &str = "evidence/pcr-to-efs.toml";

/// Why the two branches must not be multiplied into a benefit.
pub const SURROGACY_WARNING: &str = "A higher probability of complete response under one option does not translate into \
    survival by multiplication: response separates patients, but between trials a gain in response predicts a gain in \
    survival poorly.";

/// Why the chain is shown as unvalidated.
pub const UNVALIDATED: &str =
    "Unvalidated: the data hold no event-free survival of the patients on whom the probability of response was fitted.";

/// Published associations of response and event-free survival: `data-schemas/evidence/pcr-to-efs.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ResponseEvidence {
    /// Name.
    pub name: String,
    /// Version.
    pub version: u32,
    /// Hazard ratios, response against residual disease.
    #[serde(rename = "ratio")]
    pub ratios: Vec<EventRatio>,
    /// Event-free survival by response.
    #[serde(rename = "baseline")]
    pub baselines: Vec<EfsByResponse>,
}

/// Hazard ratio of an event, response against residual disease.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EventRatio {
    /// Id.
    pub id: String,
    /// Subtypes for which it was estimated; empty: all together.
    pub subtypes: Vec<Subtype>,
    /// Hazard ratio.
    pub estimate: f64,
    /// Lower end of its 95 % interval.
    pub lower95: f64,
    /// Upper end of its 95 % interval.
    pub upper95: f64,
    /// Patients studied.
    pub population: String,
    /// Citation.
    pub source: String,
    /// False when recalled.
    pub verified: bool,
}

/// Survival without an event by response in one trial arm.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EfsByResponse {
    /// Id.
    pub id: String,
    /// Subtypes; empty: all together.
    pub subtypes: Vec<Subtype>,
    /// Ids of options with this regimen.
    pub options: Vec<String>,
    /// The regimen.
    pub regimen: String,
    /// What followed surgery, by response.
    pub post_neoadjuvant: String,
    /// When the clock started.
    pub time_zero: TimeZero,
    /// Event that is counted.
    pub endpoint: Endpoint,
    /// Years.
    pub at_years: f64,
    /// Event-free with response, %; `None` where not published.
    pub pcr_pct: Option<f64>,
    /// Event-free with residual disease, %; `None` where not published.
    pub residual_pct: Option<f64>,
    /// Citation.
    pub source: String,
    /// False when recalled.
    pub verified: bool,
}

/// Two branches from one probability of response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chain {
    /// Option before surgery.
    pub option: String,
    /// Subtype.
    pub subtype: Subtype,
    /// Where the branches part: response is known at surgery.
    pub landmark: TimeZero,
    /// Response, then residual disease.
    pub branches: [BranchOutlook; 2],
    /// Hazard ratios, response against residual disease, those of the subtype first.
    pub ratios: Vec<ShownRatio>,
    /// Always false: see [`UNVALIDATED`].
    pub validated: bool,
    /// [`SURROGACY_WARNING`] and [`UNVALIDATED`].
    pub warnings: [String; 2],
}

/// A hazard ratio and whether it is of the patient's subtype.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShownRatio {
    /// The ratio.
    pub ratio: EventRatio,
    /// False for a ratio of all subtypes together.
    pub of_subtype: bool,
}

/// One branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BranchOutlook {
    /// Response or residual disease.
    pub branch: Branch,
    /// Probability of the branch, 0 to 1.
    pub prob: Estimate,
    /// Event-free survival of trials in this subtype, or that only the ratio is known.
    pub outlook: Outlook,
    /// Options after surgery that hang on the response, judged within the branch.
    pub post_neoadjuvant: Vec<PostNeoadjuvant>,
}

/// What is published for a branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// Event-free survival, one per trial arm.
    Published(Vec<PublishedEfs>),
    /// No event-free survival by response is on file for the subtype: only the hazard ratio is given.
    RatioOnly,
}

/// Event-free survival of a branch in one trial arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedEfs {
    /// Event-free, %; no interval is published with it.
    pub event_free_pct: f64,
    /// Event that is counted.
    pub endpoint: Endpoint,
    /// False for a rate of all subtypes together.
    pub of_subtype: bool,
    /// Years.
    pub at_years: f64,
    /// When the clock started: not the landmark of the branches.
    pub time_zero: TimeZero,
    /// The regimen.
    pub regimen: String,
    /// True when it is the option's own regimen.
    pub same_regimen: bool,
    /// What followed surgery.
    pub post_neoadjuvant: String,
    /// Citation.
    pub source: String,
    /// False when recalled.
    pub verified: bool,
}

/// An option after surgery within a branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PostNeoadjuvant {
    /// Option.
    pub option: String,
    /// Label.
    pub label: String,
    /// Its rules within the branch.
    pub eligibility: Eligibility,
}

impl ResponseEvidence {
    /// Reads the compiled-in file.
    ///
    /// # Errors
    /// [`Error::EvidenceFile`] with the first broken entry.
    pub fn load() -> Result<Self, Error> {
        let broken = |message: String| Error::EvidenceFile { path: PATH, message };
        let text = crate::schema::embedded(PATH).ok_or_else(|| broken("expected the file, found none".to_owned()))?;
        let evidence: Self = toml::from_str(text).map_err(|error| broken(error.to_string()))?;
        for ratio in &evidence.ratios {
            if !(0.0 < ratio.lower95 && ratio.lower95 <= ratio.estimate && ratio.estimate <= ratio.upper95) {
                return Err(broken(format!("{}: expected 0 < lower95 <= estimate <= upper95", ratio.id)));
            }
        }
        for rate in &evidence.baselines {
            let mut shares = [rate.pcr_pct, rate.residual_pct].into_iter().flatten().peekable();
            let known = shares.peek().is_some();
            if !(known && shares.all(|share| (0.0..=100.0).contains(&share)) && rate.at_years > 0.0) {
                return Err(broken(format!("{}: expected shares of 0 to 100 % at a year above 0", rate.id)));
            }
        }
        Ok(evidence)
    }
}

/// The two branches of a patient under one option before surgery.
///
/// `adjuvant` holds the options that hang on the response; `pcr_prob` is her probability of response, 0 to 1.
///
/// # Errors
/// [`Error::Terms`] unless `pcr_prob` and its interval lie in \[0, 1\].
pub fn chain(
    evidence: &ResponseEvidence,
    option: &str,
    record: &ClinicalRecord,
    subtype: Subtype,
    pcr_prob: Estimate,
    adjuvant: &OptionSet,
) -> Result<Chain, Error> {
    for value in [pcr_prob.estimate, pcr_prob.lower95, pcr_prob.upper95] {
        crate::terms::Probability::new(value)?;
    }
    let residual_prob = Estimate {
        estimate: 1.0 - pcr_prob.estimate,
        lower95: 1.0 - pcr_prob.upper95,
        upper95: 1.0 - pcr_prob.lower95,
    };
    let outlook = |branch, prob| BranchOutlook {
        branch,
        prob,
        outlook: published(evidence, option, subtype, branch),
        post_neoadjuvant: after_surgery(adjuvant, record, branch),
    };
    let specific = |ratio: &&EventRatio| ratio.subtypes.contains(&subtype);
    let shown = |of_subtype| move |ratio: &EventRatio| ShownRatio { ratio: ratio.clone(), of_subtype };
    let of_subtype = evidence.ratios.iter().filter(specific).map(shown(true));
    let of_all = evidence.ratios.iter().filter(|ratio| ratio.subtypes.is_empty()).map(shown(false));
    Ok(Chain {
        option: option.to_owned(),
        subtype,
        landmark: TimeZero::Surgery,
        branches: [outlook(Branch::IfPcr, pcr_prob), outlook(Branch::IfResidualDisease, residual_prob)],
        ratios: of_subtype.chain(of_all).collect(),
        validated: false,
        warnings: [SURROGACY_WARNING.to_owned(), UNVALIDATED.to_owned()],
    })
}

fn published(evidence: &ResponseEvidence, option: &str, subtype: Subtype, branch: Branch) -> Outlook {
    let of_subtype = evidence.baselines.iter().filter(|rate| rate.subtypes.contains(&subtype));
    let of_all = evidence.baselines.iter().filter(|rate| rate.subtypes.is_empty());
    let share = |rate: &EfsByResponse| if branch == Branch::IfPcr { rate.pcr_pct } else { rate.residual_pct };
    let rates: Vec<PublishedEfs> = of_subtype
        .chain(of_all)
        .filter_map(|rate| Some((rate, share(rate)?)))
        .map(|(rate, event_free_pct)| PublishedEfs {
            event_free_pct,
            endpoint: rate.endpoint,
            of_subtype: !rate.subtypes.is_empty(),
            at_years: rate.at_years,
            time_zero: rate.time_zero,
            regimen: rate.regimen.clone(),
            same_regimen: rate.options.iter().any(|id| id == option),
            post_neoadjuvant: rate.post_neoadjuvant.clone(),
            source: rate.source.clone(),
            verified: rate.verified,
        })
        .collect();
    if rates.is_empty() { Outlook::RatioOnly } else { Outlook::Published(rates) }
}

fn after_surgery(adjuvant: &OptionSet, record: &ClinicalRecord, branch: Branch) -> Vec<PostNeoadjuvant> {
    let listed = adjuvant.listed(record, branch).into_iter();
    listed
        .filter(|listed| listed.option.decision == DecisionPoint::AfterResidualDisease)
        .map(|listed| PostNeoadjuvant {
            option: listed.option.id.clone(),
            label: listed.option.label.clone(),
            eligibility: listed.eligibility,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::options::Truth;
    use crate::decide::{Her2, Receptor};

    fn of(subtype: Subtype, option: &str) -> Chain {
        let negative = Some(Receptor::Negative);
        let her2 = Some(if subtype.is_her2_positive() { Her2::Positive } else { Her2::Zero });
        let record = ClinicalRecord { er: negative, pr: negative, her2, ..ClinicalRecord::default() };
        let pcr_prob = Estimate { estimate: 0.6, lower95: 0.5, upper95: 0.75 };
        let adjuvant = OptionSet::load("adjuvant").unwrap();
        chain(&ResponseEvidence::load().unwrap(), option, &record, subtype, pcr_prob, &adjuvant).unwrap()
    }

    #[test]
    fn the_branches_share_one_probability_and_name_their_baseline() {
        let chain = of(Subtype::TripleNegative, "pembrolizumab-chemotherapy");
        let [pcr, residual] = &chain.branches;
        let expected = Estimate { estimate: 0.4, lower95: 0.25, upper95: 0.5 };
        assert_eq!((pcr.prob.estimate, residual.prob), (0.6, expected));
        let Outlook::Published(rates) = &residual.outlook else { panic!("rates") };
        assert_eq!((rates[0].event_free_pct, rates[0].at_years, rates[0].same_regimen), (57.6, 7.0, true));
        assert!(!rates[1].same_regimen && rates[1].event_free_pct == 49.7);
        assert_eq!(chain.ratios[0].ratio.estimate, 0.18);
        assert!(!chain.validated && chain.landmark == TimeZero::Surgery);
    }

    #[test]
    fn every_subtype_has_a_baseline_and_says_whether_it_is_its_own() {
        let her2 = of(Subtype::HrNegHer2Pos, "tchp");
        assert_eq!((her2.ratios[0].ratio.estimate, her2.ratios[0].of_subtype), (0.14, true));
        let [pcr, residual] = her2.branches.each_ref().map(|branch| match &branch.outlook {
            Outlook::Published(rates) => rates.iter().map(|rate| (rate.event_free_pct, rate.of_subtype)).collect(),
            Outlook::RatioOnly => vec![],
        });
        // KATHERINE enrolled residual disease only; I-SPY2 published all subtypes together.
        assert_eq!((pcr, residual), (vec![(96.0, false)], vec![(80.8, true), (67.1, true), (82.0, false)]));
        let luminal = of(Subtype::HrPosHer2Neg, "taxane-anthracycline");
        assert_eq!((luminal.ratios[0].ratio.estimate, luminal.ratios[0].of_subtype), (0.14, true));
        let Outlook::Published(rates) = &luminal.branches[1].outlook else { panic!("rates") };
        assert_eq!((rates.len(), rates[0].endpoint, rates[0].of_subtype), (1, Endpoint::Efs, false));
    }

    #[test]
    fn treatment_for_residual_disease_is_met_in_its_own_branch_only() {
        let chain = of(Subtype::HrNegHer2Pos, "tchp");
        let overall = |branch: usize, id: &str| {
            let options = &chain.branches[branch].post_neoadjuvant;
            options.iter().find(|option| option.option == id).unwrap().eligibility.overall
        };
        assert_eq!((overall(0, "t-dm1"), overall(1, "t-dm1")), (Truth::NotMet, Truth::Met));
        assert_eq!(overall(1, "capecitabine"), Truth::NotMet);
    }

    #[test]
    fn a_probability_outside_0_to_1_is_an_error_and_the_retracted_paper_is_never_cited() {
        let evidence = ResponseEvidence::load().unwrap();
        let adjuvant = OptionSet::load("adjuvant").unwrap();
        let bad = Estimate { estimate: 1.2, lower95: 0.5, upper95: 1.3 };
        let record = ClinicalRecord::default();
        assert!(chain(&evidence, "a", &record, Subtype::TripleNegative, bad, &adjuvant).is_err());
        assert!(!format!("{evidence:?}").contains("PMC8741368"));
    }
}
