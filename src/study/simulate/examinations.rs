//! One patient's folder: which examinations there are, and what their DICOM headers say.

use std::fs;
use std::path::{Path, PathBuf};

use dicom_core::{PrimitiveValue, Tag};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::dicom_file::{DicomFile, Examination, Pixels, code, decimals, item, uid};
use super::patients::{Purpose, stream};
use super::{Error, Role, SimulatedPatient};
use super::{dce, mammogram, ultrasound};
use crate::terms::{Laterality, MammogramView};

const MAMMOGRAPHY: Examination = Examination {
    modality: "MG",
    class: uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
    description: "MAMMOGRAPHY",
    number: 1,
};
const ULTRASOUND: Examination =
    Examination { modality: "US", class: uids::ULTRASOUND_IMAGE_STORAGE, description: "BREAST ULTRASOUND", number: 2 };
const MRI: Examination =
    Examination { modality: "MR", class: uids::MR_IMAGE_STORAGE, description: "BREAST DCE MRI", number: 3 };

/// Number and size of the files written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written {
    pub(super) n_files: usize,
    pub(super) n_bytes: u64,
}

impl Written {
    /// Writes a file and counts it.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written.
    pub(super) fn file(&mut self, path: PathBuf, bytes: &[u8]) -> Result<(), Error> {
        fs::write(&path, bytes).map_err(Error::io("write", &path))?;
        self.n_files += 1;
        self.n_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Adds the counts of another patient.
    pub(super) fn add(&mut self, other: Self) {
        self.n_files += other.n_files;
        self.n_bytes += other.n_bytes;
    }
}

/// Writes every examination of a patient under `root/CODE`.
///
/// # Errors
/// [`Error::Io`] or [`Error::Dicom`] for the first file that cannot be written.
pub(super) fn write(seed: u64, patient: &SimulatedPatient, root: &Path) -> Result<Written, Error> {
    let mut written = Written::default();
    let folder = |name: &str| -> Result<PathBuf, Error> {
        let folder = root.join(&patient.code).join(name);
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        Ok(folder)
    };
    if patient.has_mammography() {
        write_mammograms(seed, patient, &folder("mammography")?, &mut written)?;
    }
    if patient.has_ultrasound() {
        let path = folder("ultrasound")?.join("us-1.dcm");
        let bytes = ultrasound_file(seed, patient).into_bytes(&path)?;
        written.file(path, &bytes)?;
    }
    if patient.has_mri() {
        write_mri(seed, patient, &folder("mri")?, &mut written)?;
    }
    Ok(written)
}

/// `L` or `R`.
fn letter(side: Laterality) -> &'static str {
    match side {
        Laterality::Left => "L",
        Laterality::Right => "R",
    }
}

fn window(center: f32, width: f32) -> [(Tag, PrimitiveValue); 2] {
    [(tags::WINDOW_CENTER, decimals(&[center])), (tags::WINDOW_WIDTH, decimals(&[width]))]
}

fn breast() -> InMemDicomObject {
    code("76752008", "SCT", "Breast")
}

fn write_mammograms(seed: u64, patient: &SimulatedPatient, folder: &Path, written: &mut Written) -> Result<(), Error> {
    let mut rng = stream(seed, patient.number, Purpose::Mammograms);
    let mut instance = 0;
    for side in [Laterality::Left, Laterality::Right] {
        for view in [MammogramView::Cc, MammogramView::Mlo] {
            instance += 1;
            let name = format!("{}{}.dcm", letter(side), view.as_str());
            let pixels = mammogram::mammogram(&mut rng, patient, side, view);
            let path = folder.join(&name);
            let mut bytes = mammogram_file(seed, patient, (side, view), &name, instance, pixels).into_bytes(&path)?;
            if patient.role == Some(Role::TruncatedDicom) && name == "RMLO.dcm" {
                bytes.truncate(bytes.len() * 3 / 5);
            }
            written.file(path, &bytes)?;
        }
    }
    if patient.role == Some(Role::TextNamedDcm) {
        let text = b"SYNTHETIC. This is a text file with the wrong ending; it holds no picture.\n";
        written.file(folder.join("letter.dcm"), text)?;
    }
    Ok(())
}

fn mammogram_file(
    seed: u64,
    patient: &SimulatedPatient,
    (side, view): (Laterality, MammogramView),
    name: &str,
    instance: u32,
    pixels: Vec<u16>,
) -> DicomFile {
    // Directions of the rows and of the columns (PS3.3 C.7.6.1.1.1): the left breast points right.
    let orientation = match (side, view) {
        (Laterality::Left, MammogramView::Cc) => "A\\R",
        (Laterality::Right, MammogramView::Cc) => "P\\L",
        (Laterality::Left, MammogramView::Mlo) => "A\\FR",
        (Laterality::Right, MammogramView::Mlo) => "P\\FL",
    };
    let view_code = match view {
        MammogramView::Cc => code("399162004", "SCT", "cranio-caudal"),
        MammogramView::Mlo => code("399368009", "SCT", "medio-lateral oblique"),
    };
    let spacing = [mammogram::SPACING_MM, mammogram::SPACING_MM];
    DicomFile::new(seed, patient, &MAMMOGRAPHY, name, instance)
        .with([
            (tags::IMAGE_TYPE, "DERIVED\\PRIMARY".into()),
            (tags::PRESENTATION_INTENT_TYPE, "FOR PRESENTATION".into()),
            (tags::IMAGE_LATERALITY, letter(side).into()),
            (tags::VIEW_POSITION, view.as_str().into()),
            (tags::PATIENT_ORIENTATION, orientation.into()),
            (tags::POSITIONER_TYPE, "MAMMOGRAPHIC".into()),
            (tags::ORGAN_EXPOSED, "BREAST".into()),
            (tags::BREAST_IMPLANT_PRESENT, "NO".into()),
            (tags::PARTIAL_VIEW, "NO".into()),
            (tags::IMAGER_PIXEL_SPACING, decimals(&spacing)),
            (tags::PIXEL_SPACING, decimals(&spacing)),
            (tags::PIXEL_INTENSITY_RELATIONSHIP, "LOG".into()),
            (tags::PIXEL_INTENSITY_RELATIONSHIP_SIGN, PrimitiveValue::from(1i16)),
            (tags::RESCALE_INTERCEPT, "0".into()),
            (tags::RESCALE_SLOPE, "1".into()),
            (tags::RESCALE_TYPE, "US".into()),
            (tags::PRESENTATION_LUT_SHAPE, "IDENTITY".into()),
        ])
        .with(window(1550.0, 2700.0))
        .with_sequence(tags::VIEW_CODE_SEQUENCE, view_code)
        .with_sequence(tags::ANATOMIC_REGION_SEQUENCE, breast())
        .with_pixels(mammogram::ROWS, mammogram::COLUMNS, Pixels::Twelve(pixels))
}

fn ultrasound_file(seed: u64, patient: &SimulatedPatient) -> DicomFile {
    let mut rng = stream(seed, patient.number, Purpose::Ultrasound);
    let pixels = ultrasound::ultrasound(&mut rng, patient);
    // One two-dimensional tissue region measured in centimetres (PS3.3 C.8.5.5).
    let region = item([
        (tags::REGION_SPATIAL_FORMAT, PrimitiveValue::from(1u16)),
        (tags::REGION_DATA_TYPE, PrimitiveValue::from(1u16)),
        (tags::REGION_FLAGS, PrimitiveValue::from(0u32)),
        (tags::REGION_LOCATION_MIN_X0, PrimitiveValue::from(0u32)),
        (tags::REGION_LOCATION_MIN_Y0, PrimitiveValue::from(ultrasound::FIELD_ROWS.0 as u32)),
        (tags::REGION_LOCATION_MAX_X1, PrimitiveValue::from(ultrasound::COLUMNS as u32 - 1)),
        (tags::REGION_LOCATION_MAX_Y1, PrimitiveValue::from(ultrasound::FIELD_ROWS.1 as u32)),
        (tags::PHYSICAL_UNITS_X_DIRECTION, PrimitiveValue::from(3u16)),
        (tags::PHYSICAL_UNITS_Y_DIRECTION, PrimitiveValue::from(3u16)),
        (tags::PHYSICAL_DELTA_X, PrimitiveValue::from(ultrasound::SPACING_CM)),
        (tags::PHYSICAL_DELTA_Y, PrimitiveValue::from(ultrasound::SPACING_CM)),
    ]);
    DicomFile::new(seed, patient, &ULTRASOUND, "us-1.dcm", 1)
        .with([
            (tags::IMAGE_TYPE, "ORIGINAL\\PRIMARY".into()),
            (tags::LATERALITY, letter(patient.side).into()),
            (tags::PATIENT_ORIENTATION, PrimitiveValue::Empty),
        ])
        .with(window(128.0, 256.0))
        .with_sequence(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, region)
        .with_sequence(tags::ANATOMIC_REGION_SEQUENCE, breast())
        .with_pixels(ultrasound::ROWS, ultrasound::COLUMNS, Pixels::Eight(pixels))
}

fn write_mri(seed: u64, patient: &SimulatedPatient, folder: &Path, written: &mut Written) -> Result<(), Error> {
    let mut rng = stream(seed, patient.number, Purpose::Mri);
    let phases = dce::dce(&mut rng, patient);
    let frame = uid(seed, &["frame", &patient.code, "MR"]);
    // Contrast is given at 11:01; the volumes are centred 2.5 and 7.5 minutes later.
    let times = ["110000", "110330", "110830"];
    let field = dce::SIDE as f32 * dce::SPACING_MM;
    // x grows to the patient's left, y to the back, z to the head (PS3.3 C.7.6.2.1.1).
    let left_edge = match patient.side {
        Laterality::Left => 15.0,
        Laterality::Right => -15.0 - field + dce::SPACING_MM,
    };
    let mut instance = 0;
    for ((phase, slices), time) in phases.into_iter().enumerate().zip(times) {
        for (slice, pixels) in slices.into_iter().enumerate() {
            instance += 1;
            let name = format!("phase-{}-slice-{:02}.dcm", phase + 1, slice + 1);
            let z = (slice as f32 - 0.5 * (dce::N_SLICES - 1) as f32) * dce::SLICE_MM;
            let mut file = DicomFile::new(seed, patient, &MRI, &name, instance)
                .with([
                    (tags::IMAGE_TYPE, "ORIGINAL\\PRIMARY".into()),
                    (tags::LATERALITY, letter(patient.side).into()),
                    (tags::ACQUISITION_TIME, time.into()),
                    (tags::CONTENT_TIME, time.into()),
                    (tags::SCANNING_SEQUENCE, "GR".into()),
                    (tags::SEQUENCE_VARIANT, "SP".into()),
                    (tags::SCAN_OPTIONS, "FS".into()),
                    (tags::MR_ACQUISITION_TYPE, "3D".into()),
                    (tags::MAGNETIC_FIELD_STRENGTH, "1.5".into()),
                    (tags::REPETITION_TIME, "5.2".into()),
                    (tags::ECHO_TIME, "2.4".into()),
                    (tags::ECHO_TRAIN_LENGTH, "1".into()),
                    (tags::FLIP_ANGLE, "12".into()),
                    (tags::PATIENT_POSITION, "FFP".into()),
                    (tags::ACQUISITION_NUMBER, (phase + 1).to_string().into()),
                    (tags::TEMPORAL_POSITION_IDENTIFIER, (phase + 1).to_string().into()),
                    (tags::NUMBER_OF_TEMPORAL_POSITIONS, dce::N_PHASES.to_string().into()),
                    (tags::FRAME_OF_REFERENCE_UID, frame.as_str().into()),
                    (tags::POSITION_REFERENCE_INDICATOR, PrimitiveValue::Empty),
                    (tags::IMAGE_POSITION_PATIENT, decimals(&[left_edge, -90.0, z])),
                    (tags::IMAGE_ORIENTATION_PATIENT, "1\\0\\0\\0\\1\\0".into()),
                    (tags::SLICE_LOCATION, decimals(&[z])),
                    (tags::SLICE_THICKNESS, decimals(&[dce::SLICE_MM])),
                    (tags::SPACING_BETWEEN_SLICES, decimals(&[dce::SLICE_MM])),
                    (tags::PIXEL_SPACING, decimals(&[dce::SPACING_MM, dce::SPACING_MM])),
                ])
                .with(window(460.0, 920.0))
                .with_sequence(tags::ANATOMIC_REGION_SEQUENCE, breast());
            if phase > 0 {
                file = file.with([
                    (tags::CONTRAST_BOLUS_AGENT, "SYNTHETIC".into()),
                    (tags::CONTRAST_BOLUS_START_TIME, "110100".into()),
                ]);
            }
            let path = folder.join(&name);
            let bytes = file.with_pixels(dce::SIDE, dce::SIDE, Pixels::Twelve(pixels)).into_bytes(&path)?;
            written.file(path, &bytes)?;
        }
    }
    Ok(())
}
