use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use polars::prelude::{DataFrame, NamedFrom, Series};
use serde::Serialize;

use super::{Error, Progress, sha256_hex};
use crate::imaging::{FileReport, FileStatus, Study, StudyImage, group_studies, images_root, scan_folder};
use crate::schema::CohortDefinition;
use crate::terms::PatientId;

/// Key of the schema metadata in which a studies table keeps the folder of its images.
pub(super) const ROOT_KEY: &str = "regimen.images_root";

/// What a folder of images holds.
#[derive(Debug, Clone, Serialize)]
pub struct IngestReport {
    /// One entry per file found.
    pub files: Vec<FileReport>,
    /// Studies that can be embedded.
    #[serde(skip)]
    pub studies: Vec<Study>,
    /// Remarks about files that belong to no study.
    pub warnings: Vec<String>,
}

/// Reads a folder of DICOM, NIfTI, PNG and PGM files, or what a DICOMDIR lists, and groups them into studies.
///
/// DICOM files carry their patient; the ids get the cohort's namespace, or `local`. Files of the other formats belong to a patient
/// only by the cohort's image patterns.
///
/// # Errors
/// [`Error::Imaging`] for a folder that is absent or empty. A broken file is reported, never an error.
pub fn ingest(root: &Path, cohort: Option<&CohortDefinition>, progress: &dyn Progress) -> Result<IngestReport, Error> {
    let files = scan_folder(root, &|done, total| progress.step("files", done, total))?;
    let namespace = cohort.map_or("local", |cohort| cohort.namespace.as_str());
    let (mut studies, mut warnings) = group_studies(&files, namespace);
    let (mapped, unmatched) = mapped_studies(&files, cohort);
    studies.extend(mapped);
    if unmatched > 0 {
        warnings.push(format!(
            "{unmatched} images without a header match no image pattern of the cohort; they belong to no study"
        ));
    }
    Ok(IngestReport { files, studies, warnings })
}

/// Studies of images without headers, by the cohort's patterns; and how many images match none.
fn mapped_studies(files: &[FileReport], cohort: Option<&CohortDefinition>) -> (Vec<Study>, usize) {
    let mut grouped: BTreeMap<(PatientId, crate::terms::Modality), Vec<StudyImage>> = BTreeMap::new();
    let mut unmatched = 0;
    for file in files.iter().filter(|file| file.status == FileStatus::Ok && file.header.is_none()) {
        let found = cohort.and_then(|cohort| {
            cohort.images.iter().find_map(|map| {
                let id = map.pattern.captures(&file.path)?.get(1)?.as_str();
                Some((PatientId::new(&cohort.namespace, id).ok()?, map.modality))
            })
        });
        match found {
            Some(key) => grouped.entry(key).or_default().push(StudyImage {
                path: file.path.clone(),
                laterality: file.laterality,
                view: file.view.clone(),
                frames: file.frames.unwrap_or(1),
                pixel_sha256: file.pixel_sha256.clone(),
                ..StudyImage::default()
            }),
            None => unmatched += 1,
        }
    }
    let studies = grouped
        .into_iter()
        .map(|((patient, modality), images)| Study {
            study_key: sha256_hex(format!("{} {modality}", patient.expose()).as_bytes()).chars().take(16).collect(),
            patient,
            visit: "baseline".to_owned(),
            modality,
            images,
            quality: Vec::new(),
        })
        .collect();
    (studies, unmatched)
}

impl IngestReport {
    /// The schema metadata to write with the frame: the folder that the image paths are relative to.
    #[must_use]
    pub fn metadata(root: &Path) -> HashMap<String, String> {
        let root = images_root(root);
        let root = root.canonicalize().unwrap_or(root);
        HashMap::from([(ROOT_KEY.to_owned(), root.display().to_string())])
    }

    /// Files of that status.
    #[must_use]
    pub fn count(&self, status: FileStatus) -> usize {
        self.files.iter().filter(|file| file.status == status).count()
    }

    /// The studies as a frame: ids, modality, quality, and the images as JSON.
    ///
    /// # Errors
    /// [`Error::Table`] never in practice: all columns have one length.
    pub fn to_frame(&self) -> Result<DataFrame, Error> {
        let text = |of: &dyn Fn(&Study) -> String| self.studies.iter().map(of).collect::<Vec<String>>();
        let images = text(&|study| serde_json::to_string(&study.images).unwrap_or_default());
        let counts: Vec<u32> = self.studies.iter().map(|study| study.images.len() as u32).collect();
        let columns = vec![
            Series::new("patient_id".into(), text(&|study| study.patient.expose().to_owned())).into(),
            Series::new("visit".into(), text(&|study| study.visit.clone())).into(),
            Series::new("study".into(), text(&|study| study.study_key.clone())).into(),
            Series::new("modality".into(), text(&|study| study.modality.as_str().to_owned())).into(),
            Series::new("n_images".into(), counts).into(),
            Series::new("images".into(), images).into(),
            Series::new("quality".into(), text(&|study| study.quality.join("; "))).into(),
        ];
        Ok(DataFrame::new(self.studies.len(), columns).map_err(crate::tables::Error::from)?)
    }
}
