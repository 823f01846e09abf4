use std::collections::BTreeSet;

use super::{Assumptions, Baseline, Refusal, RefusalReason};
use crate::decide::options::{
    Class, Condition, Effect, EffectMeasure, Endpoint, OptionSet, TimeZero, TreatmentOption, Truth,
};
use crate::decide::record::ClinicalRecord;

/// A plan after every rule was applied: what multiplies the hazards, and what was left out.
#[derive(Debug, Clone)]
pub(super) struct Resolved<'a> {
    /// Options with an effect, in the order of combination.
    pub(super) applied: Vec<Applied<'a>>,
    /// Options without.
    pub(super) left_out: Vec<Refusal>,
}

/// One option with the effects that are applied for it.
#[derive(Debug, Clone)]
pub(super) struct Applied<'a> {
    pub(super) option: &'a TreatmentOption,
    /// On death from breast cancer.
    pub(super) effect: &'a Effect,
    /// Years to add to the baseline's clock to read the effect's own.
    pub(super) shift: f64,
    /// On death from other causes, where that assumption is chosen.
    pub(super) harms: Vec<(&'a Effect, f64)>,
}

/// Applies the rules to a plan, whatever the order in which its options were named.
pub(super) fn resolve<'a>(
    set: &'a OptionSet,
    plan: &[&str],
    record: &ClinicalRecord,
    baseline: &Baseline,
    assumptions: &Assumptions,
) -> Resolved<'a> {
    let mut resolved = Resolved { applied: vec![], left_out: vec![] };
    let mut options: Vec<&TreatmentOption> = Vec::new();
    for &id in plan.iter().collect::<BTreeSet<_>>() {
        match set.option(id) {
            Some(option) => options.push(option),
            None => resolved.left_out.push(refusal(id, None, RefusalReason::UnknownOption)),
        }
    }
    options.sort_by(|a, b| a.class.cmp(&b.class).then_with(|| a.id.cmp(&b.id)));
    let mut judged: Vec<(Class, &str)> = Vec::new();
    for option in options.into_iter().filter(|option| option.class != Class::Surgery) {
        let same = judged.iter().find(|(class, _)| *class == option.class).map(|(_, id)| (*id).to_owned());
        judged.push((option.class, &option.id));
        let verdict = match same {
            Some(other) => Err(refusal(&option.id, None, RefusalReason::SameClass { other })),
            None => apply(set, option, &resolved.applied, record, baseline, assumptions),
        };
        match verdict {
            Ok(applied) => resolved.applied.push(applied),
            Err(refused) => resolved.left_out.push(refused),
        }
    }
    resolved
}

fn refusal(option: &str, effect: Option<&Effect>, reason: RefusalReason) -> Refusal {
    Refusal { option: option.to_owned(), effect: effect.map(|effect| effect.id.clone()), reason }
}

/// The first effect on death from breast cancer that may be applied, or why its first candidate may not.
fn apply<'a>(
    set: &OptionSet,
    option: &'a TreatmentOption,
    before: &[Applied<'_>],
    record: &ClinicalRecord,
    baseline: &Baseline,
    assumptions: &Assumptions,
) -> Result<Applied<'a>, Refusal> {
    let eligibility = set.eligibility(option, record);
    if let Some(rule) = eligibility.rules.into_iter().find(|rule| rule.truth != Truth::Met) {
        let reason = RefusalReason::Eligibility { expected: rule.expected, found: rule.found, truth: rule.truth };
        return Err(refusal(&option.id, None, reason));
    }
    if baseline.includes().contains(&option.class) {
        return Err(refusal(&option.id, None, RefusalReason::InBaseline { class: option.class }));
    }
    let mut first = None;
    for effect in option.effects.iter().filter(|effect| effect.endpoint == Endpoint::BreastCancerDeath) {
        match check(option, effect, before, record, baseline, assumptions) {
            Ok(shift) => {
                let harms =
                    if assumptions.other_cause_harm { harms(option, record, baseline, assumptions) } else { vec![] };
                return Ok(Applied { option, effect, shift, harms });
            }
            Err(reason) => first = first.or_else(|| Some(refusal(&option.id, Some(effect), reason))),
        }
    }
    Err(first.unwrap_or_else(|| {
        let mut found: Vec<Endpoint> = option.effects.iter().map(|effect| effect.endpoint).collect();
        found.dedup();
        let reason = if found.is_empty() {
            RefusalReason::NoPublishedEffect
        } else {
            RefusalReason::OtherEndpoint { expected: Endpoint::BreastCancerDeath, found }
        };
        refusal(&option.id, option.effects.first(), reason)
    }))
}

/// The shift of the effect's clock, or the first rule that it breaks.
fn check(
    option: &TreatmentOption,
    effect: &Effect,
    before: &[Applied<'_>],
    record: &ClinicalRecord,
    baseline: &Baseline,
    assumptions: &Assumptions,
) -> Result<f64, RefusalReason> {
    if !matches!(effect.measure, EffectMeasure::HazardRatio | EffectMeasure::RateRatio) {
        return Err(RefusalReason::OtherMeasure { found: effect.measure });
    }
    if let Some(why) = &effect.shown_only {
        return Err(RefusalReason::ShownOnly { why: why.clone() });
    }
    let shift = clock_shift(effect.time_zero, baseline.time_zero(), assumptions)
        .ok_or(RefusalReason::OtherTimeZero { expected: baseline.time_zero(), found: effect.time_zero })?;
    let verdicts = effect.applies.iter().map(|rule: &Condition| rule.verdict(record));
    if let Some(rule) = verdicts.into_iter().find(|rule| rule.truth != Truth::Met) {
        return Err(RefusalReason::Population { expected: rule.expected, found: rule.found, truth: rule.truth });
    }
    let present = || before.iter().map(|applied| (applied.option.class, Some(applied.effect)));
    let present: Vec<(Class, Option<&Effect>)> =
        present().chain(baseline.includes().iter().map(|class| (*class, None))).collect();
    if let Some(&class) = effect.requires.iter().find(|class| present.iter().all(|(other, _)| other != *class)) {
        return Err(RefusalReason::ComparatorAbsent { class });
    }
    // Two ratios multiply when either trial had the other treatment in its background.
    let covered = |(class, other): &(Class, Option<&Effect>)| {
        let own = effect.combines_with.contains(class) || effect.requires.contains(class);
        own || *class == Class::Surgery || other.is_some_and(|other| other.combines_with.contains(&option.class))
    };
    if let Some((class, _)) = present.iter().find(|other| !covered(other)) {
        return Err(RefusalReason::BackgroundLacks { class: *class });
    }
    Ok(shift)
}

fn harms<'a>(
    option: &'a TreatmentOption,
    record: &ClinicalRecord,
    baseline: &Baseline,
    assumptions: &Assumptions,
) -> Vec<(&'a Effect, f64)> {
    let usable = |effect: &&Effect| {
        effect.endpoint == Endpoint::OtherCauseDeath
            && clock_shift(effect.time_zero, baseline.time_zero(), assumptions).is_some()
    };
    let dose = |effect: &'a Effect| {
        let factor = if effect.per_heart_gy { record.heart_dose_gy.unwrap_or(0.0) } else { 1.0 };
        (effect, factor)
    };
    option.effects.iter().filter(usable).map(dose).collect()
}

/// Years to add to the baseline's clock to read the effect's; `None` when the two do not meet.
///
/// Trials of adjuvant treatment start within weeks or months of diagnosis: counted from diagnosis, as PREDICT does.
fn clock_shift(effect: TimeZero, baseline: TimeZero, assumptions: &Assumptions) -> Option<f64> {
    use TimeZero::{AfterFiveYearsEndocrine, Diagnosis, Surgery};
    match (effect, baseline) {
        (Diagnosis | Surgery, Diagnosis | Surgery) => Some(0.0),
        (Diagnosis | Surgery, AfterFiveYearsEndocrine) => Some(5.0),
        (AfterFiveYearsEndocrine, Diagnosis | Surgery) => assumptions.completes_five_years.then_some(-5.0),
        (a, b) => (a == b).then_some(0.0),
    }
}
