use pulp::{Simd, WithSimd};

use super::FeatureMap;
use super::panels::{BLOCK, Panels};
use super::parallel::{for_strips, with_scratch};
use super::product::{Finish, multiply_packed};
use super::simd::dispatch;
use super::tile::row_groups;
use super::winograd_tiles::{F2, F4, Transform};

/// How many outputs are made together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filtering {
    /// F(2 × 2, 3 × 3): 16 products instead of 36.
    TwoByTwo,
    /// F(4 × 4, 3 × 3): 36 products instead of 144.
    FourByFour,
}

/// A 3 × 3 convolution of step 1 with a margin of 1 by minimal filtering: tiles of the map and the windows are
/// transformed, multiplied point by point (one matrix product per point), and transformed back.
///
/// # Source
/// Lavin and Gray, Fast algorithms for convolutional neural networks, CVPR 2016.
#[derive(Debug, Clone)]
pub(super) struct Winograd {
    filtering: Filtering,
    /// One matrix `[inputs, outputs]` per point of a tile.
    points: Vec<Panels>,
}

/// Tiles that one task transforms and multiplies together, about.
const TILES_PER_TASK: usize = 28;

impl Winograd {
    /// Transforms weights `[outputs, inputs, 3, 3]`, in double precision.
    pub fn new(filtering: Filtering, inputs: usize, outputs: usize, weight: &[f32]) -> Self {
        let points = match filtering {
            Filtering::TwoByTwo => transform_weights::<F2, 4, 2>(inputs, outputs, weight),
            Filtering::FourByFour => transform_weights::<F4, 6, 4>(inputs, outputs, weight),
        };
        Self { filtering, points }
    }

    /// Fills `out`, a map as large as the input; a task makes some lines of tiles of one image.
    pub fn apply(&self, map: &FeatureMap, finish: Finish<'_>, out: &mut [f32]) {
        let [images, height, width, _] = map.shape();
        let side = match self.filtering {
            Filtering::TwoByTwo => 2,
            Filtering::FourByFour => 4,
        };
        let (lines, per_line) = (height.div_ceil(side), width.div_ceil(side));
        let tasks = images * (lines * per_line).div_ceil(TILES_PER_TASK);
        let tasks_per_image = tasks.next_multiple_of(rayon::current_num_threads()).div_ceil(images);
        let rows = lines.div_ceil(tasks_per_image) * side;
        let outputs = finish.bias.len();
        let row_len = width * outputs;
        for_strips(out, height * row_len, rows * row_len, |image, start, out| {
            let first = image * height * row_len + start;
            let residual = finish.residual.and_then(|all| all.get(first..first + out.len()));
            let finish = Finish { residual, ..finish };
            let strip = Strip { map, image, first_row: start / row_len, points: &self.points, finish, out };
            match self.filtering {
                Filtering::TwoByTwo => strip.run::<F2, 4, 2>(),
                Filtering::FourByFour => strip.run::<F4, 6, 4>(),
            }
        });
    }
}

/// G w Gᵀ for every pair of channels, regrouped by point.
fn transform_weights<T: Transform<POINTS, OUT>, const POINTS: usize, const OUT: usize>(
    inputs: usize,
    outputs: usize,
    weight: &[f32],
) -> Vec<Panels> {
    let transformed = |y: usize, x: usize, input: usize, output: usize| {
        let window = &weight[(output * inputs + input) * 9..][..9];
        let mut sum = 0f64;
        for (i, &gy) in T::WEIGHTS[y].iter().enumerate() {
            for (j, &gx) in T::WEIGHTS[x].iter().enumerate() {
                sum += gy * gx * f64::from(window[i * 3 + j]);
            }
        }
        sum as f32
    };
    let points = (0..POINTS).flat_map(|y| (0..POINTS).map(move |x| (y, x)));
    points.map(|(y, x)| Panels::pack(inputs, outputs, |k, n| transformed(y, x, k, n))).collect()
}

/// Some whole lines of tiles of one image.
struct Strip<'a> {
    map: &'a FeatureMap,
    image: usize,
    first_row: usize,
    points: &'a [Panels],
    finish: Finish<'a>,
    out: &'a mut [f32],
}

impl Strip<'_> {
    fn run<T: Transform<POINTS, OUT>, const POINTS: usize, const OUT: usize>(self) {
        let (width, inputs, outputs) = (self.map.width(), self.map.channels(), self.finish.bias.len());
        let rows = self.out.len() / (width * outputs);
        let tiles = rows.div_ceil(OUT) * width.div_ceil(OUT);
        let points = POINTS * POINTS;
        with_scratch(points * tiles * inputs, |packed| {
            with_scratch(points * tiles * outputs, |products| {
                dispatch(StripOnSimd::<T, POINTS, OUT> {
                    strip: self,
                    tiles,
                    packed,
                    products,
                    transform: std::marker::PhantomData,
                });
            });
        });
    }
}

struct StripOnSimd<'a, T, const POINTS: usize, const OUT: usize> {
    strip: Strip<'a>,
    tiles: usize,
    packed: &'a mut [f32],
    products: &'a mut [f32],
    transform: std::marker::PhantomData<T>,
}

impl<T: Transform<POINTS, OUT>, const POINTS: usize, const OUT: usize> WithSimd for StripOnSimd<'_, T, POINTS, OUT> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        self.transform_map(simd);
        let (inputs, outputs) = (self.strip.map.channels(), self.strip.finish.bias.len());
        let zeros = vec![0.0; outputs];
        let packed = self.packed.chunks_exact(self.tiles * inputs);
        let products = self.products.chunks_exact_mut(self.tiles * outputs);
        for ((weights, packed), products) in self.strip.points.iter().zip(packed).zip(products) {
            multiply_packed(simd, packed, self.tiles, weights, &zeros, products);
        }
        self.transform_back(simd);
    }
}

impl<T: Transform<POINTS, OUT>, const POINTS: usize, const OUT: usize> StripOnSimd<'_, T, POINTS, OUT> {
    /// Bᵀ d B of every tile and channel, written as the packed rows of one product per point.
    #[inline(always)]
    fn transform_map<S: Simd>(&mut self, simd: S) {
        let [_, height, width, channels] = self.strip.map.shape();
        let per_line = width.div_ceil(OUT);
        let (blocks, per_point) = (channels / BLOCK, self.tiles * channels);
        let image = &self.strip.map.values()[self.strip.image * height * width * channels..];
        let zero = simd.splat_f32s(0.0);
        for group in row_groups::<S>(self.tiles) {
            for tile in group.clone() {
                let top = self.strip.first_row + tile / per_line * OUT;
                let left = tile % per_line * OUT;
                let inside = top > 0 && left > 0 && top + POINTS - 1 <= height && left + POINTS - 1 <= width;
                for lane in (0..channels).step_by(S::F32_LANES) {
                    let mut values = [[zero; POINTS]; POINTS];
                    for (i, row) in values.iter_mut().enumerate() {
                        let y = (top + i).wrapping_sub(1);
                        for (j, value) in row.iter_mut().enumerate() {
                            let x = (left + j).wrapping_sub(1);
                            if inside || (y < height && x < width) {
                                *value = vector::<S>(&image[(y * width + x) * channels + lane..]);
                            }
                        }
                    }
                    let values = T::map_tile(simd, values);
                    let (block, within) = (lane / BLOCK, lane % BLOCK);
                    let row = group.start * blocks + block * group.len() + tile - group.start;
                    let mut place = row * BLOCK + within;
                    for value in values.as_flattened() {
                        store::<S>(&mut self.packed[place..], *value);
                        place += per_point;
                    }
                }
            }
        }
    }

    /// Aᵀ m A of every tile and channel, with bias, residual and activation.
    #[inline(always)]
    fn transform_back<S: Simd>(&mut self, simd: S) {
        let (width, outputs) = (self.strip.map.width(), self.strip.finish.bias.len());
        let rows = self.strip.out.len() / (width * outputs);
        let per_line = width.div_ceil(OUT);
        let per_point = self.tiles * outputs;
        for tile in 0..self.tiles {
            let (top, left) = (tile / per_line * OUT, tile % per_line * OUT);
            for lane in (0..outputs).step_by(S::F32_LANES) {
                let mut place = tile * outputs + lane;
                let mut values = [[simd.splat_f32s(0.0); POINTS]; POINTS];
                for value in values.as_flattened_mut() {
                    *value = vector::<S>(&self.products[place..]);
                    place += per_point;
                }
                let bias = vector::<S>(&self.strip.finish.bias[lane..]);
                let values = T::out_tile(simd, values);
                for (y, line) in values.iter().enumerate().take(rows - top) {
                    for (x, &value) in line.iter().enumerate().take(width - left) {
                        let cell = ((top + y) * width + left + x) * outputs + lane;
                        let mut sum = simd.add_f32s(value, bias);
                        if let Some(residual) = self.strip.finish.residual {
                            sum = simd.add_f32s(sum, vector::<S>(&residual[cell..]));
                        }
                        store::<S>(&mut self.strip.out[cell..], sum);
                    }
                }
            }
        }
        self.strip.finish.activation.apply(self.strip.out);
    }
}

/// The first values of a slice; channels are whole blocks, hence whole vectors.
#[inline(always)]
fn vector<S: Simd>(values: &[f32]) -> S::f32s {
    S::as_simd_f32s(&values[..S::F32_LANES]).0[0]
}

#[inline(always)]
fn store<S: Simd>(values: &mut [f32], vector: S::f32s) {
    S::as_mut_simd_f32s(&mut values[..S::F32_LANES]).0[0] = vector;
}
