use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::contain::contained;
use super::mri::{around, choose_phases, find_peak, prepare_field, reduce};
use super::prepare::{
    LesionBox, Placement, Preparation, Prepared, prepare_mammogram, prepare_mri_colour, prepare_ultrasound,
};
use super::sniff::PNG_SIGNATURE;
use super::{
    DecodedPixels, DicomFile, Error, NiftiImage, Raster, Study, StudyImage, display_raster, modality_raster,
    read_nifti, read_pgm, read_png,
};
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
        Modality::Mri if study.images.iter().all(|image| is_nifti_path(&image.path)) => {
            load_nifti(root, study, preparation)
        }
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
) -> Result<Vec<StudyView>, Error> {
    let one = |(at, image): (usize, &StudyImage)| {
        let raster = read(root, &image.path, display_raster);
        raster.and_then(|raster| prepare(at, image, &raster)).map_err(|error| error.in_file(&image.path))
    };
    study.images.iter().enumerate().map(one).collect()
}

/// Reads the phases of a dynamic series of DICOM slices.
fn load_dce(root: &Path, study: &Study, preparation: Preparation) -> Result<Vec<StudyView>, Error> {
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
    let chosen = choose_phases(&times).ok_or_else(|| wrong_series("fewer than two phases"))?;
    let [Some(pre), Some(early), Some(late)] = chosen.map(|phase| volumes.get(phase)) else {
        return Err(wrong_series("fewer than two phases"));
    };
    let shared: BTreeSet<i64> =
        pre.keys().filter(|place| early.contains_key(place) && late.contains_key(place)).copied().collect();
    let slices: Vec<[&StudyImage; 3]> =
        shared.iter().filter_map(|place| Some([*pre.get(place)?, *early.get(place)?, *late.get(place)?])).collect();
    let first = slices.first().ok_or_else(|| wrong_series("the phases share no slice"))?;
    let spacing = first[0].pixel_spacing_mm.ok_or_else(|| wrong_series("PixelSpacing is absent"))?;
    dce_views(slices.len(), spacing, preparation, |slice, phase| {
        let image = slices.get(slice).map(|phases| phases[phase]).ok_or_else(|| wrong_series("no such slice"))?;
        read(root, &image.path, modality_raster).map_err(|error| error.in_file(&image.path))
    })
}

/// Reads the phases of a dynamic series kept as NIfTI: the volumes of one file, or one file per phase in the order of
/// their names.
fn load_nifti(root: &Path, study: &Study, preparation: Preparation) -> Result<Vec<StudyView>, Error> {
    let read = |image: &StudyImage| {
        let full = below(root, &image.path)?;
        read_nifti(&full).map_err(|error| error.in_file(&image.path))
    };
    let files: Vec<NiftiImage> = study.images.iter().map(read).collect::<Result<_, _>>()?;
    let phases: Vec<(&NiftiImage, usize)> =
        files.iter().flat_map(|file| (0..file.volumes).map(move |volume| (file, volume))).collect();
    let chosen = choose_phases(&vec![None; phases.len()]).ok_or_else(|| wrong_series("fewer than two phases"))?;
    let (Some((first, _)), true) = (phases.first(), files.iter().all(|file| file.channels == 1)) else {
        return Err(wrong_series("expected grey volumes"));
    };
    if files.iter().any(|file| file.shape != first.shape) {
        return Err(wrong_series("the phases differ in their slices"));
    }
    let [slices, rows, columns] = first.shape;
    dce_views(slices, [first.spacing_mm[1], first.spacing_mm[2]], preparation, |slice, phase| {
        let (file, volume) = phases.get(chosen[phase]).ok_or_else(|| wrong_series("no such phase"))?;
        let plane = file.volume(*volume)?.get(slice * rows * columns..(slice + 1) * rows * columns);
        Raster::new(rows, columns, 1, plane.map(<[f32]>::to_vec).unwrap_or_default())
    })
}

fn wrong_series(reason: &str) -> Error {
    Error::Study { modality: Modality::Mri.as_str(), reason: reason.to_owned() }
}

/// The slices around the peak enhancement, from `open(slice, phase)` with phases 0 before, 1 early and 2 late: every slice
/// is first read small, to find the enhancement, then the chosen ones in full, so that no volume need be held in memory.
fn dce_views(
    slices: usize,
    spacing_mm: [f64; 2],
    preparation: Preparation,
    open: impl Fn(usize, usize) -> Result<Raster, Error>,
) -> Result<Vec<StudyView>, Error> {
    let small = |phase: usize| (0..slices).map(|slice| open(slice, phase).map(|raster| reduce(&raster))).collect();
    let (before, after): (Result<Vec<Raster>, Error>, Result<Vec<Raster>, Error>) = (small(0), small(1));
    let peak = find_peak(&before?, &after?);
    around(peak.slice, slices)
        .map(|slice| {
            let phases = [open(slice, 0)?, open(slice, 1)?, open(slice, 2)?];
            let placed = prepare_field(phases.each_ref(), peak, spacing_mm, preparation)?;
            Ok(StudyView::new(format!("slice {}", slice + 1), placed, &phases[1]))
        })
        .collect()
}

/// The raster of the middle frame of one image file below `root`; PNG and PGM are read as they are.
fn read(
    root: &Path,
    path: &str,
    raster: impl Fn(&DicomFile, &DecodedPixels, usize) -> Result<Raster, Error>,
) -> Result<Raster, Error> {
    let full = below(root, path)?;
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
