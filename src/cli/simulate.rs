use std::path::PathBuf;

use super::CliError;
use crate::study;
use crate::study::simulate::{SimulateOptions, simulate_cohort};

/// Write a SYNTHETIC cohort with known truth: tables, and DICOM files with --images.
#[derive(Debug, clap::Args)]
pub(crate) struct Simulate {
    /// Patients to generate, 1 to 9999
    #[arg(long, value_name = "N")]
    patients: usize,
    /// Folder to write into; it must not exist or be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write DICOM files too, about 2 MiB a patient
    #[arg(long)]
    images: bool,
    /// Seed: the same seed gives the same bytes
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
}

impl Simulate {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let options = SimulateOptions { n_patients: self.patients, seed: self.seed, images: self.images };
        let made = simulate_cohort(&options, &self.out).map_err(study::Error::from)?;
        println!(
            "SYNTHETIC cohort of {} patients, {} files, in {} (`regimen check demo --data {}`)",
            made.patients.len(),
            made.n_files,
            made.folder.display(),
            made.folder.display()
        );
        Ok(())
    }
}
