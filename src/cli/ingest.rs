use std::path::{Path, PathBuf};

use super::progress::Bar;
use super::{CliError, output::JsonOutput};
use crate::imaging::FileStatus;
use crate::imaging::deidentify::{DeidentifyKey, DeidentifyOptions, Outcome, deidentify_folder};
use crate::schema::CohortDefinition;
use crate::study::{self, IngestReport, Progress};
use crate::tables::write_table;

/// Read a folder of DICOM, NIfTI, PNG and PGM images (or a DICOMDIR) and group them into studies.
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
    /// Write de-identified copies into DIR first (DICOM PS3.15 basic profile; characteristics kept, dates moved) and
    /// ingest those; needs --key
    #[arg(long, value_name = "DIR", requires = "key")]
    deidentify: Option<PathBuf>,
    /// File of at least 32 secret bytes that pseudonyms are made with; keep it in the hospital
    #[arg(long, value_name = "FILE", requires = "deidentify")]
    key: Option<PathBuf>,
    /// Make the key file first; it must not exist
    #[arg(long, requires = "key")]
    create_key: bool,
    /// Leave out images whose pixels may show text instead of flagging them
    #[arg(long, requires = "deidentify")]
    refuse_risky_pixels: bool,
    #[command(flatten)]
    json: JsonOutput,
}

impl Ingest {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let cohort = self.cohort.as_deref().map(CohortDefinition::load).transpose()?;
        let images = match (&self.deidentify, &self.key) {
            (Some(out), Some(key)) => {
                self.deidentified(out, key)?;
                out
            }
            _ => &self.images,
        };
        let report = study::ingest(images, cohort.as_ref(), &Bar::new())?;
        let count = |status| report.count(status);
        let usable = count(FileStatus::Refused) < report.files.len();
        if usable {
            write_table(&self.out, &mut report.to_frame()?, &IngestReport::metadata(images))?;
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

    /// Writes the de-identified copies and says what became of the files, without a name of the source.
    fn deidentified(&self, out: &Path, key: &Path) -> Result<(), CliError> {
        let secret = if self.create_key { DeidentifyKey::create(key) } else { DeidentifyKey::from_file(key) };
        let secret = secret.map_err(study::Error::from)?;
        if DeidentifyKey::readable_by_others(key) {
            eprintln!("warning: {} can be read by others than its owner", key.display());
        }
        let options =
            DeidentifyOptions { refuse_risky_pixels: self.refuse_risky_pixels, ..DeidentifyOptions::default() };
        let bar = Bar::new();
        let report = deidentify_folder(&self.images, out, &secret, &options, &|done, total| {
            bar.step("de-identified", done, total);
        })
        .map_err(study::Error::from)?;
        for file in &report.files {
            if let Outcome::Refused { reason } = file.outcome {
                eprintln!("not de-identified: file {} of {}: {reason}", file.number, report.files.len());
            }
        }
        self.json.say(&format!(
            "{} of {} files de-identified, {} patients; the pixels of {} may show text: look at them before they leave",
            report.written(),
            report.files.len(),
            report.patients,
            report.flagged()
        ));
        Ok(())
    }
}
