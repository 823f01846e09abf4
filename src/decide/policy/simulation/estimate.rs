use super::super::super::Error;
use super::super::{PolicyScores, Propensity, Treated, best_per_cell, difference, periods, value, windows};
use super::trial::{N_OPTIONS, N_SUBTYPES, Simulated};
use crate::stats::folds::{repeat_seed, stratified_folds};
use crate::stats::normal::Z95;
use crate::stats::{expit, logistic_fit};
use crate::terms::Estimate;

const N_FOLDS: usize = 5;
/// Fewest patients of an option in a cell of the rule, as for the receptor subtypes of I-SPY2.
const MIN_CELL: usize = 5;
const FLOOR: f64 = 0.01;
const PSEUDO_PATIENTS: f64 = 5.0;

/// An estimate beside what it claims to estimate: the mean over the patients whom it is about, each under her option.
pub(super) struct Claim {
    pub(super) what: &'static str,
    pub(super) estimate: f64,
    pub(super) truth: f64,
    pub(super) interval: Option<(f64, f64)>,
}

/// Predictions of every option and the choices of two rules, each learned without the patient's fold.
struct CrossFitted {
    predicted: Vec<Vec<f64>>,
    by_cell: Vec<Option<usize>>,
    by_model: Vec<Option<usize>>,
}

/// Scores and choices by repeat.
type Scored = (Vec<PolicyScores>, Vec<Vec<Option<usize>>>);

/// Every estimate of one trial.
pub(super) fn claims(trial: &Simulated, n_repeats: usize) -> Result<Vec<Claim>, Error> {
    let n = trial.y.len();
    let cell: Vec<Option<usize>> =
        trial.subtype.iter().zip(&trial.marker).map(|(s, m)| Some(2 * s + usize::from(*m))).collect();
    let her2: Vec<Option<usize>> =
        trial.subtype.iter().map(|&s| Some(usize::from(Simulated::is_her2_positive(s)))).collect();
    let pooled = Propensity::estimate(&trial.received, N_OPTIONS, &[&her2, &cell], PSEUDO_PATIENTS)?;
    let period = periods(&trial.day, &trial.received, &her2, 30)?;
    let fine: Vec<Option<usize>> =
        cell.iter().zip(&period).map(|(cell, period)| Some((*cell)? + 2 * N_SUBTYPES * (*period)?)).collect();
    let by_period = Propensity::estimate(&trial.received, N_OPTIONS, &[&period, &fine], PSEUDO_PATIENTS)?;
    let fitted: Vec<CrossFitted> =
        (0..n_repeats).map(|repeat| cross_fit(trial, &cell, repeat)).collect::<Result<_, Error>>()?;
    let scores = |propensity, choice: &dyn Fn(&CrossFitted) -> Vec<Option<usize>>| -> Result<Scored, Error> {
        let of_repeat = |fitted: &CrossFitted| {
            let treated = Treated { received: &trial.received, y: &trial.y, predicted: &fitted.predicted, propensity };
            let choice = choice(fitted);
            Ok((treated.scores(&choice, FLOOR)?, choice))
        };
        Ok(fitted.iter().map(of_repeat).collect::<Result<Vec<_>, Error>>()?.into_iter().unzip())
    };
    let mut found = Vec::new();
    let subtype: Vec<Option<usize>> = trial.subtype.iter().copied().map(Some).collect();
    let windows = windows(&trial.day, &trial.received, &subtype, 0, N_OPTIONS)?;
    for subtype in 0..N_SUBTYPES {
        for option in 1..N_OPTIONS {
            naive(trial, subtype, option, &mut found);
            let window = windows[subtype][option];
            let here = |row: usize| trial.subtype[row] == subtype;
            let open = |row: usize| here(row) && window.is_some_and(|window| window.holds(trial.day[row]));
            for (what, propensity, keep) in [
                ("effect, AIPW all controls", &pooled, &here as &dyn Fn(usize) -> bool),
                ("effect, AIPW concurrent", &by_period, &open),
            ] {
                let everyone = |option: usize| (0..n).map(|row| keep(row).then_some(option)).collect();
                let a = scores(propensity, &|_| everyone(option))?;
                let b = scores(propensity, &|_| everyone(0))?;
                found.extend(paired(what, trial, &a, &b)?);
            }
        }
    }
    let best = best_per_cell(&cell, &trial.received, &trial.y, MIN_CELL)?;
    let chosen: Vec<Option<usize>> = cell.iter().map(|cell| best.choose(*cell)).collect();
    if let Some(estimate) = best.in_sample_rate {
        let truth = mean((0..n).filter_map(|row| Some(trial.truth[row][chosen[row]?])));
        found.push(Claim { what: "value, best per cell, in-sample", estimate, truth, interval: None });
    }
    for (propensity, [cells, model, less]) in [
        (
            &pooled,
            [
                "value, best per cell, cross-fitted",
                "value, model, cross-fitted",
                "difference, model less best per cell",
            ],
        ),
        (
            &by_period,
            [
                "value, best per cell, cross-fitted, concurrent",
                "value, model, cross-fitted, concurrent",
                "difference, model less best per cell, concurrent",
            ],
        ),
    ] {
        let a = scores(propensity, &|fitted| fitted.by_model.clone())?;
        let b = scores(propensity, &|fitted| fitted.by_cell.clone())?;
        for (what, (scores, choices)) in [(model, &a), (cells, &b)] {
            let truth = mean(scores.iter().zip(choices).map(|(scores, choice)| {
                mean(supported(scores).filter_map(|row| Some(trial.truth[row][choice[row]?])))
            }));
            found.extend(value(scores)?.value.map(|estimate| claim(what, estimate, truth)));
        }
        found.extend(paired(less, trial, &a, &b)?);
    }
    Ok(found)
}

fn claim(what: &'static str, estimate: Estimate, truth: f64) -> Claim {
    Claim { what, estimate: estimate.estimate, truth, interval: Some((estimate.lower95, estimate.upper95)) }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

fn supported(scores: &PolicyScores) -> impl Iterator<Item = usize> {
    scores.scores.iter().enumerate().filter_map(|(row, score)| score.map(|_| row))
}

/// The paired difference of two policies on the patients whom both support.
fn paired(what: &'static str, trial: &Simulated, first: &Scored, second: &Scored) -> Result<Option<Claim>, Error> {
    let repeats = first.0.iter().zip(&first.1).zip(second.0.iter().zip(&second.1));
    let truth = mean(repeats.map(|((a, of_a), (b, of_b))| {
        let both = supported(a).filter(|&row| b.scores[row].is_some());
        mean(both.filter_map(|row| Some(trial.truth[row][of_a[row]?] - trial.truth[row][of_b[row]?])))
    }));
    Ok(difference(&first.0, &second.0)?.difference.map(|estimate| claim(what, estimate, truth)))
}

/// Difference of proportions in one subtype with its Wald interval; the truth is the subtype's mean effect.
fn naive(trial: &Simulated, subtype: usize, option: usize, found: &mut Vec<Claim>) {
    let rate = |option: usize| {
        let rows = (0..trial.y.len()).filter(|&row| trial.subtype[row] == subtype && trial.received[row] == option);
        let y: Vec<f64> = rows.map(|row| f64::from(u8::from(trial.y[row]))).collect();
        let p = y.iter().sum::<f64>() / y.len().max(1) as f64;
        (y.len(), p, p * (1.0 - p) / y.len().max(1) as f64)
    };
    let ((n, p, v), (n0, p0, v0)) = (rate(option), rate(0));
    if n.min(n0) < 15 {
        return;
    }
    let here = (0..trial.y.len()).filter(|&row| trial.subtype[row] == subtype);
    let truth = mean(here.map(|row| trial.truth[row][option] - trial.truth[row][0]));
    let half_width = Z95 * (v + v0).sqrt();
    let estimate = p - p0;
    found.push(Claim {
        what: "effect, difference of rates",
        estimate,
        truth,
        interval: Some((estimate - half_width, estimate + half_width)),
    });
}

/// Columns: subtypes, marker, covariate, options, and options with subtypes and with the marker.
fn features(trial: &Simulated, row: usize, option: usize) -> Vec<f64> {
    let one = |flag: bool| f64::from(u8::from(flag));
    let (subtype, marker) = (trial.subtype[row], one(trial.marker[row]));
    let mut x: Vec<f64> = (1..N_SUBTYPES).map(|level| one(subtype == level)).collect();
    x.extend([marker, trial.covariate[row]]);
    for arm in 1..N_OPTIONS {
        let given = one(option == arm);
        x.extend([given, given * marker]);
        x.extend((1..N_SUBTYPES).map(|level| given * one(subtype == level)));
    }
    x
}

fn cross_fit(trial: &Simulated, cell: &[Option<usize>], repeat: usize) -> Result<CrossFitted, Error> {
    let n = trial.y.len();
    let mut found =
        CrossFitted { predicted: vec![vec![0.0; n]; N_OPTIONS], by_cell: vec![None; n], by_model: vec![None; n] };
    let fold_of = stratified_folds(&trial.y, None, N_FOLDS, repeat_seed(trial.number, repeat))?;
    for fold in 0..N_FOLDS {
        let (inside, outside): (Vec<usize>, Vec<usize>) = (0..n).partition(|&row| fold_of[row] != fold);
        let x: Vec<f64> = inside.iter().flat_map(|&row| features(trial, row, trial.received[row])).collect();
        let y: Vec<bool> = inside.iter().map(|&row| trial.y[row]).collect();
        let fit = logistic_fit(&x, inside.len(), x.len() / inside.len(), &y, 1.0)?;
        let received: Vec<usize> = inside.iter().map(|&row| trial.received[row]).collect();
        let cells: Vec<Option<usize>> = inside.iter().map(|&row| cell[row]).collect();
        let best = best_per_cell(&cells, &received, &y, MIN_CELL)?;
        for row in outside {
            for option in 0..N_OPTIONS {
                found.predicted[option][row] = expit(fit.linear_predictor(&features(trial, row, option)));
            }
            found.by_cell[row] = best.choose(cell[row]);
            let p = |option: usize| found.predicted[option][row];
            found.by_model[row] = (0..N_OPTIONS).max_by(|&a, &b| p(a).total_cmp(&p(b)));
        }
    }
    Ok(found)
}
