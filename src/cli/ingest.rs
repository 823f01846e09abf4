use std::path::PathBuf;

use super::progress::Bar;
use super::{CliError, output::JsonOutput};
use crate::imaging::FileStatus;
use crate::schema::CohortDefinition;
use crate::study::{self, IngestReport};
use crate::tables::write_table;

/// Read a folder of DICOM and PNG images and group them into studies.
#[derive(Debug, clap::Args)]
pub(crate) struct Ingest {
    /// Folder of images
    images: PathBuf,
    /// Studies table to write (.arrow)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Cohort whose patterns map PNG paths to patients, and whose namespace DICOM patient ids get
    #[arg(long)]
    cohort: Option<String>,
    #[command(flatten)]
    json: JsonOutput,
}

impl Ingest {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let cohort = self.cohort.as_deref().map(CohortDefinition::load).transpose()?;
        let report = study::ingest(&self.images, cohort.as_ref(), &Bar::new())?;
        let count = |status| report.count(status);
        let usable = count(FileStatus::Refused) < report.files.len();
        if usable {
            write_table(&self.out, &mut report.to_frame()?, &IngestReport::metadata(&self.images))?;
        }
        self.json.write(&report.files)?;
        for file in report.files.iter().filter(|file| file.status == FileStatus::Refused) {
            eprintln!("refused {}: {}", file.path, file.reason.as_deref().unwrap_or(""));
        }
        for warning in &report.warnings {
            eprintln!("warning: {warning}");
        }
        self.json.say(&format!(
            "{} files: {} read, {} without pixels, {} refused; {} studies",
            report.files.len(),
            count(FileStatus::Ok),
            count(FileStatus::NoPixels),
            count(FileStatus::Refused),
            report.studies.len()
        ));
        if usable { Ok(()) } else { Err(CliError::AllRefused(report.files.len())) }
    }
}
