use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::contain::contained;
use super::mri::{around, choose_phases, cut_field, find_peak, reduce};
use super::prepare::{Prepared, prepare_mammogram, prepare_mri_colour, prepare_mri_slice, prepare_ultrasound};
use super::sniff::PNG_SIGNATURE;
use super::{DecodedPixels, DicomFile, Error, Raster, Study, StudyImage, display_raster, modality_raster, read_png};
use crate::terms::Modality;

/// The images of a study as its encoder sees them, read from the folder that was scanned.
///
/// Mammography and ultrasound give one per image, in the order of the study; of a file with several frames the middle
/// one. MRI gives up to eight slices around the peak enhancement, or one per three-channel PNG slice.
///
/// # Errors
/// [`Error::File`] around what is wrong with a file; [`Error::Study`] when no image is left, or an MRI study has fewer
/// than two phases.
pub fn load_study(root: &Path, study: &Study) -> Result<Vec<Prepared>, Error> {
    if study.images.is_empty() {
        return Err(Error::Study { modality: study.modality.as_str(), reason: "no usable image".to_owned() });
    }
    match study.modality {
        Modality::Mammography => each(root, study, |image, raster| Ok(prepare_mammogram(&raster, image.laterality))),
        Modality::Ultrasound => each(root, study, |_, raster| Ok(prepare_ultrasound(&raster, None))),
        Modality::Mri if study.images.iter().all(|image| image.phase.is_none()) => {
            each(root, study, |_, raster| prepare_mri_colour(&raster))
        }
        Modality::Mri => load_dce(root, study),
    }
}

/// Prepares the images of a study one by one.
fn each(
    root: &Path,
    study: &Study,
    prepare: impl Fn(&StudyImage, Raster) -> Result<Prepared, Error>,
) -> Result<Vec<Prepared>, Error> {
    let one = |image: &StudyImage| {
        let raster = read(root, &image.path, display_raster);
        raster.and_then(|raster| prepare(image, raster)).map_err(|error| error.in_file(&image.path))
    };
    study.images.iter().map(one).collect()
}

/// Reads three phases of a dynamic series: first reduced, to find the enhancement, then the chosen slices in full.
fn load_dce(root: &Path, study: &Study) -> Result<Vec<Prepared>, Error> {
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
    slices[around(peak.slice, slices.len())]
        .iter()
        .map(|[pre, early, late]| {
            let spacing = pre.pixel_spacing_mm.ok_or_else(|| wrong("PixelSpacing is absent"))?;
            let cut = |image: &StudyImage| open(image).map(|raster| cut_field(&raster, peak, spacing));
            prepare_mri_slice(&cut(pre)?, &cut(early)?, &cut(late)?)
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
