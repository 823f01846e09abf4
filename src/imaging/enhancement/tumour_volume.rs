use super::components::{components, extent_mm};
use super::maps::DcePhases;
use crate::imaging::Error;
use crate::imaging::intensity::percentile;

/// Thresholds of the functional tumour volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FtvOptions {
    /// Least early percent enhancement of a tumour voxel.
    pub pe_percent: f32,
    /// Least signal enhancement ratio of a tumour voxel.
    pub ser: f32,
    /// Tissue starts at this fraction of the 95th percentile of the signal before contrast inside the region.
    pub tissue_fraction: f32,
    /// Least number of the 26 neighbours that enhance too.
    pub neighbours: usize,
    /// From this ratio on a voxel's kinetics are a plateau.
    pub plateau_ser: f32,
    /// Above this ratio a voxel washes out.
    pub washout_ser: f32,
}

impl Default for FtvOptions {
    /// I-SPY's: 70 %, 0, 60 %, 4 neighbours; kinetics parted at 0.9 and 1.1.
    fn default() -> Self {
        Self { pe_percent: 70.0, ser: 0.0, tissue_fraction: 0.6, neighbours: 4, plateau_ser: 0.9, washout_ser: 1.1 }
    }
}

/// The functional tumour inside a region.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionalTumour {
    /// Its voxels.
    pub mask: Vec<bool>,
    /// Functional tumour volume, mm³; 0 when nothing in the region enhances enough.
    pub volume_mm3: f64,
    /// The part of the volume that still rises after the early phase, mm³.
    pub persistent_mm3: f64,
    /// The part with a plateau, mm³.
    pub plateau_mm3: f64,
    /// The part that washes out, mm³.
    pub washout_mm3: f64,
    /// Highest mean percent enhancement of a tumour voxel and its neighbours in the tumour; `None` without tumour.
    pub peak_pe_percent: Option<f64>,
    /// Mean percent enhancement of the tumour; `None` without tumour.
    pub mean_pe_percent: Option<f64>,
    /// Highest mean signal enhancement ratio of a tumour voxel and its neighbours in the tumour; `None` without tumour.
    pub peak_ser: Option<f64>,
    /// Connected parts, through 26 neighbours.
    pub components: usize,
    /// Volume of the largest part, mm³.
    pub largest_mm3: f64,
    /// Longest diameter of the largest part, mm; 0 without tumour.
    pub longest_diameter_mm: f64,
}

/// The functional tumour inside `region`: voxels of tissue that enhance early by at least 70 %, whose signal enhancement
/// ratio is at least 0, and of whose 26 neighbours at least 4 are such tissue too (all thresholds in `options`).
///
/// `region` marks where to look: a box drawn around the lesion, or a mask. Only the signal inside it sets the threshold of
/// tissue, which leaves out air, fat suppressed before contrast, and noise.
///
/// # Errors
/// [`Error::Shape`] when the region does not fill the phases' grid; [`Error::Region`] when it is empty.
///
/// # Source
/// Hylton et al. 2016, Radiology 279:44-55 (ACRIN 6657 / I-SPY 1); Newitt et al. 2014, Transl. Oncol. 7:94-100 (tissue at 60 %
/// of the 95th percentile, four neighbours). Peaks over neighbours and the names of the kinetics are ours.
pub fn functional_tumour(phases: &DcePhases, region: &[bool], options: FtvOptions) -> Result<FunctionalTumour, Error> {
    let grid = phases.grid;
    grid.check("a region", region.len())?;
    let before: Vec<f32> = phases.pre.iter().zip(region).filter(|(_, inside)| **inside).map(|(pre, _)| *pre).collect();
    let Some(bright) = percentile(&before, 0.95) else {
        return Err(Error::Region { expected: "at least one voxel", found: "no voxel".to_owned() });
    };
    let (pe, ser) = (phases.percent_enhancement(), phases.signal_enhancement_ratio());
    let tissue = options.tissue_fraction * bright;
    let enhances = |voxel: usize| region[voxel] && phases.pre[voxel] >= tissue && pe[voxel] >= options.pe_percent;
    let kept = |voxel: usize| {
        enhances(voxel)
            && ser[voxel] >= options.ser
            && grid.neighbours(voxel).filter(|other| enhances(*other)).count() >= options.neighbours
    };
    let mask: Vec<bool> = (0..grid.voxels()).map(kept).collect();
    let parts = components(&mask, grid)?;
    let voxels: Vec<usize> = parts.concat();
    let mm3 = |count: usize| count as f64 * grid.voxel_mm3();
    let having = |holds: &dyn Fn(f32) -> bool| mm3(voxels.iter().filter(|voxel| holds(ser[**voxel])).count());
    // The mean over a voxel and its neighbours in the tumour.
    let around = |map: &[f32], voxel: usize| {
        let values = grid.neighbours(voxel).filter(|other| mask[*other]).chain([voxel]).map(|at| f64::from(map[at]));
        let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        sum / count
    };
    let peak = |map: &[f32]| voxels.iter().map(|voxel| around(map, *voxel)).reduce(f64::max);
    let total: f64 = voxels.iter().map(|voxel| f64::from(pe[*voxel])).sum();
    Ok(FunctionalTumour {
        volume_mm3: mm3(voxels.len()),
        persistent_mm3: having(&|ser| ser < options.plateau_ser),
        plateau_mm3: having(&|ser| (options.plateau_ser..=options.washout_ser).contains(&ser)),
        washout_mm3: having(&|ser| ser > options.washout_ser),
        peak_pe_percent: peak(&pe),
        mean_pe_percent: (!voxels.is_empty()).then(|| total / voxels.len() as f64),
        peak_ser: peak(&ser),
        components: parts.len(),
        largest_mm3: mm3(parts.first().map_or(0, Vec::len)),
        longest_diameter_mm: parts.first().map_or(0.0, |part| extent_mm(part, grid)),
        mask,
    })
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::{ellipsoid, ellipsoid_mm3, phases};
    use super::*;
    use crate::imaging::VoxelGrid;

    /// A shell that rises on (early +100 %, late +150 %) around a core that washes out (+200 %, +100 %), a weakly enhancing
    /// neighbour (+40 %), one bright voxel of noise, and a vessel of two voxels.
    fn study(grid: VoxelGrid) -> [Vec<f32>; 3] {
        let shell = ellipsoid(grid, [24.0, 24.0, 24.0], [12.0, 12.0, 15.0], 0.0);
        let core = ellipsoid(grid, [24.0, 24.0, 24.0], [6.0, 6.0, 7.5], 0.0);
        let weak = ellipsoid(grid, [24.0, 44.0, 44.0], [5.0; 3], 0.0);
        let mut noise = vec![false; grid.voxels()];
        noise[grid.voxel([2, 3, 4]).unwrap()] = true;
        let mut vessel = vec![false; grid.voxels()];
        (0..2).for_each(|x| vessel[grid.voxel([20, 50, 8 + x]).unwrap()] = true);
        phases(
            &vec![100.0; grid.voxels()],
            &[
                (&shell, 200.0, 250.0),
                (&core, 300.0, 200.0),
                (&weak, 140.0, 160.0),
                (&noise, 900.0, 900.0),
                (&vessel, 500.0, 300.0),
            ],
        )
    }

    #[test]
    fn volume_kinetics_and_extent_of_a_known_tumour_are_found() {
        let grid = VoxelGrid::new([24, 60, 60], [2.0, 0.9, 0.9]).unwrap();
        let [pre, early, late] = study(grid);
        let phases = DcePhases::new(&pre, &early, &late, grid).unwrap();
        let everywhere = vec![true; grid.voxels()];
        let found = functional_tumour(&phases, &everywhere, FtvOptions::default()).unwrap();
        let (whole, core) = (ellipsoid_mm3([12.0, 12.0, 15.0]), ellipsoid_mm3([6.0, 6.0, 7.5]));
        // Voxelisation: 2 % of the shell (5 600 voxels), 5 % of the core (700 voxels).
        assert!((found.volume_mm3 / whole - 1.0).abs() < 0.02, "{} {whole}", found.volume_mm3);
        assert!((found.washout_mm3 / core - 1.0).abs() < 0.05, "{} {core}", found.washout_mm3);
        assert!((found.persistent_mm3 + found.washout_mm3 - found.volume_mm3).abs() < 1e-6);
        assert_eq!((found.plateau_mm3, found.components), (0.0, 1));
        assert_eq!(found.largest_mm3, found.volume_mm3);
        assert_eq!((found.peak_pe_percent, found.peak_ser), (Some(200.0), Some(2.0)));
        assert!((found.longest_diameter_mm - 30.0).abs() < 2.4, "{}", found.longest_diameter_mm);
    }

    #[test]
    fn each_threshold_does_what_it_says() {
        let grid = VoxelGrid::new([24, 60, 60], [2.0, 0.9, 0.9]).unwrap();
        let [pre, early, late] = study(grid);
        let phases = DcePhases::new(&pre, &early, &late, grid).unwrap();
        let everywhere = vec![true; grid.voxels()];
        let volume = |options: FtvOptions| functional_tumour(&phases, &everywhere, options).unwrap().volume_mm3;
        let usual = volume(FtvOptions::default());
        let voxel = grid.voxel_mm3();
        // Without the count of neighbours the noise and the vessel come in: three voxels.
        assert!((volume(FtvOptions { neighbours: 0, ..FtvOptions::default() }) - usual - 3.0 * voxel).abs() < 1e-9);
        let with_weak = volume(FtvOptions { pe_percent: 30.0, ..FtvOptions::default() });
        assert!(((with_weak - usual) / ellipsoid_mm3([5.0; 3]) - 1.0).abs() < 0.05);
        let washing_out = volume(FtvOptions { ser: 1.2, ..FtvOptions::default() });
        assert!((washing_out / ellipsoid_mm3([6.0, 6.0, 7.5]) - 1.0).abs() < 0.05);
        assert_eq!(volume(FtvOptions { tissue_fraction: 1.01, ..FtvOptions::default() }), 0.0);
    }

    #[test]
    fn a_region_bounds_the_search_and_may_hold_no_tumour() {
        let grid = VoxelGrid::new([24, 60, 60], [2.0, 0.9, 0.9]).unwrap();
        let [pre, early, late] = study(grid);
        let phases = DcePhases::new(&pre, &early, &late, grid).unwrap();
        let away = grid.box_mask([0, 44, 44], [24, 60, 60]);
        let none = functional_tumour(&phases, &away, FtvOptions::default()).unwrap();
        assert_eq!((none.volume_mm3, none.components, none.longest_diameter_mm), (0.0, 0, 0.0));
        assert_eq!((none.peak_pe_percent, none.mean_pe_percent, none.peak_ser), (None, None, None));
        let empty = vec![false; grid.voxels()];
        assert!(matches!(functional_tumour(&phases, &empty, FtvOptions::default()), Err(Error::Region { .. })));
        assert!(matches!(functional_tumour(&phases, &[true], FtvOptions::default()), Err(Error::Shape { .. })));
    }
}
