use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::parallel::{for_strips, with_scratch};
use super::patches::Window;
use super::product::Finish;
use super::simd::dispatch;
use super::{ConvolutionShape, FeatureMap};

/// A convolution whose channels do not mix: weights `[kernel rows × kernel columns, channels]`.
#[derive(Debug, Clone)]
pub(super) struct Depthwise {
    weights: Vec<f32>,
}

/// Lanes of the widest vector.
const LANES: usize = 16;
/// Values of the padded input of one task and one vector of channels: they fit the first-level cache.
const STRIP_VALUES: usize = 8192;

impl Depthwise {
    /// The window sizes that are known.
    pub const KERNELS: [usize; 3] = [3, 5, 7];
    /// The steps that are known.
    pub const STRIDES: [usize; 2] = [1, 2];

    /// From PyTorch's `[channels, 1, rows, columns]`.
    pub fn new(shape: &ConvolutionShape, weight: &[f32]) -> Self {
        let [rows, columns] = shape.kernel;
        let known = rows == columns && Self::KERNELS.contains(&rows) && Self::STRIDES.contains(&shape.stride);
        assert!(known, "a depthwise window of 3, 5 or 7 and a step of 1 or 2: {shape:?}");
        let taps = rows * columns;
        let transposed = (0..taps).flat_map(|tap| (0..shape.outputs).map(move |channel| (channel, tap)));
        Self { weights: transposed.map(|(channel, tap)| weight[channel * taps + tap]).collect() }
    }

    /// Fills `out`; a task makes some rows of one image.
    pub fn apply(&self, map: &FeatureMap, window: Window, finish: Finish<'_>, out: &mut [f32]) {
        let channels = map.channels();
        let row_len = window.out[1] * channels;
        let rows = window.out[0].div_ceil(rayon::current_num_threads());
        for_strips(out, window.out[0] * row_len, rows * row_len, |image, start, out| {
            let len = map.height() * map.width() * channels;
            let values = &map.values()[image * len..(image + 1) * len];
            let first = image * window.out[0] * row_len + start;
            let residual = finish.residual.and_then(|all| all.get(first..first + out.len()));
            let size = [map.height(), map.width(), channels];
            self.apply_rows(values, size, window, start / row_len, Finish { residual, ..finish }, out);
        });
    }

    /// The output rows from `first_row` on of one image `[rows, columns, channels]`, on this thread.
    pub fn apply_rows(
        &self,
        values: &[f32],
        size: [usize; 3],
        window: Window,
        first_row: usize,
        finish: Finish<'_>,
        out: &mut [f32],
    ) {
        let row_len = window.out[1] * size[2];
        let line = (window.out[1] - 1) * window.stride + window.kernel[1];
        let rows = ((STRIP_VALUES / (LANES * line)).saturating_sub(window.kernel[0] - 1) / window.stride).max(1);
        for (index, out) in out.chunks_mut(rows * row_len).enumerate() {
            let start = index * rows * row_len;
            let residual = finish.residual.and_then(|all| all.get(start..start + out.len()));
            let finish = Finish { residual, ..finish };
            let lines = (out.len() / row_len - 1) * window.stride + window.kernel[0];
            with_scratch(lines * line * LANES, |padded| {
                let (weights, first_row) = (&self.weights[..], first_row + index * rows);
                dispatch(Strip { values, size, weights, window, first_row, line, finish, out, padded });
            });
        }
    }
}

/// Some rows of the output of one image.
struct Strip<'a> {
    values: &'a [f32],
    size: [usize; 3],
    weights: &'a [f32],
    window: Window,
    first_row: usize,
    /// Positions under the windows of one output row.
    line: usize,
    finish: Finish<'a>,
    out: &'a mut [f32],
    /// One vector of channels of every position under the windows, zeros outside the image.
    padded: &'a mut [f32],
}

impl WithSimd for Strip<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let channels = self.size[2];
        for first in (0..channels).step_by(S::F32_LANES) {
            let lanes = first..channels.min(first + S::F32_LANES);
            self.copy_lanes(simd, lanes.clone());
            match (self.window.kernel[0], self.window.stride, self.window.out[1]) {
                (3, 1, 8..) => self.rows::<S, 3, 1, 8>(simd, lanes),
                (3, 1, 4..) => self.rows::<S, 3, 1, 4>(simd, lanes),
                (3, 1, _) => self.rows::<S, 3, 1, 1>(simd, lanes),
                (3, _, 4..) => self.rows::<S, 3, 2, 4>(simd, lanes),
                (3, _, _) => self.rows::<S, 3, 2, 1>(simd, lanes),
                (5, 1, 4..) => self.rows::<S, 5, 1, 4>(simd, lanes),
                (5, 1, _) => self.rows::<S, 5, 1, 1>(simd, lanes),
                (5, _, 4..) => self.rows::<S, 5, 2, 4>(simd, lanes),
                (5, _, _) => self.rows::<S, 5, 2, 1>(simd, lanes),
                (_, 1, 4..) => self.rows::<S, 7, 1, 4>(simd, lanes),
                (_, 1, _) => self.rows::<S, 7, 1, 1>(simd, lanes),
                (_, _, _) => self.rows::<S, 7, 2, 1>(simd, lanes),
            }
        }
        if let Some(residual) = self.finish.residual {
            self.out.iter_mut().zip(residual).for_each(|(sum, term)| *sum += term);
        }
        self.finish.activation.apply(self.out);
    }
}

impl Strip<'_> {
    /// Copies one vector of channels of every position under the windows.
    #[inline(always)]
    fn copy_lanes<S: Simd>(&mut self, simd: S, lanes: Range<usize>) {
        let [height, width, channels] = self.size;
        let Window { stride, lead, .. } = self.window;
        let zero = simd.splat_f32s(0.0);
        let (padded, _) = S::as_mut_simd_f32s(self.padded);
        let inside = lead[1].min(self.line)..self.line.min(lead[1] + width);
        let lines = (self.out.len() / (self.window.out[1] * channels) - 1) * stride + self.window.kernel[0];
        for (y, line) in padded.chunks_exact_mut(self.line).enumerate().take(lines) {
            let row = (self.first_row * stride + y).wrapping_sub(lead[0]);
            if row >= height {
                line.fill(zero);
                continue;
            }
            line[..inside.start].fill(zero);
            line[inside.end..].fill(zero);
            let source = &self.values[row * width * channels..(row + 1) * width * channels];
            for (place, position) in line[inside.clone()].iter_mut().zip(source.chunks_exact(channels)) {
                *place = load(simd, &position[lanes.clone()]);
            }
        }
    }

    /// All output rows of one vector of channels, `GROUP` positions at a time; the last group may overlap the one before.
    #[inline(always)]
    fn rows<S: Simd, const K: usize, const STRIDE: usize, const GROUP: usize>(&mut self, simd: S, lanes: Range<usize>) {
        let channels = self.size[2];
        let mut weights = [[simd.splat_f32s(0.0); K]; K];
        for (tap, weight) in weights.as_flattened_mut().iter_mut().enumerate() {
            *weight = load(simd, &self.weights[tap * channels..][lanes.clone()]);
        }
        let bias = load(simd, &self.finish.bias[lanes.clone()]);
        let (padded, _) = S::as_simd_f32s(self.padded);
        let columns = self.window.out[1];
        for (y, out) in self.out.chunks_exact_mut(columns * channels).enumerate() {
            let lines = &padded[y * STRIDE * self.line..];
            let mut x = 0;
            while x < columns {
                let start = x.min(columns - GROUP);
                let sums = windows::<S, K, STRIDE, GROUP>(simd, &lines[start * STRIDE..], self.line, &weights, bias);
                let places = out[start * channels..].chunks_exact_mut(channels);
                for (&sum, place) in sums.iter().zip(places) {
                    store(simd, &mut place[lanes.clone()], sum);
                }
                x = start + GROUP;
            }
        }
    }
}

/// `GROUP` neighbouring windows.
#[inline(always)]
fn windows<S: Simd, const K: usize, const STRIDE: usize, const GROUP: usize>(
    simd: S,
    lines: &[S::f32s],
    line: usize,
    weights: &[[S::f32s; K]; K],
    bias: S::f32s,
) -> [S::f32s; GROUP] {
    let mut sums = [bias; GROUP];
    for (ky, weights) in weights.iter().enumerate() {
        let values = &lines[ky * line..][..(GROUP - 1) * STRIDE + K];
        for (kx, &weight) in weights.iter().enumerate() {
            for (position, sum) in sums.iter_mut().enumerate() {
                *sum = simd.mul_add_e_f32s(values[position * STRIDE + kx], weight, *sum);
            }
        }
    }
    sums
}

/// A vector, or the last lanes of one and zeros.
#[inline(always)]
fn load<S: Simd>(simd: S, values: &[f32]) -> S::f32s {
    match S::as_simd_f32s(values).0.first() {
        Some(vector) => *vector,
        None => simd.partial_load_f32s(values),
    }
}

#[inline(always)]
fn store<S: Simd>(simd: S, values: &mut [f32], vector: S::f32s) {
    match S::as_mut_simd_f32s(values).0.first_mut() {
        Some(place) => *place = vector,
        None => simd.partial_store_f32s(values, vector),
    }
}
