use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::contain::contained;
use super::mri::{around, choose_phases, find_peak, prepare_field, reduce};
use super::prepare::{
    LesionBox, Placement, Preparation, Prepared, prepare_mammogram, prepare_mri_colour, prepare_ultrasound,
};
use super::sniff::PNG_SIGNATURE;
use super::{DecodedPixels, DicomFile, Error, Raster, Study, StudyImage, display_raster, modality_raster, read_png};
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
    /// What is remarkable about this image, one sentence each.
    pub findings: Vec<String>,
}

impl StudyView {
    fn new(name: String, (prepared, mut placement): (Prepared, Placement), original: &Raster) -> Self {
        let grey = original.to_grey();
        let shrink = (grey.rows.max(grey.columns) as f64 / PICTURE_SIDE as f64).max(1.0);
        let side = |length: usize| ((length as f64 / shrink).round() as usize).max(1);
        let picture = grey.resize(side(grey.rows), side(grey.columns));
        placement.origin = placement.origin.map(|place| place / shrink);
        placement.step /= shrink;
        Self { name, prepared, picture, placement, findings: Vec::new() }
    }
}

/// Finds the lesion in a grey sonogram; `None` where it finds none.
pub type Locate<'a> = dyn Fn(&Raster) -> Option<LesionBox> + Sync + 'a;

/// The images of a study as its encoder sees them, read from the folder that was scanned.
///
/// Mammography and ultrasound give one per image, in the order of the study; of a file with several frames the middle
/// one. MRI gives up to eight slices around the peak enhancement, or one per three-channel PNG slice. `locate` finds the
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
) -> Result<Vec<StudyView>, Error> {
    if study.images.is_empty() {
        return Err(Error::Study { modality: study.modality.as_str(), reason: "no usable image".to_owned() });
    }
    match study.modality {
        Modality::Mammography => each(root, study, |_, image, raster| {
            Ok(StudyView::new(view_name(image), prepare_mammogram(raster, image.laterality, preparation), raster))
        }),
        Modality::Ultrasound => each(root, study, |at, _, raster| {
            let lesion = locate.and_then(|locate| locate(&raster.to_grey()));
            let name = format!("image {}", at + 1);
            let mut view = StudyView::new(name, prepare_ultrasound(raster, lesion, preparation), raster);
            match (lesion, locate) {
                (Some(_), _) => {}
                (None, Some(_)) => view.findings.push("no lesion was found: the whole image was read".to_owned()),
                (None, None) => view.findings.push("no lesion localiser: the whole image was read".to_owned()),
            }
            Ok(view)
        }),
        Modality::Mri if study.images.iter().all(|image| image.phase.is_none()) => {
            each(root, study, |at, _, raster| {
                Ok(StudyView::new(
                    format!("slice {}", at + 1),
                    prepare_mri_colour(raster, preparation)?,
                    &raster.channel(1),
                ))
            })
        }
        Modality::Mri => load_dce(root, study, preparation),
    }
}

/// A mammogram's side and view in words.
fn view_name(image: &StudyImage) -> String {
    let side = match image.laterality {
        Some(Laterality::Left) => "left",
        Some(Laterality::Right) => "right",
        None => "side unknown,",
    };
    format!("{side} {}", image.view.as_deref().unwrap_or("view unknown"))
}

/// Prepares the images of a study one by one.
fn each(
    root: &Path,
    study: &Study,
    prepare: impl Fn(usize, &StudyImage, &Raster) -> Result<StudyView, Error>,
) -> Result<Vec<StudyView>, Error> {
    let one = |(at, image): (usize, &StudyImage)| {
        let raster = read(root, &image.path, display_raster);
        raster.and_then(|raster| prepare(at, image, &raster)).map_err(|error| error.in_file(&image.path))
    };
    study.images.iter().enumerate().map(one).collect()
}

/// Reads three phases of a dynamic series: first reduced, to find the enhancement, then the chosen slices in full.
fn load_dce(root: &Path, study: &Study, preparation: Preparation) -> Result<Vec<StudyView>, Error> {
    let wrong = |reason: &str| Error::Study { modality: study.modality.as_str(), reason: reason.to_owned() };
    let mut phases: BTreeMap<usize, BTreeMap<i64, &StudyImage>> = BTreeMap::new();
    for image in &study.images {
        if let (Some(phase), Some(position)) = (image.phase, image.position_mm) {
            // Hundredths of a millimetre: the same slice of two phases differs by rounding only.
            phases.entry(phase).or_default().insert((position * 100.0).round() as i64, image);
        }
    }
    let volumes: Vec<&BTreeMap<i64, &StudyImage>> = phases.values().collect();
    let times: Vec<Option<f64>> =
        volumes.iter().map(|slices| slices.values().next().and_then(|image| image.time_s)).collect();
    let chosen = choose_phases(&times).ok_or_else(|| wrong("fewer than two phases"))?;
    let [Some(pre), Some(early), Some(late)] = chosen.map(|phase| volumes.get(phase)) else {
        return Err(wrong("fewer than two phases"));
    };
    let shared: BTreeSet<i64> =
        pre.keys().filter(|place| early.contains_key(place) && late.contains_key(place)).copied().collect();
    let slices: Vec<[&StudyImage; 3]> =
        shared.iter().filter_map(|place| Some([*pre.get(place)?, *early.get(place)?, *late.get(place)?])).collect();
    if slices.is_empty() {
        return Err(wrong("the phases share no slice"));
    }
    let open =
        |image: &StudyImage| read(root, &image.path, modality_raster).map_err(|error| error.in_file(&image.path));
    let small = |phase: usize| slices.iter().map(|slice| open(slice[phase]).map(|raster| reduce(&raster))).collect();
    let (before, after): (Result<Vec<Raster>, Error>, Result<Vec<Raster>, Error>) = (small(0), small(1));
    let peak = find_peak(&before?, &after?);
    let chosen = around(peak.slice, slices.len());
    let first = chosen.start;
    slices[chosen]
        .iter()
        .enumerate()
        .map(|(at, [pre, early, late])| {
            let spacing = pre.pixel_spacing_mm.ok_or_else(|| wrong("PixelSpacing is absent"))?;
            let phases = [open(pre)?, open(early)?, open(late)?];
            let placed = prepare_field(phases.each_ref(), peak, spacing, preparation)?;
            Ok(StudyView::new(format!("slice {}", first + at + 1), placed, &phases[1]))
        })
        .collect()
}

/// The raster of the middle frame of one image file below `root`; a PNG is read as it is.
fn read(
    root: &Path,
    path: &str,
    raster: impl Fn(&DicomFile, &DecodedPixels, usize) -> Result<Raster, Error>,
) -> Result<Raster, Error> {
    let full = below(root, path)?;
    let decoded = contained(|| {
        let mut head = [0u8; 8];
        let opened = std::fs::File::open(&full).map_err(|source| Error::Io { path: full.clone(), source })?;
        if std::io::Read::read_exact(&mut { opened }, &mut head).is_ok() && head == *PNG_SIGNATURE {
            return read_png(&full);
        }
        let file = DicomFile::open(&full)?;
        let (pixels, _) = DecodedPixels::decode(&file)?;
        raster(&file, &pixels, pixels.frames / 2)
    });
    decoded.unwrap_or_else(|| Err(Error::Codec { frame: 0, reason: "the file breaks its decoder".to_owned() }))
}

/// `path` inside `root`; a path that climbs out is refused, since a studies table may come from elsewhere.
fn below(root: &Path, path: &str) -> Result<PathBuf, Error> {
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside || path.is_empty() {
        return Err(Error::Unsupported { what: "an image path outside the scanned folder".to_owned() });
    }
    Ok(root.join(path))
}
