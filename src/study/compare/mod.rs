//! Several models of one endpoint, judged on the same held-out patients.
//!
//! Lives here: the specification of a comparison, its rows and splits, the choice of settings inside each training fold,
//! the figures with paired intervals, and predictions made by other software on the same folds. Deliberately absent: the
//! estimators (`learn`) and their figures (`stats`).

mod binary;
mod binary_run;
mod external;
mod label_sets;
mod learners;
mod result;
mod rows;
mod spec;
mod survival;
mod survival_run;
mod survival_score;

use std::path::Path;

use serde::Serialize;

pub use external::External;
pub use result::{
    BinaryComparison, BinaryDifference, BinaryModelResult, FoldResult, LabelSetCoverage, PatientRisk,
    SurvivalCalibrationSummary, SurvivalComparison, SurvivalDifference, SurvivalModelResult,
};
pub use spec::ComparisonSpec;
use spec::{Budget, Endpoint, ModelFamily};

use self::rows::{Outcomes, Rows, Task};
use super::spec::SplitSpec;
use super::{Error, Progress, sha256_of_file};

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Comparison {
    /// Of models of a right-censored time.
    Survival(Box<SurvivalComparison>),
    /// Of models of a binary outcome.
    Binary(Box<BinaryComparison>),
}

/// One model's predictions for every test row of every split, as delimited text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredictionFile {
    /// File name, made from the model's.
    pub name: String,
    /// Content: `rep,fold,id,risk,s0,…`, or `rep,fold,id,p`.
    pub text: String,
}

/// Fits every model of `spec` in every outer split of the table at `data`, settings chosen inside, and judges them on
/// the same patients, beside predictions of other software.
///
/// The same table, specification and seed give the same result on any number of threads.
///
/// # Errors
/// [`Error::Table`] and [`Error::Column`] for a table that does not hold what the specification names,
/// [`Error::Unsupported`] for embeddings among the features; it, [`Error::Learn`] and [`Error::Stats`] for rows that
/// cannot support it; [`Error::Interrupted`].
pub fn compare(
    spec: &ComparisonSpec,
    data: &Path,
    external: &[External],
    progress: &dyn Progress,
) -> Result<(Comparison, Vec<PredictionFile>), Error> {
    let rows = Rows::read(data, spec)?;
    rows.refuse_embeddings(spec)?;
    match &rows.outcomes {
        Outcomes::Survival(all) => {
            let (result, judged) = survival::compare_survival(spec, &rows, all, external, progress)?;
            let files = judged.names.iter().enumerate().take(spec.models.len());
            let files =
                files.map(|(at, name)| PredictionFile { name: file_name(name), text: judged.predictions_csv(at) });
            Ok((Comparison::Survival(Box::new(result)), files.collect()))
        }
        Outcomes::Binary(y) => {
            let (result, files) = binary::compare_binary(spec, &rows, y, external, progress)?;
            Ok((Comparison::Binary(Box::new(result)), files))
        }
    }
}

/// A model's name made safe for a file system.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    format!("{}.csv", name.chars().map(safe).collect::<String>())
}

/// How the figures were measured, in words.
fn method(spec: &ComparisonSpec, tasks: &[Task]) -> String {
    let n_repeats = 1 + tasks.iter().map(|task| task.repeat).max().unwrap_or(0);
    let n_folds = 1 + tasks.iter().map(|task| task.fold).max().unwrap_or(0);
    let split = match (&spec.evaluation.split, &spec.evaluation.folds) {
        (_, Some(_)) => format!("{n_repeats} × {n_folds} given folds"),
        (SplitSpec::Patient, None) => format!("{n_repeats} × {n_folds}-fold cross-validation by patient"),
        (SplitSpec::Centre { column }, None) => format!("each of {n_folds} centres (`{column}`) held out in turn"),
        (SplitSpec::Period { column, from }, None) => format!("rows with `{column}` from {from} held out"),
    };
    format!(
        "{split}; settings and weights chosen inside each training fold ({} candidates a family, {} inner folds)",
        spec.search.candidates, spec.search.n_folds
    )
}

fn folds_sha256(spec: &ComparisonSpec) -> Result<Option<String>, Error> {
    let hash =
        |path: &std::path::PathBuf| sha256_of_file(path).map_err(|source| Error::Read { path: path.clone(), source });
    spec.evaluation.folds.as_ref().map(hash).transpose()
}
