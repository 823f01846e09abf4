use candle_core::{D, Device, Result, Tensor};

/// The class-weighted cross-entropy of `logits` `[batch, classes]`: `Σ wᵢ (log Σₖ exp zᵢₖ − Σₖ tᵢₖ zᵢₖ) / Σ wᵢ`.
///
/// `labels[i]` is the class of row i and `class_weights[k]` the weight of a row of class k. With `smoothing` ε the
/// target t is 1 − ε on the label plus ε / classes everywhere. The largest logit is taken out before the exponential,
/// so the loss is finite and exact for any finite logit.
pub(super) fn weighted_cross_entropy(
    logits: &Tensor,
    labels: &[usize],
    class_weights: &[f32],
    smoothing: f32,
) -> Result<Tensor> {
    let unknown = |label: &usize| candle_core::Error::Msg(format!("class {label} of {}", class_weights.len()));
    let weights = labels.iter().map(|label| class_weights.get(*label).copied().ok_or_else(|| unknown(label)));
    let weights = weights.collect::<Result<Vec<f32>>>()?;
    let total: f32 = weights.iter().sum();
    summed_cross_entropy(logits, labels, weights, smoothing)?.affine(1.0 / f64::from(total), 0.0)
}

/// The cross-entropy of `logits` `[rows, classes]`, summed with a weight per row: `Σ wᵢ (log Σₖ exp zᵢₖ − Σₖ tᵢₖ zᵢₖ)`.
pub(super) fn summed_cross_entropy(
    logits: &Tensor,
    labels: &[usize],
    weights: Vec<f32>,
    smoothing: f32,
) -> Result<Tensor> {
    let classes = logits.dim(D::Minus1)?;
    let mut target = vec![smoothing / classes as f32; labels.len() * classes];
    for (row, &label) in target.chunks_exact_mut(classes).zip(labels) {
        match row.get_mut(label) {
            Some(cell) => *cell += 1.0 - smoothing,
            None => return Err(candle_core::Error::Msg(format!("class {label} of {classes}"))),
        }
    }
    let target = Tensor::from_vec(target, (labels.len(), classes), &Device::Cpu)?;
    let weights = Tensor::from_vec(weights, labels.len(), &Device::Cpu)?;
    let loss = (log_sum_exp(logits)? - (logits * target)?.sum(1)?)?;
    (loss * weights)?.sum_all()
}

/// `log Σₖ exp zₖ` of every row, largest logit first taken out.
fn log_sum_exp(logits: &Tensor) -> Result<Tensor> {
    let largest = logits.max_keepdim(1)?.detach();
    logits.broadcast_sub(&largest)?.exp()?.sum(1)?.log()? + largest.squeeze(1)?
}

/// Class probabilities of one row of logits.
pub(super) fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|z| (z - largest).exp()).collect();
    let total: f32 = powers.iter().sum();
    powers.iter().map(|p| p / total).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    fn loss_of(logits: &[f32], labels: &[usize]) -> f64 {
        let logits = Tensor::from_vec(logits.to_vec(), (labels.len(), 2), &Device::Cpu).unwrap();
        let loss = weighted_cross_entropy(&logits, labels, &[1.0, 3.0], 0.0).unwrap();
        f64::from(loss.to_scalar::<f32>().unwrap())
    }

    #[test]
    fn a_logit_of_one_hundred_gives_a_finite_exact_loss() {
        assert!((loss_of(&[100.0, -100.0], &[1]) - 200.0).abs() < 1e-4);
        assert!(loss_of(&[-100.0, 100.0], &[1]).abs() < 1e-6);
        assert!((loss_of(&[0.0, 0.0], &[0]) - std::f64::consts::LN_2).abs() < 1e-6);
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let (labels, step) = ([0, 1, 1], 1e-2f32);
        let start = vec![0.3f32, -0.8, 1.5, 0.2, -0.4, 2.0];
        let var = Var::from_vec(start.clone(), (3, 2), &Device::Cpu).unwrap();
        let loss = weighted_cross_entropy(&var, &labels, &[1.0, 3.0], 0.0).unwrap();
        let grads = loss.backward().unwrap();
        let slope = grads.get(var.as_tensor()).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (i, &found) in slope.iter().enumerate() {
            let (mut up, mut down) = (start.clone(), start.clone());
            up[i] += step;
            down[i] -= step;
            let expected = (loss_of(&up, &labels) - loss_of(&down, &labels)) / f64::from(2.0 * step);
            assert!((f64::from(found) - expected).abs() < 1e-3, "logit {i}: {found} {expected}");
        }
    }
}
