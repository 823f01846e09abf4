use std::fmt::Write;
use std::path::PathBuf;

use super::{CliError, output::JsonOutput};
use crate::schema::CohortDefinition;
use crate::study;

/// Check a cohort's tables against data-schemas; lists all violations.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Cohort name, or the path of a definition
    cohort: String,
    /// Data folder
    #[arg(long, env = "REGIMEN_DATA", default_value = "../shared/data", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    json: JsonOutput,
}

impl Check {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let cohort = CohortDefinition::load(&self.cohort)?;
        let report = study::check(&cohort, &self.data)?;
        let mut text = String::new();
        for (file, rows) in &report.files {
            let _ = writeln!(text, "{file}: {rows} rows accepted");
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
}
