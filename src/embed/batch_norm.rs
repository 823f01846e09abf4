use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor};

use super::convolution::values;

/// Added to a variance before its root.
pub(super) const EPSILON: f64 = 1e-5;

/// Mean and variance of every channel over one batch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Moments {
    pub mean: Vec<f64>,
    pub variance: Vec<f64>,
}

impl Moments {
    /// The start of the running moments: mean 0, variance 1.
    pub fn unit(channels: usize) -> Self {
        Self { mean: vec![0.0; channels], variance: vec![1.0; channels] }
    }

    /// Population moments of the columns of `[rows, channels]` values, accumulated in f64 in row order.
    fn of(map: &[f32], channels: usize) -> Self {
        let rows = (map.len() / channels.max(1)).max(1) as f64;
        let mut mean = vec![0.0; channels];
        for row in map.chunks_exact(channels) {
            mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        mean.iter_mut().for_each(|sum| *sum /= rows);
        let mut variance = vec![0.0; channels];
        for row in map.chunks_exact(channels) {
            for ((sum, &x), m) in variance.iter_mut().zip(row).zip(&mean) {
                *sum += (f64::from(x) - m).powi(2);
            }
        }
        variance.iter_mut().for_each(|sum| *sum /= rows);
        Self { mean, variance }
    }

    /// Moves the running moments by `step` towards those of a batch.
    pub fn follow(&mut self, batch: &Self, step: f64) {
        let blend = |old: &mut f64, new: &f64| *old += step * (new - *old);
        self.mean.iter_mut().zip(&batch.mean).for_each(|(old, new)| blend(old, new));
        self.variance.iter_mut().zip(&batch.variance).for_each(|(old, new)| blend(old, new));
    }
}

/// Normalises every channel by the moments of the batch, then scales and shifts: `gain (x − mean) / sd + bias`.
///
/// Returns the normalised `[rows, channels]` matrix and the batch moments.
///
/// # Source
/// Ioffe and Szegedy, Batch normalization, ICML 2015.
pub(super) fn batch_norm(map: &Tensor, gain: &Tensor, bias: &Tensor) -> Result<(Tensor, Moments)> {
    let channels = map.dim(1)?;
    let moments = Moments::of(&map.flatten_all()?.to_vec1::<f32>()?, channels);
    let op = BatchNorm {
        mean: moments.mean.iter().map(|&m| m as f32).collect(),
        inverse_sd: moments.variance.iter().map(|&v| (1.0 / (v + EPSILON).sqrt()) as f32).collect(),
    };
    Ok((map.contiguous()?.apply_op3(gain, bias, op)?, moments))
}

struct BatchNorm {
    mean: Vec<f32>,
    inverse_sd: Vec<f32>,
}

impl CustomOp3 for BatchNorm {
    fn name(&self) -> &'static str {
        "batch-norm"
    }

    fn cpu_fwd(
        &self,
        map: &CpuStorage,
        map_layout: &Layout,
        gain: &CpuStorage,
        gain_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let channels = self.mean.len();
        let map = values(map, map_layout, map_layout.shape().elem_count())?;
        let gain = values(gain, gain_layout, channels)?;
        let bias = values(bias, bias_layout, channels)?;
        let scale: Vec<f32> = gain.iter().zip(&self.inverse_sd).map(|(g, s)| g * s).collect();
        let shift: Vec<f32> = bias.iter().zip(&scale).zip(&self.mean).map(|((b, s), m)| b - s * m).collect();
        let mut out = map.to_vec();
        for row in out.chunks_exact_mut(channels) {
            for ((x, a), b) in row.iter_mut().zip(&scale).zip(&shift) {
                *x = *x * a + b;
            }
        }
        Ok((CpuStorage::F32(out), map_layout.shape().clone()))
    }

    fn bwd(
        &self,
        map: &Tensor,
        gain: &Tensor,
        _bias: &Tensor,
        _normalised: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let channels = self.mean.len();
        let map_values = map.flatten_all()?.to_vec1::<f32>()?;
        let mut slope = gradient.flatten_all()?.to_vec1::<f32>()?;
        let rows = (map_values.len() / channels.max(1)).max(1) as f64;
        let (mut sum, mut product) = (vec![0f64; channels], vec![0f64; channels]);
        for (x, dy) in map_values.chunks_exact(channels).zip(slope.chunks_exact(channels)) {
            for (c, (&x, &dy)) in x.iter().zip(dy).enumerate() {
                sum[c] += f64::from(dy);
                product[c] += f64::from(dy * (x - self.mean[c]) * self.inverse_sd[c]);
            }
        }
        let gain = gain.to_vec1::<f32>()?;
        let scale: Vec<f32> = gain.iter().zip(&self.inverse_sd).map(|(g, s)| g * s).collect();
        let mean_slope: Vec<f32> = sum.iter().map(|s| (s / rows) as f32).collect();
        let mean_product: Vec<f32> = product.iter().map(|p| (p / rows) as f32).collect();
        for (x, dy) in map_values.chunks_exact(channels).zip(slope.chunks_exact_mut(channels)) {
            for (c, (&x, dy)) in x.iter().zip(dy).enumerate() {
                let normal = (x - self.mean[c]) * self.inverse_sd[c];
                *dy = scale[c] * (*dy - mean_slope[c] - normal * mean_product[c]);
            }
        }
        let vector = |values: &[f64]| {
            Tensor::from_vec(values.iter().map(|&v| v as f32).collect::<Vec<f32>>(), channels, &Device::Cpu)
        };
        let slope = Tensor::from_vec(slope, map.shape(), &Device::Cpu)?;
        Ok((Some(slope), Some(vector(&product)?), Some(vector(&sum)?)))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    #[test]
    fn its_gradients_are_those_of_the_same_formula_written_in_tensor_operations() {
        let (rows, channels) = (7, 3);
        let data: Vec<f32> = (0..rows * channels).map(|i| ((i * 29 % 17) as f32 - 8.0) / 5.0).collect();
        let map = Var::from_vec(data, (rows, channels), &Device::Cpu).unwrap();
        let gain = Var::from_vec(vec![0.5f32, 1.0, 2.0], channels, &Device::Cpu).unwrap();
        let bias = Var::from_vec(vec![0.1f32, -0.2, 0.3], channels, &Device::Cpu).unwrap();
        let (ours, _) = batch_norm(&map, &gain, &bias).unwrap();
        let centred = map.broadcast_sub(&map.mean_keepdim(0).unwrap()).unwrap();
        let spread = (centred.sqr().unwrap().mean_keepdim(0).unwrap() + EPSILON).unwrap().sqrt().unwrap();
        let normal = centred.broadcast_div(&spread).unwrap();
        let theirs = normal.broadcast_mul(&gain).unwrap().broadcast_add(&bias).unwrap();
        let target = Tensor::arange(0f32, (rows * channels) as f32, &Device::Cpu).unwrap();
        let target = (target.reshape((rows, channels)).unwrap() / 10.0).unwrap();
        for var in [&map, &gain, &bias] {
            let slope = |out: &Tensor| {
                let grads = (out - &target).unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap();
                grads.get(var.as_tensor()).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
            };
            for (a, b) in slope(&ours).iter().zip(slope(&theirs)) {
                assert!((a - b).abs() < 1e-3 * (1.0 + b.abs()), "{a} {b}");
            }
        }
    }
}
