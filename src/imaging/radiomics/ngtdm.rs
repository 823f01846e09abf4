use super::neighbours::{around, steps};
use super::region::Region;
use super::{RadiomicFeature, named};

const NAMES: [&str; 5] = [
    "original_ngtdm_Busyness",
    "original_ngtdm_Coarseness",
    "original_ngtdm_Complexity",
    "original_ngtdm_Contrast",
    "original_ngtdm_Strength",
];

/// Coarseness of a region without any tone difference, where its formula divides by zero: pyradiomics' value.
const COARSEST: f64 = 1e6;

/// How far each voxel's grey level lies from the mean of its neighbours in the region.
///
/// # Source
/// Amadasun and King 1989, IEEE Trans. Syst. Man Cybern. 19:1264-1274; IBSI 3.9.
pub(super) fn features(region: &Region) -> impl Iterator<Item = RadiomicFeature> + use<> {
    let tones = tones(region);
    let voxels = region.voxels.len() as f64;
    let pairs = |value: &dyn Fn(&Tone, &Tone) -> f64| {
        tones.iter().map(|a| tones.iter().map(|b| value(a, b)).sum::<f64>()).sum::<f64>()
    };
    let total: f64 = tones.iter().map(|tone| tone.difference).sum();
    let weighted: f64 = tones.iter().map(Tone::weighted).sum();
    let levels = tones.len() as f64;
    let ratio = |above: f64, below: f64| if below == 0.0 { 0.0 } else { above / below };
    let values = [
        ratio(weighted, pairs(&|a, b| (a.level * a.share - b.level * b.share).abs())),
        if weighted == 0.0 { COARSEST } else { 1.0 / weighted },
        pairs(&|a, b| (a.level - b.level).abs() * (a.weighted() + b.weighted()) / (a.share + b.share)) / voxels,
        ratio(pairs(&|a, b| a.share * b.share * (a.level - b.level).powi(2)) * total / voxels, levels * (levels - 1.0)),
        ratio(pairs(&|a, b| (a.share + b.share) * (a.level - b.level).powi(2)), total),
    ];
    named(NAMES, values)
}

/// One grey level.
struct Tone {
    level: f64,
    /// Share of the region's voxels.
    share: f64,
    /// Sum over its voxels of the distance from their neighbours' mean; 0 for a voxel without neighbours.
    difference: f64,
}

impl Tone {
    fn weighted(&self) -> f64 {
        self.share * self.difference
    }
}

/// The grey levels present.
fn tones(region: &Region) -> Vec<Tone> {
    let steps = steps(region);
    let mut tones: Vec<Tone> =
        region.grey_levels.iter().map(|level| Tone { level: *level, share: 0.0, difference: 0.0 }).collect();
    let level = |rank: u16| region.grey_levels[usize::from(rank) - 1];
    for voxel in &region.voxels {
        let rank = region.ranks[*voxel];
        let present = around(region, &steps, *voxel).filter(|other| *other > 0);
        let (sum, count) = present.fold((0.0, 0.0), |(sum, count), other| (sum + level(other), count + 1.0));
        let tone = &mut tones[usize::from(rank) - 1];
        tone.share += 1.0 / region.voxels.len() as f64;
        if count > 0.0 {
            tone.difference += (level(rank) - sum / count).abs();
        }
    }
    tones
}
