use super::adjuvant::{Context, branch};
use super::{Decision, ListedOption};
use crate::decide::baseline::{ExpressionFeatures, SurvivalBaseline};
use crate::decide::benefit::Assumptions;
use crate::decide::branches::{Branch, one_line_answer, receptor_branches};
use crate::decide::chain::{Chain, ResponseEvidence, chain};
use crate::decide::options::{Listed, OptionSet};
use crate::decide::review::{refused, review};
use crate::decide::{ClinicalRecord, PopulationRules, TestValue};
use crate::study::{Error, GroupFigures, Models, open_survival, survival_groups};
use crate::terms::Estimate;

/// Name of the survival baseline in the registry.
const BASELINE: &str = "survival-metabric";

/// Everything that a decision needs beside the patient, read once.
#[derive(Debug, Clone)]
pub struct DecisionEngine {
    pub(super) adjuvant: OptionSet,
    pub(super) neoadjuvant: OptionSet,
    pub(super) evidence: ResponseEvidence,
    /// `name@version`, and the model.
    pub(super) baseline: Option<(String, SurvivalBaseline)>,
    /// Patients on whom it was fitted.
    pub(super) n_training: Option<usize>,
    /// How it did in each group of them, held out.
    pub(super) groups: Vec<GroupFigures>,
    pub(super) population: PopulationRules,
    pub(super) assumptions: Assumptions,
}

/// The probability of response from which the chain starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// Option before surgery.
    pub option: String,
    /// Probability of response.
    pub estimate: Estimate,
}

impl DecisionEngine {
    /// Reads options, evidence and population from the program, and the promoted survival baseline of the registry; without
    /// one there are no absolute benefits, and the decision says so.
    ///
    /// # Errors
    /// [`Error::Decide`] for a broken file, [`Error::Hash`] and [`Error::Model`] for a broken baseline.
    pub fn open(models: &Models, assumptions: Assumptions) -> Result<Self, Error> {
        let (baseline, n_training) = match open_survival(models, BASELINE) {
            Ok((manifest, model)) => {
                (Some((format!("{}@{}", manifest.name, manifest.version), model)), Some(manifest.n_training))
            }
            Err(Error::NoModel { .. }) => (None, None),
            Err(error) => return Err(error),
        };
        Ok(Self {
            adjuvant: OptionSet::load("adjuvant")?,
            neoadjuvant: OptionSet::load("neoadjuvant")?,
            evidence: ResponseEvidence::load()?,
            n_training,
            groups: if baseline.is_some() { survival_groups(models, BASELINE)? } else { Vec::new() },
            population: PopulationRules::load("metabric-adjuvant")?,
            baseline,
            assumptions,
        })
    }

    /// The decision for a record; `response` is her probability of response under the option that the report explains,
    /// `missing_tests` what absent tests could change in it.
    ///
    /// # Errors
    /// [`Error::Decide`] when an estimate fails on a record that no rule refuses.
    pub fn decide(
        &self,
        record: &ClinicalRecord,
        expression: &ExpressionFeatures,
        response: Option<&Response>,
        missing_tests: Vec<TestValue>,
    ) -> Result<Decision, Error> {
        let findings = review(record, &[&self.neoadjuvant, &self.adjuvant], &[]);
        let before_surgery = record.treated_before_surgery();
        let waiting = before_surgery == Some(true) && record.residual_disease().is_none();
        let responses: &[Branch] =
            if waiting { &[Branch::IfResidualDisease, Branch::IfPcr] } else { &[Branch::AsRecorded] };
        let mut adjuvant = Vec::new();
        for assumed in receptor_branches(record) {
            for response in responses {
                let context = Context {
                    engine: self,
                    record: response.assume(&assumed.record),
                    expression,
                    before_surgery,
                    refused: refused(&findings),
                };
                adjuvant.push(branch(&context, assumed.assumptions.clone(), *response)?);
            }
        }
        let neoadjuvant = if before_surgery != Some(false) && record.residual_disease().is_none() {
            self.neoadjuvant.listed(record, Branch::AsRecorded).into_iter().map(ListedOption::from).collect()
        } else {
            Vec::new()
        };
        let chain = match (response.filter(|_| waiting), refused(&findings)) {
            (Some(response), false) => self.chain(record, response)?,
            _ => None,
        };
        Ok(Decision {
            one_line_answer: one_line_answer(record),
            findings,
            assumptions: self.assumptions,
            neoadjuvant,
            adjuvant,
            chain,
            missing_tests,
            record: record.clone(),
        })
    }

    fn chain(&self, record: &ClinicalRecord, response: &Response) -> Result<Option<Chain>, Error> {
        let Some(subtype) = record.subtype() else { return Ok(None) };
        let chain = chain(&self.evidence, &response.option, record, subtype, response.estimate, &self.adjuvant)?;
        Ok(Some(chain))
    }
}

impl From<Listed<'_>> for ListedOption {
    fn from(listed: Listed<'_>) -> Self {
        let option = listed.option;
        Self {
            id: option.id.clone(),
            label: option.label.clone(),
            class: option.class,
            standing: option.standing.clone(),
            note: option.note.clone(),
            decision: option.decision,
            eligibility: listed.eligibility,
            eligible_source: option.eligible_source.clone(),
            effects: option.effects.clone(),
            harms: option.harms.clone(),
        }
    }
}
