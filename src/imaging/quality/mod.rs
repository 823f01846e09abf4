//! What can be said about the worth of an image from its pixels: functions of rasters and plain values, no I/O.
//!
//! Lives here: blank, saturated, flat, blurred and noisy images, motion between phases, the wrong side, the wrong modality by
//! content. May import what `imaging` may. Deliberately absent: what a study lacks (missing views and slices, in `study`),
//! and images unlike those that an encoder was trained on, which only its embedding can tell.
//!
//! The limits stand beyond the worst of the reference images, so that good images pass; `docs/imaging-quality.md` has the
//! percentiles that were measured and how many damaged copies each limit catches.

mod finding;
mod measures;
mod motion;
#[cfg(test)]
mod reference;
mod side;
mod tissue;

pub use finding::QualityFinding;
pub use motion::{PhaseShift, phase_shift, volume_shift};
pub use side::ImageSide;

use self::tissue::Tissue;
use super::Raster;
use super::intensity::percentile;
use crate::terms::Laterality;

/// The worst values that pass for a modality.
struct Limits {
    /// Largest part of the tissue at its brightest value.
    saturated: f64,
    /// Largest part of the tissue at its darkest value; `None` where black is part of the picture.
    blackened: Option<f64>,
    /// Smallest Michelson contrast.
    contrast: f64,
    /// Largest noise, as a part of the spread.
    noise: f64,
    /// Largest blur; `None` where sharpness was not studied.
    blur: Option<f64>,
}

/// Mini-MIAS, 258 views at 256 pixels, worst of all: saturated 0.002, blackened 0.006, contrast 0.22, noise 0.008, blur 0.77.
const MAMMOGRAM: Limits =
    Limits { saturated: 0.02, blackened: Some(0.05), contrast: 0.15, noise: 0.02, blur: Some(0.80) };

/// BUS-BRA, 1492 images at 224 pixels, worst of all: saturated 0.019, contrast 0.33, noise 0.047, blur 0.50. Cysts and
/// shadows are black.
const SONOGRAM: Limits = Limits { saturated: 0.05, blackened: None, contrast: 0.25, noise: 0.06, blur: Some(0.55) };

/// BreastDCEDL, 1579 slices at 112 pixels, worst of all: saturated 0.005, contrast 0.28, noise 0.070. Air is black.
const MRI_SLICE: Limits = Limits { saturated: 0.02, blackened: None, contrast: 0.20, noise: 0.10, blur: None };

/// The largest displacement between phases that passes, millimetres.
///
/// BreastDCEDL before against early, 1579 slices of 0.71 mm: median 0.28, 95th percentile 1.3, 99th 2.2, largest 3.2.
const MAX_SHIFT_MM: f64 = 2.5;

/// Likeness of edges below which two slices show too different things to measure a displacement; the smallest of the
/// reference is 0.42.
const MIN_LIKENESS: f64 = 0.3;

/// Difference between the channels of a pixel, as a part of the image's range, from which it is coloured.
const COLOURED: f32 = 0.05;

/// Part of the pixels that may be coloured: a mark of a reader, not a picture.
const MAX_COLOURED: f64 = 0.01;

/// The widest and the narrowest mammogram that passes, width by height. Detectors are 18 × 24 to 24 × 30 cm, spot views less
/// oblong.
const ASPECTS: std::ops::RangeInclusive<f64> = 0.33..=1.5;

/// What the attributes say of a mammogram.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MammogramFacts<'a> {
    /// ImageLaterality.
    pub laterality: Option<Laterality>,
    /// First value of PatientOrientation: where a row of the stored image leads (`A`, `P`, …).
    pub row_direction: Option<&'a str>,
}

/// The findings of one mammogram, as it would be displayed (air dark).
#[must_use]
pub fn mammogram_findings(image: &Raster, facts: MammogramFacts) -> Vec<QualityFinding> {
    let Some(tissue) = shown(image).then(|| Tissue::on_air(image)).flatten() else {
        return vec![QualityFinding::Blank];
    };
    let mut findings = colour(image).into_iter().collect::<Vec<_>>();
    let aspect = image.columns as f64 / image.rows.max(1) as f64;
    if !ASPECTS.contains(&aspect) {
        findings.push(QualityFinding::UnlikelyShape { aspect });
    }
    let found = Tissue::to_skin(image).and_then(|tissue| side::chest_wall(&tissue));
    let declared = side::declared_chest_wall(facts.row_direction, facts.laterality);
    if let (Some(declared), Some(found)) = (declared, found)
        && declared != found
    {
        findings.push(QualityFinding::WrongSide { declared, found });
    }
    judge(image, &tissue, &MAMMOGRAM, &mut findings);
    findings
}

/// The findings of one sonogram, as it would be displayed. Colour is no finding here: Doppler is part of ultrasound.
#[must_use]
pub fn sonogram_findings(image: &Raster) -> Vec<QualityFinding> {
    let Some(tissue) = shown(image).then(|| Tissue::in_field(image)).flatten() else {
        return vec![QualityFinding::Blank];
    };
    let mut findings = Vec::new();
    judge(image, &tissue, &SONOGRAM, &mut findings);
    findings
}

/// The findings of one MRI slice. A slice outside the body may be blank; whether that matters the study knows.
#[must_use]
pub fn mri_slice_findings(image: &Raster) -> Vec<QualityFinding> {
    let Some(tissue) = shown(image).then(|| Tissue::on_air(image)).flatten() else {
        return vec![QualityFinding::Blank];
    };
    let mut findings = colour(image).into_iter().collect::<Vec<_>>();
    judge(image, &tissue, &MRI_SLICE, &mut findings);
    findings
}

/// The motion between two phases of a dynamic series, the same slices in both; `None` when it is small or not measurable.
#[must_use]
pub fn motion_finding(before: &[Raster], after: &[Raster], spacing_mm: [f64; 2]) -> Option<QualityFinding> {
    let shift = volume_shift(before, after).filter(|shift| shift.likeness >= MIN_LIKENESS)?;
    let shift_mm = shift.length_mm(spacing_mm);
    (shift_mm > MAX_SHIFT_MM).then_some(QualityFinding::PhaseMotion { shift_mm })
}

/// True when more than one pixel in a hundred differs from the others.
fn shown(image: &Raster) -> bool {
    let grey = image.to_grey().pixels;
    matches!((percentile(&grey, 0.005), percentile(&grey, 0.995)), (Some(low), Some(high)) if high > low)
}

/// Colour in an image that should be grey; three equal channels are grey.
fn colour(image: &Raster) -> Option<QualityFinding> {
    let (low, high) = image.range()?;
    let coloured = image.pixels.chunks_exact(image.channels.max(1)).filter(|pixel| match pixel {
        [r, g, b, ..] => (r.max(*g).max(*b) - r.min(*g).min(*b)) > COLOURED * (high - low),
        _ => false,
    });
    let fraction = coloured.count() as f64 / (image.rows * image.columns).max(1) as f64;
    (fraction > MAX_COLOURED).then_some(QualityFinding::ColourOfGreyModality { fraction })
}

/// Compares the measures of an image with the limits of its modality.
fn judge(image: &Raster, tissue: &Tissue, limits: &Limits, findings: &mut Vec<QualityFinding>) {
    let (bright, dark) = measures::extremes(&tissue.full_values(image));
    let frame = tissue.cut();
    if bright > limits.saturated {
        findings.push(QualityFinding::Saturated { fraction: bright });
    }
    if limits.blackened.is_some_and(|most| dark > most) {
        findings.push(QualityFinding::Blackened { fraction: dark });
    }
    if let Some(contrast) = measures::contrast(&tissue.values()).filter(|contrast| *contrast < limits.contrast) {
        findings.push(QualityFinding::LowContrast { contrast });
    }
    if let Some(noise) = measures::noise(&frame).filter(|noise| *noise > limits.noise) {
        findings.push(QualityFinding::Noisy { noise });
    }
    if let (Some(blur), Some(most)) = (measures::blur(&frame), limits.blur)
        && blur > most
    {
        findings.push(QualityFinding::Blurred { blur });
    }
}

#[cfg(test)]
mod tests;
