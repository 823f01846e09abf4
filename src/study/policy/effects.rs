use super::PolicySpec;
use super::folds::CrossFitted;
use super::result::ArmEffect;
use super::run::label;
use super::trial::{Chances, Trial};
use crate::decide::MIN_COMPARABLE;
use crate::decide::policy::{PolicyDifference, Propensity, Treated, difference};
use crate::study::Error;
use crate::study::fit::pick;
use crate::terms::Subtype;

/// Every option against control in every receptor subtype in which at least 15 patients received it.
///
/// # Errors
/// [`Error::Decide`].
pub(super) fn arm_effects(
    spec: &PolicySpec,
    trial: &Trial,
    fitted: &CrossFitted,
    chances: &Chances,
) -> Result<Vec<ArmEffect>, Error> {
    let mut effects = Vec::new();
    for subtype in Subtype::ALL {
        for (option, listed) in trial.options.options.iter().enumerate() {
            let n = |wanted: usize| {
                let rows = trial.subtype.iter().zip(&trial.received);
                rows.filter(|(known, received)| **known == subtype && **received == wanted).count()
            };
            if option == trial.control || n(option) < MIN_COMPARABLE {
                continue;
            }
            let window = trial.window(subtype, option);
            let here = |row: usize| trial.subtype.get(row) == Some(&subtype);
            let open = |row: usize| {
                here(row) && window.is_some_and(|window| window.holds(trial.day.get(row).copied().flatten()))
            };
            let effect = |propensity: &Propensity, floor: f64, keep: &dyn Fn(usize) -> bool| {
                contrast(trial, fitted, propensity, (option, trial.control), floor, keep)
            };
            effects.push(ArmEffect {
                subtype,
                option: listed.id.clone(),
                n_received: n(option),
                n_controls: n(trial.control),
                n_concurrent_controls: window.map(|window| window.n_concurrent_controls),
                label: label(!trial.is_concurrent(subtype, option)),
                concurrent: match &chances.by_period {
                    Some(by_period) => Some(effect(by_period, spec.floor, &open)?),
                    None => None,
                },
                all_controls: effect(&chances.pooled, spec.floor, &here)?,
                trimmed: effect(&chances.pooled, spec.trim, &here)?,
            });
        }
    }
    Ok(effects)
}

/// Everyone of the kept rows on the first option, less everyone on the second.
fn contrast(
    trial: &Trial,
    fitted: &CrossFitted,
    propensity: &Propensity,
    (first, second): (usize, usize),
    floor: f64,
    keep: &dyn Fn(usize) -> bool,
) -> Result<PolicyDifference, Error> {
    let (received, y) = (pick(&trial.received, &fitted.judged), pick(&trial.rows.y, &fitted.judged));
    let mut both = [Vec::new(), Vec::new()];
    for repeat in &fitted.repeats {
        let treated = Treated { received: &received, y: &y, predicted: &repeat.predicted, propensity };
        for (side, option) in both.iter_mut().zip([first, second]) {
            let choice: Vec<Option<usize>> = fitted.judged.iter().map(|&row| keep(row).then_some(option)).collect();
            side.push(treated.scores(&choice, floor)?);
        }
    }
    let [first, second] = both;
    Ok(difference(&first, &second)?)
}
