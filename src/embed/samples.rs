use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::imaging::{
    LesionBox, Prepared, Raster, mask_box, prepare_mammogram, prepare_mri_colour, prepare_ultrasound, prepare_whole,
    read_png,
};
use crate::terms::{Modality, PatientId};

use super::Error;
use super::fine_tuning_spec::Task;
use super::rows::{Row, check_rows};
use super::spec::EncoderSpec;
use super::table::LabelTable;

/// One prepared image with its class, its patient and its fold.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Whose image it is.
    pub patient: PatientId,
    /// The pixels as the encoder sees them.
    pub prepared: Prepared,
    /// The class, as a position in the classes of the specification.
    pub label: usize,
    /// The fold, when the data set or the specification gives one.
    pub fold: Option<u32>,
    /// The value of every auxiliary task: class number or transformed number; `None` where it is missing.
    pub auxiliary: Vec<Option<f64>>,
    /// The whole image and the lesion in it, kept where the training moves the box.
    pub whole: Option<(Raster, LesionBox)>,
    /// The lesion, for a segmentation.
    pub mask: Option<LesionMask>,
}

/// The pixels of a lesion in the image as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LesionMask {
    /// Height of the image.
    pub rows: usize,
    /// Width of the image.
    pub columns: usize,
    /// `rows × columns`, row after row: true inside the lesion.
    pub inside: Vec<bool>,
}

impl LesionMask {
    /// The mask of a raster whose values above zero are lesion.
    #[must_use]
    pub fn of(raster: &Raster) -> Self {
        let inside = raster.to_grey().pixels.iter().map(|value| *value > 0.0).collect();
        Self { rows: raster.rows, columns: raster.columns, inside }
    }

    /// The mask as an image of zeros and ones.
    #[must_use]
    pub fn raster(&self) -> Raster {
        let pixels = self.inside.iter().map(|inside| f32::from(u8::from(*inside))).collect();
        Raster { rows: self.rows, columns: self.columns, channels: 1, pixels }
    }
}

/// A file that a training read, and its hash.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InputFile {
    /// Path relative to the data folder.
    pub path: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
}

/// The label tables and starting weights that a specification names, with their hashes.
///
/// # Errors
/// [`Error::Io`] when one cannot be read.
pub fn label_tables(spec: &EncoderSpec, data_dir: &Path) -> Result<Vec<InputFile>, Error> {
    let dataset = &spec.dataset;
    let join = dataset.join.as_ref().map(|join| join.table.as_str());
    std::iter::once(dataset.table.as_str())
        .chain(join)
        .map(|table| format!("{}/{table}", dataset.root))
        .chain(spec.fine_tuning.initial_weights.clone())
        .map(|path| {
            let full = data_dir.join(&path);
            let bytes = std::fs::read(&full).map_err(|source| Error::Io { path: full, source })?;
            Ok(InputFile { path, sha256: hex(&Sha256::digest(&bytes)) })
        })
        .collect()
}

/// Lower-case hexadecimal digits of bytes.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the label table of a specification under `data_dir` and prepares every image it names, in table order.
///
/// Rows that name the same image with the same class are one sample. Rows outside the row filter and rows whose label is
/// declared missing are left out.
///
/// # Errors
/// [`Error::Table`] with *all* broken rules, each with file and row; [`Error::Io`] when a table cannot be read.
pub fn load_samples(spec: &EncoderSpec, data_dir: &Path) -> Result<Vec<Sample>, Error> {
    let root = data_dir.join(&spec.dataset.root);
    let mut table = LabelTable::read(&root.join(&spec.dataset.table), spec.dataset.separator)?;
    if let Some(join) = &spec.dataset.join {
        table = table.join(&LabelTable::read(&root.join(&join.table), spec.dataset.separator)?, join)?;
    }
    let rows = check_rows(spec, &table, &root)?;
    let prepared: Vec<Result<Sample, String>> = rows
        .into_par_iter()
        .map(|row| {
            let at = format!("{}: row {}", table.path.display(), row.line);
            prepare(spec, &row)
                .map(|found| Sample {
                    patient: row.patient,
                    prepared: found.prepared,
                    label: row.label,
                    fold: row.fold,
                    auxiliary: row.auxiliary,
                    whole: found.whole,
                    mask: found.mask,
                })
                .map_err(|(path, error)| format!("{at}: {}: {error}", path.display()))
        })
        .collect();
    let violations: Vec<String> = prepared.iter().filter_map(|sample| sample.as_ref().err().cloned()).collect();
    if violations.is_empty() {
        Ok(prepared.into_iter().filter_map(Result::ok).collect())
    } else {
        Err(Error::Table { violations })
    }
}

/// A prepared image, and what the training needs beside it.
struct Found {
    prepared: Prepared,
    whole: Option<(Raster, LesionBox)>,
    mask: Option<LesionMask>,
}

/// Reads and prepares the image of one row; an error comes with the file it is about.
fn prepare(spec: &EncoderSpec, row: &Row) -> Result<Found, (PathBuf, crate::imaging::Error)> {
    let read = |path: &Path| read_png(path).map_err(|error| (path.to_owned(), error));
    let raster = read(&row.image)?;
    let preparation = spec.preparation();
    let alone = |prepared| Found { prepared, whole: None, mask: None };
    let mask = || row.mask.as_ref().map(|path| read(path)).transpose();
    if spec.kind == Task::Segmentation {
        let mask = mask()?.map(|mask| LesionMask::of(&mask));
        return Ok(Found { prepared: prepare_whole(&raster, preparation.side), whole: None, mask });
    }
    match spec.modality {
        Modality::Ultrasound => {
            let lesion = if spec.input.whole { None } else { mask()?.as_ref().and_then(mask_box) };
            let prepared = prepare_ultrasound(&raster, lesion, preparation).0;
            let moved = lesion.filter(|_| spec.augment.crop_jitter > 0.0);
            Ok(Found { prepared, whole: moved.map(|lesion| (raster.to_grey(), lesion)), mask: None })
        }
        Modality::Mri => prepare_mri_colour(&raster, preparation)
            .map(|(prepared, _)| alone(prepared))
            .map_err(|error| (row.image.clone(), error)),
        Modality::Mammography => Ok(alone(prepare_mammogram(&raster, row.laterality, preparation).0)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::spec::tests::blobs;
    use super::*;

    /// A grey ramp of 8 x 8 pixels as a PNG file.
    const PNG: [u8; 76] = [
        137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 8, 0, 0, 0, 8, 8, 0, 0, 0, 0, 225, 100,
        225, 87, 0, 0, 0, 19, 73, 68, 65, 84, 120, 156, 99, 100, 96, 134, 0, 70, 9, 40, 131, 133, 44, 6, 0, 50, 7, 1,
        107, 109, 177, 158, 23, 0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
    ];

    fn data_with(table: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("blobs");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("labels.csv"), table).unwrap();
        for id in ["a", "b"] {
            std::fs::write(root.join(format!("{id}.png")), PNG).unwrap();
        }
        folder
    }

    #[test]
    fn repeated_rows_of_one_image_are_one_sample() {
        let data = data_with("id,patient,bright\na,1,0\na,1,0\nb,2,1\n");
        let samples = load_samples(&blobs(), data.path()).unwrap();
        assert_eq!(samples.iter().map(|s| s.label).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(samples[0].patient.expose(), "blobs:1");
        assert!(samples.iter().all(|s| s.fold.is_some() && s.prepared.pixels.len() == 64 * 64));
        assert_eq!(label_tables(&blobs(), data.path()).unwrap()[0].path, "blobs/labels.csv");
    }

    #[test]
    fn every_broken_rule_is_named_with_its_row_and_no_patient() {
        let data = data_with("id,patient,bright\na,PATIENT7,2\nc,,1\nb,2,1\nb,2,0\n../b,3,1\n");
        let error = load_samples(&blobs(), data.path()).unwrap_err().to_string();
        for part in
            ["row 2: column bright: expected one of 0, 1, found `2`", "row 3: expected a file", "row 3: column patient"]
        {
            assert!(error.contains(part), "{part} not in {error}");
        }
        assert!(
            error.contains("row 5")
                && error.contains("second class")
                && error.contains("row 6: expected a path inside")
        );
        assert!(!error.contains("PATIENT7"), "{error}");
    }

    #[test]
    fn a_patient_in_two_folds_is_refused() {
        let data = data_with("id,patient,bright,fold\na,1,0,1\nb,1,1,2\n");
        let mut spec = blobs();
        spec.dataset.folds.count = None;
        spec.dataset.folds.column = Some("fold".to_owned());
        let error = load_samples(&spec, data.path()).unwrap_err().to_string();
        assert!(error.contains("expected one fold per patient"), "{error}");
    }

    #[test]
    fn public_mri_ids_become_canonical_ones() {
        let data = std::env::var_os("REGIMEN_DATA")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/specs/encoder-mri-ispy.toml");
        let (Ok(spec), true) = (EncoderSpec::read(&path), data.join("images/mri_breastdcedl").is_dir()) else {
            println!("skipped: no MRI slices under {}", data.display());
            return;
        };
        let samples = load_samples(&spec, &data).unwrap();
        let of = |cohort: &str| {
            let ids = samples.iter().filter(|s| s.patient.namespace() == cohort).map(|s| s.patient.expose());
            ids.map(str::to_owned).collect::<BTreeSet<String>>()
        };
        assert_eq!((of("ispy1").len(), of("ispy2").len(), of("duke").len()), (33, 99, 136));
        assert!(of("ispy1").contains("ispy1:1009") && of("ispy2").contains("ispy2:131961"));
        assert!(samples.iter().all(|s| (s.fold == Some(2)) == (s.patient.namespace() == "duke")));
    }
}
