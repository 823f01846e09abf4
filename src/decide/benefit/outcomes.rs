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
    /// Middle of each step, where a ratio is read.
    middle: Vec<f64>,
    /// Width of each step.
    width: Vec<f64>,
    /// True where a step ends at a horizon.
    marked: Vec<bool>,
    /// The step that ends at each horizon; `None` beyond the grid.
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

/// Log hazard ratios of a plan, by runs of steps in which none of them changes.
#[derive(Debug, Clone)]
pub(super) struct Lifts {
    /// Ids of the effects on death from breast cancer.
    pub(super) effects: Vec<String>,
    runs: Vec<Run>,
}

/// Consecutive steps with the same ratios.
#[derive(Debug, Clone)]
struct Run {
    n_steps: usize,
    ratios: Ratios,
}

/// The ratios of one step.
#[derive(Debug, Clone, PartialEq)]
struct Ratios {
    /// Log hazard ratio of death from breast cancer.
    breast: f64,
    /// Log hazard ratio of death from other causes.
    other: f64,
    /// Standard error of each effect's log ratio.
    errors: Vec<f64>,
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
        let up_to = |horizon: f64| years.iter().position(|&year| year == horizon);
        let marked = |year: &f64| HORIZONS.contains(year) || RMST_HORIZONS.contains(year);
        let hazards = std::iter::once(baseline.point()).chain(baseline.draws()).map(|draw| cut(draw, &years)).collect();
        Self {
            middle: starts.iter().zip(&years).map(|(start, end)| 0.5 * (start + end)).collect(),
            width: starts.iter().zip(&years).map(|(start, end)| end - start).collect(),
            marked: years.iter().map(marked).collect(),
            horizons: HORIZONS.map(up_to),
            rmst: RMST_HORIZONS.map(up_to),
            hazards,
        }
    }

    /// Log hazard ratios of the options applied.
    pub(super) fn lifts(&self, applied: &[Applied<'_>], assumptions: &Assumptions) -> Lifts {
        let mut runs: Vec<Run> = Vec::new();
        for middle in &self.middle {
            let mut ratios = Ratios { breast: 0.0, other: 0.0, errors: Vec::with_capacity(applied.len()) };
            for part in applied {
                let t = middle + part.shift;
                let weight = assumptions.waning.weight(t, part.effect.follow_up_years.unwrap_or(f64::INFINITY));
                let ratio = part.effect.log_ratio_at(t);
                ratios.breast += weight * ratio.coef;
                ratios.errors.push(weight * ratio.std_error.unwrap_or(0.0));
                ratios.other +=
                    part.harms.iter().map(|(harm, times)| times * harm.log_ratio_at(*middle).coef).sum::<f64>();
            }
            match runs.last_mut() {
                Some(last) if last.ratios == ratios => last.n_steps += 1,
                _ => runs.push(Run { n_steps: 1, ratios }),
            }
        }
        Lifts { effects: applied.iter().map(|part| part.effect.id.clone()).collect(), runs }
    }

    /// The outcome of draw `draw` (0: the estimate) under the lifts, the log ratio of effect `k` moved by `moves[k]` standard
    /// errors.
    ///
    /// Within a step both hazards are constant: of its deaths each cause takes the share of its hazard, and the years lived
    /// are S(t₀) (1 − exp(−h)) Δt / h.
    pub(super) fn outcome(&self, draw: usize, lifts: &Lifts, moves: &[f64]) -> Outcome {
        let at = if draw == 0 { 0 } else { 1 + (draw - 1) % (self.hazards.len() - 1).max(1) };
        let Some(hazards) = self.hazards.get(at).or(self.hazards.first()) else { return Outcome::default() };
        let mut outcome = Outcome::default();
        let (mut alive, mut breast_death, mut lived) = (1.0, 0.0, 0.0);
        let mut steps = hazards.iter().zip(&self.width).zip(&self.marked).enumerate();
        for run in &lifts.runs {
            let Ratios { breast, other, errors } = &run.ratios;
            let moved = errors.iter().zip(moves).fold(*breast, |sum, (error, z)| sum + error * z);
            let (ratio_breast, ratio_other) = (moved.exp(), other.exp());
            for (step, (((breast, other), width), marked)) in steps.by_ref().take(run.n_steps) {
                let of_breast = breast * ratio_breast;
                let both = of_breast + other * ratio_other;
                if both > 0.0 {
                    let deaths = alive * -f64::exp_m1(-both);
                    let per_hazard = deaths / both;
                    breast_death += per_hazard * of_breast;
                    lived += per_hazard * width;
                    alive -= deaths;
                } else {
                    lived += alive * width;
                }
                if *marked {
                    self.record(step, alive, breast_death, lived, &mut outcome);
                }
            }
        }
        outcome
    }

    /// Probability to be alive at ascending `years` within the grid under the lifts, by the estimate; exact within a step, where
    /// the hazard is constant.
    pub(super) fn alive_at(&self, lifts: &Lifts, years: &[f64]) -> Vec<f64> {
        const ROUNDING: f64 = 1e-9;
        let Some(hazards) = self.hazards.first() else { return Vec::new() };
        let mut steps = hazards.iter().zip(&self.width);
        let mut asked = years.iter().copied().peekable();
        let mut found = Vec::with_capacity(years.len());
        let (mut alive, mut start) = (1.0_f64, 0.0);
        for run in &lifts.runs {
            let (ratio_breast, ratio_other) = (run.ratios.breast.exp(), run.ratios.other.exp());
            for ((breast, other), width) in steps.by_ref().take(run.n_steps) {
                let both = breast * ratio_breast + other * ratio_other;
                while let Some(year) = asked.next_if(|year| *year <= start + width + ROUNDING) {
                    found.push(alive * (-both * ((year - start) / width).min(1.0)).exp());
                }
                alive *= (-both).exp();
                start += width;
            }
        }
        found
    }

    /// Keeps what is asked for at the end of a step.
    fn record(&self, step: usize, alive: f64, breast_death: f64, lived: f64, outcome: &mut Outcome) {
        let slots = outcome.alive.iter_mut().zip(&mut outcome.breast_death).zip(&self.horizons);
        for ((a, b), _) in slots.filter(|(_, end)| **end == Some(step)) {
            (*a, *b) = (alive, breast_death);
        }
        for (years, _) in outcome.rmst.iter_mut().zip(&self.rmst).filter(|(_, end)| **end == Some(step)) {
            *years = lived;
        }
    }
}

impl Draws {
    /// The draws of the baseline for an effect that its hazards were freed of, else Latin-hypercube normal draws: the n
    /// mid-quantiles of the normal, in an order drawn per effect id and seed.
    pub(super) fn new<'a>(
        effects: impl Iterator<Item = &'a Effect>,
        baseline: &Baseline,
        n: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        let scores = (0..n).map(|k| normal::quantile((k as f64 + 0.5) / n as f64)).collect::<Result<Vec<f64>, _>>()?;
        let mut draws = BTreeMap::new();
        for effect in effects {
            if let Some(own) = baseline.effect_draws().get(&effect.id).filter(|own| !own.is_empty()) {
                draws.insert(effect.id.clone(), own.iter().copied().cycle().take(n).collect());
                continue;
            }
            let mut order = scores.clone();
            let mut rng = ChaCha8Rng::seed_from_u64(seed ^ fnv1a(&effect.id));
            for at in (1..order.len()).rev() {
                order.swap(at, rng.random_range(0..=at));
            }
            draws.insert(effect.id.clone(), order);
        }
        Ok(Self(draws))
    }

    /// The draws of the effects named, one slice each.
    pub(super) fn of(&self, effects: &[String]) -> Vec<&[f64]> {
        effects.iter().map(|id| self.0.get(id).map_or(&[][..], Vec::as_slice)).collect()
    }
}

/// The 64-bit FNV-1a hash of an id: the same on every machine and in every order of options.
fn fnv1a(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Hazards of each step.
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
