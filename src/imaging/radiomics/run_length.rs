use super::neighbours::steps;
use super::region::Region;
use super::size_matrix::SizeMatrix;
use super::{Error, RadiomicFeature, mean_of, named};

const NAMES: [&str; 16] = [
    "original_glrlm_GrayLevelNonUniformity",
    "original_glrlm_GrayLevelNonUniformityNormalized",
    "original_glrlm_GrayLevelVariance",
    "original_glrlm_HighGrayLevelRunEmphasis",
    "original_glrlm_LongRunEmphasis",
    "original_glrlm_LongRunHighGrayLevelEmphasis",
    "original_glrlm_LongRunLowGrayLevelEmphasis",
    "original_glrlm_LowGrayLevelRunEmphasis",
    "original_glrlm_RunEntropy",
    "original_glrlm_RunLengthNonUniformity",
    "original_glrlm_RunLengthNonUniformityNormalized",
    "original_glrlm_RunPercentage",
    "original_glrlm_RunVariance",
    "original_glrlm_ShortRunEmphasis",
    "original_glrlm_ShortRunHighGrayLevelEmphasis",
    "original_glrlm_ShortRunLowGrayLevelEmphasis",
];

/// Runs of equal grey level along each direction; the mean over the directions in which some line of voxels holds two of
/// the region.
///
/// # Source
/// Galloway 1975, Comput. Graph. Image Process. 4:172-179; IBSI 3.7, averaged over 3-D directions.
pub(super) fn features(region: &Region) -> Result<impl Iterator<Item = RadiomicFeature> + use<>, Error> {
    let directions: Vec<[f64; 16]> =
        steps(region).into_iter().filter_map(|step| runs(region, step)).map(|runs| values(region, runs)).collect();
    if directions.is_empty() {
        return Err(Error::Region { expected: "voxels in line", found: "none that are".to_owned() });
    }
    Ok(named(NAMES, mean_of(&directions)))
}

/// The runs `step` apart, as rank and length; `None` when no line along the step holds two voxels.
fn runs(region: &Region, step: isize) -> Option<Vec<(u16, usize)>> {
    let rank = |voxel: usize| region.ranks[voxel];
    let mut runs = Vec::new();
    for voxel in &region.voxels {
        let level = rank(*voxel);
        if rank(voxel.wrapping_add_signed(-step)) == level {
            continue;
        }
        let (mut at, mut length) = (*voxel, 0);
        while rank(at) == level {
            length += 1;
            at = at.wrapping_add_signed(step);
        }
        runs.push((level, length));
    }
    let longest = runs.iter().map(|(_, length)| *length).max();
    (longest > Some(1) || lines_hold_two(region, step)).then_some(runs)
}

/// Whether two voxels of the region lie on one line along `step`, with or without a gap.
fn lines_hold_two(region: &Region, step: isize) -> bool {
    region.voxels.iter().any(|voxel| {
        let mut at = *voxel;
        std::iter::from_fn(|| {
            at = at.checked_add_signed(step)?;
            region.inner(at).then_some(at)
        })
        .any(|other| region.ranks[other] > 0)
    })
}

/// The features of one direction, in the order of [`NAMES`].
fn values(region: &Region, runs: Vec<(u16, usize)>) -> [f64; 16] {
    let found = SizeMatrix::of_groups(runs, &region.grey_levels).features();
    [
        found.level_nonuniformity,
        found.level_nonuniformity_normalised,
        found.level_variance,
        found.high_level,
        found.large,
        found.large_high,
        found.large_low,
        found.low_level,
        found.entropy,
        found.size_nonuniformity,
        found.size_nonuniformity_normalised,
        found.percentage,
        found.size_variance,
        found.small,
        found.small_high,
        found.small_low,
    ]
}
