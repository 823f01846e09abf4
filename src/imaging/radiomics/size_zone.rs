use super::neighbours::steps;
use super::region::Region;
use super::size_matrix::SizeMatrix;
use super::{RadiomicFeature, named};

const NAMES: [&str; 16] = [
    "original_glszm_GrayLevelNonUniformity",
    "original_glszm_GrayLevelNonUniformityNormalized",
    "original_glszm_GrayLevelVariance",
    "original_glszm_HighGrayLevelZoneEmphasis",
    "original_glszm_LargeAreaEmphasis",
    "original_glszm_LargeAreaHighGrayLevelEmphasis",
    "original_glszm_LargeAreaLowGrayLevelEmphasis",
    "original_glszm_LowGrayLevelZoneEmphasis",
    "original_glszm_SizeZoneNonUniformity",
    "original_glszm_SizeZoneNonUniformityNormalized",
    "original_glszm_SmallAreaEmphasis",
    "original_glszm_SmallAreaHighGrayLevelEmphasis",
    "original_glszm_SmallAreaLowGrayLevelEmphasis",
    "original_glszm_ZoneEntropy",
    "original_glszm_ZonePercentage",
    "original_glszm_ZoneVariance",
];

/// Zones of equal grey level, connected through the 26 neighbours.
///
/// # Source
/// Thibault et al. 2009, Pattern Recognition and Information Processing 140-145; IBSI 3.8.
pub(super) fn features(region: &Region) -> impl Iterator<Item = RadiomicFeature> + use<> {
    let found = SizeMatrix::of_groups(zones(region), &region.grey_levels).features();
    let values = [
        found.level_nonuniformity,
        found.level_nonuniformity_normalised,
        found.level_variance,
        found.high_level,
        found.large,
        found.large_high,
        found.large_low,
        found.low_level,
        found.size_nonuniformity,
        found.size_nonuniformity_normalised,
        found.small,
        found.small_high,
        found.small_low,
        found.entropy,
        found.percentage,
        found.size_variance,
    ];
    named(NAMES, values)
}

/// The zones as rank and number of voxels.
fn zones(region: &Region) -> Vec<(u16, usize)> {
    let steps = steps(region);
    // A voxel that was counted is taken out of the region.
    let mut left = region.ranks.clone();
    let mut zones = Vec::new();
    let mut waiting = Vec::new();
    for voxel in &region.voxels {
        let level = std::mem::take(&mut left[*voxel]);
        if level == 0 {
            continue;
        }
        waiting.push(*voxel);
        let mut size = 0;
        while let Some(at) = waiting.pop() {
            size += 1;
            for step in steps.into_iter().flat_map(|step| [step, -step]) {
                let next = at.wrapping_add_signed(step);
                if left[next] == level {
                    left[next] = 0;
                    waiting.push(next);
                }
            }
        }
        zones.push((level, size));
    }
    zones
}
