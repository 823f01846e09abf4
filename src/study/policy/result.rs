use serde::{Deserialize, Serialize};

use crate::decide::policy::{PolicyDifference, PolicyValue};
use crate::terms::{Estimate, Subtype};

/// The result of `regimen policy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyReport {
    /// Name of the specification.
    pub name: String,
    /// Definition of the outcome.
    pub outcome: String,
    /// Patients.
    pub n: usize,
    /// Rows of the table without outcome, option or receptor subtype.
    pub n_left_out: usize,
    /// Observed rate, with its Jeffreys interval.
    pub observed: Estimate,
    /// Values of the policies: first evaluation, all controls.
    pub policies: Vec<ValuedPolicy>,
    /// Every evaluation with every variant.
    pub evaluations: Vec<EvaluatedPolicies>,
    /// The best observed rate per cell: in-sample, optimistic, the arithmetic of published tables.
    pub arithmetic: Vec<PlainArithmetic>,
    /// Each option against control, by receptor subtype.
    pub effects: Vec<ArmEffect>,
    /// What a reader must know.
    pub notes: Vec<String>,
    /// Seed of everything drawn at random.
    pub seed: u64,
    /// SHA-256 of the specification, of the model's and of the table.
    pub spec_sha256: String,
    /// SHA-256 of the response specification.
    pub model_sha256: String,
    /// SHA-256 of the table.
    pub data_sha256: String,
}

/// A policy with its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValuedPolicy {
    /// Name.
    pub name: String,
    /// Its value and support.
    #[serde(flatten)]
    pub value: PolicyValue,
    /// Patients whose option has fewer than 20 concurrent controls in their subtype (mean over repeats, rounded).
    pub n_non_concurrent: usize,
    /// `estimated, non-concurrent` where there are such patients, else `estimated`.
    pub label: String,
    /// What a reader must know about it; empty when nothing.
    pub note: String,
}

/// How the chance of having received an option is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// Within receptor subtype and strata, all periods together: assumes that nothing drifts in time.
    AllControls,
    /// Within these and the period: about patients who enrolled while the option named for them was open.
    Concurrent,
    /// As all controls, without patients whose chance was small.
    Trimmed,
}

/// Values and differences of one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantResult {
    /// Which.
    pub variant: Variant,
    /// In the order of the specification.
    pub policies: Vec<ValuedPolicy>,
    /// The policy named `against`, less every other one and less the treatment received.
    pub differences: Vec<NamedDifference>,
}

/// A paired difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedDifference {
    /// What is subtracted.
    pub less: String,
    /// The difference.
    #[serde(flatten)]
    pub found: PolicyDifference,
}

/// One way of holding patients out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedPolicies {
    /// Who was held out, in words.
    pub method: String,
    /// Patients judged.
    pub n: usize,
    /// Their observed rate.
    pub observed: Estimate,
    /// One per variant.
    pub variants: Vec<VariantResult>,
}

/// The best observed rate per cell, weighted by the cells' sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlainArithmetic {
    /// Policy.
    pub policy: String,
    /// Fewest patients of an option in a cell.
    pub min_cell: usize,
    /// The rate over the patients in cells with a best option.
    pub rate: Option<f64>,
    /// These patients.
    pub n: usize,
    /// The rate over all patients of a known cell, without a response in cells that have no best option: as published.
    pub rate_of_known: Option<f64>,
    /// These patients.
    pub n_known: usize,
    /// The best option of each cell.
    pub cells: Vec<CellChoice>,
}

/// The best option of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellChoice {
    /// Cell, as the words of its columns.
    pub cell: String,
    /// Option id.
    pub option: Option<String>,
}

/// An option against control in one receptor subtype: rate differences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmEffect {
    /// Receptor subtype.
    pub subtype: Subtype,
    /// Option id.
    pub option: String,
    /// Patients of the subtype who received it.
    pub n_received: usize,
    /// Controls of the subtype.
    pub n_controls: usize,
    /// Controls of the subtype enrolled while the option was open; `None` where enrolment is unknown.
    pub n_concurrent_controls: Option<usize>,
    /// `estimated, non-concurrent` below 20 concurrent controls, else `estimated`.
    pub label: String,
    /// Among patients enrolled while it was open, period in the chance.
    pub concurrent: Option<PolicyDifference>,
    /// Among all patients of the subtype.
    pub all_controls: PolicyDifference,
    /// The same without patients whose chance of either was small.
    pub trimmed: PolicyDifference,
}
