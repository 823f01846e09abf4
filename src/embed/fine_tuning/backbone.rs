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
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Reference {
        rows: usize,
        columns: usize,
        features: Vec<f64>,
        after_block_3: [f64; 2],
        gradients: BTreeMap<String, [f64; 2]>,
    }

    /// The parameters that the reference script also makes: sines scaled to each layer's inputs.
    fn parameters(layout: &Layout) -> Vec<f32> {
        let mut values = vec![0.0; layout.len()];
        for (number, slot) in layout.slots.iter().enumerate() {
            let inputs: usize = slot.shape.iter().skip(1).product();
            let spread = if slot.decayed { (4.0 / inputs as f64).sqrt() } else { 0.1 };
            for (i, cell) in values[slot.range.clone()].iter_mut().enumerate() {
                *cell = (spread * (0.7 * i as f64 + 0.3 * (i / 7) as f64 + number as f64).sin()) as f32;
            }
        }
        values
    }

    #[test]
    fn maps_and_gradients_are_those_of_pytorch() {
        let reference: Reference =
            serde_json::from_str(include_str!("../../../tests/reference/mobilenet_v2_gradient.json")).unwrap();
        let mut layout = Layout::default();
        let backbone = Backbone::new(3, 19, &mut layout);
        let parameters = parameters(&layout);
        let grid = Grid { images: 2, rows: reference.rows, columns: reference.columns, channels: 3 };
        let images: Vec<f32> = (0..grid.pixels() * 3).map(|i| (0.37 * i as f64).cos() as f32).collect();
        let mut space = Workspace::default();
        // Twice, so that a workspace that has been used is tested too.
        for _ in 0..2 {
            backbone.forward(&parameters, &images, grid, &mut space);
            let (map, top) = backbone.after(18, &space);
            let pixels = top.rows * top.columns;
            let largest = reference.features.iter().fold(0.0f64, |a, b| a.max(b.abs()));
            for (k, expected) in reference.features.iter().enumerate() {
                // The features of the first image, every tenth channel.
                let channel = map.iter().skip(10 * k).step_by(top.channels).take(pixels);
                let mean = channel.map(|&v| f64::from(v)).sum::<f64>() / pixels as f64;
                // f32 sums over 53 layers in another order.
                assert!((mean - expected).abs() < 1e-4 * largest, "feature {k}: {mean} {expected}");
            }
            let (skip, skip_grid) = backbone.after(3, &space);
            let skip_slope: Vec<f32> = (0..skip.len()).map(|i| ((0.11 * i as f64).sin() * 0.01) as f32).collect();
            let sums = |values: &[f32]| {
                let weighted = values.iter().enumerate().map(|(i, &v)| f64::from(v) * (0.01 * i as f64).cos());
                [values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt(), weighted.sum()]
            };
            let found = sums(skip);
            assert!((found[0] / reference.after_block_3[0] - 1.0).abs() < 1e-5 && skip_grid.channels == 24);
            let slope: Vec<f32> =
                (0..map.len()).map(|i| ((i % top.channels) as f64).cos() as f32 / pixels as f32).collect();
            let mut gradient = vec![f32::NAN; layout.len()];
            let slopes = BTreeMap::from([(18, slope), (3, skip_slope)]);
            backbone.backward(&parameters, &mut space, slopes, &mut gradient);
            for slot in &layout.slots {
                let [length, weighted] = sums(&gradient[slot.range.clone()]);
                let [their_length, their_weighted] = reference.gradients[&slot.name];
                assert!((length / their_length - 1.0).abs() < 1e-3, "{}: {length} {their_length}", slot.name);
                assert!(
                    (weighted - their_weighted).abs() < 1e-3 * their_length * 3.0,
                    "{}: {weighted} {their_weighted}",
                    slot.name
                );
            }
        }
    }

    /// Speed of this machine's one thread; run with `--ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn milliseconds_per_image() {
        let mut layout = Layout::default();
        let backbone = Backbone::new(1, 19, &mut layout);
        let parameters = parameters(&layout);
        for images in [1, 4, 8] {
            let grid = Grid { images, rows: 128, columns: 128, channels: 1 };
            let pixels: Vec<f32> = (0..grid.pixels()).map(|i| (0.37 * i as f64).cos() as f32).collect();
            let (mut space, mut gradient) = (Workspace::default(), vec![0.0; layout.len()]);
            let (mut forward, mut all) = (f64::MAX, f64::MAX);
            for _ in 0..10 {
                let start = std::time::Instant::now();
                backbone.forward(&parameters, &pixels, grid, &mut space);
                forward = forward.min(start.elapsed().as_secs_f64());
                let top = backbone.after(18, &space).0.to_vec();
                backbone.backward(&parameters, &mut space, [(18, top)].into(), &mut gradient);
                all = all.min(start.elapsed().as_secs_f64());
            }
            let per = 1e3 / images as f64;
            println!(
                "{images} images of 128 x 128: forward {:.2} ms, with backward {:.2} ms each",
                forward * per,
                all * per
            );
        }
    }
}
