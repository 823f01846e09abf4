use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::parallel::for_row_groups;
use super::patches::Window;
use super::product::Finish;
use super::{ConvolutionShape, FeatureMap};

/// A convolution whose channels do not mix: weights `[kernel rows × kernel columns, channels]`.
#[derive(Debug, Clone)]
pub(super) struct Depthwise {
    weights: Vec<f32>,
}

impl Depthwise {
    /// From PyTorch's `[channels, 1, rows, columns]`.
    pub fn new(shape: &ConvolutionShape, weight: &[f32]) -> Self {
        let taps = shape.kernel[0] * shape.kernel[1];
        let transposed = (0..taps).flat_map(|tap| (0..shape.outputs).map(move |channel| (channel, tap)));
        Self { weights: transposed.map(|(channel, tap)| weight[channel * taps + tap]).collect() }
    }

    /// Fills `out`, one task per output row.
    pub fn apply(&self, map: &FeatureMap, window: Window, finish: Finish<'_>, out: &mut [f32]) {
        let row_len = window.out[1] * map.channels();
        for_row_groups(out, row_len, 1, |row, out| {
            let residual = finish.residual.and_then(|all| all.get(row * row_len..(row + 1) * row_len));
            let finish = Finish { residual, ..finish };
            let (image, y) = (row / window.out[0], row % window.out[0]);
            let channels = map.channels();
            let len = map.height() * map.width() * channels;
            let values = &map.values()[image * len..(image + 1) * len];
            let size = [map.height(), map.width(), channels];
            Arch::new().dispatch(DepthwiseRow { values, size, weights: &self.weights, window, y, finish, out });
        });
    }
}

struct DepthwiseRow<'a> {
    values: &'a [f32],
    size: [usize; 3],
    weights: &'a [f32],
    window: Window,
    y: usize,
    finish: Finish<'a>,
    out: &'a mut [f32],
}

impl WithSimd for DepthwiseRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let channels = self.size[2];
        for first in (0..channels).step_by(S::F32_LANES) {
            let lanes = first..channels.min(first + S::F32_LANES);
            match (lanes.len() == S::F32_LANES, self.window.kernel) {
                (true, [3, 3]) => self.channels::<S, 3, true>(simd, lanes),
                (true, [5, 5]) => self.channels::<S, 5, true>(simd, lanes),
                (true, [7, 7]) => self.channels::<S, 7, true>(simd, lanes),
                (false, [3, 3]) => self.channels::<S, 3, false>(simd, lanes),
                _ => self.channels_of_any_kernel(simd, lanes),
            }
        }
        if let Some(residual) = self.finish.residual {
            self.out.iter_mut().zip(residual).for_each(|(sum, term)| *sum += term);
        }
        self.finish.activation.apply(self.out);
    }
}

#[inline(always)]
fn load<S: Simd, const WHOLE: bool>(simd: S, values: &[f32]) -> S::f32s {
    if WHOLE && let Some(vector) = S::as_simd_f32s(values).0.first() {
        return *vector;
    }
    simd.partial_load_f32s(values)
}

#[inline(always)]
fn store<S: Simd, const WHOLE: bool>(simd: S, values: &mut [f32], vector: S::f32s) {
    if WHOLE && let Some(place) = S::as_mut_simd_f32s(values).0.first_mut() {
        *place = vector;
    } else {
        simd.partial_store_f32s(values, vector);
    }
}

impl DepthwiseRow<'_> {
    /// Kernel positions inside the image for the window that starts `lead` before `start`.
    #[inline(always)]
    fn inside(start: usize, lead: usize, kernel: usize, size: usize) -> Range<usize> {
        lead.saturating_sub(start)..kernel.min((size + lead).saturating_sub(start))
    }

    #[inline(always)]
    fn channels<S: Simd, const K: usize, const WHOLE: bool>(&mut self, simd: S, lanes: Range<usize>) {
        let [height, width, channels] = self.size;
        let (first, count) = (lanes.start, lanes.len());
        let mut weights = [[simd.splat_f32s(0.0); K]; K];
        for (tap, weight) in weights.as_flattened_mut().iter_mut().enumerate() {
            *weight = load::<S, WHOLE>(simd, &self.weights[tap * channels + first..][..count]);
        }
        let bias = load::<S, WHOLE>(simd, &self.finish.bias[lanes.clone()]);
        let top = self.y * self.window.stride;
        let rows = Self::inside(top, self.window.lead[0], K, height);
        for (x, out) in self.out.chunks_exact_mut(channels).enumerate() {
            let left = x * self.window.stride;
            let columns = Self::inside(left, self.window.lead[1], K, width);
            let mut sum = bias;
            for (ky, weights) in weights.iter().enumerate().take(rows.end).skip(rows.start) {
                let line = (top + ky - self.window.lead[0]) * width;
                if columns.len() == K {
                    let start = (line + left - self.window.lead[1]) * channels + first;
                    let line = &self.values[start..start + (K - 1) * channels + count];
                    for (kx, &weight) in weights.iter().enumerate() {
                        let value = load::<S, WHOLE>(simd, &line[kx * channels..][..count]);
                        sum = simd.mul_add_e_f32s(value, weight, sum);
                    }
                } else {
                    for (kx, &weight) in weights.iter().enumerate().take(columns.end).skip(columns.start) {
                        let start = (line + left + kx - self.window.lead[1]) * channels + first;
                        let value = load::<S, WHOLE>(simd, &self.values[start..start + count]);
                        sum = simd.mul_add_e_f32s(value, weight, sum);
                    }
                }
            }
            store::<S, WHOLE>(simd, &mut out[lanes.clone()], sum);
        }
    }

    /// The same for window sizes that no architecture here has.
    #[inline(always)]
    fn channels_of_any_kernel<S: Simd>(&mut self, simd: S, lanes: Range<usize>) {
        let [height, width, channels] = self.size;
        let bias = simd.partial_load_f32s(&self.finish.bias[lanes.clone()]);
        let top = self.y * self.window.stride;
        for (x, out) in self.out.chunks_exact_mut(channels).enumerate() {
            let left = x * self.window.stride;
            let mut sum = bias;
            for ky in Self::inside(top, self.window.lead[0], self.window.kernel[0], height) {
                for kx in Self::inside(left, self.window.lead[1], self.window.kernel[1], width) {
                    let (y, x) = (top + ky - self.window.lead[0], left + kx - self.window.lead[1]);
                    let value = &self.values[(y * width + x) * channels..][lanes.clone()];
                    let weight = &self.weights[(ky * self.window.kernel[1] + kx) * channels..][lanes.clone()];
                    sum = simd.mul_add_e_f32s(simd.partial_load_f32s(value), simd.partial_load_f32s(weight), sum);
                }
            }
            simd.partial_store_f32s(&mut out[lanes.clone()], sum);
        }
    }
}
