use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::encoder::EncoderRefit;
use super::estimator::Training;
use super::fit::missing_groups;
use super::fused_table::Origin;
use super::model::{EncoderUse, ResponseManifest};
use super::registry::Models;
use super::{
    BinaryEvaluation, Error, Estimator, Family, FittedResponse, FusedTable, Progress, ResponseRows, ResponseSpec,
    RowHashes, cross_validate,
};
use crate::decide::{Evidence, Reference, TestPrior};
use crate::fusion::{Design, Encoding};
use crate::terms::Estimate;

/// A new version in the registry.
#[derive(Debug, Clone)]
pub struct Trained {
    /// Model name.
    pub name: String,
    /// Version, a candidate until it is promoted.
    pub version: String,
    /// Cross-validated performance.
    pub evaluation: BinaryEvaluation,
}

/// Cross-validates, then fits on all usable rows and writes a new candidate version under `out`.
///
/// `evaluation` may hold the cross-validation of this very specification and table, which is then not repeated.
///
/// The same table, specification and seed give the same bytes on any number of threads.
///
/// # Errors
/// What [`cross_validate`] and fitting refuse; [`Error::Write`]. Nothing is half-written.
pub fn train(
    spec: &ResponseSpec,
    table: &FusedTable,
    evaluation: Option<BinaryEvaluation>,
    refit: Option<&EncoderRefit>,
    models: &Models,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Trained, Error> {
    let rows = ResponseRows::select(table, spec)?;
    let evaluation = match evaluation {
        Some(given) if given.spec_sha256 == spec.sha256() && given.data_sha256 == table.sha256 => given,
        Some(given) => {
            return Err(Error::Unsupported(format!(
                "the evaluation given is of another specification or table: expected {} and {}, found {} and {}",
                spec.sha256(),
                table.sha256,
                given.spec_sha256,
                given.data_sha256
            )));
        }
        None => cross_validate(spec, table, refit, progress)?.evaluation,
    };
    let fitted = fit_all(spec, &rows, progress)?;
    let x = fitted.design.apply(&rows.table.frame)?;
    let groups = described(&fitted.design);
    let keep: Vec<usize> = groups.iter().flat_map(|(_, columns)| columns.iter().copied()).collect();
    let reference = Reference::fit(&x, &groups, spec.seed)?;
    let test_prior = TestPrior::fit(&x, &keep, &rows.subtypes)?;
    super::applies::population(spec.applies_to.as_deref())?;
    let arms = rows.table.texts("arm")?;
    let counted: Vec<_> = rows
        .subtypes
        .iter()
        .zip(arms)
        .zip(&rows.y)
        .filter_map(|((subtype, arm), event)| Some(((*subtype)?, arm?, *event)))
        .collect();
    let evidence = Evidence::count(&counted);
    let encoders = encoders(&fitted.design, table, models)?;
    let mut stored = evaluation.clone();
    stored.per_patient.clear();
    let files = BTreeMap::from([
        ("weights.json".to_owned(), fitted.estimator.encode()?),
        ("design.json".to_owned(), json(&fitted.design)?),
        ("reference.json".to_owned(), json(&reference)?),
        ("test_prior.json".to_owned(), json(&test_prior)?),
        ("evidence.json".to_owned(), json(&evidence)?),
        ("metrics.json".to_owned(), json(&stored)?),
        ("card.md".to_owned(), card(spec, &rows, &stored, &fitted, &encoders).into_bytes()),
    ]);
    let version = Models::write(out, &spec.name, &files, |version, hashes| {
        json(&ResponseManifest {
            name: spec.name.clone(),
            version: version.to_owned(),
            kind: "response".to_owned(),
            spec: spec.clone(),
            params: fitted.params,
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            origin: Origin { report: None, ..table.origin.clone() },
            data_sha256: table.sha256.clone(),
            n_training: rows.y.len(),
            n_events: rows.y.iter().filter(|event| **event).count(),
            interval_method: Estimator::interval_method(spec),
            encoders,
            training_row_hash: RowHashes::new(&format!("{} {}", spec.seed, table.sha256), &rows.patients),
            files: hashes,
        })
    })?;
    Ok(Trained { name: spec.name.clone(), version, evaluation })
}

fn fit_all(spec: &ResponseSpec, rows: &ResponseRows, progress: &dyn Progress) -> Result<FittedResponse, Error> {
    let design = Design::fit_with(&rows.table.frame, &spec.groups(), &spec.recipe)?;
    let x = design.apply(&rows.table.frame)?;
    let missing = missing_groups(spec, &design);
    let training = Training {
        x: &x,
        y: &rows.y,
        patients: &rows.patient_numbers(),
        missing: &missing,
        n_refits: spec.bootstrap.n_refits,
        seed: spec.seed,
    };
    progress.step("fitting on all rows", 0, 1);
    let (estimator, params) = Estimator::fit(spec, &training, progress)?;
    progress.step("fitting on all rows", 1, 1);
    Ok(FittedResponse { design, estimator, params })
}

/// The design's columns that describe a patient, by feature group: no arm, no component of an embedding.
pub(super) fn described(design: &Design) -> Vec<(String, Vec<usize>)> {
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for (at, column) in design.columns.iter().enumerate() {
        if column.source == "arm" || matches!(column.encoding, Encoding::Component(_)) {
            continue;
        }
        match groups.iter_mut().find(|(name, _)| *name == column.group) {
            Some((_, columns)) => columns.push(at),
            None => groups.push((column.group.clone(), vec![at])),
        }
    }
    groups
}

/// The encoders behind the design's embedding columns, with their training patients.
fn encoders(design: &Design, table: &FusedTable, models: &Models) -> Result<Vec<EncoderUse>, Error> {
    let mut used = Vec::new();
    for source in design.sources() {
        let Some(modality) = source.strip_suffix("_emb") else { continue };
        let encoder = table.origin.encoders.get(modality).ok_or_else(|| {
            Error::Unsupported(format!(
                "the table does not say which encoder made `{source}`: fuse it with `regimen fuse --embeddings`"
            ))
        })?;
        let name = encoder.split(' ').next().unwrap_or("");
        let manifest: serde_json::Value = serde_json::from_slice(&models.open(name)?.manifest).unwrap_or_default();
        let hashes = manifest.get("training_row_hash").cloned().unwrap_or_default();
        let training_row_hash = serde_json::from_value(hashes).map_err(|error| Error::Model {
            model: name.to_owned(),
            file: "manifest.json".into(),
            message: format!("training_row_hash: {error}"),
        })?;
        used.push(EncoderUse { column: source.to_owned(), encoder: encoder.clone(), training_row_hash });
    }
    Ok(used)
}

/// A file of a new version: pretty JSON with a final newline.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::Model {
        model: "new version".into(),
        file: "json".into(),
        message: error.to_string(),
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// An estimate with its interval, three decimals.
pub(super) fn figure(estimate: &Estimate) -> String {
    format!("{:.3} ({:.3} to {:.3})", estimate.estimate, estimate.lower95, estimate.upper95)
}

fn optional(estimate: Option<&Estimate>) -> String {
    estimate.map_or_else(|| "not defined".to_owned(), figure)
}

/// The model card, in Markdown.
fn card(
    spec: &ResponseSpec,
    rows: &ResponseRows,
    metrics: &BinaryEvaluation,
    fitted: &FittedResponse,
    encoders: &[EncoderUse],
) -> String {
    let mut text = String::new();
    let mut line = |said: String| {
        let _ = writeln!(text, "{said}");
    };
    let n_events = rows.y.iter().filter(|event| **event).count();
    line(format!("# {}\n", spec.name));
    line("Research use only. Not a medical device; not for choosing treatment.\n".to_owned());
    line(format!("- **Predicts** {}.", spec.target_definition));
    line(format!("- **Trained on** {} {}, {n_events} with the outcome.", rows.y.len(), spec.population));
    line(match &fitted.params {
        Some(params) => format!(
            "- **Estimator** boosted trees (hessboost), {} bootstrap refits averaged on the logit scale; {params:?}.",
            spec.bootstrap.n_refits
        ),
        None => {
            "- **Estimator** logistic regression with arm, arm by subtype and biomarker effects, each group shrunk by \
                 a variance that the data choose; missing values by their conditional distribution."
                .to_owned()
        }
    });
    let blanked = if spec.missing.groups.is_empty() { "none".to_owned() } else { spec.missing.groups.join(", ") };
    let (missing, covered) = match spec.family {
        Family::Boosted => (
            format!("missing values native; groups blanked in training: {blanked}"),
            "They hold the sampling error of one fit, not bias, shift or a wrong model; their coverage has not been measured.",
        ),
        Family::Hierarchical => (
            format!(
                "missing values by their conditional distribution given what is known; groups blanked in the evaluation: {blanked}"
            ),
            "They do not hold shift or a wrong model. In simulated trials with moderate or strong differences between arms 93 to 95 % \
             of the nominal 95 % intervals held the truth; a single arm that differs strongly in one subtype alone is pulled \
             towards the others and covered far less often (docs/studies-decision.md).",
        ),
    };
    line(format!("- **Inputs** {} columns of the fused table; {missing}.", fitted.design.sources().len()));
    line(format!("- **Intervals** {}. {covered}", Estimator::interval_method(spec)));
    for encoder in encoders {
        line(format!(
            "- **Encoder** of `{}`: {}; patients it was trained on are recognised and left out of evaluation.",
            encoder.column, encoder.encoder
        ));
    }
    line(format!("- **Seed** {}; regimen {}.\n", spec.seed, env!("CARGO_PKG_VERSION")));
    line(format!("## Performance\n\n{}. Bootstrap intervals over patients.\n", metrics.method));
    line("| figure | estimate (95 % interval) |\n|---|---|".to_owned());
    line(format!("| AUC | {} |", figure(&metrics.auc)));
    line(format!("| average precision | {} |", figure(&metrics.auprc)));
    line(format!("| Brier score | {} |", figure(&metrics.brier)));
    line(format!("| log loss | {} |", figure(&metrics.log_loss)));
    line(format!("| calibration intercept | {} |", figure(&metrics.calibration.intercept)));
    line(format!("| calibration slope | {} |", figure(&metrics.calibration.slope)));
    line(format!("| integrated calibration index | {} |\n", figure(&metrics.calibration.ici)));
    line("| subtype | patients | with pCR | AUC | Brier | calibration slope |\n|---|---|---|---|---|---|".to_owned());
    for group in &metrics.subgroups {
        line(format!(
            "| {} | {} | {} | {} | {} | {} |",
            group.name,
            group.n,
            group.n_events,
            optional(group.auc.as_ref()),
            optional(group.brier.as_ref()),
            optional(group.calibration_slope.as_ref())
        ));
    }
    if !metrics.ladder.is_empty() {
        line("\n| inputs blanked at prediction | AUC | Brier |\n|---|---|---|".to_owned());
        for step in &metrics.ladder {
            line(format!("| {} | {} | {} |", step.without.join(", "), figure(&step.auc), figure(&step.brier)));
        }
    }
    if !metrics.cells.is_empty() {
        line("\n| subtype | arm received | patients | observed rate | mean out-of-fold estimate |\n|---|---|---|---|---|".to_owned());
        for cell in &metrics.cells {
            line(format!(
                "| {} | {} | {} | {} | {:.3} |",
                cell.subtype,
                cell.option,
                cell.n,
                figure(&cell.observed),
                cell.mean_estimate
            ));
        }
    }
    line("\n## Data\n".to_owned());
    for source in &rows.table.origin.sources {
        line(format!("- {source}"));
    }
    line("\n## Limits\n".to_owned());
    line("- Probabilities per arm are conditional associations from a trial that assigned arms adaptively within subtypes; they are research evidence, never a ranked recommendation. Most arms are investigational.".to_owned());
    line("- Differences between arms are pulled towards each other: mean estimates under an arm lie nearer to the average than the observed rates (table above). The observed rate stands beside every estimate for that reason.".to_owned());
    line("- pCR is an outcome of the individual patient; a difference in pCR between arms does not translate into a difference in survival.".to_owned());
    line("- Women with stage II–III disease at high risk, tumours of at least 2.5 cm, treated in the United States 2010–2016. No external validation yet.".to_owned());
    line("- Expression scores are scaled within the platform of the source study; scores from another platform are not comparable as they are.".to_owned());
    line("- The manifest holds training patients as salted hashes. The ids of a public cohort can be listed, so these hashes can be reversed by trying them all.".to_owned());
    text
}
