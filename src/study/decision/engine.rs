use super::adjuvant::{Context, branch};
use super::{Decision, ListedOption, NeoadjuvantOption};
use crate::decide::baseline::ExpressionFeatures;
use crate::decide::benefit::Assumptions;
use crate::decide::branches::{Branch, one_line_answer, receptor_branches};
use crate::decide::chain::{Chain, ResponseEvidence, chain};
use crate::decide::options::{Listed, OptionSet, TreatmentOption, Truth};
use crate::decide::review::{refused, review};
use crate::decide::sources::{Column, Empty, from_response, three_columns};
use crate::decide::{ClinicalRecord, PopulationRules, TestValue};
use crate::study::{Error, Models, OpenedSurvival, open_survival};
use crate::terms::Estimate;

/// Name of the survival baseline in the registry.
const BASELINE: &str = "survival-metabric";

/// Everything that a decision needs beside the patient, read once.
#[derive(Debug, Clone)]
pub struct DecisionEngine {
    pub(super) adjuvant: OptionSet,
    pub(super) neoadjuvant: OptionSet,
    pub(super) evidence: ResponseEvidence,
    pub(super) baseline: Option<OpenedSurvival>,
    pub(super) population: PopulationRules,
    pub(super) assumptions: Assumptions,
}

/// The probabilities of response by arm of a response model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    /// `name@version`.
    pub model: String,
    /// The arm from which the chain starts: the one that the report explains.
    pub explained: Option<String>,
    /// Arms with an estimate.
    pub arms: Vec<(String, Estimate)>,
}

impl Response {
    fn of(&self, arm: &str) -> Option<Estimate> {
        self.arms.iter().find(|(id, _)| id == arm).map(|(_, estimate)| *estimate)
    }
}

impl DecisionEngine {
    /// Reads options, evidence and population from the program, and the promoted survival baseline of the registry; without
    /// one there are no absolute benefits, and the decision says so.
    ///
    /// # Errors
    /// [`Error::Decide`] for a broken file, [`Error::Hash`] and [`Error::Model`] for a broken baseline.
    pub fn open(models: &Models, assumptions: Assumptions) -> Result<Self, Error> {
        let baseline = match open_survival(models, BASELINE) {
            Ok(opened) => Some(opened),
            Err(Error::NoModel { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            adjuvant: OptionSet::load("adjuvant")?,
            neoadjuvant: OptionSet::load("neoadjuvant")?,
            evidence: ResponseEvidence::load()?,
            population: PopulationRules::load("metabric-adjuvant")?,
            baseline,
            assumptions,
        })
    }

    /// The decision for a record; `response` holds the probabilities of response by arm, `missing_tests` what absent tests
    /// could change in them.
    ///
    /// # Errors
    /// [`Error::Decide`] when an estimate fails on a record that no rule refuses.
    pub fn decide(
        &self,
        record: &ClinicalRecord,
        expression: &ExpressionFeatures,
        response: &Response,
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
            let listed = self.neoadjuvant.listed(record, Branch::AsRecorded).into_iter();
            listed.map(|listed| neoadjuvant(listed, record, response)).collect()
        } else {
            Vec::new()
        };
        let start = response.explained.as_deref().filter(|_| waiting && !refused(&findings));
        let start = start.and_then(|arm| Some((arm, response.of(arm)?)));
        let chain = match start {
            Some((arm, prob)) => self.chain(record, arm, prob)?,
            None => None,
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

    fn chain(&self, record: &ClinicalRecord, arm: &str, prob: Estimate) -> Result<Option<Chain>, Error> {
        let Some(subtype) = record.subtype() else { return Ok(None) };
        // Publications name the options of the file, the model names the arms of its trial.
        let near = |option: &&TreatmentOption| option.nearest_arm(record).is_some_and(|near| near.id == arm);
        let option = self.neoadjuvant.options.iter().find(near).map_or(arm, |option| option.id.as_str());
        Ok(Some(chain(&self.evidence, option, record, subtype, prob, &self.adjuvant)?))
    }
}

/// An option before surgery with what the response model says of the arm nearest to it.
fn neoadjuvant(listed: Listed<'_>, record: &ClinicalRecord, response: &Response) -> NeoadjuvantOption {
    let option = listed.option;
    let arm = option.nearest_arm(record);
    let regimen = match (arm, listed.eligibility.overall) {
        (_, Truth::NotMet) => Column::Empty(Empty::ModelDoesNotApply { why: "the option is closed".to_owned() }),
        (None, _) => Column::Empty(Empty::ModelDoesNotApply { why: "no arm of its trial comes near".to_owned() }),
        (Some(arm), _) => match response.of(&arm.id) {
            Some(estimate) => from_response(estimate, format!("{}, arm {}", response.model, arm.id)),
            None => Column::Empty(Empty::ModelDoesNotApply { why: format!("no estimate for arm {}", arm.id) }),
        },
    };
    let sources = three_columns(option, record, regimen, Column::Empty(Empty::PredictIsAdjuvant));
    NeoadjuvantOption { nearest_arm: arm.cloned(), sources, listed: ListedOption::from(listed) }
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
