use super::neighbours::{around, steps};
use super::region::Region;
use super::size_matrix::SizeMatrix;
use super::{RadiomicFeature, named};

const NAMES: [&str; 14] = [
    "original_gldm_DependenceEntropy",
    "original_gldm_DependenceNonUniformity",
    "original_gldm_DependenceNonUniformityNormalized",
    "original_gldm_DependenceVariance",
    "original_gldm_GrayLevelNonUniformity",
    "original_gldm_GrayLevelVariance",
    "original_gldm_HighGrayLevelEmphasis",
    "original_gldm_LargeDependenceEmphasis",
    "original_gldm_LargeDependenceHighGrayLevelEmphasis",
    "original_gldm_LargeDependenceLowGrayLevelEmphasis",
    "original_gldm_LowGrayLevelEmphasis",
    "original_gldm_SmallDependenceEmphasis",
    "original_gldm_SmallDependenceHighGrayLevelEmphasis",
    "original_gldm_SmallDependenceLowGrayLevelEmphasis",
];

/// Each voxel with those of its 26 neighbours that share its grey level, itself included.
///
/// # Source
/// Sun and Wee 1983, Comput. Vis. Graph. Image Process. 23:341-352; IBSI 3.10 with coarseness 0.
pub(super) fn features(region: &Region) -> impl Iterator<Item = RadiomicFeature> + use<> {
    let steps = steps(region);
    let group = |voxel: &usize| {
        let level = region.ranks[*voxel];
        (level, 1 + around(region, &steps, *voxel).filter(|other| *other == level).count())
    };
    let groups = region.voxels.iter().map(group).collect();
    let found = SizeMatrix::of_groups(groups, &region.grey_levels).features();
    let values = [
        found.entropy,
        found.size_nonuniformity,
        found.size_nonuniformity_normalised,
        found.size_variance,
        found.level_nonuniformity,
        found.level_variance,
        found.high_level,
        found.large,
        found.large_high,
        found.large_low,
        found.low_level,
        found.small,
        found.small_high,
        found.small_low,
    ];
    named(NAMES, values)
}
