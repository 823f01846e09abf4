//! Every kernel against the sum that defines it, in double precision, on small maps of awkward sizes.

use super::simd::tests::on_every_machine;
use super::*;

/// Largest absolute difference of a product kernel: its f32 sums have at most 500 terms of size about 1, each rounded
/// within 6e-8 of sums below 40.
const TOLERANCE: f64 = 2e-4;

/// Numbers in [−1, 1) that repeat after 8191.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i + seed) * 7919 % 8191) as f32 / 4095.5 - 1.0).collect()
}

fn map(shape: [usize; 4], seed: usize) -> FeatureMap {
    FeatureMap::new(shape, numbers(shape.iter().product(), seed)).unwrap()
}

fn at(map: &FeatureMap, image: usize, y: isize, x: isize, channel: usize) -> f64 {
    let inside = |i: isize, size: usize| usize::try_from(i).ok().filter(|&i| i < size);
    match inside(y, map.height()).zip(inside(x, map.width())) {
        Some((y, x)) => {
            f64::from(map.values()[((image * map.height() + y) * map.width() + x) * map.channels() + channel])
        }
        None => 0.0,
    }
}

/// The convolution by its definition, before the activation.
fn convolved(map: &FeatureMap, shape: &ConvolutionShape, weight: &[f32], bias: &[f32]) -> Vec<f64> {
    let window = shape.window(map.height(), map.width()).unwrap();
    let [_, inputs, kernel_height, kernel_width] = shape.weight_shape();
    let mut out = Vec::new();
    for image in 0..map.images() {
        for (y, x) in (0..window.out[0]).flat_map(|y| (0..window.out[1]).map(move |x| (y, x))) {
            for output in 0..shape.outputs {
                let mut sum = f64::from(bias[output]);
                for input in 0..inputs {
                    let channel = if shape.depthwise { output } else { input };
                    for (ky, kx) in (0..kernel_height).flat_map(|ky| (0..kernel_width).map(move |kx| (ky, kx))) {
                        let row = (y * shape.stride + ky) as isize - window.lead[0] as isize;
                        let column = (x * shape.stride + kx) as isize - window.lead[1] as isize;
                        let weight = weight[((output * inputs + input) * kernel_height + ky) * kernel_width + kx];
                        sum += f64::from(weight) * at(map, image, row, column, channel);
                    }
                }
                out.push(sum);
            }
        }
    }
    out
}

fn largest_difference(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(&found, expected)| (f64::from(found) - expected).abs()).fold(0.0, f64::max)
}

fn check_convolution(shape: ConvolutionShape, images: [usize; 3]) {
    let workspace = Workspace::new();
    let [count, height, width] = images;
    let input = map([count, height, width, shape.inputs], 3);
    let weight = numbers(shape.weight_shape().iter().product(), 11);
    let bias = numbers(shape.outputs, 5);
    let expected = convolved(&input, &shape, &weight, &bias);
    let layer = Convolution::new(shape, weight, bias, Activation::Relu);
    let relu: Vec<f64> = expected.iter().map(|value| value.max(0.0)).collect();
    let found = layer.apply(&input, None, &workspace);
    let difference = largest_difference(found.values(), &relu);
    assert!(difference < TOLERANCE, "{shape:?} on {images:?}: {difference}");
    let residual = map(found.shape(), 29);
    let sums = expected.iter().zip(residual.values()).map(|(value, &term)| (value + f64::from(term)).max(0.0));
    let found = layer.apply(&input, Some(&residual), &workspace);
    let difference = largest_difference(found.values(), &sums.collect::<Vec<_>>());
    assert!(difference < TOLERANCE, "{shape:?} with a residual on {images:?}: {difference}");
}

fn shape(inputs: usize, outputs: usize, kernel: usize, stride: usize, padding: Padding) -> ConvolutionShape {
    ConvolutionShape { inputs, outputs, kernel: [kernel; 2], stride, padding, depthwise: false }
}

#[test]
fn convolutions_are_their_defining_sums() {
    on_every_machine(|| {
        for (inputs, outputs) in [(1, 5), (3, 32), (24, 40), (16, 16), (33, 50), (300, 17)] {
            check_convolution(shape(inputs, outputs, 1, 1, Padding::Even(0)), [2, 5, 7]);
        }
        for (kernel, stride, padding) in [(3, 2, 1), (7, 2, 3), (4, 4, 0), (1, 2, 0), (2, 2, 0), (5, 1, 2)] {
            for inputs in [1, 3, 16] {
                check_convolution(shape(inputs, 20, kernel, stride, Padding::Even(padding)), [2, 13, 9]);
                check_convolution(shape(inputs, 20, kernel, stride, Padding::Same), [1, 12, 10]);
            }
        }
    });
}

#[test]
fn minimal_filtering_is_the_defining_sum_on_every_size() {
    on_every_machine(|| {
        for (height, width) in [(4, 5), (6, 9), (7, 7), (13, 10), (20, 23), (22, 31)] {
            check_convolution(shape(16, 32, 3, 1, Padding::Even(1)), [2, height, width]);
        }
        check_convolution(shape(32, 16, 3, 1, Padding::Same), [1, 21, 20]);
    });
}

#[test]
fn depthwise_convolutions_are_their_defining_sums() {
    on_every_machine(|| {
        for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2), (7, 1)] {
            for channels in [3, 16, 40] {
                for padding in [Padding::Even(kernel / 2), Padding::Same] {
                    for (height, width) in [(7, 9), (8, 16), (3, 2)] {
                        let shape =
                            ConvolutionShape { depthwise: true, ..shape(channels, channels, kernel, stride, padding) };
                        check_convolution(shape, [2, height, width]);
                    }
                }
            }
        }
    });
}

#[test]
fn same_margins_put_the_odd_zero_last() {
    // TensorFlow: 224 columns, window 3, step 2 need one zero in all; 225 need two.
    assert_eq!(Padding::Same.lead_and_output(224, 3, 2), Some((0, 112)));
    assert_eq!(Padding::Same.lead_and_output(225, 3, 2), Some((1, 113)));
    assert_eq!(Padding::Even(1).lead_and_output(224, 3, 2), Some((1, 112)));
    assert_eq!(Padding::Even(0).lead_and_output(2, 3, 1), None);
}

#[test]
fn a_fused_inverted_residual_has_the_bytes_of_its_layers() {
    on_every_machine(|| {
        let workspace = Workspace::new();
        for (stride, expands) in [(1, true), (2, true), (1, false)] {
            let (channels, inner) = (16, if expands { 96 } else { 16 });
            let layer = |shape: ConvolutionShape, activation, seed| {
                let weight = numbers(shape.weight_shape().iter().product(), seed);
                Convolution::new(shape, weight, numbers(shape.outputs, seed + 1), activation)
            };
            let expand = layer(ConvolutionShape::linear(channels, inner), Activation::Relu6, 2);
            let window = ConvolutionShape { depthwise: true, ..shape(inner, inner, 3, stride, Padding::Even(1)) };
            let spread = layer(window, Activation::Relu6, 9);
            let project = layer(ConvolutionShape::linear(inner, channels), Activation::None, 4);
            let side = if expands { 61 } else { 140 };
            let input = map([2, side, side - 2, channels], 8);
            let residual = stride == 1;
            let expand = expands.then_some(&expand);
            let fused = inverted_residual(expand, &spread, &project, &input, residual, &workspace);
            let wide = expand.map(|expand| expand.apply(&input, None, &workspace));
            let middle = spread.apply(wide.as_ref().unwrap_or(&input), None, &workspace);
            let expected = project.apply(&middle, residual.then_some(&input), &workspace);
            let bits = |map: &FeatureMap| map.values().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert!(bits(&fused) == bits(&expected), "stride {stride}, expansion {expands}");
        }
    });
}

#[test]
fn pools_take_the_largest_and_the_mean() {
    let workspace = Workspace::new();
    let input = map([2, 7, 6, 5], 1);
    let pooled = max_pool(&input, MaxPool { kernel: 3, stride: 2, padding: 1 }, &workspace);
    assert_eq!(pooled.shape(), [2, 4, 3, 5]);
    for (index, &found) in pooled.values().iter().enumerate() {
        let (channel, x, y, image) = (index % 5, index / 5 % 3, index / 15 % 4, index / 60);
        let taps = (0..3).flat_map(|ky| (0..3).map(move |kx| (2 * y as isize + ky - 1, 2 * x as isize + kx - 1)));
        let inside = taps.filter(|&(y, x)| (0..7).contains(&y) && (0..6).contains(&x));
        let expected = inside.map(|(y, x)| at(&input, image, y, x, channel)).fold(f64::MIN, f64::max);
        assert_eq!(f64::from(found), expected);
    }
    let means = channel_means(&input, &workspace);
    for (index, &found) in means.values().iter().enumerate() {
        let positions = (0..7).flat_map(|y| (0..6).map(move |x| (y, x)));
        let sum: f64 = positions.map(|(y, x)| at(&input, index / 5, y, x, index % 5)).sum();
        assert!((f64::from(found) - sum / 42.0).abs() < 1e-6);
    }
}

#[test]
fn layer_norm_centres_and_scales_every_position() {
    on_every_machine(|| {
        let input = map([1, 3, 2, 35], 6);
        let (scale, shift) = (numbers(35, 1), numbers(35, 2));
        let found = LayerNorm::new(scale.clone(), shift.clone()).apply(&input, &Workspace::new());
        for (found, values) in found.values().chunks(35).zip(input.values().chunks(35)) {
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / 35.0;
            let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / 35.0;
            for channel in 0..35 {
                let centred = (f64::from(values[channel]) - mean) / (variance + 1e-6).sqrt();
                let expected = centred * f64::from(scale[channel]) + f64::from(shift[channel]);
                assert!((f64::from(found[channel]) - expected).abs() < 1e-5);
            }
        }
    });
}

#[test]
fn attention_averages_values_by_softmax() {
    on_every_machine(|| {
        let (tokens, heads, depth) = (21, 2, 8);
        let qkv = map([2, tokens, 1, 3 * heads * depth], 4);
        let found = attention(&qkv, heads, &Workspace::new());
        let part = |image, token: usize, part, head, d| {
            at(&qkv, image, token as isize, 0, part * heads * depth + head * depth + d)
        };
        for (index, &found) in found.values().iter().enumerate() {
            let (d, head) = (index % depth, index / depth % heads);
            let (token, image) = (index / (depth * heads) % tokens, index / (depth * heads * tokens));
            let score = |other| {
                let dot: f64 =
                    (0..depth).map(|d| part(image, token, 0, head, d) * part(image, other, 1, head, d)).sum();
                (dot / (depth as f64).sqrt()).exp()
            };
            let total: f64 = (0..tokens).map(score).sum();
            let expected: f64 = (0..tokens).map(|other| score(other) / total * part(image, other, 2, head, d)).sum();
            assert!((f64::from(found) - expected).abs() < 1e-5, "{found} {expected}");
        }
    });
}

#[test]
fn curved_activations_follow_their_formulas() {
    // Python, math.erf and math.exp: x, gelu(x), silu(x), sigmoid(x).
    let known = [
        (-6.0f32, -5.919_526_e-9f64, -0.014_835_738_94, 0.002_472_623_157),
        (-1.5, -0.100_210_802_3, -0.273_638_284_1, 0.182_425_522_8),
        (-0.1, -0.046_017_216_27, -0.047_502_081_25, 0.475_020_812_5),
        (0.0, 0.0, 0.0, 0.5),
        (0.7, 0.530_625_443_1, 0.467_731_641_5, 0.668_187_772_2),
        (3.0, 2.995_950_305_9, 2.857_722_380_5, 0.952_574_126_8),
        (20.0, 20.0, 19.999_999_958_8, 0.999_999_997_9),
    ];
    for (x, gelu, silu, sigmoid) in known {
        for (activation, expected) in
            [(Activation::Gelu, gelu), (Activation::Silu, silu), (Activation::Sigmoid, sigmoid)]
        {
            let mut value = [x];
            activation.apply(&mut value);
            assert!((f64::from(value[0]) - expected).abs() < 2e-6, "{activation:?}({x}): {} {expected}", value[0]);
        }
    }
    let mut clipped = [-1.0, 3.0, 7.0];
    Activation::Relu6.apply(&mut clipped);
    assert_eq!(clipped, [0.0, 3.0, 6.0]);
}
