use super::maps::DcePhases;
use crate::imaging::intensity::percentile;
use crate::imaging::{Error, VoxelGrid};

/// Limits of a segmentation from enhancement alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SegmentOptions {
    /// Least percent enhancement of a voxel.
    pub pe_percent: f32,
    /// Least share of the seed's percent enhancement.
    pub seed_fraction: f32,
    /// Tissue starts at this fraction of the 95th percentile of the signal before contrast where it is looked for.
    pub tissue_fraction: f32,
    /// How far from the seed the region may grow, mm.
    pub reach_mm: f64,
}

impl Default for SegmentOptions {
    /// 70 %, half of the seed, 60 %, 50 mm: larger tumours than 10 cm are cut off and said to be.
    fn default() -> Self {
        Self { pe_percent: 70.0, seed_fraction: 0.5, tissue_fraction: 0.6, reach_mm: 50.0 }
    }
}

/// A region grown from the strongest enhancement.
#[derive(Debug, Clone, PartialEq)]
pub struct LesionSegment {
    /// Its voxels.
    pub mask: Vec<bool>,
    /// Where it was grown from, \[z, y, x\].
    pub seed: [usize; 3],
    /// Whether it reached the limit of its growth, a sign that it leaked into a vessel, the heart or the whole breast.
    pub at_limit: bool,
}

/// The lesion without a mask: grown through face neighbours from the voxel of strongest early enhancement, as long as the
/// smoothed enhancement stays above the limits; `None` when nothing in `within` enhances enough.
///
/// Enhancement is averaged over each voxel's tissue neighbours first, so that a single bright voxel is no seed. The heart and
/// the large vessels enhance more than any tumour: give a breast, or a box, in `within`; `None` there searches everywhere.
///
/// # Errors
/// [`Error::Shape`] when `within` does not fill the phases' grid; [`Error::Region`] when it is empty.
pub fn segment_lesion(
    phases: &DcePhases,
    within: Option<&[bool]>,
    options: SegmentOptions,
) -> Result<Option<LesionSegment>, Error> {
    let grid = phases.grid;
    if let Some(within) = within {
        grid.check("a region", within.len())?;
    }
    let searched = |voxel: usize| within.is_none_or(|within| within[voxel]);
    let before: Vec<f32> = (0..grid.voxels()).filter(|voxel| searched(*voxel)).map(|voxel| phases.pre[voxel]).collect();
    let Some(bright) = percentile(&before, 0.95) else {
        return Err(Error::Region { expected: "at least one voxel", found: "no voxel".to_owned() });
    };
    let tissue: Vec<bool> = (0..grid.voxels())
        .map(|voxel| {
            searched(voxel) && phases.pre[voxel] > 0.0 && phases.pre[voxel] >= options.tissue_fraction * bright
        })
        .collect();
    let pe = smoothed(&phases.percent_enhancement(), &tissue, grid);
    let strength = |voxel: usize| pe[voxel] * phases.pre[voxel];
    let strongest = (0..pe.len()).filter(|voxel| tissue[*voxel] && pe[*voxel] >= options.pe_percent);
    // Of equal voxels the first: `max_by` would take the last.
    let Some(seed) = strongest.reduce(|best, voxel| if strength(voxel) > strength(best) { voxel } else { best }) else {
        return Ok(None);
    };
    let least = options.pe_percent.max(options.seed_fraction * pe[seed]);
    let (mask, at_limit) = grow(seed, options.reach_mm, grid, |voxel| tissue[voxel] && pe[voxel] >= least);
    Ok(Some(LesionSegment { mask, seed: grid.place(seed), at_limit }))
}

/// The mean of `map` over each voxel of `tissue` and its neighbours in it; elsewhere 0.
fn smoothed(map: &[f32], tissue: &[bool], grid: VoxelGrid) -> Vec<f32> {
    let mean = |voxel: usize| {
        if !tissue[voxel] {
            return 0.0;
        }
        let values = grid.neighbours(voxel).filter(|other| tissue[*other]).chain([voxel]).map(|at| map[at]);
        let (sum, count) = values.fold((0.0, 0.0f32), |(sum, count), value| (sum + value, count + 1.0));
        sum / count
    };
    (0..map.len()).map(mean).collect()
}

/// The voxels reached from `seed` through face neighbours that hold, and whether growth met the limit.
fn grow(seed: usize, reach_mm: f64, grid: VoxelGrid, holds: impl Fn(usize) -> bool) -> (Vec<bool>, bool) {
    let spacing = grid.spacing_mm();
    let centre = grid.place(seed);
    let distance = |place: [usize; 3]| {
        (0..3).map(|axis| (place[axis].abs_diff(centre[axis]) as f64 * spacing[axis]).powi(2)).sum::<f64>().sqrt()
    };
    let mut mask = vec![false; grid.voxels()];
    mask[seed] = true;
    let (mut waiting, mut at_limit) = (vec![seed], false);
    while let Some(voxel) = waiting.pop() {
        let place = grid.place(voxel);
        for (axis, step) in [(0, -1), (0, 1), (1, -1), (1, 1), (2, -1), (2, 1)] {
            let mut next = place.map(|side| side as i64);
            next[axis] += step;
            let Some(next) = grid.voxel(next).filter(|next| !mask[*next] && holds(*next)) else { continue };
            if distance(grid.place(next)) > reach_mm {
                at_limit = true;
            } else {
                mask[next] = true;
                waiting.push(next);
            }
        }
    }
    (mask, at_limit)
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::{ellipsoid, ellipsoid_mm3, phases};
    use super::*;

    fn grid() -> VoxelGrid {
        VoxelGrid::new([24, 60, 60], [2.0, 0.9, 0.9]).unwrap()
    }

    /// A lesion of +150 % beside a heart of +300 % and one voxel of noise.
    fn study() -> [Vec<f32>; 3] {
        let lesion = ellipsoid(grid(), [22.0, 16.0, 20.0], [9.0, 8.0, 10.0], 0.3);
        let heart = ellipsoid(grid(), [24.0, 50.0, 36.0], [14.0, 9.0, 14.0], 0.0);
        let mut noise = vec![false; grid().voxels()];
        noise[grid().voxel([20, 5, 50]).unwrap()] = true;
        phases(
            &vec![100.0; grid().voxels()],
            &[(&lesion, 250.0, 200.0), (&heart, 400.0, 380.0), (&noise, 2000.0, 2000.0)],
        )
    }

    #[test]
    fn the_lesion_is_grown_from_its_strongest_enhancement() {
        let [pre, early, late] = study();
        let phases = DcePhases::new(&pre, &early, &late, grid()).unwrap();
        let breast = grid().box_mask([0, 0, 0], [24, 40, 60]);
        let found = segment_lesion(&phases, Some(&breast), SegmentOptions::default()).unwrap().unwrap();
        let truth = ellipsoid(grid(), [22.0, 16.0, 20.0], [9.0, 8.0, 10.0], 0.3);
        let count = |holds: &dyn Fn(usize) -> bool| (0..truth.len()).filter(|voxel| holds(*voxel)).count() as f64;
        let both = count(&|voxel| truth[voxel] && found.mask[voxel]);
        let dice = 2.0 * both / (count(&|voxel| truth[voxel]) + count(&|voxel| found.mask[voxel]));
        // Smoothing over a voxel and half of the seed's enhancement move the border by less than a voxel.
        assert!(dice > 0.93, "{dice}");
        assert!(truth[grid().voxel(found.seed.map(|side| side as i64)).unwrap()] && !found.at_limit);
        let volume = count(&|voxel| found.mask[voxel]) * grid().voxel_mm3();
        assert!((volume / ellipsoid_mm3([9.0, 8.0, 10.0]) - 1.0).abs() < 0.15, "{volume}");
        // Without a region the heart is stronger: the reason for `within`.
        let anywhere = segment_lesion(&phases, None, SegmentOptions::default()).unwrap().unwrap();
        assert!(anywhere.seed[1] > 40);
    }

    #[test]
    fn growth_stops_at_its_reach_and_says_so() {
        let [pre, early, late] = study();
        let phases = DcePhases::new(&pre, &early, &late, grid()).unwrap();
        let breast = grid().box_mask([0, 0, 0], [24, 40, 60]);
        let short = SegmentOptions { reach_mm: 4.0, ..SegmentOptions::default() };
        let found = segment_lesion(&phases, Some(&breast), short).unwrap().unwrap();
        assert!(found.at_limit);
        let volume = found.mask.iter().filter(|inside| **inside).count() as f64 * grid().voxel_mm3();
        assert!(volume <= ellipsoid_mm3([4.0; 3]) * 1.3, "{volume}");
    }

    #[test]
    fn nothing_enhancing_is_no_lesion() {
        let flat = vec![100.0; grid().voxels()];
        let phases = DcePhases::new(&flat, &flat, &flat, grid()).unwrap();
        assert_eq!(segment_lesion(&phases, None, SegmentOptions::default()).unwrap(), None);
        let nowhere = vec![false; grid().voxels()];
        assert!(segment_lesion(&phases, Some(&nowhere), SegmentOptions::default()).is_err());
    }
}
