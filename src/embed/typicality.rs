use serde::{Deserialize, Serialize};

/// Share of the covariance replaced by its diagonal: keeps the distance defined where coordinates move together.
const SHRINKAGE: f64 = 0.1;

/// Added to every variance, relative to their mean: a coordinate that never moved in training must not divide by zero.
const FLOOR: f64 = 1e-3;

/// Parts into which the training patients are cut to find how far unseen patients of the same source lie.
const PARTS: usize = 5;

/// How far an embedding lies from those of the training patients; aggregates only, no training row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Typicality {
    /// Mean embedding of the training patients.
    mean: Vec<f64>,
    /// Lower triangle of the Cholesky factor of the shrunken covariance, row by row.
    factor: Vec<f64>,
    /// Distance below which 99 % of training patients lie when they are left out of mean and covariance.
    pub distance_p99: f64,
    /// The largest such distance.
    pub distance_most: f64,
}

impl Typicality {
    /// The reference of one embedding per training patient, in the order given; `None` with fewer than 4 per part.
    ///
    /// # Source
    /// Mahalanobis distance; Lee et al., A simple unified framework for detecting out-of-distribution samples, NeurIPS 2018.
    #[must_use]
    pub fn of(embeddings: &[Vec<f32>]) -> Option<Self> {
        if embeddings.len() < 4 * PARTS {
            return None;
        }
        let mut distances: Vec<f64> = Vec::with_capacity(embeddings.len());
        for part in 0..PARTS {
            let inside: Vec<&Vec<f32>> =
                embeddings.iter().enumerate().filter(|(at, _)| at % PARTS != part).map(|(_, row)| row).collect();
            let fitted = Self::fit(&inside)?;
            let left_out = embeddings.iter().skip(part).step_by(PARTS);
            distances.extend(left_out.filter_map(|embedding| fitted.distance(embedding)));
        }
        distances.sort_by(f64::total_cmp);
        let place = ((distances.len() as f64 * 0.99).ceil() as usize).clamp(1, distances.len()) - 1;
        let mut all = Self::fit(&embeddings.iter().collect::<Vec<_>>())?;
        all.distance_p99 = *distances.get(place)?;
        all.distance_most = *distances.last()?;
        Some(all)
    }

    fn fit(rows: &[&Vec<f32>]) -> Option<Self> {
        let dim = rows.first()?.len();
        let n = rows.len() as f64;
        let mut mean = vec![0.0; dim];
        for row in rows {
            mean.iter_mut().zip(row.iter()).for_each(|(sum, value)| *sum += f64::from(*value) / n);
        }
        let mut covariance = vec![0.0; dim * dim];
        for row in rows {
            let centred: Vec<f64> = row.iter().zip(&mean).map(|(value, mean)| f64::from(*value) - mean).collect();
            for (i, a) in centred.iter().enumerate() {
                for (j, b) in centred.iter().enumerate().take(i + 1) {
                    covariance[i * dim + j] += a * b / (n - 1.0);
                }
            }
        }
        let scale = (0..dim).map(|i| covariance[i * dim + i]).sum::<f64>() / dim as f64;
        for i in 0..dim {
            for j in 0..i {
                covariance[i * dim + j] *= 1.0 - SHRINKAGE;
            }
            covariance[i * dim + i] += FLOOR * scale.max(f64::MIN_POSITIVE);
        }
        Some(Self { mean, factor: cholesky(covariance, dim)?, distance_p99: 0.0, distance_most: 0.0 })
    }

    /// Mahalanobis distance of an embedding from the training patients; `None` for another length.
    #[must_use]
    pub fn distance(&self, embedding: &[f32]) -> Option<f64> {
        if embedding.len() != self.mean.len() {
            return None;
        }
        // Forward substitution: the squared length of L⁻¹ (x − mean).
        let mut solved: Vec<f64> = Vec::with_capacity(self.mean.len());
        let mut start = 0;
        for (i, (value, mean)) in embedding.iter().zip(&self.mean).enumerate() {
            let row = self.factor.get(start..start + i + 1)?;
            let known: f64 = row.iter().zip(&solved).map(|(l, z)| l * z).sum();
            solved.push((f64::from(*value) - mean - known) / row.last()?);
            start += i + 1;
        }
        Some(solved.iter().map(|z| z * z).sum::<f64>().sqrt())
    }

    /// A sentence when the embedding lies farther than 99 % of training patients; a stronger one when farther than all.
    #[must_use]
    pub fn finding(&self, embedding: &[f32]) -> Option<String> {
        let distance = self.distance(embedding)?;
        if distance > self.distance_most {
            Some(format!(
                "out of distribution: the images lie farther from the encoder's training images ({distance:.1}) than any training patient ({:.1})",
                self.distance_most
            ))
        } else if distance > self.distance_p99 {
            Some("unusual images: farther from the encoder's training images than 99 % of training patients".to_owned())
        } else {
            None
        }
    }
}

/// The lower triangle L of a symmetric positive definite matrix, L Lᵀ, packed row by row; `None` when it is not.
fn cholesky(lower: Vec<f64>, dim: usize) -> Option<Vec<f64>> {
    let mut packed = Vec::with_capacity(dim * (dim + 1) / 2);
    let at = |i: usize, j: usize| i * (i + 1) / 2 + j;
    for i in 0..dim {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| packed[at(i, k)] * packed[at(j, k)]).sum();
            let rest = lower[i * dim + j] - known;
            let value = if i == j { rest.sqrt() } else { rest / packed[at(j, j)] };
            if !value.is_finite() || (i == j && value <= 0.0) {
                return None;
            }
            packed.push(value);
        }
    }
    Some(packed)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::trainable::normal;
    use super::*;

    #[test]
    fn the_cholesky_factor_multiplies_back() {
        // By hand: [[4, 2], [2, 5]] = L Lᵀ with L = [[2, 0], [1, 2]].
        assert_eq!(cholesky(vec![4.0, 0.0, 2.0, 5.0], 2), Some(vec![2.0, 1.0, 2.0]));
        assert_eq!(cholesky(vec![1.0, 0.0, 2.0, 1.0], 2), None);
    }

    #[test]
    fn distant_embeddings_are_unusual_and_training_ones_are_not() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut draw = || {
            let (a, b) = (normal(&mut rng) as f32, normal(&mut rng) as f32);
            vec![a, a + 0.3 * b, 2.0, 5.0 * b]
        };
        let training: Vec<Vec<f32>> = (0..400).map(|_| draw()).collect();
        let reference = Typicality::of(&training).unwrap();
        let flagged = (0..1000).filter(|_| reference.finding(&draw()).is_some()).count();
        assert!((1..60).contains(&flagged), "about one in a hundred: {flagged}");
        assert!(reference.finding(&[9.0, -9.0, 2.0, 0.0]).unwrap().starts_with("out of distribution"));
        assert!(Typicality::of(&training[..19]).is_none());
        assert_eq!(reference.distance(&[1.0]), None);
    }

    #[test]
    fn without_shrinkage_or_correlation_the_distance_is_in_standard_deviations() {
        let rows: Vec<Vec<f32>> =
            (0..8).map(|i| vec![if i % 2 == 0 { 1.0 } else { -1.0 }, if i < 4 { 2.0 } else { -2.0 }]).collect();
        let fitted = Typicality::fit(&rows.iter().collect::<Vec<_>>()).unwrap();
        // Variances 8/7 and 32/7, each plus 0.001 of their mean 20/7; by hand.
        let floor = FLOOR * 20.0 / 7.0;
        let expected = (9.0 / (8.0 / 7.0 + floor) + 4.0 / (32.0 / 7.0 + floor)).sqrt();
        assert!((fitted.distance(&[3.0, -2.0]).unwrap() - expected).abs() < 1e-12);
    }
}
