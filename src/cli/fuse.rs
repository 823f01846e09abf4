use std::path::PathBuf;

use super::{CliError, output::JsonOutput};
use crate::fusion::{FuseOptions, FusionReport, fuse};
use crate::schema::CohortDefinition;
use crate::study::FusedTable;
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
    /// Leave out and list rows that break a rule, instead of refusing the cohort
    #[arg(long)]
    skip_invalid: bool,
    #[command(flatten)]
    json: JsonOutput,
}

impl Fuse {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let cohort = CohortDefinition::load(&self.cohort)?;
        let options = FuseOptions { embeddings: self.embeddings.clone(), skip_invalid: self.skip_invalid };
        let fused = fuse(&cohort, &self.data, &options)?;
        let report = fused.report.clone();
        let mut table = FusedTable::new(&cohort, &self.data, fused)?;
        let metadata = table.metadata()?;
        write_table(&self.out, &mut table.frame, &metadata)?;
        remark(&report);
        let text = format!("{} rows, {} columns", table.frame.height(), table.frame.width());
        if self.out.as_os_str() == "-" {
            eprintln!("{text}")
        } else {
            self.json.say(&text)
        }
        self.json.write(&report)
    }
}

/// Says what fusion left out or had to decide, to standard error.
pub(crate) fn remark(report: &FusionReport) {
    for file in &report.absent_files {
        eprintln!("absent (optional): {file}: its columns are missing");
    }
    for violation in &report.violations {
        eprintln!("left out: {violation}");
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
    for (file, n) in report.unmatched_rows.iter().filter(|(_, n)| **n > 0) {
        eprintln!("{file}: {n} rows match no patient of the first file");
    }
    for (modality, n) in report.further_studies.iter().filter(|(_, n)| **n > 0) {
        eprintln!("{modality}: {n} further studies at a visit were left out (the first by key is used)");
    }
    if report.embeddings_without_row > 0 {
        eprintln!("{} embeddings belong to no row", report.embeddings_without_row);
    }
}
