use std::fmt::Write;
use std::path::PathBuf;

use super::{CliError, output::JsonOutput};
use crate::schema::CohortDefinition;
use crate::study;

/// Check a cohort's tables against data-schemas; lists all violations.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Cohort name, or the path of a definition
    #[arg(required_unless_present = "explain")]
    cohort: Option<String>,
    /// Print the dictionary's entry for a column (its name, a synonym, or `all`) instead
    #[arg(long, value_name = "COLUMN", conflicts_with = "cohort")]
    explain: Option<String>,
    /// Data folder
    #[arg(long, env = "REGIMEN_DATA", default_value = "../shared/data", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    json: JsonOutput,
}

impl Check {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        if let Some(word) = &self.explain {
            return self.explain(word);
        }
        let cohort = CohortDefinition::load(self.cohort.as_deref().unwrap_or_default())?;
        let report = study::check(&cohort, &self.data)?;
        let mut text = String::new();
        for (file, rows) in &report.files {
            let _ = writeln!(text, "{file}: {rows} rows accepted");
        }
        for (file, columns) in &report.unreadable {
            for (column, n) in columns {
                let _ = writeln!(text, "{file}, column `{column}`: {n} unreadable cells are missing, as declared");
            }
        }
        for file in &report.absent_files {
            let _ = writeln!(text, "{file}: absent (optional): its columns will be missing");
        }
        for violation in &report.violations {
            let _ = writeln!(text, "{violation}");
        }
        let _ = write!(text, "{} violations", report.violations.len());
        self.json.say(&text);
        self.json.write(&report)?;
        if report.violations.is_empty() { Ok(()) } else { Err(CliError::Violations(report.violations.len())) }
    }

    fn explain(&self, word: &str) -> Result<(), CliError> {
        let entries = study::explain(word);
        if entries.is_empty() {
            return Err(CliError::Usage(format!(
                "no column `{word}` in the dictionary; `regimen check --explain all` lists them"
            )));
        }
        self.json.say(&entries.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"));
        self.json.write(&entries)
    }
}
