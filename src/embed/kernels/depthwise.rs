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
        match self.window.kernel {
            [3, 3] => self.positions::<S, 3>(simd),
            [5, 5] => self.positions::<S, 5>(simd),
            [7, 7] => self.positions::<S, 7>(simd),
            _ => {
                for x in 0..self.window.out[1] {
                    self.position(simd, x);
                }
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
    if WHOLE
        && let Some(vector) = S::as_simd_f32s(values).0.first()
    {
        return *vector;
    }
    simd.partial_load_f32s(values)
}

#[inline(always)]
fn store<S: Simd, const WHOLE: bool>(simd: S, values: &mut [f32], vector: S::f32s) {
    if WHOLE
        && let Some(place) = S::as_mut_simd_f32s(values).0.first_mut()
    {
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

    /// All positions of the row: several at a time where the window lies inside the image.
    #[inline(always)]
    fn positions<S: Simd, const K: usize>(&mut self, simd: S) {
        let Window { stride, lead, out, .. } = self.window;
        let first_inside = lead[1].div_ceil(stride).min(out[1]);
        let past_inside = (self.size[1] + lead[1]).saturating_sub(K).checked_div(stride).map_or(0, |last| last + 1);
        let past_inside = past_inside.clamp(first_inside, out[1]);
        for x in (0..first_inside).chain(past_inside..out[1]) {
            self.position(simd, x);
        }
        let mut x = first_inside;
        while x < past_inside {
            x += match past_inside - x {
                8.. => self.group::<S, K, 8>(simd, x),
                4.. => self.group::<S, K, 4>(simd, x),
                2.. => self.group::<S, K, 2>(simd, x),
                _ => self.group::<S, K, 1>(simd, x),
            };
        }
    }

    /// `GROUP` neighbouring positions whose windows lie inside the image; returns their number.
    #[inline(always)]
    fn group<S: Simd, const K: usize, const GROUP: usize>(&mut self, simd: S, x: usize) -> usize {
        let channels = self.size[2];
        let whole = channels - channels % S::F32_LANES;
        for first in (0..whole).step_by(S::F32_LANES) {
            self.lanes::<S, K, GROUP, true>(simd, x, first..first + S::F32_LANES);
        }
        if whole < channels {
            self.lanes::<S, K, GROUP, false>(simd, x, whole..channels);
        }
        GROUP
    }

    /// One vector of channels of a group.
    #[inline(always)]
    fn lanes<S: Simd, const K: usize, const GROUP: usize, const WHOLE: bool>(
        &mut self,
        simd: S,
        x: usize,
        lanes: Range<usize>,
    ) {
        let [height, width, channels] = self.size;
        let Window { stride, lead, .. } = self.window;
        let count = lanes.len();
        let top = self.y * stride;
        let left = x * stride - lead[1];
        let step = stride * channels;
        let mut sums = [load::<S, WHOLE>(simd, &self.finish.bias[lanes.clone()]); GROUP];
        for ky in Self::inside(top, lead[0], K, height) {
            let start = ((top + ky - lead[0]) * width + left) * channels + lanes.start;
            let line = &self.values[start..start + (GROUP - 1) * step + (K - 1) * channels + count];
            for kx in 0..K {
                let weight = load::<S, WHOLE>(simd, &self.weights[(ky * K + kx) * channels + lanes.start..][..count]);
                for (position, sum) in sums.iter_mut().enumerate() {
                    let value = load::<S, WHOLE>(simd, &line[position * step + kx * channels..][..count]);
                    *sum = simd.mul_add_e_f32s(value, weight, *sum);
                }
            }
        }
        for (position, &sum) in sums.iter().enumerate() {
            store::<S, WHOLE>(simd, &mut self.out[(x + position) * channels + lanes.start..][..count], sum);
        }
    }

    /// One position, whatever the window and the border.
    #[inline(always)]
    fn position<S: Simd>(&mut self, simd: S, x: usize) {
        let [height, width, channels] = self.size;
        let Window { kernel, stride, lead, .. } = self.window;
        let (top, left) = (self.y * stride, x * stride);
        let (rows, columns) = (Self::inside(top, lead[0], kernel[0], height), Self::inside(left, lead[1], kernel[1], width));
        let out = &mut self.out[x * channels..(x + 1) * channels];
        for first in (0..channels).step_by(S::F32_LANES) {
            let lanes = first..channels.min(first + S::F32_LANES);
            let mut sum = simd.partial_load_f32s(&self.finish.bias[lanes.clone()]);
            for ky in rows.clone() {
                for kx in columns.clone() {
                    let (y, x) = (top + ky - lead[0], left + kx - lead[1]);
                    let value = &self.values[(y * width + x) * channels..][lanes.clone()];
                    let weight = &self.weights[(ky * kernel[1] + kx) * channels..][lanes.clone()];
                    sum = simd.mul_add_e_f32s(simd.partial_load_f32s(value), simd.partial_load_f32s(weight), sum);
                }
            }
            simd.partial_store_f32s(&mut out[lanes], sum);
        }
    }
}
