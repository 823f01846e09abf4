use pulp::NullaryFnOnce;

use super::parallel::{for_row_groups, rows_per_task};
use super::simd::dispatch;
use super::{FeatureMap, Workspace};

/// A normalisation over the channels of every position: γ (x − mean) / √(variance + ε) + β.
///
/// # Source
/// Ba, Kiros and Hinton, Layer normalization, 2016; ε is 10⁻⁶ in every architecture here.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

const EPSILON: f32 = 1e-6;
/// Sums that run side by side, whatever the machine's vectors, so that the bytes do not depend on it.
const LANES: usize = 16;

impl LayerNorm {
    /// A normalisation with γ and β, one each per channel.
    ///
    /// # Panics
    /// When their lengths differ: the reader of weights has checked them.
    #[must_use]
    pub fn new(scale: Vec<f32>, shift: Vec<f32>) -> Self {
        assert_eq!(scale.len(), shift.len(), "scales and shifts");
        Self { scale, shift }
    }

    /// The normalised map.
    ///
    /// # Panics
    /// When the map has other channels.
    #[must_use]
    pub fn apply(&self, map: &FeatureMap, workspace: &Workspace) -> FeatureMap {
        let channels = map.channels();
        assert_eq!(channels, self.scale.len(), "channels of the map");
        let mut out = workspace.map(map.shape());
        let positions = map.len() / channels;
        for_row_groups(out.values_mut(), channels, rows_per_task(positions), |first, out| {
            let values = &map.values()[first * channels..][..out.len()];
            dispatch(Normalise { values, norm: self, out });
        });
        out
    }
}

struct Normalise<'a> {
    values: &'a [f32],
    norm: &'a LayerNorm,
    out: &'a mut [f32],
}

impl NullaryFnOnce for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let channels = self.norm.scale.len();
        let count = channels as f32;
        for (out, values) in self.out.chunks_exact_mut(channels).zip(self.values.chunks_exact(channels)) {
            let mean = sum(values) / count;
            for (out, &value) in out.iter_mut().zip(values) {
                *out = value - mean;
            }
            let factor = 1.0 / (sum_of_squares(out) / count + EPSILON).sqrt();
            for (out, (&scale, &shift)) in out.iter_mut().zip(self.norm.scale.iter().zip(&self.norm.shift)) {
                *out = (*out * factor).mul_add(scale, shift);
            }
        }
    }
}

#[inline(always)]
pub(super) fn sum(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    folded(sums) + rest.iter().sum::<f32>()
}

#[inline(always)]
fn sum_of_squares(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for chunk in chunks {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum = value.mul_add(value, *sum);
        }
    }
    folded(sums) + rest.iter().map(|value| value * value).sum::<f32>()
}

#[inline(always)]
fn folded(mut sums: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            sums[i] += sums[i + width];
        }
        width /= 2;
    }
    sums[0]
}
