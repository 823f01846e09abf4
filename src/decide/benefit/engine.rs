use super::gain::with_interval;
use super::outcomes::{Draws, Lifts, Outcome, Steps};
use super::plan::{Applied, Resolved, resolve};
use super::{
    AliveAt, Assumptions, Baseline, Benefit, Caveat, FOLLOW_UP_GRACE_YEARS, Gain, HORIZONS, Horizon, Increment,
    NumberNeeded, RMST_HORIZONS, Refusal, RmstGain, UsedEffect, Waning, Withheld,
};
use crate::decide::Error;
use crate::decide::options::{Effect, OptionSet};
use crate::decide::record::ClinicalRecord;
use crate::terms::Estimate;

/// Last year of the curve of a plan.
const LAST_YEAR: u32 = 15;

/// Everything about one patient that all plans share: steps, draws, and the outcomes of the baseline.
#[derive(Debug)]
pub struct Engine<'a> {
    set: &'a OptionSet,
    record: &'a ClinicalRecord,
    baseline: &'a Baseline,
    assumptions: Assumptions,
    steps: Steps,
    draws: Draws,
    untreated: Outcomes,
}

/// The estimate and the draws of one plan.
#[derive(Debug, Clone)]
struct Outcomes {
    point: Outcome,
    draws: Vec<Outcome>,
}

impl<'a> Engine<'a> {
    /// Prepares one patient: `record` decides eligibility and population, `baseline` is hers.
    ///
    /// # Errors
    /// [`Error::TooFewDraws`] below 20 draws, which hold no 95 % interval.
    pub fn new(
        set: &'a OptionSet,
        record: &'a ClinicalRecord,
        baseline: &'a Baseline,
        assumptions: Assumptions,
    ) -> Result<Self, Error> {
        const FEWEST: usize = 20;
        if assumptions.n_draws < FEWEST {
            return Err(Error::TooFewDraws { expected: FEWEST, found: assumptions.n_draws });
        }
        let effects = || set.options.iter().flat_map(|option| &option.effects);
        let steps = Steps::new(baseline, &boundaries(effects(), assumptions.waning));
        let draws = Draws::new(effects(), baseline, assumptions.n_draws, assumptions.seed)?;
        let lifts = steps.lifts(&[], &assumptions);
        let untreated = outcomes(&steps, &lifts, &draws, assumptions.n_draws);
        Ok(Self { set, record, baseline, assumptions, steps, draws, untreated })
    }

    /// The assumptions in force.
    #[must_use]
    pub fn assumptions(&self) -> &Assumptions {
        &self.assumptions
    }

    /// Which options of a plan cannot be applied to this patient's baseline, and why.
    #[must_use]
    pub fn refusals(&self, plan: &[&str]) -> Vec<Refusal> {
        self.resolve(plan).left_out
    }

    /// The gain of `plan` over `reference` (option ids; an empty reference is the baseline itself).
    ///
    /// Options that cannot be applied are left out and listed; the order in which options are named does not matter.
    #[must_use]
    pub fn benefit(&self, plan: &[&str], reference: &[&str]) -> Benefit {
        let (with, without) = (self.resolve(plan), self.resolve(reference));
        let last = if with.applied.is_empty() { None } else { self.limit(&with, &without) };
        let shown = |years: f64| self.withheld(years, &with, &last);
        let prefixes: Vec<Outcomes> = (1..=with.applied.len())
            .map(|end| self.outcomes(with.applied.get(..end).unwrap_or(&with.applied)))
            .collect();
        let treated = prefixes.last().unwrap_or(&self.untreated);
        let other;
        let compared = if without.applied.is_empty() {
            &self.untreated
        } else {
            other = self.outcomes(&without.applied);
            &other
        };
        let published = |part: &Applied<'_>| {
            part.effect.has_uncertainty() && part.harms.iter().all(|(harm, _)| harm.has_uncertainty())
        };
        let certain = with.applied.iter().chain(&without.applied).all(published);
        let horizons = HORIZONS.iter().enumerate().map(|(slot, &years)| {
            let withheld = shown(years);
            let gain = withheld.is_none().then(|| gain(treated, compared, slot, certain));
            Horizon { years, gain, withheld }
        });
        let rmst = RMST_HORIZONS.iter().enumerate().map(|(slot, &years)| {
            let withheld = shown(years);
            let lived = |outcome: &Outcome| outcome.rmst.get(slot).copied().unwrap_or(0.0);
            RmstGain { years, gain: withheld.is_none().then(|| difference(treated, compared, lived)), withheld }
        });
        let years: Vec<f64> = (0..=LAST_YEAR).map(f64::from).take_while(|&years| shown(years).is_none()).collect();
        let alive_at = self.steps.alive_at(&self.steps.lifts(&with.applied, &self.assumptions), &years);
        let curve = years.iter().zip(alive_at).map(|(&years, alive)| AliveAt { years, alive });
        let before = std::iter::once(&self.untreated).chain(&prefixes);
        let increments = with.applied.iter().zip(before.zip(&prefixes)).map(|(part, (before, after))| Increment {
            option: part.option.id.clone(),
            survival_benefit: HORIZONS
                .iter()
                .enumerate()
                .map(|(slot, &years)| shown(years).is_none().then(|| difference(after, before, |o| alive(o, slot))))
                .collect(),
        });
        Benefit {
            horizons: horizons.collect(),
            rmst: rmst.collect(),
            curve: curve.collect(),
            increments: increments.collect(),
            options: ids(&with.applied),
            reference: ids(&without.applied),
            effects: with.applied.iter().map(used).collect(),
            caveats: self.caveats(&with, &without),
            left_out: with.left_out.into_iter().chain(without.left_out).collect(),
        }
    }

    /// The gain of one option over what it is given together with (trastuzumab over its chemotherapy), as one row of a table.
    #[must_use]
    pub fn row(&self, option: &str) -> Benefit {
        let with = self.set.option(option).map_or(&[][..], |option| option.given_with.as_slice());
        let reference: Vec<&str> = with.iter().map(String::as_str).collect();
        let plan: Vec<&str> = reference.iter().copied().chain([option]).collect();
        self.benefit(&plan, &reference)
    }

    fn resolve(&self, plan: &[&str]) -> Resolved<'a> {
        resolve(self.set, plan, self.record, self.baseline, &self.assumptions)
    }

    fn outcomes(&self, applied: &[Applied<'_>]) -> Outcomes {
        let lifts = self.steps.lifts(applied, &self.assumptions);
        outcomes(&self.steps, &lifts, &self.draws, self.assumptions.n_draws)
    }

    /// The option with the shortest follow-up and the last year shown; `None` when a waning assumption lifts the limit.
    fn limit(&self, with: &Resolved<'_>, without: &Resolved<'_>) -> Option<(String, f64)> {
        if self.assumptions.waning != Waning::NotChosen {
            return None;
        }
        let parts = with.applied.iter().chain(&without.applied);
        let limits = parts.map(|part| (part.option.id.clone(), end_of_follow_up(part) + FOLLOW_UP_GRACE_YEARS));
        limits.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn withheld(&self, years: f64, with: &Resolved<'_>, limit: &Option<(String, f64)>) -> Option<Withheld> {
        if with.applied.is_empty() {
            return Some(Withheld::NothingApplied);
        }
        if years > self.baseline.last_year() {
            return Some(Withheld::BeyondBaseline { limit_years: self.baseline.last_year() });
        }
        let (option, last) = limit.as_ref()?;
        (years > *last).then(|| Withheld::BeyondFollowUp { option: option.clone(), limit_years: *last })
    }

    fn caveats(&self, with: &Resolved<'_>, without: &Resolved<'_>) -> Vec<Caveat> {
        let mut caveats = Vec::new();
        if with.applied.len() > 1 {
            caveats.push(Caveat::Multiplied { order: ids(&with.applied) });
        }
        if !(with.left_out.is_empty() && without.left_out.is_empty()) {
            caveats.push(Caveat::Partial);
        }
        if self.baseline.draws().is_empty() {
            caveats.push(Caveat::NoModelUncertainty);
        }
        let last = HORIZONS.iter().copied().filter(|&years| years <= self.baseline.last_year()).fold(0.0, f64::max);
        for part in &with.applied {
            let option = || part.option.id.clone();
            let (trial, baseline) = (part.effect.time_zero, self.baseline.time_zero());
            if trial != baseline {
                caveats.push(Caveat::ClockAssumed { option: option(), trial, baseline });
            }
            if !part.effect.has_uncertainty() {
                caveats.push(Caveat::NoEffectUncertainty { option: option() });
            }
            if !part.effect.verified || !part.effect.recalled.is_empty() {
                caveats.push(Caveat::Recalled { option: option() });
            }
            if end_of_follow_up(part) < last {
                caveats.push(Caveat::PastFollowUp { option: option(), years: end_of_follow_up(part) });
            }
            if !part.harms.is_empty() {
                caveats.push(Caveat::OtherCauseHarm { option: option() });
            }
            if part.harms.iter().any(|(harm, _)| harm.per_heart_gy) && self.record.heart_dose_gy.is_none() {
                caveats.push(Caveat::HeartDoseUnknown { option: option() });
            }
        }
        caveats
    }
}

fn outcomes(steps: &Steps, lifts: &Lifts, draws: &Draws, n_draws: usize) -> Outcomes {
    let columns = draws.of(&lifts.effects);
    let mut moves = vec![0.0; columns.len()];
    let moved = |draw: usize| {
        for (z, column) in moves.iter_mut().zip(&columns) {
            *z = column.get(draw).copied().unwrap_or(0.0);
        }
        steps.outcome(draw + 1, lifts, &moves)
    };
    Outcomes { point: steps.outcome(0, lifts, &[]), draws: (0..n_draws).map(moved).collect() }
}

/// Years of the baseline's clock at which a ratio may change, for every clock that could be asked for.
fn boundaries<'a>(effects: impl Iterator<Item = &'a Effect>, waning: Waning) -> Vec<f64> {
    let of = |effect: &Effect| {
        let periods = effect.periods.iter().flat_map(|period| [Some(period.from_year), period.to_year]).flatten();
        let waned = effect.follow_up_years.map_or_else(Vec::new, |years| waning.boundaries(years));
        periods.chain(waned).collect::<Vec<f64>>()
    };
    effects.flat_map(of).flat_map(|year| [year - 5.0, year, year + 5.0]).collect()
}

fn end_of_follow_up(part: &Applied<'_>) -> f64 {
    part.effect.follow_up_years.unwrap_or(0.0) - part.shift
}

fn ids(applied: &[Applied<'_>]) -> Vec<String> {
    applied.iter().map(|part| part.option.id.clone()).collect()
}

fn used(part: &Applied<'_>) -> UsedEffect {
    UsedEffect {
        option: part.option.id.clone(),
        effect: part.effect.id.clone(),
        source: part.effect.source.clone(),
        verified: part.effect.verified,
        recalled: part.effect.recalled.clone(),
        follow_up_years: part.effect.follow_up_years.map(|_| end_of_follow_up(part)),
    }
}

fn alive(outcome: &Outcome, slot: usize) -> f64 {
    outcome.alive.get(slot).copied().unwrap_or(0.0)
}

fn breast_death(outcome: &Outcome, slot: usize) -> f64 {
    outcome.breast_death.get(slot).copied().unwrap_or(0.0)
}

fn gain(treated: &Outcomes, compared: &Outcomes, slot: usize, certain: bool) -> Gain {
    let survival_benefit = difference(treated, compared, |outcome| alive(outcome, slot));
    Gain {
        alive_reference: level(compared, |outcome| alive(outcome, slot)),
        alive: level(treated, |outcome| alive(outcome, slot)),
        breast_death_reference: level(compared, |outcome| breast_death(outcome, slot)),
        breast_death: level(treated, |outcome| breast_death(outcome, slot)),
        survival_benefit,
        breast_death_avoided: difference(compared, treated, |outcome| breast_death(outcome, slot)),
        number_needed: if certain { NumberNeeded::of(&survival_benefit) } else { None },
    }
}

fn level(outcomes: &Outcomes, of: impl Fn(&Outcome) -> f64) -> Estimate {
    with_interval(of(&outcomes.point), outcomes.draws.iter().map(of).collect())
}

/// Paired by draw: the same hazards and the same ratios on both sides.
fn difference(a: &Outcomes, b: &Outcomes, of: impl Fn(&Outcome) -> f64) -> Estimate {
    let draws = a.draws.iter().zip(&b.draws).map(|(a, b)| of(a) - of(b)).collect();
    with_interval(of(&a.point) - of(&b.point), draws)
}
