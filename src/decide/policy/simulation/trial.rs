use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::stats::expit;

/// Options: control and three arms.
pub(super) const N_OPTIONS: usize = 4;
/// Receptor subtypes, of which 1 and 2 are HER2-positive.
pub(super) const N_SUBTYPES: usize = 4;
const SHARES: [f64; N_SUBTYPES] = [0.38, 0.16, 0.10, 0.36];
/// Logit of the outcome under control, by subtype.
const BASE: [f64; N_SUBTYPES] = [-1.8, -0.7, 0.1, -0.9];
/// Drift of every logit from the first to the last enrolment, where there is drift.
const DRIFT: f64 = 1.5;

/// How patients come to their option, and what the options do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allocation {
    /// By lot, 40 % control.
    Randomised,
    /// By lot; every arm adds the same to every logit, so that no policy among the arms is better than another.
    NullHeterogeneity,
    /// By the marker and by a covariate that the outcome model sees and the strata do not.
    Measured,
    /// By a cause of the outcome that nobody recorded.
    Unmeasured,
    /// Arms open and close, their chances follow the responses so far, and the outcome drifts; the HER2-positive
    /// control closes before the last arm opens.
    AdaptiveDrift,
}

impl Allocation {
    pub(super) const ALL: [Self; 5] =
        [Self::Randomised, Self::NullHeterogeneity, Self::Measured, Self::Unmeasured, Self::AdaptiveDrift];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Randomised => "randomised",
            Self::NullHeterogeneity => "randomised, null heterogeneity",
            Self::Measured => "confounded, measured",
            Self::Unmeasured => "confounded, unmeasured",
            Self::AdaptiveDrift => "response-adaptive, drift, non-concurrent controls",
        }
    }
}

/// A trial with the truth about each patient.
pub(super) struct Simulated {
    pub(super) number: u64,
    pub(super) subtype: Vec<usize>,
    pub(super) marker: Vec<bool>,
    pub(super) covariate: Vec<f64>,
    pub(super) day: Vec<Option<f64>>,
    pub(super) received: Vec<usize>,
    pub(super) y: Vec<bool>,
    /// Probability of the outcome under each option.
    pub(super) truth: Vec<[f64; N_OPTIONS]>,
}

impl Simulated {
    pub(super) fn is_her2_positive(subtype: usize) -> bool {
        matches!(subtype, 1 | 2)
    }
}

/// A standard normal value.
fn normal(rng: &mut impl Rng) -> f64 {
    // Box-Muller; 1 − u is never 0.
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// A place drawn with the given weights.
fn place(rng: &mut impl Rng, weights: &[f64]) -> usize {
    let mut left = rng.random::<f64>() * weights.iter().sum::<f64>();
    for (at, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 && *weight > 0.0 {
            return at;
        }
    }
    0
}

/// What an option adds to the logit.
fn effect(allocation: Allocation, option: usize, subtype: usize, marker: bool) -> f64 {
    match (allocation, option) {
        (_, 0) => 0.0,
        (Allocation::NullHeterogeneity, _) => 0.5,
        (_, 1) => {
            if subtype == 3 {
                1.0
            } else {
                0.3
            }
        }
        (_, 2) => {
            if marker {
                1.1
            } else {
                -0.2
            }
        }
        _ => 0.5,
    }
}

/// Trial number `number` of `n_patients`, in the order of enrolment.
pub(super) fn draw(allocation: Allocation, n_patients: usize, number: u64) -> Simulated {
    let mut rng = ChaCha8Rng::seed_from_u64(20_261_125);
    rng.set_stream(number);
    let mut trial = Simulated {
        number,
        subtype: vec![],
        marker: vec![],
        covariate: vec![],
        day: vec![],
        received: vec![],
        y: vec![],
        truth: vec![],
    };
    // Patients and outcomes by subtype and option before the current period, for the adaptive chances.
    let mut seen = [[(0.0_f64, 0.0_f64); N_OPTIONS]; N_SUBTYPES];
    let mut weights = [[1.0; N_OPTIONS]; N_SUBTYPES];
    let mut period = 0;
    for at in 0..n_patients {
        let time = at as f64 / n_patients as f64;
        let subtype = place(&mut rng, &SHARES);
        let marker = rng.random_bool(0.5);
        let (covariate, hidden) = (normal(&mut rng), normal(&mut rng));
        if (4.0 * time) as usize > period {
            period = (4.0 * time) as usize;
            for (weights, seen) in weights.iter_mut().zip(&seen) {
                for (weight, (n, events)) in weights.iter_mut().zip(seen) {
                    *weight = ((events + 1.0) / (n + 3.0)).powi(2);
                }
            }
        }
        let m = f64::from(u8::from(marker));
        let chance = match allocation {
            Allocation::Randomised | Allocation::NullHeterogeneity => [0.4, 0.2, 0.2, 0.2],
            Allocation::Measured => {
                [1.0, (1.2 * m).exp() / 2.0, (0.8 * covariate).exp() / 2.0, (-0.8 * covariate).exp() / 2.0]
            }
            Allocation::Unmeasured => [1.0, (0.8 * hidden).exp() / 2.0, (0.8 * hidden).exp() / 2.0, 0.5],
            Allocation::AdaptiveDrift => adaptive(period, subtype, &weights[subtype]),
        };
        let option = place(&mut rng, &chance);
        let drift = if allocation == Allocation::AdaptiveDrift { DRIFT * time } else { 0.0 };
        let base = BASE[subtype] + 0.7 * m + 0.5 * covariate + 0.8 * hidden + drift;
        let truth: [f64; N_OPTIONS] =
            std::array::from_fn(|option| expit(base + effect(allocation, option, subtype, marker)));
        let y = rng.random_bool(truth[option]);
        seen[subtype][option].0 += 1.0;
        seen[subtype][option].1 += f64::from(u8::from(y));
        trial.subtype.push(subtype);
        trial.marker.push(marker);
        trial.covariate.push(covariate);
        trial.day.push(Some(at as f64));
        trial.received.push(option);
        trial.y.push(y);
        trial.truth.push(truth);
    }
    trial
}

/// Chances in one quarter of a platform trial: arm 1 in the first two quarters, arm 2 in the middle ones, arm 3 in the
/// last; control throughout for HER2-negative patients, in the first three quarters for the others, whose arm 2 stays.
fn adaptive(period: usize, subtype: usize, weights: &[f64; N_OPTIONS]) -> [f64; N_OPTIONS] {
    let her2 = Simulated::is_her2_positive(subtype);
    let open = [!her2 || period < 3, period < 2, period == 1 || period == 2 || (her2 && period == 3), period == 3];
    let sum: f64 = (1..N_OPTIONS).filter(|&option| open[option]).map(|option| weights[option]).sum();
    std::array::from_fn(|option| match (option, open[option]) {
        (_, false) => 0.0,
        (0, true) => 0.35,
        (_, true) => 0.65 * weights[option] / sum,
    })
}
