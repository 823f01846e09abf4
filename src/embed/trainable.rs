use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor, Var};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::batch_norm::{EPSILON, Moments, batch_norm};
use super::convolution::Grid;
use super::network::{FoldedNetwork, Layer, Linear, features, layers};

/// How far the running moments move with each batch.
const MOMENT_STEP: f64 = 0.1;

/// The network in training: variables with gradients, and running moments for every normalised layer.
#[derive(Debug)]
pub(super) struct TrainableNetwork {
    layers: Vec<Layer>,
    weights: BTreeMap<String, Var>,
    gains: BTreeMap<String, Var>,
    biases: BTreeMap<String, Var>,
    running: BTreeMap<String, Moments>,
}

impl TrainableNetwork {
    /// A network with weights drawn from N(0, 2 / inputs), gains 1 and biases 0.
    ///
    /// # Source
    /// He et al., Delving deep into rectifiers, ICCV 2015.
    pub fn new(in_channels: usize, embedding_dim: usize, classes: usize, rng: &mut ChaCha8Rng) -> Result<Self> {
        let layers = layers(in_channels, embedding_dim, classes);
        let (mut weights, mut gains, mut biases) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut running = BTreeMap::new();
        for layer in &layers {
            let gain: f64 = if layer.normalised { 2.0 } else { 1.0 };
            let spread = (gain / layer.inputs as f64).sqrt();
            let draws = (0..layer.inputs * layer.outputs).map(|_| (spread * normal(rng)) as f32).collect::<Vec<f32>>();
            weights.insert(layer.name.clone(), Var::from_vec(draws, (layer.inputs, layer.outputs), &Device::Cpu)?);
            biases.insert(layer.name.clone(), Var::from_vec(vec![0f32; layer.outputs], layer.outputs, &Device::Cpu)?);
            if layer.normalised {
                let gain = vec![1f32; layer.outputs];
                gains.insert(layer.name.clone(), Var::from_vec(gain, layer.outputs, &Device::Cpu)?);
                running.insert(layer.name.clone(), Moments::unit(layer.outputs));
            }
        }
        Ok(Self { layers, weights, gains, biases, running })
    }

    /// The variables that weight decay pulls towards zero: the kernels, in name order.
    pub fn decayed(&self) -> Vec<Var> {
        self.weights.values().cloned().collect()
    }

    /// The variables without weight decay: gains and biases, in name order.
    pub fn undecayed(&self) -> Vec<Var> {
        self.gains.values().chain(self.biases.values()).cloned().collect()
    }

    /// Class logits of one training batch of channel-last pixels; moves the running moments.
    ///
    /// `mask` multiplies the activated embedding: a dropout mask already scaled, `[images, embedding_dim]`.
    pub fn logits(&mut self, pixels: Vec<f32>, grid: Grid, mask: Option<&Tensor>) -> Result<Tensor> {
        let images = Tensor::from_vec(pixels, (grid.pixels(), grid.channels), &Device::Cpu)?;
        let (weights, gains, biases) = (&self.weights, &self.gains, &self.biases);
        let running = &mut self.running;
        let pooled = features(&images, grid, |name, matrix| {
            let map = matrix.matmul(named(weights, name)?)?;
            let (map, batch) = batch_norm(&map, named(gains, name)?, named(biases, name)?)?;
            if let Some(moments) = running.get_mut(name) {
                moments.follow(&batch, MOMENT_STEP);
            }
            Ok(map)
        })?;
        let linear =
            |name: &str, input: &Tensor| input.matmul(named(weights, name)?)?.broadcast_add(named(biases, name)?);
        let mut embedding = linear("embedding", &pooled)?.relu()?;
        if let Some(mask) = mask {
            embedding = (embedding * mask)?;
        }
        linear("head", &embedding)
    }

    /// The same function at the running moments, as plain weights and biases detached from the variables:
    /// `w' = w g / sd`, `b' = b − mean g / sd`.
    pub fn folded(&self) -> Result<FoldedNetwork> {
        let mut folded = BTreeMap::new();
        for layer in &self.layers {
            let name = layer.name.as_str();
            let mut weight = named(&self.weights, name)?.flatten_all()?.to_vec1::<f32>()?;
            let mut bias = named(&self.biases, name)?.to_vec1::<f32>()?;
            if let (Some(gain), Some(moments)) = (self.gains.get(name), self.running.get(name)) {
                let gain = gain.to_vec1::<f32>()?;
                let spread = moments.variance.iter().map(|v| (v + EPSILON).sqrt());
                let scale: Vec<f64> = gain.iter().zip(spread).map(|(&g, sd)| f64::from(g) / sd).collect();
                for row in weight.chunks_exact_mut(layer.outputs) {
                    row.iter_mut().zip(&scale).for_each(|(w, s)| *w = (f64::from(*w) * s) as f32);
                }
                for ((b, s), m) in bias.iter_mut().zip(&scale).zip(&moments.mean) {
                    *b = (f64::from(*b) - m * s) as f32;
                }
            }
            let weight = Tensor::from_vec(weight, (layer.inputs, layer.outputs), &Device::Cpu)?;
            let bias = Tensor::from_vec(bias, layer.outputs, &Device::Cpu)?;
            folded.insert(layer.name.clone(), Linear { weight, bias });
        }
        Ok(FoldedNetwork { layers: folded })
    }
}

fn named<'a>(vars: &'a BTreeMap<String, Var>, name: &str) -> Result<&'a Tensor> {
    let var = vars.get(name).ok_or_else(|| candle_core::Error::Msg(format!("no variable {name}")))?;
    Ok(var.as_tensor())
}

/// A standard normal draw by the polar-free Box–Muller transform.
pub(super) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::super::loss::weighted_cross_entropy;
    use super::*;

    const GRID: Grid = Grid { images: 4, rows: 16, columns: 16, channels: 1 };

    fn network() -> TrainableNetwork {
        TrainableNetwork::new(1, 8, 2, &mut ChaCha8Rng::seed_from_u64(5)).unwrap()
    }

    fn pixels() -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        (0..GRID.pixels()).map(|_| normal(&mut rng) as f32).collect()
    }

    fn loss(network: &mut TrainableNetwork) -> Tensor {
        let logits = network.logits(pixels(), GRID, None).unwrap();
        weighted_cross_entropy(&logits, &[0, 1, 1, 0], &[1.0, 2.0], 0.1).unwrap()
    }

    #[test]
    fn the_gradient_of_the_whole_network_agrees_with_finite_differences() {
        let mut network = network();
        let grads = loss(&mut network).backward().unwrap();
        for name in ["head", "embedding", "block4.b", "block3.skip", "block0.a", "stem"] {
            let var = network.weights.get(name).unwrap().clone();
            let slope = grads.get(var.as_tensor()).unwrap();
            let size = slope.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
            let (start, step) = (var.as_tensor().copy().unwrap(), 1e-2);
            // Along the gradient itself the slope of the loss is the gradient's length.
            let mut along = |sign: f64| {
                let moved = (&start + (slope * (sign * step / f64::from(size))).unwrap()).unwrap();
                var.set(&moved).unwrap();
                f64::from(loss(&mut network).to_scalar::<f32>().unwrap())
            };
            let found = (along(1.0) - along(-1.0)) / (2.0 * step);
            var.set(&start).unwrap();
            assert!((found / f64::from(size) - 1.0).abs() < 0.05, "{name}: {found} {size}");
        }
    }

    #[test]
    fn the_folded_network_is_the_trained_one_at_its_running_moments() {
        let mut network = network();
        for _ in 0..120 {
            network.logits(pixels(), GRID, None).unwrap();
        }
        let trained = network.logits(pixels(), GRID, None).unwrap();
        let folded = network.folded().unwrap();
        let after = folded.logits(&folded.embed(pixels(), GRID).unwrap()).unwrap();
        let gap = (trained - after).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(gap < 1e-3, "{gap}");
    }
}
