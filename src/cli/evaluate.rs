use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::output::{JsonOutput, figure, write_file};
use super::progress::Bar;
use super::{CliError, Common};
use crate::study::{
    BinaryComparison, BinaryEvaluation, Comparison, ComparisonSpec, EncoderRefit, External, FusedTable, Models,
    ResponseModel, ResponseSpec, SurvivalComparison, SurvivalEvaluation, SurvivalRows, SurvivalSpec, compare,
    cross_validate, evaluate_model, evaluate_survival, paired_difference,
};
use crate::terms::Estimate;

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
    /// Out-of-fold predictions of other software for the same folds, judged beside the models of a comparison
    #[arg(long, value_name = "NAME=FILE", requires = "cv")]
    external: Vec<String>,
    /// Write the out-of-fold predictions of every model of a comparison into this folder
    #[arg(long, value_name = "DIR", requires = "cv")]
    predictions: Option<PathBuf>,
    #[command(flatten)]
    json: JsonOutput,
}

impl Evaluate {
    pub(crate) fn run(&self, common: &Common) -> Result<(), CliError> {
        if self.cv {
            let path = Path::new(&self.model);
            let text = std::fs::read_to_string(path)
                .map_err(|source| crate::study::Error::Read { path: path.into(), source })?;
            if ComparisonSpec::is_one(&text) {
                return self.compare(&ComparisonSpec::parse(&text, path)?);
            }
            if SurvivalSpec::is_one(&text) {
                let rows = SurvivalRows::select(&FusedTable::read(&self.data)?)?;
                let found = evaluate_survival(&SurvivalSpec::load(path)?, &rows)?;
                self.json.say(&print_baseline(&found));
                return self.json.write(&found);
            }
        }
        if !self.external.is_empty() || self.predictions.is_some() {
            return Err(CliError::Usage(
                "--external and --predictions belong to a comparison: a specification with an [endpoint]".into(),
            ));
        }
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

impl Evaluate {
    /// Several models on the same held-out patients.
    fn compare(&self, spec: &ComparisonSpec) -> Result<(), CliError> {
        let external = self
            .external
            .iter()
            .map(|given| match given.split_once('=') {
                Some((name, file)) if !name.is_empty() => Ok(External::read(name, Path::new(file))?),
                _ => Err(CliError::Usage(format!("--external: expected NAME=FILE, found `{given}`"))),
            })
            .collect::<Result<Vec<_>, CliError>>()?;
        let (comparison, files) = compare(spec, &self.data, &external, &Bar::new())?;
        self.json.say(&match &comparison {
            Comparison::Survival(result) => print_survival(result),
            Comparison::Binary(result) => print_binary(result),
        });
        if let Some(folder) = &self.predictions {
            std::fs::create_dir_all(folder).map_err(|source| CliError::Write { path: folder.clone(), source })?;
            for file in files {
                write_file(&folder.join(&file.name), file.text.as_bytes())?;
            }
        }
        self.json.write(&comparison)
    }
}

/// Pads a name to the width of a table's first column.
fn cell(name: &str, names: &[&str]) -> String {
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    format!("{name:<width$}")
}

/// A difference with three significant digits more than its figures.
fn signed(estimate: &Estimate) -> String {
    format!("{:+.4} ({:+.4} to {:+.4})", estimate.estimate, estimate.lower95, estimate.upper95)
}

fn print_survival(result: &SurvivalComparison) -> String {
    let names: Vec<&str> = result.models.iter().map(|model| model.name.as_str()).chain(["model"]).collect();
    let mut lines = vec![
        format!("{}: {}", result.name, result.definition),
        format!("{}; seed {}", result.method, result.seed),
        format!(
            "{} patients, {} events; {} rows left out for want of time, event or a required flag",
            result.n, result.n_events, result.excluded_unusable_rows
        ),
        format!("{}  {:<24} {:<24} {:<24} IBS", cell("model", &names), "c-index", "Uno's c", "mean AUC(t)"),
    ];
    for model in &result.models {
        lines.push(format!(
            "{}  {:<24} {:<24} {:<24} {}",
            cell(&model.name, &names),
            figure(&model.c_index),
            figure(&model.c_index_ipcw),
            figure(&model.auc_t),
            figure(&model.ibs)
        ));
    }
    if let Some(first) = result.models.first() {
        for difference in &result.differences {
            lines.push(format!(
                "{} less {}: c-index {}, IBS {}",
                first.name,
                difference.against,
                signed(&difference.c_index),
                signed(&difference.ibs)
            ));
        }
        for fold in first.folds.iter().filter(|fold| !fold.held_out.is_empty()) {
            for model in &result.models {
                let same = model.folds.iter().find(|other| (other.repeat, other.fold) == (fold.repeat, fold.fold));
                if let Some(same) = same {
                    lines.push(format!(
                        "held out {}: {} c-index {:.4}, IBS {:.4}",
                        fold.held_out, model.name, same.c_index, same.ibs
                    ));
                }
            }
        }
    }
    match &result.calibration {
        Some(found) => lines.push(format!(
            "calibration of {} at {:.4}: observed/expected {}, slope {}, index {}",
            names.first().unwrap_or(&""),
            result.horizon,
            figure(&found.observed_expected),
            figure(&found.slope),
            figure(&found.ici)
        )),
        None => lines.push("calibration: not defined on these rows".to_owned()),
    }
    lines.join("\n")
}

fn print_binary(result: &BinaryComparison) -> String {
    let names: Vec<&str> = result.models.iter().map(|model| model.name.as_str()).chain(["model"]).collect();
    let mut lines = vec![
        format!("{}: {}", result.name, result.definition),
        format!("{}; seed {}", result.first.method, result.seed),
        format!(
            "{} patients, {} with the outcome; {} rows left out for want of the outcome or a required flag",
            result.first.n, result.first.n_events, result.first.excluded_unusable_rows
        ),
        format!(
            "{}  {:<24} {:<24} {:<24} calibration slope",
            cell("model", &names),
            "AUC",
            "average precision",
            "Brier"
        ),
    ];
    for model in &result.models {
        lines.push(format!(
            "{}  {:<24} {:<24} {:<24} {}",
            cell(&model.name, &names),
            figure(&model.auc),
            figure(&model.auprc),
            figure(&model.brier),
            figure(&model.calibration.slope)
        ));
    }
    for group in result.first.subgroups.iter().filter(|group| group.n > 0) {
        let auc = group.auc.as_ref().map_or("not defined".to_owned(), figure);
        lines.push(format!(
            "  {:<10} {:>4} patients, {:>3} with the outcome, AUC of {} {auc}",
            group.name, group.n, group.n_events, result.first.model
        ));
    }
    for difference in &result.differences {
        lines.push(format!(
            "{} less {}: AUC {}, Brier {}",
            result.first.model,
            difference.against,
            signed(&difference.auc),
            signed(&difference.brier)
        ));
    }
    for sets in &result.label_sets {
        lines.push(format!(
            "90 % label sets calibrated {}, {:<9}: covered {}, one label {:.2}, both {:.2}, none {:.2}",
            sets.calibration,
            sets.group,
            figure(&sets.coverage),
            sets.single,
            sets.both,
            sets.empty
        ));
    }
    lines.join("\n")
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

/// A survival baseline beside PREDICT, held out.
pub(super) fn print_baseline(found: &SurvivalEvaluation) -> String {
    let mut text = format!("{} women, cross-validated under the treatments received\n", found.n_samples);
    for model in &found.models {
        let [_, at_10, _] = &model.observed_expected;
        let _ = writeln!(
            text,
            "  {:<28} c {}  deaths from breast cancer at 10 years, observed/expected {}",
            model.model,
            figure(&model.figures.c_breast),
            figure(at_10)
        );
        if let Some(difference) = &model.baseline_minus_this {
            let _ = writeln!(text, "  {:<28} regimen less this: c {}", "", figure(&difference.c_breast));
        }
    }
    text.trim_end().to_owned()
}
