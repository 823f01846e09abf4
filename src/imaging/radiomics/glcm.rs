use super::eigenvalues::Tridiagonal;
use super::neighbours::steps;
use super::region::Region;
use super::{Error, RadiomicFeature, mean_of, named};

const NAMES: [&str; 24] = [
    "original_glcm_Autocorrelation",
    "original_glcm_ClusterProminence",
    "original_glcm_ClusterShade",
    "original_glcm_ClusterTendency",
    "original_glcm_Contrast",
    "original_glcm_Correlation",
    "original_glcm_DifferenceAverage",
    "original_glcm_DifferenceEntropy",
    "original_glcm_DifferenceVariance",
    "original_glcm_Id",
    "original_glcm_Idm",
    "original_glcm_Idmn",
    "original_glcm_Idn",
    "original_glcm_Imc1",
    "original_glcm_Imc2",
    "original_glcm_InverseVariance",
    "original_glcm_JointAverage",
    "original_glcm_JointEnergy",
    "original_glcm_JointEntropy",
    "original_glcm_MCC",
    "original_glcm_MaximumProbability",
    "original_glcm_SumAverage",
    "original_glcm_SumEntropy",
    "original_glcm_SumSquares",
];

/// Co-occurrence of grey levels in neighbouring voxels, symmetric, one matrix a direction; the mean over the directions in
/// which the region has neighbours.
///
/// # Source
/// Haralick, Shanmugam and Dinstein 1973, IEEE Trans. Syst. Man Cybern. 3:610-621; IBSI 3.6, averaged over 3-D directions.
pub(super) fn features(region: &Region) -> Result<impl Iterator<Item = RadiomicFeature> + use<>, Error> {
    let directions: Vec<[f64; 24]> = steps(region)
        .into_iter()
        .filter_map(|step| Cooccurrence::count(region, step))
        .map(|matrix| matrix.values(&region.grey_levels, region.n_grey()))
        .collect();
    if directions.is_empty() {
        return Err(Error::Region { expected: "voxels that touch", found: "none that do".to_owned() });
    }
    Ok(named(NAMES, mean_of(&directions)))
}

/// The symmetric matrix of one direction.
struct Cooccurrence {
    size: usize,
    /// Probabilities, row by row.
    joint: Vec<f64>,
    /// Row sums, which are also the column sums.
    marginal: Vec<f64>,
}

impl Cooccurrence {
    /// Counts the pairs `step` apart; `None` when there are none.
    fn count(region: &Region, step: isize) -> Option<Self> {
        let size = region.grey_levels.len();
        let mut counts = vec![0u32; size * size];
        for voxel in &region.voxels {
            let [here, there] = [*voxel, voxel.wrapping_add_signed(step)].map(|at| usize::from(region.ranks[at]));
            if there > 0 {
                counts[(here - 1) * size + there - 1] += 1;
                counts[(there - 1) * size + here - 1] += 1;
            }
        }
        let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
        if total == 0.0 {
            return None;
        }
        let joint: Vec<f64> = counts.into_iter().map(|count| f64::from(count) / total).collect();
        let marginal = joint.chunks_exact(size).map(|row| row.iter().sum()).collect();
        Some(Self { size, joint, marginal })
    }

    /// The features of this direction, in the order of [`NAMES`].
    fn values(&self, grey: &[f64], n_grey: f64) -> [f64; 24] {
        let mean: f64 = self.marginal.iter().zip(grey).map(|(p, level)| p * level).sum();
        let spread: f64 = self.marginal.iter().zip(grey).map(|(p, level)| p * (level - mean).powi(2)).sum();
        // Where probability lies by difference and by sum of the two levels.
        let mut by_difference = vec![0.0; n_grey as usize];
        let mut by_sum = vec![0.0; 2 * n_grey as usize + 1];
        let (mut product, mut covariance, mut energy, mut largest) = (0.0, 0.0, 0.0, 0.0f64);
        for (row, first) in self.joint.chunks_exact(self.size).zip(grey) {
            for (p, second) in row.iter().zip(grey).filter(|(p, _)| **p > 0.0) {
                by_difference[(first - second).abs() as usize] += p;
                by_sum[(first + second) as usize] += p;
                product += p * first * second;
                covariance += p * (first - mean) * (second - mean);
                energy += p * p;
                largest = largest.max(*p);
            }
        }
        let over = |weights: &[f64], value: &dyn Fn(f64) -> f64| {
            weights.iter().enumerate().map(|(k, p)| p * value(k as f64)).sum::<f64>()
        };
        let cluster = |power: i32| over(&by_sum, &|k: f64| (k - 2.0 * mean).powi(power));
        let difference_mean = over(&by_difference, &|k| k);
        let [imc1, imc2] = self.information();
        [
            product,
            cluster(4),
            cluster(3),
            cluster(2),
            over(&by_difference, &|k| k * k),
            if spread > 0.0 { covariance / spread } else { 1.0 },
            difference_mean,
            entropy(&by_difference),
            over(&by_difference, &|k| (k - difference_mean).powi(2)),
            over(&by_difference, &|k| 1.0 / (1.0 + k)),
            over(&by_difference, &|k| 1.0 / (1.0 + k * k)),
            over(&by_difference, &|k| 1.0 / (1.0 + (k / n_grey).powi(2))),
            over(&by_difference, &|k| 1.0 / (1.0 + k / n_grey)),
            imc1,
            imc2,
            over(&by_difference, &|k| if k > 0.0 { 1.0 / (k * k) } else { 0.0 }),
            mean,
            energy,
            entropy(&self.joint),
            self.maximal_correlation(),
            largest,
            over(&by_sum, &|k| k),
            entropy(&by_sum),
            spread,
        ]
    }

    /// The two information measures of correlation; both 0 for a single level and for independent levels.
    ///
    /// With equal marginals the cross entropies of IBSI, HXY1 and HXY2, are both twice the marginal's entropy.
    fn information(&self) -> [f64; 2] {
        let marginal = entropy(&self.marginal);
        let excess = 2.0 * marginal - entropy(&self.joint);
        let first = if marginal > 0.0 { -excess / marginal } else { 0.0 };
        [first, (1.0 - (-2.0 * excess.max(0.0)).exp()).sqrt()]
    }

    /// The second largest absolute eigenvalue of P(i, j) / √(p(i) p(j)); 1 for a single level.
    ///
    /// Q of IBSI is similar to the square of this symmetric matrix, whose largest eigenvalue is 1.
    fn maximal_correlation(&self) -> f64 {
        if self.size < 2 {
            return 1.0;
        }
        let root: Vec<f64> = self.marginal.iter().map(|p| p.sqrt()).collect();
        let scaled = (0..self.size * self.size).map(|at| {
            let norm = root[at / self.size] * root[at % self.size];
            if norm > 0.0 { self.joint[at] / norm } else { 0.0 }
        });
        let form = Tridiagonal::of(scaled.collect(), self.size);
        form.eigenvalue(self.size - 2).abs().max(form.eigenvalue(0).abs())
    }
}

/// The entropy of probabilities, bits.
fn entropy(probabilities: &[f64]) -> f64 {
    -probabilities.iter().filter(|p| **p > 0.0).map(|p| p * p.log2()).sum::<f64>()
}
