use std::collections::BTreeMap;
use std::path::PathBuf;

use super::CliError;
use super::output::{JsonOutput, write_file};
use crate::fusion::{FileCounts, FuseOptions, FusionReport, Recipe, WindowCounts, fuse};
use crate::schema::CohortDefinition;
use crate::study::{self, FusedTable};
use crate::tables::write_table;

/// Join a cohort's tables and embeddings into one row per patient and visit.
#[derive(Debug, clap::Args)]
pub(crate) struct Fuse {
    /// Cohort name, or the path of a definition
    cohort: String,
    /// Data folder
    #[arg(long, env = "REGIMEN_DATA", default_value = "../shared/data", value_name = "DIR")]
    data: PathBuf,
    /// Embeddings table of `regimen embed`; may be given several times
    #[arg(long, value_name = "FILE")]
    embeddings: Vec<PathBuf>,
    /// Fused table to write (.arrow, .parquet, .csv; - for a stream)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write the matrix that this recipe makes of the fused rows (TOML with `features` and `recipe`), fitted on them
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    recipe: Option<PathBuf>,
    /// Write the fitted recipe to this file
    #[arg(long, value_name = "FILE", requires = "recipe")]
    recipe_out: Option<PathBuf>,
    /// Write the matrix of a recipe that was fitted before
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Per-gene scalings that signatures need, as fitted on a training cohort
    #[arg(long, value_name = "FILE", conflicts_with = "fit_signature_scaling")]
    signature_scaling: Option<PathBuf>,
    /// Fit the per-gene scalings on this cohort's samples and write them to this file
    #[arg(long, value_name = "FILE")]
    fit_signature_scaling: Option<PathBuf>,
    /// Leave out and list rows that break a rule, instead of refusing the cohort
    #[arg(long)]
    skip_invalid: bool,
    #[command(flatten)]
    json: JsonOutput,
}

impl Fuse {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let cohort = CohortDefinition::load(&self.cohort)?;
        let signature_scaling = match (&self.fit_signature_scaling, &self.signature_scaling) {
            (Some(path), _) => {
                let scaling = study::fit_signature_scaling(&cohort, &self.data)?;
                let text = serde_json::to_vec(&scaling).map_err(|error| CliError::Internal(error.to_string()))?;
                write_file(path, &text)?;
                eprintln!(
                    "signature scaling fitted on every sample of this cohort: replay it on others with --signature-scaling"
                );
                Some(scaling)
            }
            (None, Some(path)) => Some(study::read_signature_scaling(path)?),
            (None, None) => None,
        };
        let options =
            FuseOptions { embeddings: self.embeddings.clone(), signature_scaling, skip_invalid: self.skip_invalid };
        if let Some(recipe) = study::recipe(self.recipe.as_deref(), self.replay.as_deref())? {
            return self.matrix(&cohort, &options, &recipe);
        }
        let fused = fuse(&cohort, &self.data, &options)?;
        let report = fused.report.clone();
        let mut table = FusedTable::new(&cohort, &self.data, fused)?;
        let metadata = table.metadata()?;
        write_table(&self.out, &mut table.frame, &metadata)?;
        remark(&report);
        let text = format!(
            "{} rows, {} columns\n{}\nimputed  nothing: imputation belongs to a recipe, fitted on training rows",
            table.frame.height(),
            table.frame.width(),
            summary(&report)
        );
        if self.out.as_os_str() == "-" {
            eprintln!("{text}")
        } else {
            self.json.say(&text)
        }
        self.json.write(&report)
    }
}

impl Fuse {
    /// Writes the matrix that a recipe makes of the cohort.
    fn matrix(&self, cohort: &CohortDefinition, options: &FuseOptions, recipe: &Recipe) -> Result<(), CliError> {
        let written = study::write_design(cohort, &self.data, options, recipe, &self.out)?;
        if let Some(path) = &self.recipe_out {
            let text =
                serde_json::to_vec_pretty(&written.design).map_err(|error| CliError::Internal(error.to_string()))?;
            write_file(path, &text)?;
        }
        remark(&written.report);
        let imputed: Vec<String> = written.imputed.iter().map(|(column, n)| format!("{column} {n}")).collect();
        let fitted = match recipe {
            Recipe::Fit(_) => format!("fitted on these {} rows: do not evaluate a model on them", written.n_rows),
            Recipe::Replay(_) => "replayed as fitted".to_owned(),
        };
        self.json.say(&format!(
            "{} rows, {} design columns; recipe {fitted}\n{}\nimputed  {}",
            written.n_rows,
            written.design.columns.len(),
            summary(&written.report),
            if imputed.is_empty() { "nothing".to_owned() } else { imputed.join(", ") },
        ));
        self.json.write(&MatrixJson { n_rows: written.n_rows, imputed: &written.imputed, report: &written.report })
    }
}

/// The machine-readable result of a matrix.
#[derive(serde::Serialize)]
struct MatrixJson<'a> {
    n_rows: usize,
    imputed: &'a BTreeMap<String, usize>,
    #[serde(flatten)]
    report: &'a FusionReport,
}

/// What was joined, what is known and what is missing, as lines for people.
fn summary(report: &FusionReport) -> String {
    let mut lines = Vec::new();
    for file in &report.files {
        let FileCounts { path, records, accepted, joined, unmatched } = file;
        lines.push(format!(
            "joined   {path}: {records} records, {accepted} accepted, {joined} joined, {unmatched} unmatched"
        ));
    }
    for (id, window) in &report.windows {
        let WindowCounts { kept, undated, undecided, after, before, superseded } = window;
        lines.push(format!(
            "window   {id}: {kept} kept; left out: {after} measured after the decision or window, {before} before it, \
             {undated} undated, {undecided} without a decision day, {superseded} superseded by a later one"
        ));
    }
    let n_scored = report.scores.iter().filter(|score| score.refused.is_none()).count();
    if !report.scores.is_empty() {
        lines.push(format!("scores   {n_scored} computed, {} refused", report.scores.len() - n_scored));
    }
    for score in &report.scores {
        if let Some(reason) = &score.refused {
            lines.push(format!("refused  {}: {reason}", score.column));
        }
    }
    let known: Vec<String> =
        report.known.iter().filter(|(_, n)| **n > 0).map(|(what, n)| format!("{what} {n}")).collect();
    lines.push(format!("known    {}", known.join(", ")));
    let missing: usize = report.missing.values().sum();
    let columns = report.missing.values().filter(|n| **n > 0).count();
    let unreadable: usize = report.unreadable.values().flat_map(BTreeMap::values).sum();
    lines.push(format!(
        "missing  {missing} values in {columns} of {} columns ({unreadable} of them unreadable, as declared)",
        report.missing.len()
    ));
    lines.join("\n")
}

/// Says what fusion left out or had to decide, to standard error.
pub(crate) fn remark(report: &FusionReport) {
    for file in &report.absent_files {
        eprintln!("absent (optional): {file}: its columns are missing");
    }
    for violation in &report.violations {
        eprintln!("left out: {violation}");
    }
    for (file, counts) in &report.left_out {
        for (what, n) in counts {
            eprintln!("{file}: {what}: {n}");
        }
    }
    for conflict in &report.conflicts {
        let rows: Vec<String> = conflict.rows.iter().map(ToString::to_string).collect();
        eprintln!(
            "conflict on `{}`: {} is used, {} set aside, at rows {}",
            conflict.column,
            conflict.used,
            conflict.set_aside,
            rows.join(", ")
        );
    }
    for file in report.files.iter().filter(|file| file.unmatched > 0) {
        eprintln!("{}: {} rows match no patient of the first file", file.path, file.unmatched);
    }
    for (modality, n) in report.further_studies.iter().filter(|(_, n)| **n > 0) {
        eprintln!("{modality}: {n} further studies at a visit were left out (the first by key is used)");
    }
    if report.embeddings_without_row > 0 {
        eprintln!("{} embeddings belong to no row", report.embeddings_without_row);
    }
}
