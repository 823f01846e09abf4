use std::collections::BTreeMap;
use std::ops::Range;

use super::super::convolution::{Grid, TAPS};
use super::depthwise::{self, for_each_tap};
use super::layers::{Block, Convolution, Kind, mobilenet_v2};
use super::parameters::Layout;
use super::product::{Matrix, product};
use super::vectors::{add, add_bias, clip, sum_rows};

/// A MobileNetV2 whose every convolution can be trained; its parameters live in a flat vector laid out by [`Layout`].
///
/// The forward and backward passes are written out instead of left to candle's graph: that graph zeroes and re-adds every
/// intermediate gradient and threads its products, which costs several times the arithmetic of these small maps.
#[derive(Debug, Clone)]
pub(in crate::embed) struct Backbone {
    blocks: Vec<Block>,
    ranges: Vec<[Range<usize>; 2]>,
}

/// The maps of one forward pass, kept for the backward pass; reused from one pass to the next.
#[derive(Debug, Default)]
pub(in crate::embed) struct Workspace {
    grids: Vec<Grid>,
    maps: Vec<Vec<f32>>,
    patches: Vec<f32>,
    slopes: [Vec<f32>; 3],
}

impl Backbone {
    /// The first `blocks` blocks of the network, their parameters added to `layout`.
    pub fn new(channels: usize, blocks: usize, layout: &mut Layout) -> Self {
        let mut all = mobilenet_v2(channels);
        all.truncate(blocks);
        let layers = all.iter().flat_map(|block| &block.layers);
        let ranges = layers.map(|layer| layout.add(&layer.name, &layer.weight_shape(), true)).collect();
        Self { blocks: all, ranges }
    }

    /// Runs the network on `images` (channels last, in [−1, 1]); every map stays in `space`.
    pub fn forward(&self, parameters: &[f32], images: &[f32], grid: Grid, space: &mut Workspace) {
        let n_layers = self.ranges.len();
        space.maps.resize_with(n_layers + 1, Vec::new);
        space.grids.clear();
        space.grids.push(grid);
        copy(images, &mut space.maps[0]);
        let mut at = 0;
        for block in &self.blocks {
            let start = at;
            for layer in &block.layers {
                let [weight, bias] = self.ranges[at].clone().map(|range| &parameters[range]);
                let grid = space.grids[at];
                let out = layer.output(grid);
                let (before, after) = space.maps.split_at_mut(at + 1);
                let (map, result) = (before[at].as_slice(), &mut after[0]);
                result.resize(out.pixels() * out.channels, 0.0);
                convolve(layer, grid, map, weight, &mut space.patches, result);
                add_bias(result, bias, layer.clipped);
                space.grids.push(out);
                at += 1;
            }
            if block.residual {
                let (before, after) = space.maps.split_at_mut(at);
                add(&mut after[0], &before[start]);
            }
        }
    }

    /// The map after a block and its shape, from the last forward pass.
    pub fn after<'a>(&self, block: usize, space: &'a Workspace) -> (&'a [f32], Grid) {
        let at = self.blocks.iter().take(block + 1).map(|block| block.layers.len()).sum::<usize>();
        (&space.maps[at], space.grids[at])
    }

    /// The gradient of the parameters, written to `gradient`, from the gradients of the maps after some blocks, the last
    /// block's among them.
    pub fn backward(
        &self,
        parameters: &[f32],
        space: &mut Workspace,
        mut after: BTreeMap<usize, Vec<f32>>,
        gradient: &mut [f32],
    ) {
        let [mut slope, mut map_slope, mut skipped] = std::mem::take(&mut space.slopes);
        slope.clear();
        let mut at = self.ranges.len();
        for (index, block) in self.blocks.iter().enumerate().rev() {
            match after.remove(&index) {
                Some(own) if slope.is_empty() => slope = own,
                Some(own) => add(&mut slope, &own),
                None => {}
            }
            if block.residual {
                copy(&slope, &mut skipped);
            }
            for layer in block.layers.iter().rev() {
                at -= 1;
                let [weight, bias] = self.ranges[at].clone();
                let (grid, map, output) = (space.grids[at], &space.maps[at], &space.maps[at + 1]);
                if layer.clipped {
                    clip(&mut slope, output);
                }
                sum_rows(&slope, &mut gradient[bias]);
                let wanted = if at == 0 { 0 } else { grid.pixels() * grid.channels };
                map_slope.resize(wanted, 0.0);
                let (kernel, kernel_slope) = (&parameters[weight.clone()], &mut gradient[weight]);
                spread(layer, grid, (map, &space.patches), kernel, &slope, (&mut map_slope, kernel_slope));
                std::mem::swap(&mut slope, &mut map_slope);
            }
            if block.residual {
                add(&mut slope, &skipped);
            }
        }
        space.slopes = [slope, map_slope, skipped];
    }
}

fn copy(values: &[f32], into: &mut Vec<f32>) {
    into.clear();
    into.extend_from_slice(values);
}

/// Writes the convolution of a map without bias; a full one leaves its neighbourhoods in `patches`.
fn convolve(layer: &Convolution, grid: Grid, map: &[f32], weight: &[f32], patches: &mut Vec<f32>, out: &mut [f32]) {
    let pixels = layer.output(grid).pixels();
    let kernel = |inputs| Matrix::new(weight, layer.outputs, inputs).transposed();
    match layer.kind {
        Kind::Pointwise => product(out, Matrix::new(map, pixels, layer.inputs), kernel(layer.inputs)),
        Kind::Depthwise => depthwise::forward(layer, grid, map, weight, out),
        Kind::Full => {
            gather(layer, grid, map, patches);
            product(out, Matrix::new(patches, pixels, TAPS * layer.inputs), kernel(TAPS * layer.inputs));
        }
    }
}

/// The gradients of map and weight; that of the map is not written when its slice is empty (the first layer).
fn spread(
    layer: &Convolution,
    grid: Grid,
    (map, patches): (&[f32], &[f32]),
    weight: &[f32],
    slope: &[f32],
    (map_slope, weight_slope): (&mut [f32], &mut [f32]),
) {
    let pixels = layer.output(grid).pixels();
    let slopes = Matrix::new(slope, pixels, layer.outputs);
    match layer.kind {
        Kind::Pointwise => {
            product(weight_slope, slopes.transposed(), Matrix::new(map, pixels, layer.inputs));
            product(map_slope, slopes, Matrix::new(weight, layer.outputs, layer.inputs));
        }
        Kind::Depthwise => depthwise::backward(layer, grid, map, weight, slope, map_slope, weight_slope),
        Kind::Full => product(weight_slope, slopes.transposed(), Matrix::new(patches, pixels, TAPS * layer.inputs)),
    }
}

/// The 3 × 3 neighbourhoods of a map with SAME padding: one row per output pixel, channel by channel, tap by tap.
fn gather(layer: &Convolution, grid: Grid, map: &[f32], patches: &mut Vec<f32>) {
    let (channels, out) = (grid.channels, layer.output(grid));
    patches.clear();
    patches.resize(out.pixels() * TAPS * channels, 0.0);
    for_each_tap(grid, out, layer.stride, |pixel, tap, source| {
        let row = &mut patches[pixel * TAPS * channels..(pixel + 1) * TAPS * channels];
        let colours = &map[source * channels..(source + 1) * channels];
        row.iter_mut().skip(tap).step_by(TAPS).zip(colours).for_each(|(cell, value)| *cell = *value);
    });
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    #[ignore]
    fn time() {
        let mut layout = Layout::default();
        let backbone = Backbone::new(1, 19, &mut layout);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let parameters = layout.draw(&mut rng);
        for images in [1, 2, 4, 8] {
            let grid = Grid { images, rows: 128, columns: 128, channels: 1 };
            let pixels: Vec<f32> = (0..grid.pixels()).map(|_| rng.random::<f32>() * 2.0 - 1.0).collect();
            let mut space = Workspace::default();
            let mut gradient = vec![0.0; layout.len()];
            let (mut forward, mut all) = (f64::MAX, f64::MAX);
            let now = || {
                let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
                stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
            };
            for _ in 0..8 {
                let start = now();
                backbone.forward(&parameters, &pixels, grid, &mut space);
                let half = (now() - start) / images as f64;
                let top = backbone.after(18, &space).0.to_vec();
                backbone.backward(&parameters, &mut space, [(18, top)].into(), &mut gradient);
                let whole = (now() - start) / images as f64;
                (forward, all) = (forward.min(half), all.min(whole));
            }
            println!("{images} images: forward {forward:.2} ms, with backward {all:.2} ms per image");
        }
    }
}

#[cfg(test)]
mod profile {
    use super::*;
    #[test]
    #[ignore]
    fn kinds() {
        let now = || {
            let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
            stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
        };
        let images = 4;
        let mut grid = Grid { images, rows: 128, columns: 128, channels: 1 };
        let mut patches = Vec::new();
        let mut sums = [0f64; 8];
        for layer in mobilenet_v2(1).iter().flat_map(|b| &b.layers) {
            let out = layer.output(grid);
            let map = vec![0.5f32; grid.pixels() * grid.channels];
            let weight = vec![0.01f32; layer.weight_shape().iter().product()];
            let mut y = vec![0f32; out.pixels() * out.channels];
            let bias = vec![0.0; layer.outputs];
            let mut best = [f64::MAX; 4];
            for _ in 0..5 {
                let t = now();
                convolve(layer, grid, &map, &weight, &mut patches, &mut y);
                best[0] = best[0].min(now() - t);
                let t = now();
                add_bias(&mut y, &bias, layer.clipped);
                best[1] = best[1].min(now() - t);
                let mut slope = vec![0.1f32; y.len()];
                let mut bs = vec![0.0; layer.outputs];
                let t = now();
                clip(&mut slope, &y);
                sum_rows(&slope, &mut bs);
                best[2] = best[2].min(now() - t);
                let mut ms = vec![0.0; if layer.kind == Kind::Full { 0 } else { map.len() }];
                let mut ws = weight.clone();
                let t = now();
                spread(layer, grid, (&map, &patches), &weight, &slope, (&mut ms, &mut ws));
                best[3] = best[3].min(now() - t);
            }
            let mac = out.pixels() * layer.weight_shape().iter().product::<usize>()
                / if layer.kind == Kind::Depthwise { 1 } else { 1 };
            println!(
                "{:24} {:?} {}x{} {}->{} s{} fwd {:.3} bias {:.3} clip {:.3} bwd {:.3} ms/image; GMAC/s fwd {:.1} bwd {:.1}",
                layer.name,
                layer.kind,
                out.rows,
                out.columns,
                layer.inputs,
                layer.outputs,
                layer.stride,
                best[0] / 4.0,
                best[1] / 4.0,
                best[2] / 4.0,
                best[3] / 4.0,
                mac as f64 / best[0] / 1e6,
                2.0 * mac as f64 / best[3] / 1e6
            );
            let k = if layer.kind == Kind::Depthwise { 4 } else { 0 };
            for i in 0..4 {
                sums[k + i] += best[i] / 4.0;
            }
            grid = out;
        }
        println!("dense fwd bias clip bwd {:?}\ndepthwise {:?}", &sums[..4], &sums[4..]);
    }
}
