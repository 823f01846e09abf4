use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::baseline::cumulative_at;
use super::plan::Applied;
use super::{Assumptions, Baseline, HORIZONS, RMST_HORIZONS};
use crate::decide::options::Effect;
use crate::decide::{CauseHazards, Error};
use crate::stats::normal;

/// The baseline on a grid that holds every year at which an effect may change and every horizon.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    /// End of each step, years.
    years: Vec<f64>,
    /// Middle of each step, where a ratio is read.
    middle: Vec<f64>,
    /// Width of each step.
    width: Vec<f64>,
    /// Steps up to each horizon; `None` beyond the grid.
    horizons: [Option<usize>; HORIZONS.len()],
    rmst: [Option<usize>; RMST_HORIZONS.len()],
    /// Hazard of each step, (breast, other): the estimate first, then one per draw.
    hazards: Vec<Vec<(f64, f64)>>,
}

/// What becomes of a patient under one plan and one draw.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Outcome {
    /// Probability to be alive at each horizon.
    pub(super) alive: [f64; HORIZONS.len()],
    /// Probability to have died of breast cancer by each horizon.
    pub(super) breast_death: [f64; HORIZONS.len()],
    /// Mean years alive within each restricted horizon.
    pub(super) rmst: [f64; RMST_HORIZONS.len()],
}

/// Log hazard ratios of a plan on the steps: the estimate, and one standard error per effect.
#[derive(Debug, Clone)]
pub(super) struct Lifts {
    breast: Vec<f64>,
    other: Vec<f64>,
    /// (effect id, standard error at each step).
    errors: Vec<(String, Vec<f64>)>,
}

/// Standard normal draws of each effect, shared by all plans so that differences of plans are paired.
#[derive(Debug, Clone, Default)]
pub(super) struct Draws(BTreeMap<String, Vec<f64>>);

impl Steps {
    /// Cuts the grid at `boundaries` and the horizons; the hazard stays constant within a step of the baseline.
    pub(super) fn new(baseline: &Baseline, boundaries: &[f64]) -> Self {
        let last = baseline.last_year();
        let mut years: Vec<f64> = baseline.point().years.clone();
        years.extend(boundaries.iter().chain(&HORIZONS).chain(&RMST_HORIZONS).filter(|&&t| t > 0.0 && t < last));
        years.sort_by(f64::total_cmp);
        years.dedup();
        let starts: Vec<f64> = std::iter::once(0.0).chain(years.iter().copied()).take(years.len()).collect();
        let up_to = |horizon: f64| years.iter().position(|&year| year == horizon).map(|at| at + 1);
        let hazards = std::iter::once(baseline.point()).chain(baseline.draws()).map(|draw| cut(draw, &years)).collect();
        Self {
            middle: starts.iter().zip(&years).map(|(start, end)| 0.5 * (start + end)).collect(),
            width: starts.iter().zip(&years).map(|(start, end)| end - start).collect(),
            horizons: HORIZONS.map(up_to),
            rmst: RMST_HORIZONS.map(up_to),
            hazards,
            years,
        }
    }

    /// Log hazard ratios of the options applied.
    pub(super) fn lifts(&self, applied: &[Applied<'_>], assumptions: &Assumptions) -> Lifts {
        let mut lifts =
            Lifts { breast: vec![0.0; self.years.len()], other: vec![0.0; self.years.len()], errors: vec![] };
        for part in applied {
            let follow_up = part.effect.follow_up_years.unwrap_or(f64::INFINITY);
            let mut errors = Vec::with_capacity(self.years.len());
            for (middle, breast) in self.middle.iter().zip(&mut lifts.breast) {
                let t = middle + part.shift;
                let weight = assumptions.waning.weight(t, follow_up);
                let ratio = part.effect.log_ratio_at(t);
                *breast += weight * ratio.coef;
                errors.push(weight * ratio.std_error.unwrap_or(0.0));
            }
            lifts.errors.push((part.effect.id.clone(), errors));
            for (harm, factor) in &part.harms {
                for (middle, other) in self.middle.iter().zip(&mut lifts.other) {
                    *other += factor * harm.log_ratio_at(*middle).coef;
                }
            }
        }
        lifts
    }

    /// The outcome of draw `draw` (0: the estimate) under the lifts, each effect moved by its own normal draw.
    ///
    /// Within a step both hazards are constant: of its deaths each cause takes the share of its hazard, and the years lived
    /// are S(t₀) (1 − exp(−h)) Δt / h.
    pub(super) fn outcome(&self, draw: usize, lifts: &Lifts, draws: Option<(&Draws, usize)>) -> Outcome {
        let at = if draw == 0 { 0 } else { 1 + (draw - 1) % (self.hazards.len() - 1).max(1) };
        let Some(hazards) = self.hazards.get(at).or(self.hazards.first()) else { return Outcome::default() };
        let moves: Vec<(f64, &[f64])> = draws.map_or_else(Vec::new, |(draws, column)| {
            lifts.errors.iter().map(|(id, errors)| (draws.value(id, column), errors.as_slice())).collect()
        });
        let mut outcome = Outcome::default();
        let (mut alive, mut breast_death, mut lived) = (1.0, 0.0, 0.0);
        let (mut log_breast, mut log_other, mut ratio_breast, mut ratio_other) = (0.0, 0.0, 1.0, 1.0);
        let steps = hazards.iter().zip(&self.width).zip(lifts.breast.iter().zip(&lifts.other)).enumerate();
        for (step, (((breast, other), width), (lift, lift_other))) in steps {
            let moved = moves.iter().fold(*lift, |sum, (z, errors)| sum + z * errors.get(step).copied().unwrap_or(0.0));
            // Ratios are constant over long periods: one exponential per change, not per step.
            if moved != log_breast {
                (log_breast, ratio_breast) = (moved, f64::exp(moved));
            }
            if *lift_other != log_other {
                (log_other, ratio_other) = (*lift_other, lift_other.exp());
            }
            let of_breast = breast * ratio_breast;
            let both = of_breast + other * ratio_other;
            if both > 0.0 {
                let deaths = alive * -f64::exp_m1(-both);
                breast_death += deaths * of_breast / both;
                lived += deaths * width / both;
                alive -= deaths;
            } else {
                lived += alive * width;
            }
            for (slot, end) in self.horizons.iter().enumerate() {
                if *end == Some(step + 1)
                    && let (Some(a), Some(b)) = (outcome.alive.get_mut(slot), outcome.breast_death.get_mut(slot))
                {
                    (*a, *b) = (alive, breast_death);
                }
            }
            for (slot, end) in self.rmst.iter().enumerate() {
                if *end == Some(step + 1)
                    && let Some(years) = outcome.rmst.get_mut(slot)
                {
                    *years = lived;
                }
            }
        }
        outcome
    }
}

impl Draws {
    /// Latin-hypercube normal draws: the n mid-quantiles of the normal, in an order drawn per effect id and seed.
    pub(super) fn new<'a>(effects: impl Iterator<Item = &'a Effect>, n: usize, seed: u64) -> Result<Self, Error> {
        let scores = (0..n).map(|k| normal::quantile((k as f64 + 0.5) / n as f64)).collect::<Result<Vec<f64>, _>>()?;
        let mut draws = BTreeMap::new();
        for effect in effects {
            let mut order = scores.clone();
            let mut rng = ChaCha8Rng::seed_from_u64(seed ^ fnv1a(&effect.id));
            for at in (1..order.len()).rev() {
                order.swap(at, rng.random_range(0..=at));
            }
            draws.insert(effect.id.clone(), order);
        }
        Ok(Self(draws))
    }

    fn value(&self, effect: &str, column: usize) -> f64 {
        self.0.get(effect).and_then(|values| values.get(column)).copied().unwrap_or(0.0)
    }
}

/// The 64-bit FNV-1a hash of an id: the same on every machine and in every order of options.
fn fnv1a(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn cut(hazards: &CauseHazards, years: &[f64]) -> Vec<(f64, f64)> {
    let (mut breast_before, mut other_before) = (0.0, 0.0);
    let step = |&t: &f64| {
        let breast = cumulative_at(&hazards.years, &hazards.breast, t);
        let other = cumulative_at(&hazards.years, &hazards.other, t);
        let step = (breast - breast_before, other - other_before);
        (breast_before, other_before) = (breast, other);
        step
    };
    years.iter().map(step).collect()
}
