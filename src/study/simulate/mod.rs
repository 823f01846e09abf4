//! A synthetic breast cancer cohort with real files: tables and DICOM pictures, drawn from a seed.
//!
//! Lives here: the patients and their truth, the pictures of three modalities, the tables of a hospital's
//! export, and the special patients on whom refusals can be shown. May import `terms`; it is, beside
//! `imaging`, the only place that uses the dicom crates, and it only writes with them.
//! Deliberately absent: any row, pixel or identifier of a real patient; outcomes; the clock.

mod cast;
mod dce;
mod dicom_file;
mod error;
mod examinations;
mod mammogram;
mod patients;
mod scores;
mod tables;
mod texture;
mod ultrasound;

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

pub use cast::{CastMember, Role};
pub use error::Error;
use examinations::Written;
pub use patients::SimulatedPatient;

/// Largest cohort that is generated.
const MOST_PATIENTS: usize = 9_999;

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulateOptions {
    /// Number of patients, 1 to 9999. The whole cast of special patients needs 26, the default.
    pub n_patients: usize,
    /// The seed; the same seed gives the same bytes on any number of threads.
    pub seed: u64,
    /// True to write DICOM pictures besides the tables, about 2 MiB a patient.
    pub images: bool,
}

impl Default for SimulateOptions {
    fn default() -> Self {
        Self { n_patients: 26, seed: 0, images: true }
    }
}

/// A synthetic cohort as it lies on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedCohort {
    /// The output folder.
    pub folder: PathBuf,
    /// The clinical table.
    pub clinical: PathBuf,
    /// The table of expression scores.
    pub genomic: PathBuf,
    /// The file that says that all of this is synthetic.
    pub marker: PathBuf,
    /// Every patient with the truth about the tumour, in the order of the tables.
    pub patients: Vec<SimulatedPatient>,
    /// The special patients, in the order of the tables.
    pub cast: Vec<CastMember>,
    /// Number of files written.
    pub n_files: usize,
    /// Their size together, bytes.
    pub n_bytes: u64,
}

/// Generates a synthetic cohort under `out`, which must not exist or be an empty folder.
///
/// Writes `clinical.csv`, `pathology.csv`, `genomic.csv`, `README.txt`, `SYNTHETIC.txt` and, with `images`, one folder of DICOM
/// files per patient. Everything is built in a folder beside `out` and renamed at the end, so a failure leaves
/// nothing behind.
///
/// # Errors
/// [`Error::PatientCount`] for a number outside 1 to 9999, [`Error::OutputInUse`] when `out` is a file or a
/// folder with something in it, [`Error::Io`] and [`Error::Dicom`] when writing fails.
pub fn simulate_cohort(options: &SimulateOptions, out: &Path) -> Result<SimulatedCohort, Error> {
    if !(1..=MOST_PATIENTS).contains(&options.n_patients) {
        return Err(Error::PatientCount { found: options.n_patients, most: MOST_PATIENTS });
    }
    refuse_used(out)?;
    let patients: Vec<SimulatedPatient> =
        (1..=options.n_patients).map(|number| SimulatedPatient::draw(options.seed, number)).collect();
    let cast = cast_of(&patients, options.images);

    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    // Removed with all it holds when this function returns early.
    let scaffold = tempfile::Builder::new()
        .prefix(".regimen-simulate-")
        .tempdir_in(parent)
        .map_err(Error::io("create a folder in", parent))?;
    let root = scaffold.path().join("cohort");
    fs::create_dir(&root).map_err(Error::io("create", &root))?;

    let mut written = Written::default();
    if options.images {
        let parts: Vec<Result<Written, Error>> =
            patients.par_iter().map(|patient| examinations::write(options.seed, patient, &root)).collect();
        for part in parts {
            written.add(part?);
        }
    }
    written.file(root.join("clinical.csv"), tables::clinical_csv(&patients).as_bytes())?;
    written.file(root.join("pathology.csv"), tables::pathology_csv(&patients).as_bytes())?;
    written.file(root.join("genomic.csv"), tables::genomic_csv(&patients).as_bytes())?;
    written.file(root.join("README.txt"), tables::readme_text(&patients, &cast, options.images).as_bytes())?;
    written.file(root.join("SYNTHETIC.txt"), tables::marker_text(options.seed, patients.len()).as_bytes())?;

    if out.exists() {
        // Empty, or refused above; an error here means that something was put into it since.
        fs::remove_dir(out).map_err(Error::io("replace", out))?;
    }
    fs::rename(&root, out).map_err(Error::io("rename the finished cohort to", out))?;
    Ok(SimulatedCohort {
        folder: out.to_owned(),
        clinical: out.join("clinical.csv"),
        genomic: out.join("genomic.csv"),
        marker: out.join("SYNTHETIC.txt"),
        patients,
        cast,
        n_files: written.n_files,
        n_bytes: written.n_bytes,
    })
}

/// Refuses an output path that is a file or a folder with something in it.
fn refuse_used(out: &Path) -> Result<(), Error> {
    match fs::read_dir(out) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Error::OutputInUse { path: out.to_owned() }),
        },
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) if source.kind() == std::io::ErrorKind::NotADirectory => {
            Err(Error::OutputInUse { path: out.to_owned() })
        }
        Err(source) => Err(Error::Io { action: "read", path: out.to_owned(), source }),
    }
}

/// The special patients among these; roles that only show in pictures are left out when there are none.
fn cast_of(patients: &[SimulatedPatient], images: bool) -> Vec<CastMember> {
    patients
        .iter()
        .filter_map(|patient| patient.role.map(|role| (patient, role)))
        .filter(|(_, role)| images || !role.needs_images())
        .map(|(patient, role)| CastMember { patient: patient.code.clone(), role, note: role.note() })
        .collect()
}

#[cfg(test)]
mod tests;
