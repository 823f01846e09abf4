//! The survival baseline from a fused table: rows, training, the artifact in the registry, and reading it back.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::fused_table::Origin;
use super::record::clinical_records;
use super::registry::Models;
use super::{Error, FusedTable, RowHashes};
use crate::decide::baseline::{
    BaselineOptions, BaselineRows, CrossValidated, Discrimination, Exclusion, ExpressionFeatures, GroupCalibration,
    HORIZONS, Intrinsic, ObservationalCoefficient, Predicted, SurvivalBaseline, cross_validate, discrimination,
    group_calibration, observational_coefficients, paired_discrimination, predict_comparator, published_effects,
};
use crate::decide::predict_breast::Version;
use crate::stats::CompetingRisks;
use crate::terms::{Estimate, PatientId};

/// Kind of the artifact in the registry.
pub const KIND: &str = "survival-baseline";

/// The card's closing sections.
const LIMITS: &str = "
## For

Absolute risk of death from breast cancer and from other causes within 15 years of diagnosis after surgery alone, as the base on
which published effects of adjuvant treatment are applied, with its uncertainty.

## Not for

- Today's prognosis from the raw hazards: METABRIC's women were diagnosed between 1977 and 2005. Only the era-recalibrated curves
  are shown to people, and their recalibration is an assumption, not an estimate.
- Effects of treatment: none is learned here.
- Men, stage 0 or IV, recurrent or bilateral disease, pregnancy, and women treated before surgery, whose size and nodes are not
  those of untreated disease.

## Limits

- The baseline is surgery alone only as far as the published effects hold in these women. Those who received none of the three
  treatments died less often than predicted, those with chemotherapy more often: indication is not fully described by the inputs.
- Regimens, doses, durations, adherence and trastuzumab are not recorded; effects measured in trials of the first decade are used
  to year 15; surgery and radiotherapy are of their time.
- Cause of death is as recorded; the two causes are taken as independent given the inputs.
- PAM50 with claudin-low and ERBB2 expression are those of METABRIC's arrays, z-scored within the cohort: values from another
  platform are comparable only after the same scaling. Where they are missing they are filled, and the draws widen.
- Screening, Ki-67, comorbidity, smoking and year of diagnosis are not in the data.
- No external validation. The manifest holds training patients as salted hashes, which can be reversed for a public cohort.

## Source

Curtis C et al., Nature 2012;486:346-352; Pereira B et al., Nat Commun 2016;7:11479; cBioPortal brca_metabric, Open Database License
(ODbL): this artifact holds aggregates and coefficients, no rows.";

/// What to fit and how to judge it: `models/specs/survival-metabric.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurvivalSpec {
    /// Model name.
    pub name: String,
    /// Always `survival_baseline`.
    pub family: String,
    /// Definition of the endpoints.
    pub target_definition: String,
    /// Whom it is fitted on, in words.
    pub population: String,
    /// Seed of folds, resamples and offsets.
    pub seed: u64,
    /// Inner folds of the choice of form.
    pub n_inner_folds: usize,
    /// Bootstrap refits kept in the artifact.
    pub n_draws: usize,
    /// Outer folds, by patient.
    pub n_folds: usize,
    /// Repeats of the outer cross-validation.
    pub n_repeats: usize,
    /// Bootstrap resamples of patients for the intervals of the evaluation.
    pub n_resamples: usize,
}

/// The women of a fused table who have an outcome and may be used.
#[derive(Debug, Clone)]
pub struct SurvivalRows {
    /// Eligible rows.
    pub rows: BaselineRows,
    /// Their patients.
    pub patients: Vec<PatientId>,
    /// Rows without time or cause of death.
    pub n_without_outcome: usize,
    /// Rows left out, by reason.
    pub left_out: Vec<(Exclusion, usize)>,
}

/// How a model did, held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFigures {
    /// Name for people.
    pub model: String,
    /// Discrimination and slope of both endpoints.
    pub figures: Discrimination,
    /// The baseline's figures minus this model's, from the same resamples; `None` for the baseline itself.
    pub baseline_minus_this: Option<Discrimination>,
    /// Observed over expected deaths from breast cancer at 5, 10 and 15 years, all women.
    pub observed_expected: [Estimate; 3],
}

/// Calibration of one group at the horizons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupFigures {
    /// Name for people.
    pub group: String,
    /// Death from breast cancer, Aalen–Johansen.
    pub breast_death: Vec<Option<GroupCalibration>>,
    /// Death from any cause, Kaplan–Meier.
    pub death: Vec<Option<GroupCalibration>>,
}

/// The stored evaluation; no rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurvivalEvaluation {
    /// Women.
    pub n_samples: usize,
    /// The baseline, then PREDICT 3.1 and 3.2 as they are and recalibrated inside the folds.
    pub models: Vec<ModelFigures>,
    /// The baseline by group, under factual treatment.
    pub groups: Vec<GroupFigures>,
    /// Forms of the hazard chosen over folds and repeats, with counts.
    pub chosen: BTreeMap<String, usize>,
    /// What the naive treatment coefficients would have been: for the docs, never shown as effects.
    pub observational: Vec<ObservationalCoefficient>,
}

/// The manifest of a survival baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurvivalManifest {
    /// Model name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Always [`KIND`].
    pub kind: String,
    /// The specification.
    pub spec: SurvivalSpec,
    /// Version of the regimen crate that fitted it.
    pub crate_version: String,
    /// Where the training table came from.
    pub origin: Origin,
    /// SHA-256 of the training table.
    pub data_sha256: String,
    /// Training women.
    pub n_training: usize,
    /// Deaths from breast cancer and from other causes within 15 years.
    pub n_events: [usize; 2],
    /// Rows left out, by reason.
    pub left_out: Vec<(Exclusion, usize)>,
    /// Training patients.
    pub training_row_hash: RowHashes,
    /// SHA-256 of every other file of the version.
    pub files: BTreeMap<String, String>,
}

impl SurvivalSpec {
    /// Reads a specification from its file.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Spec`] with position, expected and found.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })?;
        let wrong = |message: String| Error::Spec { path: path.display().to_string(), message };
        let spec: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if spec.family != "survival_baseline" {
            return Err(wrong(format!("family: expected `survival_baseline`, found `{}`", spec.family)));
        }
        Ok(spec)
    }

    /// True for the text of a specification of this kind.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.parse::<toml::Table>()
            .is_ok_and(|table| table.get("family").and_then(toml::Value::as_str) == Some("survival_baseline"))
    }

    /// The options of the fit.
    #[must_use]
    pub fn options(&self) -> BaselineOptions {
        BaselineOptions {
            n_folds: self.n_inner_folds,
            n_draws: self.n_draws,
            seed: self.seed,
            ..BaselineOptions::default()
        }
    }
}

/// Expression features of every row: `pam50_subtype` and `expr_erbb2`.
///
/// # Errors
/// [`Error::Column`] for a column of the wrong type.
pub fn expression_features(table: &FusedTable) -> Result<Vec<ExpressionFeatures>, Error> {
    let subtypes = table.texts("pam50_subtype")?;
    let erbb2 = table.numbers("expr_erbb2")?;
    Ok(subtypes
        .iter()
        .zip(erbb2)
        .map(|(subtype, erbb2)| ExpressionFeatures { intrinsic: subtype.as_deref().and_then(intrinsic), erbb2 })
        .collect())
}

/// A level of the schema's `pam50_subtype`; the schema has checked that there is no other.
fn intrinsic(level: &str) -> Option<Intrinsic> {
    match level {
        "luminal_a" => Some(Intrinsic::LuminalA),
        "luminal_b" => Some(Intrinsic::LuminalB),
        "her2_enriched" => Some(Intrinsic::Her2Enriched),
        "basal" => Some(Intrinsic::Basal),
        "claudin_low" => Some(Intrinsic::ClaudinLow),
        "normal_like" => Some(Intrinsic::NormalLike),
        _ => None,
    }
}

impl SurvivalRows {
    /// Reads records, expression, `event_time` and `event_cause`, and keeps who may be used.
    ///
    /// # Errors
    /// [`Error::Column`], and [`Error::Decide`] when nobody is eligible.
    pub fn select(table: &FusedTable) -> Result<Self, Error> {
        let records = clinical_records(table)?;
        let expression = expression_features(table)?;
        let patients = table.patients()?;
        let times = table.numbers("event_time")?;
        let causes = table.texts("event_cause")?;
        let code = |cause: &str| match cause {
            "none" => Some(0),
            "breast_cancer" => Some(1),
            "other_cause" => Some(2),
            _ => None,
        };
        let outcomes: Vec<Option<(f64, u32)>> =
            times.iter().zip(&causes).map(|(time, cause)| Some(((*time)?, code(cause.as_deref()?)?))).collect();
        let known: Vec<usize> =
            (0..records.len()).filter(|&row| outcomes.get(row).is_some_and(Option::is_some)).collect();
        let (days, cause): (Vec<f64>, Vec<u32>) = outcomes.iter().flatten().copied().unzip();
        let outcome = CompetingRisks::new(days, cause, 2)?;
        let of_known =
            |row: &usize| Some((records.get(*row)?.clone(), *expression.get(*row)?, patients.get(*row)?.clone()));
        let mut kept_patients = Vec::new();
        let (mut kept_records, mut kept_expression) = (Vec::new(), Vec::new());
        for (record, features, patient) in known.iter().filter_map(of_known) {
            kept_records.push(record);
            kept_expression.push(features);
            kept_patients.push(patient);
        }
        let effects = published_effects();
        let eligible: Vec<bool> =
            kept_records.iter().map(|record| BaselineRows::exclusion(record, &effects).is_none()).collect();
        let n_without_outcome = records.len() - kept_records.len();
        let (rows, left_out) = BaselineRows::eligible(kept_records, kept_expression, &outcome, &effects)?;
        let patients = kept_patients
            .into_iter()
            .zip(eligible)
            .filter_map(|(patient, eligible)| eligible.then_some(patient))
            .collect();
        Ok(Self { rows, patients, n_without_outcome, left_out })
    }
}

/// Cross-validates the baseline and compares it with PREDICT on the same women and folds.
///
/// # Errors
/// [`Error::Decide`].
pub fn evaluate_survival(spec: &SurvivalSpec, rows: &SurvivalRows) -> Result<SurvivalEvaluation, Error> {
    let (rows, options) = (&rows.rows, spec.options());
    let CrossValidated { predictions, chosen } = cross_validate(rows, &options, spec.n_folds, spec.n_repeats)?;
    // Only its imputation, which knows no outcome, fills PREDICT's size and nodes.
    let whole = SurvivalBaseline::fit(rows, &BaselineOptions { n_draws: 0, ..options })?;
    let mut compared = vec![("regimen".to_owned(), predictions)];
    for version in [Version::V31, Version::V32] {
        let found = predict_comparator(rows, &whole, version, spec.n_folds, spec.n_repeats, spec.seed)?;
        compared.push((format!("PREDICT {version} as it is"), vec![found.as_it_is]));
        compared.push((format!("PREDICT {version} recalibrated"), found.recalibrated));
    }
    let everyone: Vec<usize> = (0..rows.n_samples()).collect();
    let own = compared.first().map(|(_, own)| own.clone()).unwrap_or_default();
    let mut models = Vec::new();
    for (at, (model, predictions)) in compared.iter().enumerate() {
        let paired = |(): ()| paired_discrimination(rows, &own, predictions, spec.n_resamples, spec.seed);
        let mut observed_expected = [Estimate { estimate: 0.0, lower95: 0.0, upper95: 0.0 }; 3];
        for (horizon, cell) in observed_expected.iter_mut().enumerate() {
            *cell = group_calibration(rows, predictions, &everyone, horizon, false)?.observed_expected;
        }
        models.push(ModelFigures {
            model: model.clone(),
            figures: discrimination(rows, predictions, spec.n_resamples, spec.seed)?,
            baseline_minus_this: (at > 0).then_some(()).map(paired).transpose()?,
            observed_expected,
        });
    }
    let mut groups = Vec::new();
    for (group, members) in rows.groups(&own) {
        groups.push(GroupFigures {
            breast_death: calibrations(rows, &own, &members, false),
            death: calibrations(rows, &own, &members, true),
            group,
        });
    }
    let mut counts = BTreeMap::new();
    chosen.into_iter().for_each(|form| *counts.entry(form).or_insert(0) += 1);
    let observational = observational_coefficients(rows, &whole)?;
    Ok(SurvivalEvaluation { n_samples: rows.n_samples(), models, groups, chosen: counts, observational })
}

/// Calibration at each horizon; `None` where the group has no death by then.
fn calibrations(
    rows: &BaselineRows,
    predictions: &[Predicted],
    members: &[usize],
    any_death: bool,
) -> Vec<Option<GroupCalibration>> {
    (0..HORIZONS.len()).map(|horizon| group_calibration(rows, predictions, members, horizon, any_death).ok()).collect()
}

/// Evaluates, fits on all eligible women and writes a new candidate version; returns it with the evaluation.
///
/// # Errors
/// As [`SurvivalRows::select`] and [`evaluate_survival`]; [`Error::Write`]. Nothing is half-written.
pub fn train_survival(
    spec: &SurvivalSpec,
    table: &FusedTable,
    out: &Path,
) -> Result<(String, SurvivalEvaluation), Error> {
    let rows = SurvivalRows::select(table)?;
    let evaluation = evaluate_survival(spec, &rows)?;
    let model = SurvivalBaseline::fit(&rows.rows, &spec.options())?;
    let files = BTreeMap::from([
        ("baseline.json".to_owned(), json(&model)?),
        ("metrics.json".to_owned(), json(&evaluation)?),
        ("card.md".to_owned(), card(spec, &model, &rows, &evaluation).into_bytes()),
    ]);
    let version = Models::write(out, &spec.name, &files, |version, hashes| {
        json(&SurvivalManifest {
            name: spec.name.clone(),
            version: version.to_owned(),
            kind: KIND.to_owned(),
            spec: spec.clone(),
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            origin: Origin { report: None, ..table.origin.clone() },
            data_sha256: table.sha256.clone(),
            n_training: model.n_samples,
            n_events: model.n_events,
            left_out: rows.left_out.clone(),
            training_row_hash: RowHashes::new(&format!("{} {}", spec.seed, table.sha256), &rows.patients),
            files: hashes,
        })
    })?;
    Ok((version, evaluation))
}

/// Opens a survival baseline of a registry, with its manifest.
///
/// # Errors
/// [`Error::NoModel`], [`Error::Hash`], [`Error::Model`] when a file cannot be understood or the model is of another kind.
pub fn open_survival(models: &Models, wanted: &str) -> Result<(SurvivalManifest, SurvivalBaseline), Error> {
    let files = models.open(wanted)?;
    let broken = |file: &str, message: String| Error::Model {
        model: format!("{}@{}", files.name, files.version),
        file: file.to_owned(),
        message,
    };
    if files.kind != KIND {
        return Err(broken("manifest.json", format!("expected a model of kind `{KIND}`, found `{}`", files.kind)));
    }
    let bytes = files.files.get("baseline.json");
    let bytes = bytes.ok_or_else(|| broken("baseline.json", "not listed in the manifest".into()))?;
    let model = serde_json::from_slice(bytes).map_err(|error| broken("baseline.json", error.to_string()))?;
    let manifest =
        serde_json::from_slice(&files.manifest).map_err(|error| broken("manifest.json", error.to_string()))?;
    Ok((manifest, model))
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::Model {
        model: "new version".into(),
        file: "json".into(),
        message: error.to_string(),
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The model card, in Markdown.
fn card(spec: &SurvivalSpec, model: &SurvivalBaseline, rows: &SurvivalRows, evaluation: &SurvivalEvaluation) -> String {
    let mut text = String::new();
    let mut line = |said: String| {
        let _ = writeln!(text, "{said}");
    };
    let figure = |e: &Estimate| format!("{:.3} ({:.3} to {:.3})", e.estimate, e.lower95, e.upper95);
    line(format!("# {}\n", spec.name));
    line("Research use only. Not a medical device; not for choosing treatment.\n".to_owned());
    line(format!("- **Predicts** {}.", spec.target_definition));
    line(format!(
        "- **Fitted on** {} {}; {} deaths from breast cancer and {} from other causes within 15 years.",
        model.n_samples, spec.population, model.n_events[0], model.n_events[1]
    ));
    line(format!("- **Left out** {} without outcome; {:?}.", rows.n_without_outcome, rows.left_out));
    line(format!("- **Form** {}.", model.candidate));
    line(format!(
        "- **Uncertainty** {} bootstrap refits, each with the offsets' log rate ratios drawn from their published \
         uncertainty; missing inputs drawn; strength of the era's trend spread over {:?}.",
        model.draws.len(),
        model.era.strength_range
    ));
    line(format!("- **Era** {}; strength {}.", model.era.source, model.era.strength));
    line("\n## Treatments received, as fixed offsets\n".to_owned());
    for effect in &model.effects {
        line(format!(
            "- {:?}, {:?}: rate ratio {:.2} / {:.2} / {:.2}; {}",
            effect.treatment,
            effect.population,
            effect.log_hr[0].exp(),
            effect.log_hr[1].exp(),
            effect.log_hr[2].exp(),
            effect.source
        ));
    }
    line(format!(
        "\n## Performance\n\n{} × {}-fold cross-validation by patient, imputation and form refitted in each fold, under the \
         treatments received.\n\n| model | c, breast cancer death | c, any death | O/E at 10 years |\n|---|---|---|---|",
        spec.n_repeats, spec.n_folds
    ));
    for found in &evaluation.models {
        line(format!(
            "| {} | {} | {} | {} |",
            found.model,
            figure(&found.figures.c_breast),
            figure(&found.figures.c_death),
            figure(&found.observed_expected[1])
        ));
    }
    line("\n| group | women | expected, 10 years | observed | O/E |\n|---|---|---|---|---|".to_owned());
    for group in &evaluation.groups {
        if let Some(Some(at_10)) = group.breast_death.get(1) {
            line(format!(
                "| {} | {} | {:.1} % | {:.1} % | {} |",
                group.group,
                at_10.n_samples,
                100.0 * at_10.expected,
                100.0 * at_10.observed,
                figure(&at_10.observed_expected)
            ));
        }
    }
    line(LIMITS.to_owned());
    text
}
