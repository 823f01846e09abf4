//! One patient's row, seen by every model: the assessment behind a report.

mod imaging;
mod open;
mod row;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

pub use self::open::OpenCohort;
pub(super) use self::row::checked_value;

use self::imaging::ImagingRows;
use self::row::Context;
use super::applies::Gates;
use super::decision::DecisionEngine;
use super::input_age::input_ages;
use super::neighbours::{Asked, Neighbourhood};
use super::predict::{support_of, with_arm};
use super::{
    Assessment, BinaryEvaluation, Error, FusedTable, ModelIdentity, Performance, PseudonymKey, ResponseModel, Verdict,
    expression_features,
};
use crate::fusion::{Ages, FusionReport};
use crate::learn::DesignMatrix;
use crate::schema::CohortDefinition;
use crate::terms::{Estimate, PatientId, Subtype};

/// What to assess, and with which models.
#[derive(Debug, Clone)]
pub struct AssessRequest {
    /// Cohort definition.
    pub cohort: CohortDefinition,
    /// Data folder.
    pub data: PathBuf,
    /// Embedding files.
    pub embeddings: Vec<PathBuf>,
    /// Models; the first leads.
    pub models: Vec<ResponseModel>,
    /// What decides beside the models.
    pub engine: Option<DecisionEngine>,
    /// Key of the pseudonyms.
    pub key: PseudonymKey,
    /// True: rows that break a rule are left out and listed instead of refusing the cohort.
    pub skip_invalid: bool,
    /// The one patient to assess; all of them when `None`.
    pub only: Option<PatientId>,
}

/// Every patient of a cohort, assessed.
#[derive(Debug, Clone)]
pub struct AssessedCohort {
    /// Cohort label.
    pub label: String,
    /// True for simulated patients.
    pub synthetic: bool,
    /// One assessment per row, in the order of the fused table.
    pub patients: Vec<(PatientId, Assessment)>,
    /// What fusion reported.
    pub fusion: FusionReport,
}

/// Fuses a cohort and assesses every row with every model.
///
/// # Errors
/// What fusion refuses; [`Error::Fusion`] when a model's inputs have the wrong type; [`Error::Unsupported`] without
/// a model.
pub fn assess_cohort(request: &AssessRequest) -> Result<AssessedCohort, Error> {
    OpenCohort::read(request.clone())?.assess()
}

/// What is known of the rows of a table beside it.
struct Beside<'a> {
    images: &'a ImagingRows,
    ages: &'a Ages,
    neighbourhood: &'a Neighbourhood,
}

/// Assesses every row of `table`.
fn assess_rows(
    request: &AssessRequest,
    table: &FusedTable,
    beside: &Beside<'_>,
) -> Result<Vec<(PatientId, Assessment)>, Error> {
    let lead = lead(request)?;
    let patients = table.patients()?;
    let expression = expression_features(table)?;
    let subtypes = table.subtypes()?;
    let visits = table.texts("visit")?;
    let arms = table.texts("arm")?;
    let scores = request.models.iter().map(|model| Scores::of(model, table)).collect::<Result<Vec<_>, Error>>()?;
    let explained = |row: usize| {
        explained_option(lead, subtypes.get(row).copied().flatten(), arms.get(row).and_then(Option::as_deref))
    };
    let (moved, positions) = match scores.first() {
        Some(scores) => {
            let explained = (0..patients.len()).filter_map(|row| Some((row, explained(row)?)));
            (shap_by_row(lead, scores, explained)?, lead.reference.positions(&scores.x)?)
        }
        None => (HashMap::new(), Vec::new()),
    };
    let mut assessed = Vec::with_capacity(patients.len());
    for (row, patient) in patients.iter().enumerate() {
        let subtype = subtypes.get(row).copied().flatten();
        let received = arms.get(row).cloned().flatten();
        let visit = visits.get(row).cloned().flatten().unwrap_or_default();
        let context = Context { request, lead, scores: &scores, row, subtype, patient };
        let inputs = context.inputs(table)?;
        let imaging = context.imaging(beside.images.get(&(patient.clone(), visit.clone())));
        let applicability = context.applicability(&inputs, &imaging);
        let options = context.options(applicability.verdict)?;
        let explained = explained(row);
        let decision = context.decision(&expression, &options, explained.as_deref(), applicability.verdict)?;
        let (contributions, contribution_base) = match (&explained, moved.get(&row)) {
            (Some(option), Some(shap)) if applicability.verdict != Verdict::DoesNotApply => {
                (context.contributions(option, shap, &inputs), shap.last().copied())
            }
            _ => (Vec::new(), None),
        };
        let neighbours = match positions.get(row) {
            Some(position) => {
                let asked = Asked { patient, subtype, position, frame: &table.frame, row };
                Some(beside.neighbourhood.of(&asked, &request.key)?)
            }
            None => None,
        };
        assessed.push((
            patient.clone(),
            Assessment {
                synthetic: request.cohort.synthetic,
                pseudonym: request.key.pseudonym(patient),
                cohort: request.cohort.label.clone(),
                regimen_version: env!("CARGO_PKG_VERSION").to_owned(),
                models: request.models.iter().map(identity).collect(),
                subtype,
                ages: input_ages(&request.cohort, beside.ages, (patient, &visit), &inputs, &imaging),
                imaging,
                visit,
                inputs,
                applicability,
                options,
                followed_by: lead.options.as_ref().map(|set| set.followed_by.clone()).unwrap_or_default(),
                received,
                explained_option: explained,
                contributions,
                contribution_base,
                performance: request.models.iter().flat_map(|model| performance(model, subtype)).collect(),
                decision,
                neighbours,
                hypothetical: None,
                sources: sources(request),
            },
        ));
    }
    Ok(assessed)
}

/// The model whose numbers lead.
fn lead(request: &AssessRequest) -> Result<&ResponseModel, Error> {
    request.models.first().ok_or_else(|| Error::Unsupported("no model was named and none is promoted".into()))
}

/// The received option when it has support, else the control of her subtype.
fn explained_option(lead: &ResponseModel, subtype: Option<Subtype>, received: Option<&str>) -> Option<String> {
    let set = lead.options.as_ref()?;
    let supported = |id: &str| support_of(lead, subtype, Some(id)).is_ok();
    let control = || set.control().map(|option| option.id.as_str());
    received.filter(|id| supported(id)).or_else(|| control().filter(|id| supported(id))).map(str::to_owned)
}

/// SHAP values of each row under its option, the base value last; rows of one option in one call.
fn shap_by_row(
    lead: &ResponseModel,
    scores: &Scores,
    explained: impl Iterator<Item = (usize, String)>,
) -> Result<HashMap<usize, Vec<f64>>, Error> {
    let mut rows_of: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (row, option) in explained {
        rows_of.entry(option).or_default().push(row);
    }
    let mut shap = HashMap::new();
    for (option, rows) in rows_of {
        let values = lead.estimator.contributions(&with_arm(&scores.x.select(&rows), &option))?;
        shap.extend(rows.into_iter().zip(values));
    }
    Ok(shap)
}

/// One model's matrix and gate on the whole table, and its estimates per option.
struct Scores {
    x: DesignMatrix,
    gates: Gates,
    by_option: HashMap<String, Vec<Estimate>>,
}

impl Scores {
    fn of(model: &ResponseModel, table: &FusedTable) -> Result<Self, Error> {
        let x = model.design.apply(&table.frame)?;
        let gates = Gates::of(model, table, &x)?;
        let mut by_option = HashMap::new();
        for option in model.options.iter().flat_map(|set| &set.options) {
            by_option.insert(option.id.clone(), model.estimator.estimates(&with_arm(&x, &option.id))?);
        }
        Ok(Self { x, gates, by_option })
    }
}

fn identity(model: &ResponseModel) -> ModelIdentity {
    let manifest = &model.manifest;
    ModelIdentity {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        sha256: model.manifest_sha256.clone(),
        target: manifest.spec.target_definition.clone(),
        trained_on: manifest.spec.population.clone(),
        n_training: manifest.n_training,
        interval_method: manifest.interval_method.clone(),
        uses_imaging: !manifest.encoders.is_empty(),
    }
}

fn performance(model: &ResponseModel, subtype: Option<Subtype>) -> Vec<Performance> {
    let metrics: &BinaryEvaluation = &model.metrics;
    let mut rows = vec![Performance {
        model: model.manifest.name.clone(),
        population: "all subtypes".to_owned(),
        n: metrics.n,
        n_events: metrics.n_events,
        method: metrics.method.clone(),
        auc: Some(metrics.auc),
        brier: Some(metrics.brier),
        calibration_slope: Some(metrics.calibration.slope),
    }];
    let own = subtype.and_then(|subtype| metrics.subgroups.iter().find(|group| group.name == subtype.as_str()));
    rows.extend(own.map(|group| Performance {
        model: model.manifest.name.clone(),
        population: group.name.clone(),
        n: group.n,
        n_events: group.n_events,
        method: metrics.method.clone(),
        auc: group.auc,
        brier: group.brier,
        calibration_slope: group.calibration_slope,
    }));
    rows
}

fn sources(request: &AssessRequest) -> Vec<String> {
    let mut sources: Vec<String> = Vec::new();
    let of_models = request.models.iter().flat_map(|model| model.manifest.origin.sources.iter());
    let of_options = request.models.iter().filter_map(|model| model.options.as_ref()).map(|set| &set.source);
    for source in of_models.chain(of_options).chain(&request.cohort.sources) {
        if !sources.contains(source) {
            sources.push(source.clone());
        }
    }
    sources
}
