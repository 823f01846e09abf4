use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::output::{JsonOutput, figure};
use super::progress::Bar;
use super::{CliError, Common};
use crate::study::{
    BinaryEvaluation, EncoderRefit, FusedTable, Models, ResponseModel, ResponseSpec, cross_validate, evaluate_model,
    paired_difference,
};

/// Evaluate a model on rows it has not seen, or a specification by nested cross-validation.
#[derive(Debug, clap::Args)]
pub(crate) struct Evaluate {
    /// Model (NAME, NAME@VERSION or a path); with --cv a specification
    model: String,
    /// Fused table
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Cross-validate the specification instead of evaluating a model
    #[arg(long)]
    cv: bool,
    /// Second specification, cross-validated on the same patients, for the paired difference of AUC
    #[arg(long, value_name = "SPEC", requires = "cv")]
    compare: Option<PathBuf>,
    /// Data folder of the images, for specifications that refit an encoder
    #[arg(long, env = "REGIMEN_DATA", default_value = "../shared/data", value_name = "DIR")]
    images: PathBuf,
    #[command(flatten)]
    json: JsonOutput,
}

impl Evaluate {
    pub(crate) fn run(&self, common: &Common) -> Result<(), CliError> {
        let table = FusedTable::read(&self.data)?;
        if !self.cv {
            let model = ResponseModel::open(&Models::locate(common.models.as_deref()), &self.model)?;
            let evaluation = evaluate_model(&model, &table, 2000)?;
            self.json.say(&print_evaluation(&evaluation));
            return self.json.write(&evaluation);
        }
        let one = |path: &Path| -> Result<_, CliError> {
            let spec = ResponseSpec::load(path)?;
            let refit = refit_of(&spec, path, &self.images)?;
            Ok((cross_validate(&spec, &table, refit.as_ref(), &Bar::new())?, spec))
        };
        let (result, spec) = one(Path::new(&self.model))?;
        self.json.say(&print_evaluation(&result.evaluation));
        let Some(other) = &self.compare else { return self.json.write(&result.evaluation) };
        let (second, _) = one(other)?;
        self.json.say(&print_evaluation(&second.evaluation));
        let difference = paired_difference(&result, &second, spec.evaluation.n_resamples, spec.seed);
        let said = difference.as_ref().map_or("not defined: other patients".to_owned(), figure);
        self.json.say(&format!("difference of AUC, first minus second: {said}"));
        self.json.write(&serde_json::json!({
            "first": result.evaluation, "second": second.evaluation, "auc_difference": difference,
        }))
    }
}

/// The encoder to refit inside each fold, its path relative to the specification's folder.
pub(crate) fn refit_of(spec: &ResponseSpec, path: &Path, images: &Path) -> Result<Option<EncoderRefit>, CliError> {
    let Some(encoder) = &spec.refit_encoder else { return Ok(None) };
    let path = path.parent().unwrap_or(Path::new(".")).join(encoder);
    Ok(Some(EncoderRefit::load(&path, images)?))
}

/// The evaluation as a table for people.
pub(crate) fn print_evaluation(evaluation: &BinaryEvaluation) -> String {
    let mut text = String::new();
    let mut line = |said: String| {
        let _ = writeln!(text, "{said}");
    };
    line(format!("{}: {}", evaluation.model, evaluation.method));
    line(format!(
        "{} patients, {} with the outcome; rows left out: {} seen in training, {} without outcome or required modality",
        evaluation.n, evaluation.n_events, evaluation.excluded_training_rows, evaluation.excluded_unusable_rows
    ));
    line(format!("  AUC                  {}", figure(&evaluation.auc)));
    line(format!("  average precision    {}", figure(&evaluation.auprc)));
    line(format!("  Brier score          {}", figure(&evaluation.brier)));
    line(format!("  log loss             {}", figure(&evaluation.log_loss)));
    line(format!("  calibration in large {}", figure(&evaluation.calibration.intercept)));
    line(format!("  calibration slope    {}", figure(&evaluation.calibration.slope)));
    line(format!("  calibration index    {}", figure(&evaluation.calibration.ici)));
    for group in &evaluation.subgroups {
        let auc = group.auc.as_ref().map_or("not defined".to_owned(), figure);
        line(format!(
            "  {:<10} {:>4} patients, {:>3} with the outcome, AUC {auc}",
            group.name, group.n, group.n_events
        ));
    }
    for step in &evaluation.ladder {
        line(format!("  without {}: AUC {}", step.without.join(", "), figure(&step.auc)));
    }
    text.trim_end().to_owned()
}
