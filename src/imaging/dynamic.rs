use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::load::{LoadedStudy, StudyView, below, read};
use super::measure::{Field, dce_measures};
use super::mri::{around, choose_phases, field_window, find_peak, prepare_field, reduce};
use super::quality::{motion_finding, mri_slice_findings};
use super::{Error, NiftiImage, Preparation, Raster, Study, StudyImage, modality_raster, read_nifti};
use crate::terms::Modality;

/// Reads the phases of a dynamic series of DICOM slices.
pub(super) fn load_dce(root: &Path, study: &Study, preparation: Preparation) -> Result<LoadedStudy, Error> {
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
    let positions: Vec<f64> = slices.iter().filter_map(|slice| slice[0].position_mm).collect();
    let steps: Vec<f64> = positions.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let slice_mm = steps.iter().copied().fold(f64::INFINITY, f64::min);
    let spacing = [if slice_mm.is_finite() { slice_mm } else { 1.0 }, spacing[0], spacing[1]];
    dce_views(slices.len(), spacing, preparation, |slice, phase| {
        let image = slices.get(slice).map(|phases| phases[phase]).ok_or_else(|| wrong_series("no such slice"))?;
        read(root, image, modality_raster).map_err(|error| error.in_file(&image.path))
    })
}

/// Reads the phases of a dynamic series kept as NIfTI: the volumes of one file, or one file per phase in the order of
/// their names.
pub(super) fn load_nifti(root: &Path, study: &Study, preparation: Preparation) -> Result<LoadedStudy, Error> {
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
    dce_views(slices, first.spacing_mm, preparation, |slice, phase| {
        let (file, volume) = phases.get(chosen[phase]).ok_or_else(|| wrong_series("no such phase"))?;
        let plane = file.volume(*volume)?.get(slice * rows * columns..(slice + 1) * rows * columns);
        Raster::new(rows, columns, 1, plane.map(<[f32]>::to_vec).unwrap_or_default())
    })
}

fn wrong_series(reason: &str) -> Error {
    Error::Study { modality: Modality::Mri.as_str(), reason: reason.to_owned() }
}

/// The slices around the peak enhancement, from `open(slice, phase)` with phases 0 before, 1 early and 2 late: every slice
/// is first read small, to find the enhancement, then the field around it, so that no volume need be held in memory.
fn dce_views(
    slices: usize,
    spacing_mm: [f64; 3],
    preparation: Preparation,
    open: impl Fn(usize, usize) -> Result<Raster, Error>,
) -> Result<LoadedStudy, Error> {
    let in_plane = [spacing_mm[1], spacing_mm[2]];
    let small = |phase: usize| (0..slices).map(|slice| open(slice, phase).map(|raster| reduce(&raster))).collect();
    let (before, after): (Result<Vec<Raster>, Error>, Result<Vec<Raster>, Error>) = (small(0), small(1));
    let (before, after) = (before?, after?);
    let peak = find_peak(&before, &after);
    let shown = around(peak.slice, slices);
    let mut loaded = LoadedStudy::default();
    let mut field = Field::new(spacing_mm);
    for slice in field_window(peak.slice, slices, spacing_mm[0]) {
        let phases = [open(slice, 0)?, open(slice, 1)?, open(slice, 2)?];
        field.push(phases.each_ref(), peak)?;
        if shown.contains(&slice) {
            let placed = prepare_field(phases.each_ref(), peak, in_plane, preparation)?;
            let mut view = StudyView::new(format!("slice {}", slice + 1), placed, &phases[1]);
            view.findings.extend(mri_slice_findings(&phases[1]).iter().map(ToString::to_string));
            loaded.views.push(view);
        }
    }
    if let (Some(small), Some(full)) = (before.first(), loaded.views.first()) {
        // The search volumes are smaller than the slices, and their pixels as much larger.
        let larger = full.original_rows as f64 / small.rows.max(1) as f64;
        let motion = motion_finding(&before, &after, in_plane.map(|spacing| spacing * larger));
        loaded.findings.extend(motion.map(|finding| finding.to_string()));
    }
    let (measures, findings) = dce_measures(&field)?;
    loaded.measures = measures;
    loaded.findings.extend(findings);
    Ok(loaded)
}
