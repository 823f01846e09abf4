use super::effects::arm_effects;
use super::folds::{Cells, CrossFitted, cells, cross_fit};
use super::result::{
    CellChoice, EvaluatedPolicies, NamedDifference, PlainArithmetic, PolicyReport, ValuedPolicy, Variant, VariantResult,
};
use super::trial::{Chances, Trial, known};
use super::{PolicyRule, PolicySpec};
use crate::decide::MIN_COMPARABLE;
use crate::decide::policy::{PolicyScores, Propensity, Treated, best_per_cell, difference, value};
use crate::stats::beta_interval;
use crate::study::fit::pick;
use crate::study::{Error, EvaluationSpec, FusedTable, Progress, ResponseSpec, SplitSpec};
use crate::terms::Estimate;

/// What holds for every result.
const NOTES: [&str; 3] = [
    "Values estimate what the options of this trial could have done, in patients from whom the policies were not \
     learned; options that are investigational are research evidence, never a recommendation.",
    "All controls: allocation is taken within receptor subtype and strata over the whole enrolment, which assumes that \
     nothing else drifted. Concurrent: within the period as well, about patients who enrolled while the option named \
     for them was open. Trimmed: all controls without patients whose chance of the option was small.",
    "A policy's value is about the patients whom it supports; differences are about those whom both support.",
];

/// What one repeat of the sample splitting leaves out; figures of decide/policy/simulation.
const NARROW: &str = "policies of different folds are learned from each other's patients, which one repeat does not \
                      show: its 95 % intervals covered 87 to 92 % of simulated truths, those of five repeats 94 to 99 %.";

/// Values policies on patients from whom they were not learned, beside the observed rate and the plain arithmetic.
///
/// # Errors
/// [`Error::Column`] for columns of another type, [`Error::Unsupported`] where the table has fewer than two options, no
/// column by which the first evaluation holds out, or no policy has enough support for a value; what fitting refuses;
/// [`Error::Interrupted`].
pub fn evaluate_policies(
    spec: &PolicySpec,
    model: &ResponseSpec,
    table: &FusedTable,
    progress: &dyn Progress,
) -> Result<PolicyReport, Error> {
    let all = Trial::read(spec, model, table, None)?;
    let mut notes: Vec<String> = NOTES.iter().map(|&note| note.to_owned()).collect();
    if all.day.iter().all(Option::is_none) {
        notes.push("The table has no day of enrolment: nothing is compared with concurrent controls.".to_owned());
    }
    let mut evaluations: Vec<EvaluatedPolicies> = Vec::new();
    let mut effects = Vec::new();
    for (at, evaluation) in spec.evaluations.iter().enumerate() {
        let column = match &evaluation.split {
            SplitSpec::Patient => None,
            SplitSpec::Centre { column } | SplitSpec::Period { column, .. } => Some(column.as_str()),
        };
        if let Some(column) = column
            && !known(table, column).contains(&true)
        {
            let missing = format!("no patient has a `{column}`, by which this evaluation holds out");
            if at == 0 {
                return Err(Error::Unsupported(missing));
            }
            notes.push(format!("Evaluation {} is left out: {missing}.", at + 1));
            continue;
        }
        let one_repeat = match &evaluation.split {
            SplitSpec::Patient => evaluation.n_repeats == 1,
            SplitSpec::Centre { .. } => true,
            SplitSpec::Period { .. } => false,
        };
        if one_repeat {
            notes.push(format!("Evaluation {}: {NARROW}", at + 1));
        }
        let trial = Trial::read(spec, model, table, column)?;
        let fitted = cross_fit(spec, model, &trial, &cells(spec, &trial)?, evaluation, progress)?;
        let chances = trial.chances(spec, &fitted.judged)?;
        evaluations.push(evaluated(spec, &trial, &fitted, &chances, evaluation)?);
        if at == 0 {
            effects = arm_effects(spec, &trial, &fitted, &chances)?;
        }
    }
    let main = evaluations.first().and_then(|evaluation| evaluation.variants.first());
    let policies = main.map(|variant| variant.policies.clone()).unwrap_or_default();
    if policies.iter().all(|policy| policy.value.value.is_none()) {
        let matched = policies.iter().map(|policy| policy.value.n_matched).max().unwrap_or(0);
        return Err(Error::Unsupported(format!(
            "no policy has support: expected at least {MIN_COMPARABLE} patients who received what it names, found {matched} at most"
        )));
    }
    Ok(PolicyReport {
        name: spec.name.clone(),
        outcome: model.target_definition.clone(),
        n: all.rows.y.len(),
        n_left_out: all.n_left_out,
        observed: rate(&all.rows.y)?,
        policies,
        evaluations,
        arithmetic: arithmetic(spec, &all, &cells(spec, &all)?)?,
        effects,
        notes,
        seed: model.seed,
        spec_sha256: spec.sha256(),
        model_sha256: model.sha256(),
        data_sha256: table.sha256.clone(),
    })
}

fn rate(y: &[bool]) -> Result<Estimate, Error> {
    Ok(beta_interval(y.iter().filter(|event| **event).count(), y.len())?)
}

/// `estimated, non-concurrent` or `estimated`.
pub(super) fn label(non_concurrent: bool) -> String {
    if non_concurrent { "estimated, non-concurrent" } else { "estimated" }.to_owned()
}

/// Every variant of one evaluation.
fn evaluated(
    spec: &PolicySpec,
    trial: &Trial,
    fitted: &CrossFitted,
    chances: &Chances,
    evaluation: &EvaluationSpec,
) -> Result<EvaluatedPolicies, Error> {
    let mut variants = vec![(Variant::AllControls, &chances.pooled, spec.floor)];
    variants.extend(chances.by_period.as_ref().map(|by_period| (Variant::Concurrent, by_period, spec.floor)));
    variants.push((Variant::Trimmed, &chances.pooled, spec.trim));
    Ok(EvaluatedPolicies {
        method: match &evaluation.split {
            SplitSpec::Patient => format!(
                "{} × {} folds of patients; policies and outcome model learned on the other folds",
                evaluation.n_repeats, evaluation.n_folds
            ),
            SplitSpec::Centre { column } => {
                format!("each of {} centres (`{column}`) held out in turn", fitted.n_splits)
            }
            SplitSpec::Period { column, from } => {
                format!("patients with `{column}` from {from} held out, policies learned on the earlier ones")
            }
        },
        n: fitted.judged.len(),
        observed: rate(&pick(&trial.rows.y, &fitted.judged))?,
        variants: variants
            .into_iter()
            .map(|(variant, propensity, floor)| of_variant(spec, trial, fitted, propensity, floor, variant))
            .collect::<Result<_, Error>>()?,
    })
}

/// Values, and what the policy named `against` adds to every other one.
fn of_variant(
    spec: &PolicySpec,
    trial: &Trial,
    fitted: &CrossFitted,
    propensity: &Propensity,
    floor: f64,
    variant: Variant,
) -> Result<VariantResult, Error> {
    let (received, y) = (pick(&trial.received, &fitted.judged), pick(&trial.rows.y, &fitted.judged));
    let mut scores: Vec<Vec<PolicyScores>> = vec![Vec::new(); spec.policies.len()];
    let mut n_non_concurrent = vec![0; spec.policies.len()];
    for repeat in &fitted.repeats {
        let treated = Treated { received: &received, y: &y, predicted: &repeat.predicted, propensity };
        for ((of_policy, count), choices) in scores.iter_mut().zip(&mut n_non_concurrent).zip(&repeat.choices) {
            of_policy.push(treated.scores(choices, floor)?);
            let alone = |(row, option): &(&usize, &Option<usize>)| {
                let subtype = trial.subtype.get(**row).copied();
                matches!((subtype, option), (Some(subtype), Some(option)) if !trial.is_concurrent(subtype, *option))
            };
            *count += fitted.judged.iter().zip(choices).filter(alone).count();
        }
    }
    let n_repeats = fitted.repeats.len().max(1) as f64;
    let policies = spec
        .policies
        .iter()
        .zip(&scores)
        .zip(n_non_concurrent)
        .map(|((rule, scores), count)| {
            Ok(ValuedPolicy {
                name: rule.name().to_owned(),
                value: value(scores)?,
                n_non_concurrent: (count as f64 / n_repeats).round() as usize,
                label: label(count > 0),
                note: rule.note().to_owned(),
            })
        })
        .collect::<Result<_, Error>>()?;
    let against = spec.policies.iter().zip(&scores).find(|(rule, _)| rule.name() == spec.against);
    let as_treated = vec![PolicyScores::as_treated(&y); fitted.repeats.len()];
    let mut differences = Vec::new();
    if let Some((_, first)) = against {
        let others = spec.policies.iter().map(PolicyRule::name).zip(&scores).filter(|(name, _)| *name != spec.against);
        for (name, second) in others.chain(std::iter::once(("the treatment received", &as_treated))) {
            differences.push(NamedDifference { less: name.to_owned(), found: difference(first, second)? });
        }
    }
    Ok(VariantResult { variant, policies, differences })
}

/// The published arithmetic: choosing and judging on all patients at once.
fn arithmetic(spec: &PolicySpec, trial: &Trial, cells: &[Option<Cells>]) -> Result<Vec<PlainArithmetic>, Error> {
    let mut found = Vec::new();
    for &min_cell in &spec.arithmetic_min_cells {
        for (rule, cells) in spec.policies.iter().zip(cells) {
            let Some(cells) = cells else { continue };
            let best = best_per_cell(&cells.of_row, &trial.received, &trial.rows.y, min_cell)?;
            let id = |option: Option<usize>| Some(trial.option(option?)?.id.clone());
            found.push(PlainArithmetic {
                policy: rule.name().to_owned(),
                min_cell,
                rate: best.in_sample_rate,
                n: best.n,
                rate_of_known: best.in_sample_rate_of_known,
                n_known: best.n_known,
                cells: (cells.labels.iter().enumerate())
                    .map(|(at, cell)| CellChoice { cell: cell.clone(), option: id(best.choose(Some(at))) })
                    .collect(),
            });
        }
    }
    Ok(found)
}
