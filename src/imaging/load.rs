use std::path::{Component, Path, PathBuf};

use super::contain::contained;
use super::dynamic::{load_dce, load_nifti};
use super::measure::Measure;
use super::prepare::{
    LesionBox, Placement, Preparation, Prepared, prepare_mammogram, prepare_mri_colour, prepare_ultrasound,
};
use super::quality::{MammogramFacts, mammogram_findings, mri_slice_findings, sonogram_findings};
use super::sniff::PNG_SIGNATURE;
use super::{DecodedPixels, DicomFile, Error, Raster, Study, StudyImage, display_raster, read_pgm, read_png};
use crate::terms::{Laterality, Modality};

/// Longest side of the picture kept beside a prepared image, in pixels.
const PICTURE_SIDE: usize = 320;

/// One image of a study as its encoder sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyView {
    /// The view in words, without identifiers: `left MLO`, `image 2`, `slice 14`.
    pub name: String,
    /// The pixels for the encoder.
    pub prepared: Prepared,
    /// The image that it was made from, grey, at most 320 pixels on its longer side: what a person is shown.
    pub picture: Raster,
    /// Where the prepared image lies in the picture.
    pub placement: Placement,
    /// Rows of the image that it was made from.
    pub original_rows: usize,
    /// What is remarkable about this image, one sentence each.
    pub findings: Vec<String>,
}

/// A study as its encoder sees it, and what was found and measured on the way.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadedStudy {
    /// The images, in the order of the study.
    pub views: Vec<StudyView>,
    /// Findings about the study as a whole (motion between phases, a tumour cut off by the field).
    pub findings: Vec<String>,
    /// Interpretable measures: functional tumour volume, longest diameter, radiomic features of the lesion.
    pub measures: Vec<Measure>,
}

impl From<Vec<StudyView>> for LoadedStudy {
    fn from(views: Vec<StudyView>) -> Self {
        Self { views, ..Self::default() }
    }
}

impl StudyView {
    pub(super) fn new(name: String, (prepared, mut placement): (Prepared, Placement), original: &Raster) -> Self {
        let grey = original.to_grey();
        let shrink = (grey.rows.max(grey.columns) as f64 / PICTURE_SIDE as f64).max(1.0);
        let side = |length: usize| ((length as f64 / shrink).round() as usize).max(1);
        let picture = grey.resize(side(grey.rows), side(grey.columns));
        placement.origin = placement.origin.map(|place| place / shrink);
        placement.step /= shrink;
        Self { name, prepared, picture, placement, original_rows: original.rows, findings: Vec::new() }
    }
}

/// Finds the lesion in a grey sonogram; `None` where it finds none.
pub type Locate<'a> = dyn Fn(&Raster) -> Option<LesionBox> + Sync + 'a;

/// The images of a study as its encoder sees them, read from the folder that was scanned.
///
/// Mammography and ultrasound give one per image, in the order of the study; of a file with several frames the middle
/// one. MRI (DICOM slices or NIfTI volumes) gives up to eight slices around the peak enhancement, or one per three-channel PNG
/// slice. `locate` finds the
/// lesion of a sonogram; without it, or where it finds none, the whole image is prepared and the view says so.
///
/// # Errors
/// [`Error::File`] around what is wrong with a file; [`Error::Study`] when no image is left, or an MRI study has fewer
/// than two phases.
pub fn load_study(
    root: &Path,
    study: &Study,
    preparation: Preparation,
    locate: Option<&Locate<'_>>,
) -> Result<LoadedStudy, Error> {
    if study.images.is_empty() {
        return Err(Error::Study { modality: study.modality.as_str(), reason: "no usable image".to_owned() });
    }
    match study.modality {
        Modality::Mammography => each(root, study, |_, image, raster| {
            let placed = prepare_mammogram(raster, image.laterality, preparation);
            let mut view = StudyView::new(view_name(image), placed, raster);
            let facts = MammogramFacts { laterality: image.laterality, row_direction: None };
            view.findings.extend(mammogram_findings(raster, facts).iter().map(ToString::to_string));
            Ok(view)
        }),
        Modality::Ultrasound => {
            each(root, study, |at, image, raster| Ok(sonogram(at, image, raster, preparation, locate)))
        }
        Modality::Mri if study.images.iter().all(|image| is_nifti_path(&image.path)) => {
            load_nifti(root, study, preparation)
        }
        Modality::Mri if study.images.iter().all(|image| image.phase.is_none()) => {
            each(root, study, |at, _, raster| {
                let early = raster.channel(1);
                let mut view =
                    StudyView::new(format!("slice {}", at + 1), prepare_mri_colour(raster, preparation)?, &early);
                view.findings.extend(mri_slice_findings(&early).iter().map(ToString::to_string));
                Ok(view)
            })
        }
        Modality::Mri => load_dce(root, study, preparation),
    }
}

/// A sonogram, cut to its calibrated tissue where the file says where that is, then to its lesion where one is found.
fn sonogram(
    at: usize,
    image: &StudyImage,
    raster: &Raster,
    preparation: Preparation,
    locate: Option<&Locate<'_>>,
) -> StudyView {
    let tissue = image.tissue.map(|tissue| tissue.cut(raster));
    let raster = tissue.as_ref().unwrap_or(raster);
    let lesion = locate.and_then(|locate| locate(&raster.to_grey()));
    let name = format!("image {}", at + 1);
    let mut view = StudyView::new(name, prepare_ultrasound(raster, lesion, preparation), raster);
    match (lesion, locate) {
        (Some(_), _) => {}
        (None, Some(_)) => view.findings.push("no lesion was found: the whole image was read".to_owned()),
        (None, None) => view.findings.push("no lesion localiser: the whole image was read".to_owned()),
    }
    view.findings.extend(sonogram_findings(&raster.to_grey()).iter().map(ToString::to_string));
    view
}

/// A mammogram's side and view in words.
fn view_name(image: &StudyImage) -> String {
    let side = match image.laterality {
        Some(Laterality::Left) => "left",
        Some(Laterality::Right) => "right",
        None => "side unknown,",
    };
    let modifiers: String = image.modifiers.iter().map(|modifier| format!(" ({})", modifier.as_str())).collect();
    format!("{side} {}{modifiers}", image.view.as_deref().unwrap_or("view unknown"))
}

/// True for the two endings of NIfTI files.
fn is_nifti_path(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.ends_with(".nii") || path.ends_with(".nii.gz")
}

/// Prepares the images of a study one by one.
fn each(
    root: &Path,
    study: &Study,
    prepare: impl Fn(usize, &StudyImage, &Raster) -> Result<StudyView, Error>,
) -> Result<LoadedStudy, Error> {
    let one = |(at, image): (usize, &StudyImage)| {
        let raster = read(root, image, display_raster);
        raster.and_then(|raster| prepare(at, image, &raster)).map_err(|error| error.in_file(&image.path))
    };
    Ok(study.images.iter().enumerate().map(one).collect::<Result<Vec<_>, _>>()?.into())
}

/// The raster of an image below `root`, of the middle frame where the image is a whole file of several; PNG and PGM are read as they are.
pub(super) fn read(
    root: &Path,
    image: &StudyImage,
    raster: impl Fn(&DicomFile, &DecodedPixels, usize) -> Result<Raster, Error>,
) -> Result<Raster, Error> {
    let full = below(root, &image.path)?;
    let decoded = contained(|| {
        let mut head = [0u8; 8];
        let opened = std::fs::File::open(&full).map_err(|source| Error::Io { path: full.clone(), source })?;
        let known = std::io::Read::read_exact(&mut { opened }, &mut head).is_ok();
        match head {
            head if known && head == *PNG_SIGNATURE => return read_png(&full),
            [b'P', b'2' | b'5', ..] if known => return read_pgm(&full),
            _ => {}
        }
        let file = DicomFile::open(&full)?;
        let (pixels, _) = DecodedPixels::decode(&file)?;
        raster(&file, &pixels, image.frame.unwrap_or(pixels.frames / 2))
    });
    decoded.unwrap_or_else(|| Err(Error::Codec { frame: 0, reason: "the file breaks its decoder".to_owned() }))
}

/// `path` inside `root`; a path that climbs out is refused, since a studies table may come from elsewhere.
pub(super) fn below(root: &Path, path: &str) -> Result<PathBuf, Error> {
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside || path.is_empty() {
        return Err(Error::Unsupported { what: "an image path outside the scanned folder".to_owned() });
    }
    Ok(root.join(path))
}
