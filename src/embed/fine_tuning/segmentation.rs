use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};
use rand_chacha::ChaCha8Rng;

use crate::imaging::{Prepared, Raster, WholeFrame};

use super::super::Error;
use super::super::augment::Change;
use super::super::convolution::Grid;
use super::super::localiser::{Localiser, mean_dice};
use super::super::samples::Sample;
use super::super::spec::EncoderSpec;
use super::backbone::{Backbone, Workspace};
use super::decoder::{Decoder, SKIPS};
use super::network::{channels_last, normalised};
use super::parameters::Layout;
use super::training::{Objective, Pass};

/// Blocks of the backbone below the decoder.
const BLOCKS: usize = 18;

/// Added to both parts of a soft Dice coefficient, in pixels: an empty mask has one too.
const SMOOTH: f64 = 1.0;

/// Learning which pixels are lesion.
#[derive(Debug)]
pub(in crate::embed) struct Segmentation {
    decoder: Decoder,
}

impl Objective for Segmentation {
    const BLOCKS: usize = BLOCKS;

    /// The share of the batch that each image of the chunk is.
    type Targets = f64;

    fn new(_spec: &EncoderSpec, _samples: &[&Sample], layout: &mut Layout) -> Self {
        Self { decoder: Decoder::new(layout) }
    }

    fn targets(&self, chunks: &[Vec<Vec<&Sample>>]) -> Vec<f64> {
        let images: usize = chunks.iter().flatten().map(Vec::len).sum();
        vec![1.0 / images.max(1) as f64; chunks.len()]
    }

    fn loss(
        &self,
        pass: &mut Pass<'_>,
        images: &[&Sample],
        share: f64,
        rng: &mut ChaCha8Rng,
    ) -> Result<(f64, BTreeMap<usize, Vec<f32>>), Error> {
        let (mut pixels, mut truth) = (Vec::new(), Vec::new());
        for sample in images {
            let image = &sample.prepared;
            let change = Change::draw(&pass.spec.augment, (image.height, image.width), rng);
            pixels.extend(change.appearance(image, &pass.spec.augment, rng));
            truth.extend(quarter(&change.moved(&square_mask(sample)), image.width));
        }
        pass.forward(pixels);
        let skips = Decoder::skips(pass.backbone, pass.space)?;
        let variables = self.decoder.variables(pass.layout, pass.parameters)?;
        let (logits, grid) = Decoder::logits(&variables, &skips)?;
        let (loss, slope) = mask_loss(&logits.to_vec1::<f32>()?, &truth, grid, share);
        // The gradient of `Σ slope × logits` is that of the loss: candle carries it back through the decoder.
        let slope = Tensor::from_vec(slope, grid.pixels(), &Device::Cpu)?;
        let slopes = (logits * slope)?.sum_all()?.backward()?;
        self.decoder.collect(pass.layout, &variables, &slopes, pass.gradient)?;
        let of = |skip: &Var| -> Result<Vec<f32>, Error> {
            let slope = slopes.get(skip.as_tensor());
            let slope = slope.ok_or_else(|| candle_core::Error::Msg("a map without a gradient".to_owned()))?;
            Ok(slope.flatten_all()?.to_vec1::<f32>()?)
        };
        let maps = SKIPS.iter().zip(&skips).map(|((block, _), (skip, _))| Ok((*block, of(skip)?)));
        Ok((loss, maps.collect::<Result<_, Error>>()?))
    }

    fn validate(spec: &EncoderSpec, parameters: &[f32], samples: &[&Sample]) -> Result<f64, Error> {
        let network = SegmentationNetwork::new(spec, parameters.to_vec());
        mean_dice(&Localiser::from_network(spec, network)?, samples)
    }
}

/// The lesion of a sample in the square that the network sees, 0 to 1; empty without a mask.
fn square_mask(sample: &Sample) -> Prepared {
    let side = sample.prepared.width;
    match &sample.mask {
        Some(mask) => WholeFrame { rows: mask.rows, columns: mask.columns, side }.square(&mask.raster()),
        None => Prepared { channels: 1, height: side, width: side, pixels: vec![0.0; side * side] },
    }
}

/// The means of the 4 × 4 blocks of a square image.
fn quarter(pixels: &[f32], side: usize) -> Vec<f32> {
    let small = side / 4;
    let mut out = vec![0.0; small * small];
    for (row, line) in pixels.chunks_exact(side).enumerate().take(4 * small) {
        for (column, four) in line.chunks_exact(4).enumerate() {
            if let Some(cell) = out.get_mut(row / 4 * small + column) {
                *cell += four.iter().sum::<f32>() / 16.0;
            }
        }
    }
    out
}

/// The loss of mask logits and its gradient: per image mean binary cross-entropy plus 1 − soft Dice, times `share`.
///
/// Cross-entropy is `max(z, 0) − z t + ln(1 + e^−|z|)`, exact for any finite logit.
///
/// # Source
/// Milletari et al., V-Net, 3DV 2016 (soft Dice, here with plain sums in the denominator).
fn mask_loss(logits: &[f32], truth: &[f32], grid: Grid, share: f64) -> (f64, Vec<f32>) {
    let pixels = grid.rows * grid.columns;
    let (mut loss, mut slopes) = (0.0, Vec::with_capacity(logits.len()));
    for (logits, truth) in logits.chunks_exact(pixels).zip(truth.chunks_exact(pixels)) {
        let (mut entropy, mut both, mut either) = (0.0, 0.0, 0.0);
        let mut probabilities = Vec::with_capacity(pixels);
        for (&z, &t) in logits.iter().zip(truth) {
            let (z, t) = (f64::from(z), f64::from(t));
            let p = 1.0 / (1.0 + (-z).exp());
            entropy += z.max(0.0) - z * t + (-z.abs()).exp().ln_1p();
            both += p * t;
            either += p + t;
            probabilities.push(p);
        }
        let (above, below) = (2.0 * both + SMOOTH, either + SMOOTH);
        loss += share * (entropy / pixels as f64 + 1.0 - above / below);
        for (p, &t) in probabilities.into_iter().zip(truth) {
            let t = f64::from(t);
            let dice = (2.0 * t * below - above) / (below * below);
            slopes.push((share * ((p - t) / pixels as f64 - dice * p * (1.0 - p))) as f32);
        }
    }
    (loss, slopes)
}

/// A trained segmentation network.
#[derive(Debug, Clone)]
pub(in crate::embed) struct SegmentationNetwork {
    layout: Layout,
    backbone: Backbone,
    decoder: Decoder,
    parameters: Vec<f32>,
    mirror: bool,
}

impl SegmentationNetwork {
    /// The network of a specification with these parameters.
    pub fn new(spec: &EncoderSpec, parameters: Vec<f32>) -> Self {
        let mut layout = Layout::default();
        let backbone = Backbone::new(spec.input_shape()[0], BLOCKS, &mut layout);
        let decoder = Decoder::new(&mut layout);
        let parameters = super::tensors::halved(parameters);
        Self { layout, backbone, decoder, parameters, mirror: spec.fine_tuning.mirror }
    }

    /// The probability of lesion, one value per 4 × 4 pixels; with `mirror` the mean over the image and its mirror image.
    pub fn probabilities(&self, image: &Prepared) -> Result<Raster, Error> {
        let sides: &[bool] = if self.mirror { &[false, true] } else { &[false] };
        let grid = Grid { images: 1, rows: image.height, columns: image.width, channels: image.channels };
        let variables = self.decoder.variables(&self.layout, &self.parameters)?;
        let mut space = Workspace::default();
        let (rows, columns) = (image.height / 4, image.width / 4);
        let mut sum = Raster::filled(rows, columns, 1, 0.0);
        for &side in sides {
            let pixels = normalised(channels_last(image, side));
            self.backbone.forward(&self.parameters, &pixels, grid, &mut space);
            let (logits, _) = Decoder::logits(&variables, &Decoder::skips(&self.backbone, &space)?)?;
            let own = logits.to_vec1::<f32>()?.into_iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
            let own = Raster { rows, columns, channels: 1, pixels: own };
            let own = if side { own.mirrored() } else { own };
            sum.pixels.iter_mut().zip(own.pixels).for_each(|(sum, p)| *sum += p / sides.len() as f32);
        }
        Ok(sum)
    }

    /// The weights file.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        super::tensors::weights_bytes(&self.layout, &self.parameters)
    }

    /// Reads a weights file of this specification.
    pub fn read(model: &str, spec: &EncoderSpec, bytes: &[u8]) -> Result<Self, Error> {
        let mut network = Self::new(spec, Vec::new());
        let stored = safetensors::SafeTensors::deserialize(bytes)?;
        network.parameters = super::tensors::read_tensors(model, &network.layout, "", &stored)?;
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_of_the_mask_loss_agrees_with_finite_differences() {
        let grid = Grid { images: 2, rows: 3, columns: 4, channels: 1 };
        let logits: Vec<f32> = (0..24).map(|i| 3.0 * (i as f32 * 1.7).sin()).collect();
        let truth: Vec<f32> = (0..24).map(|i| ((i % 5) as f32 / 4.0).min(1.0)).collect();
        let (_, slopes) = mask_loss(&logits, &truth, grid, 0.5);
        for at in 0..24 {
            let shifted = |by: f32| {
                let mut logits = logits.clone();
                logits[at] += by;
                mask_loss(&logits, &truth, grid, 0.5).0
            };
            let expected = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
            // Central differences of step 1e-2 are off by the third derivative times 2e-5.
            assert!((f64::from(slopes[at]) - expected).abs() < 2e-5, "{at}: {} {expected}", slopes[at]);
        }
    }

    #[test]
    fn a_perfect_mask_costs_nothing_and_a_large_logit_is_finite() {
        let grid = Grid { images: 1, rows: 1, columns: 2, channels: 1 };
        assert!(mask_loss(&[200.0, -200.0], &[1.0, 0.0], grid, 1.0).0.abs() < 1e-9);
        let (loss, slopes) = mask_loss(&[200.0, -200.0], &[0.0, 1.0], grid, 1.0);
        // Cross-entropy 200; the soft Dice coefficient is (0 + 1) / (2 + 1).
        assert!((loss - 200.0 - 2.0 / 3.0).abs() < 1e-9 && slopes.iter().all(|s| s.is_finite()));
    }

    #[test]
    fn quarters_are_means_of_sixteen_pixels() {
        let pixels: Vec<f32> = (0..64).map(|i| i as f32).collect();
        // Rows 0 to 3 and columns 0 to 3 of an 8 × 8 ramp: mean of 8 r + c is 8 × 1.5 + 1.5.
        assert_eq!(quarter(&pixels, 8), [13.5, 17.5, 45.5, 49.5]);
    }
}
