use super::region::Region;
use super::{RadiomicFeature, named};

const NAMES: [&str; 18] = [
    "original_firstorder_10Percentile",
    "original_firstorder_90Percentile",
    "original_firstorder_Energy",
    "original_firstorder_Entropy",
    "original_firstorder_InterquartileRange",
    "original_firstorder_Kurtosis",
    "original_firstorder_Maximum",
    "original_firstorder_MeanAbsoluteDeviation",
    "original_firstorder_Mean",
    "original_firstorder_Median",
    "original_firstorder_Minimum",
    "original_firstorder_Range",
    "original_firstorder_RobustMeanAbsoluteDeviation",
    "original_firstorder_RootMeanSquared",
    "original_firstorder_Skewness",
    "original_firstorder_TotalEnergy",
    "original_firstorder_Uniformity",
    "original_firstorder_Variance",
];

/// The distribution of intensities in the region; entropy (bits) and uniformity of its grey levels.
///
/// Variance is over n; kurtosis of a normal distribution is 3; both moments are 0 where all intensities are equal.
/// Percentiles interpolate linearly.
pub(super) fn features(region: &Region) -> impl Iterator<Item = RadiomicFeature> + use<> {
    let mut sorted = region.intensities.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let mean = mean(&sorted);
    let moment = |power: i32| sorted.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / sorted.len() as f64;
    let variance = moment(2);
    let standardised = |moment: f64, power: f64| if variance > 0.0 { moment / variance.powf(power) } else { 0.0 };
    let energy: f64 = sorted.iter().map(|x| x * x).sum();
    let [p10, p25, median, p75, p90] = [0.1, 0.25, 0.5, 0.75, 0.9].map(|part| percentile(&sorted, part));
    let (minimum, maximum) = (percentile(&sorted, 0.0), percentile(&sorted, 1.0));
    let kept = |x: &&f64| (p10..=p90).contains(*x);
    let robust: Vec<f64> = sorted.iter().filter(kept).copied().collect();
    let shares = level_shares(region);
    let voxel_mm3: f64 = region.spacing_mm.iter().product();
    let values = [
        p10,
        p90,
        energy,
        -shares.iter().map(|p| p * p.log2()).sum::<f64>(),
        p75 - p25,
        standardised(moment(4), 2.0),
        maximum,
        mean_deviation(&sorted),
        mean,
        median,
        minimum,
        maximum - minimum,
        mean_deviation(&robust),
        (energy / sorted.len() as f64).sqrt(),
        standardised(moment(3), 1.5),
        energy * voxel_mm3,
        shares.iter().map(|p| p * p).sum(),
        variance,
    ];
    named(NAMES, values)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn mean_deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    values.iter().map(|x| (x - centre).abs()).sum::<f64>() / values.len().max(1) as f64
}

/// The value below which `part` of the ascending values lie, by linear interpolation.
fn percentile(sorted: &[f64], part: f64) -> f64 {
    let place = part * sorted.len().saturating_sub(1) as f64;
    let at = |index: f64| sorted.get(index as usize).copied().unwrap_or(0.0);
    at(place.floor()) + (at(place.ceil()) - at(place.floor())) * place.fract()
}

/// The share of voxels in each grey level present.
fn level_shares(region: &Region) -> Vec<f64> {
    let mut counts = vec![0u32; region.grey_levels.len()];
    for voxel in &region.voxels {
        counts[usize::from(region.ranks[*voxel]) - 1] += 1;
    }
    counts.into_iter().map(|count| f64::from(count) / region.voxels.len() as f64).collect()
}
