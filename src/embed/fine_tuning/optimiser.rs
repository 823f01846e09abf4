use super::parameters::Layout;
use super::vectors::vectorised;

/// Decay of the first and second moment, and what keeps the division finite.
const BETAS: (f64, f64) = (0.9, 0.999);
const EPSILON: f32 = 1e-8;

/// How far one step goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Learning rate of the new layers.
    pub rate: f64,
    /// Learning rate of the pretrained ones as a fraction of it.
    pub backbone_rate: f64,
    /// Decoupled decay of the kernels.
    pub weight_decay: f64,
    /// Longest gradient; 0 for any.
    pub clip_norm: f64,
    /// Decay of the moving average; 0 for none.
    pub ema: f64,
}

/// Parameters, their moments and their moving average: everything that a training step changes.
///
/// # Source
/// Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019 (AdamW).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Optimiser {
    pub parameters: Vec<f32>,
    pub average: Vec<f32>,
    pub first: Vec<f32>,
    pub second: Vec<f32>,
    pub steps: u64,
}

impl Optimiser {
    /// At rest on the starting parameters.
    pub fn new(parameters: Vec<f32>) -> Self {
        let zeros = vec![0.0; parameters.len()];
        Self { average: parameters.clone(), first: zeros.clone(), second: zeros, parameters, steps: 0 }
    }

    /// One step along the gradient.
    pub fn step(&mut self, layout: &Layout, gradient: &[f32], step: Step) {
        self.steps += 1;
        let steps = self.steps as f64;
        let (b1, b2) = BETAS;
        let correction = ((1.0 - b2.powf(steps)).sqrt() / (1.0 - b1.powf(steps))) as f32;
        let root = (1.0 - b2.powf(steps)).sqrt() as f32;
        let scale = shrink(gradient, step.clip_norm);
        // The average starts as a plain mean, so that it forgets the starting weights.
        let kept = if step.ema > 0.0 { step.ema.min(steps / (steps + 9.0)) as f32 } else { 0.0 };
        let (b1, b2) = (b1 as f32, b2 as f32);
        for slot in &layout.slots {
            let rate = step.rate * if slot.pretrained { step.backbone_rate } else { 1.0 };
            let shrunk = if slot.decayed { (1.0 - rate * step.weight_decay) as f32 } else { 1.0 };
            let reach = rate as f32 * correction;
            let at = || slot.range.clone();
            let (Some(g), Some(p), Some(a), Some(m), Some(v)) = (
                gradient.get(at()),
                self.parameters.get_mut(at()),
                self.average.get_mut(at()),
                self.first.get_mut(at()),
                self.second.get_mut(at()),
            ) else {
                continue;
            };
            vectorised(
                #[inline(always)]
                || {
                    for ((((g, p), a), m), v) in g.iter().zip(p).zip(a).zip(m).zip(v) {
                        let g = g * scale;
                        *m = b1 * *m + (1.0 - b1) * g;
                        *v = b2 * *v + (1.0 - b2) * g * g;
                        *p = *p * shrunk - reach * *m / (v.sqrt() + EPSILON * root);
                        *a += (1.0 - kept) * (*p - *a);
                    }
                },
            );
        }
    }
}

/// The factor that brings a gradient to at most this length; 1 for a limit of 0.
fn shrink(gradient: &[f32], longest: f64) -> f32 {
    if longest == 0.0 {
        return 1.0;
    }
    let length = gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
    if length > longest { (longest / length) as f32 } else { 1.0 }
}

/// The learning rate at `place` epochs: linear rise over `warm_up`, then a cosine fall to a hundredth of the peak at
/// `epochs`.
pub(super) fn rate_at(peak: f64, place: f64, warm_up: f64, epochs: f64) -> f64 {
    let rise = if warm_up > 0.0 { ((place + 0.1) / warm_up).min(1.0) } else { 1.0 };
    let left = ((place - warm_up) / (epochs - warm_up).max(1e-9)).clamp(0.0, 1.0);
    peak * rise * (0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * left).cos()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Reference {
        gradients: Vec<Vec<f32>>,
        start: Vec<f32>,
        rate: f64,
        weight_decay: f64,
        after: Vec<Vec<f64>>,
    }

    #[test]
    fn steps_are_those_of_pytorchs_adamw() {
        let reference: Reference = serde_json::from_str(include_str!("../../../tests/reference/adamw.json")).unwrap();
        let mut layout = Layout::default();
        // A weight of four that decays at the full rate, and a bias of two that does not.
        layout.add("new", &[2, 2], false);
        let mut optimiser = Optimiser::new(reference.start.clone());
        let step = Step {
            rate: reference.rate,
            backbone_rate: 0.1,
            weight_decay: reference.weight_decay,
            clip_norm: 0.0,
            ema: 0.0,
        };
        for (gradient, after) in reference.gradients.iter().zip(&reference.after) {
            optimiser.step(&layout, gradient, step);
            for (ours, theirs) in optimiser.parameters.iter().zip(after) {
                assert!((f64::from(*ours) - theirs).abs() < 1e-6, "{ours} {theirs}");
            }
        }
        assert_eq!(optimiser.average, optimiser.parameters);
    }

    #[test]
    fn a_long_gradient_is_shortened_and_a_short_one_is_not() {
        assert_eq!(shrink(&[3.0, 4.0], 2.5), 0.5);
        assert_eq!((shrink(&[3.0, 4.0], 6.0), shrink(&[3.0, 4.0], 0.0)), (1.0, 1.0));
    }

    #[test]
    fn the_rate_rises_and_falls_to_a_hundredth() {
        assert!((rate_at(1.0, 0.0, 2.0, 10.0) - 0.05).abs() < 1e-12);
        assert!((rate_at(1.0, 2.0, 2.0, 10.0) - 1.0).abs() < 1e-12);
        assert!((rate_at(1.0, 6.0, 2.0, 10.0) - 0.505).abs() < 1e-12);
        assert!((rate_at(1.0, 10.0, 2.0, 10.0) - 0.01).abs() < 1e-12);
    }

    #[test]
    fn the_average_follows_the_weights_and_leaves_constants_alone() {
        let mut layout = Layout::default();
        layout.add("pretrained", &[1, 1], true);
        layout.add_constants("constant", 1);
        let mut optimiser = Optimiser::new(vec![1.0, 0.0, 0.3]);
        let step = Step { rate: 0.1, backbone_rate: 0.1, weight_decay: 0.0, clip_norm: 0.0, ema: 0.9 };
        optimiser.step(&layout, &[1.0, 0.0, 0.0], step);
        // The first AdamW step is the rate: 0.1 × 0.1 for a pretrained weight; the average keeps a tenth of the start.
        assert!((optimiser.parameters[0] - 0.99).abs() < 1e-6);
        assert!((optimiser.average[0] - (0.1 + 0.9 * 0.99)).abs() < 1e-6);
        assert_eq!((optimiser.parameters[2], optimiser.average[2]), (0.3, 0.3));
    }
}
