use serde::{Deserialize, Serialize};

use super::mri::{Peak, cut_field};
use super::{
    DEFAULT_BIN_WIDTH, DcePhases, Error, FtvOptions, Raster, SegmentOptions, VoxelGrid, functional_tumour, radiomics,
    segment_lesion,
};

/// Around the segmented lesion, millimetres: what the volume of interest of the functional volume adds on each side.
const VOI_MARGIN_MM: f64 = 5.0;

/// The radiomic features that accompany an embedding: few, and with a meaning that can be told.
const COMPANIONS: [&str; 8] = [
    "original_shape_Sphericity",
    "original_shape_SurfaceVolumeRatio",
    "original_firstorder_Entropy",
    "original_firstorder_Skewness",
    "original_glcm_Contrast",
    "original_glcm_Idm",
    "original_glrlm_RunEntropy",
    "original_ngtdm_Coarseness",
];

/// One interpretable number measured on the images of a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Its name (`functional_tumour_volume`, `original_glcm_Contrast`).
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Its unit; empty for a pure number.
    pub unit: String,
}

/// The three phases of the field around the enhancement, slice by slice.
pub(super) struct Field {
    spacing_mm: [f64; 3],
    shape: [usize; 2],
    slices: usize,
    phases: [Vec<f32>; 3],
}

impl Field {
    /// An empty field of voxels of this size, \[z, y, x\].
    pub fn new(spacing_mm: [f64; 3]) -> Self {
        Self { spacing_mm, shape: [0, 0], slices: 0, phases: [const { Vec::new() }; 3] }
    }

    /// Adds the field of one slice.
    pub fn push(&mut self, phases: [&Raster; 3], peak: Peak) -> Result<(), Error> {
        let in_plane = [self.spacing_mm[1], self.spacing_mm[2]];
        for (own, slice) in self.phases.iter_mut().zip(phases) {
            let (cut, _) = cut_field(slice, peak, in_plane);
            if self.slices > 0 && [cut.rows, cut.columns] != self.shape {
                return Err(Error::Shape {
                    expected: format!("slices of {} x {}", self.shape[0], self.shape[1]),
                    found: format!("{} x {}", cut.rows, cut.columns),
                });
            }
            self.shape = [cut.rows, cut.columns];
            own.extend(cut.to_grey().pixels);
        }
        self.slices += 1;
        Ok(())
    }
}

/// Functional tumour volume, extent, kinetics and companion radiomic features of the lesion in a field; and what limits
/// them. No lesion gives a volume of 0 and nothing else.
///
/// The volume of interest is the box around the lesion grown from the strongest enhancement, 5 mm wider on each side.
/// Everything is automatic: no reader has marked or checked the lesion.
///
/// # Source
/// Hylton et al., Radiology 2012;263:663 (functional tumour volume).
pub(super) fn dce_measures(field: &Field) -> Result<(Vec<Measure>, Vec<String>), Error> {
    let grid = VoxelGrid::new([field.slices, field.shape[0], field.shape[1]], field.spacing_mm)?;
    let [pre, early, late] = &field.phases;
    let phases = DcePhases::new(pre, early, late, grid)?;
    let measure = |name: &str, value: f64, unit: &str| Measure { name: name.to_owned(), value, unit: unit.to_owned() };
    let Some(lesion) = segment_lesion(&phases, None, SegmentOptions::default())? else {
        let findings = vec!["no lesion enhances above the limits: nothing is measured".to_owned()];
        return Ok((vec![measure("functional_tumour_volume", 0.0, "mm3")], findings));
    };
    let region = around_lesion(&lesion.mask, grid);
    let tumour = functional_tumour(&phases, &region, FtvOptions::default())?;
    let mut measures = vec![
        measure("functional_tumour_volume", tumour.volume_mm3, "mm3"),
        measure("longest_diameter", tumour.longest_diameter_mm, "mm"),
        measure("washout_volume", tumour.washout_mm3, "mm3"),
    ];
    measures.extend(tumour.peak_pe_percent.map(|value| measure("peak_percent_enhancement", value, "%")));
    measures.extend(tumour.peak_ser.map(|value| measure("peak_signal_enhancement_ratio", value, "")));
    // Too small a lesion has no texture; its volume still stands.
    let features = radiomics(early, &tumour.mask, grid, DEFAULT_BIN_WIDTH).unwrap_or_default();
    let kept = features.into_iter().filter(|feature| COMPANIONS.contains(&feature.name) && feature.value.is_finite());
    measures.extend(kept.map(|feature| measure(feature.name, feature.value, "")));
    let mut findings = Vec::new();
    if lesion.at_limit || touches_edge(&tumour.mask, grid) {
        findings
            .push("the lesion reaches the edge of the measured field: volume and diameter are too small".to_owned());
    }
    Ok((measures, findings))
}

/// The box around a mask, wider by [`VOI_MARGIN_MM`] on each side, as a mask.
fn around_lesion(mask: &[bool], grid: VoxelGrid) -> Vec<bool> {
    let (shape, spacing) = (grid.shape(), grid.spacing_mm());
    let (mut first, mut end) = (shape, [0usize; 3]);
    for voxel in (0..mask.len()).filter(|voxel| mask[*voxel]) {
        let place = grid.place(voxel);
        for axis in 0..3 {
            first[axis] = first[axis].min(place[axis]);
            end[axis] = end[axis].max(place[axis] + 1);
        }
    }
    for axis in 0..3 {
        let margin = (VOI_MARGIN_MM / spacing[axis]).ceil() as usize;
        first[axis] = first[axis].saturating_sub(margin);
        end[axis] = (end[axis] + margin).min(shape[axis]);
    }
    grid.box_mask(first, end)
}

/// True when a voxel of the mask lies at the border of the grid, in the plane or at its first or last slice.
fn touches_edge(mask: &[bool], grid: VoxelGrid) -> bool {
    let shape = grid.shape();
    (0..mask.len()).filter(|voxel| mask[*voxel]).any(|voxel| {
        let place = grid.place(voxel);
        (0..3).any(|axis| shape[axis] > 1 && (place[axis] == 0 || place[axis] + 1 == shape[axis]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ellipsoid of 12 × 10 × 8 mm half axes that enhances by 200 % and washes out.
    fn field(slices: usize) -> Field {
        let mut field = Field::new([2.0, 1.0, 1.0]);
        let peak = Peak { slice: slices / 2, row: 0.5, column: 0.5 };
        for slice in 0..slices {
            let mut phases = [100.0f32; 3].map(|level| Raster::filled(80, 80, 1, level));
            for row in 0..80 {
                for column in 0..80 {
                    let z = (slice as f64 - slices as f64 / 2.0) * 2.0 / 8.0;
                    let (y, x) = ((row as f64 - 40.0) / 10.0, (column as f64 - 40.0) / 12.0);
                    if z * z + y * y + x * x <= 1.0 {
                        phases[1].pixels[row * 80 + column] = 300.0;
                        phases[2].pixels[row * 80 + column] = 240.0;
                    }
                }
            }
            field.push(phases.each_ref(), peak).unwrap();
        }
        field
    }

    #[test]
    fn volume_and_diameter_of_an_ellipsoid_are_those_of_the_formula() {
        let (measures, findings) = dce_measures(&field(20)).unwrap();
        let of = |name: &str| measures.iter().find(|measure| measure.name == name).unwrap().value;
        // 4/3 π 12 · 10 · 8 mm³; voxels of 2 mm³ and a filter on neighbours cost some of the surface.
        let volume = 4.0 / 3.0 * std::f64::consts::PI * 960.0;
        assert!((of("functional_tumour_volume") / volume - 1.0).abs() < 0.1, "{}", of("functional_tumour_volume"));
        assert!((of("longest_diameter") - 24.0).abs() < 2.0, "{}", of("longest_diameter"));
        assert!((of("peak_percent_enhancement") - 200.0).abs() < 1e-3);
        assert_eq!(of("washout_volume"), of("functional_tumour_volume"), "SER = 200 / 140 everywhere");
        assert!(measures.iter().any(|measure| measure.name == "original_shape_Sphericity" && measure.value > 0.8));
        assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn a_lesion_at_the_edge_is_said_and_none_measures_nothing() {
        let (_, findings) = dce_measures(&field(5)).unwrap();
        assert_eq!(findings.len(), 1, "five slices of 2 mm do not hold 16 mm");
        let mut flat = Field::new([1.0; 3]);
        let level = Raster::filled(8, 8, 1, 50.0);
        flat.push([&level, &level, &level], Peak { slice: 0, row: 0.5, column: 0.5 }).unwrap();
        let (measures, findings) = dce_measures(&flat).unwrap();
        assert_eq!((measures[0].value, measures.len(), findings.len()), (0.0, 1, 1));
    }
}
