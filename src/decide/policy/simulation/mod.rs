//! Trials with known individual effects: what the estimates of this folder are worth, and where they fail.
//!
//! Lives here: synthetic trials under five kinds of allocation ([`draw`](trial::draw)), the estimates of one trial
//! beside their truth ([`claims`](estimate::claims)) and their bias and coverage over many. Tests only.

mod estimate;
mod trial;

use std::collections::BTreeMap;
use std::fmt::Write;

use rayon::prelude::*;

use estimate::{Claim, claims};
use trial::{Allocation, draw};

/// Bias, error and coverage of one kind of estimate over many trials.
#[derive(Debug, Clone, Copy, Default)]
struct Performance {
    n: usize,
    sum: f64,
    squares: f64,
    half_width: f64,
    n_with_interval: usize,
    n_covered: usize,
}

impl Performance {
    fn add(&mut self, claim: &Claim) {
        let error = claim.estimate - claim.truth;
        self.n += 1;
        self.sum += error;
        self.squares += error * error;
        if let Some((lower, upper)) = claim.interval {
            self.n_with_interval += 1;
            self.half_width += (upper - lower) / 2.0;
            self.n_covered += usize::from((lower..=upper).contains(&claim.truth));
        }
    }

    fn bias(&self) -> f64 {
        self.sum / self.n as f64
    }

    fn coverage(&self) -> f64 {
        self.n_covered as f64 / self.n_with_interval as f64
    }
}

/// Performance by estimate over `n_trials` trials of `n_patients`; the same on any number of threads.
fn study(
    allocation: Allocation,
    n_trials: usize,
    n_patients: usize,
    n_repeats: usize,
) -> BTreeMap<&'static str, Performance> {
    let of_trial: Vec<Vec<Claim>> = (0..n_trials)
        .into_par_iter()
        .map(|number| claims(&draw(allocation, n_patients, number as u64), n_repeats).unwrap())
        .collect();
    let mut found: BTreeMap<&'static str, Performance> = BTreeMap::new();
    for claim in of_trial.iter().flatten() {
        found.entry(claim.what).or_default().add(claim);
    }
    found
}

fn table(n_trials: usize, n_patients: usize, n_repeats: usize) -> String {
    let mut text = String::from(
        "| allocation | estimate | n | bias, points | RMSE, points | half-width, points | coverage of 95 % |\n|---|---|---|---|---|---|---|\n",
    );
    for allocation in Allocation::ALL {
        for (what, found) in study(allocation, n_trials, n_patients, n_repeats) {
            // Without drift there is one period, and concurrent values are the others once more.
            if what.ends_with("concurrent") && allocation != Allocation::AdaptiveDrift {
                continue;
            }
            let per_interval = |sum: f64| sum / found.n_with_interval as f64;
            let interval = if found.n_with_interval == 0 {
                "– | –".to_owned()
            } else {
                format!("{:.1} | {:.1} %", 100.0 * per_interval(found.half_width), 100.0 * found.coverage())
            };
            let _ = writeln!(
                text,
                "| {} | {what} | {} | {:+.1} | {:.1} | {interval} |",
                allocation.words(),
                found.n,
                100.0 * found.bias(),
                100.0 * (found.squares / found.n as f64).sqrt()
            );
        }
    }
    text
}

/// Prints the table of docs/studies.md: `cargo test --lib -- --ignored --nocapture bias_and_coverage`.
#[test]
#[ignore = "a study of minutes, not a check"]
fn bias_and_coverage_over_five_hundred_trials() {
    for n_repeats in [1, 5] {
        println!("{n_repeats} × 5 folds\n\n{}", table(500, 900, n_repeats));
    }
}

/// Sixty trials: the bound on bias is three standard errors of the mean of these, the one on coverage three binomial
/// ones on as many independent trials.
const TRIALS: usize = 60;

#[test]
fn randomised_effects_and_values_are_unbiased_and_covered() {
    let found = study(Allocation::Randomised, TRIALS, 600, 1);
    for what in ["effect, AIPW all controls", "value, best per cell, cross-fitted", "value, model, cross-fitted"] {
        let found = found[what];
        let error_of_mean = (found.squares / found.n as f64).sqrt() / (TRIALS as f64).sqrt();
        assert!(found.bias().abs() < 3.0 * error_of_mean, "{what}: {}", found.bias());
        assert!(found.coverage() > 0.95 - 3.0 * (0.95 * 0.05 / TRIALS as f64).sqrt(), "{what}: {}", found.coverage());
    }
}

#[test]
fn choosing_and_judging_on_the_same_patients_is_optimistic_where_nothing_differs() {
    let found = study(Allocation::NullHeterogeneity, TRIALS, 600, 1);
    assert!(found["value, best per cell, in-sample"].bias() > 0.05);
    assert!(found["value, best per cell, cross-fitted"].bias() < 0.03);
}

#[test]
fn unmeasured_confounding_and_drift_break_coverage_as_they_must() {
    let hidden = study(Allocation::Unmeasured, TRIALS, 600, 1)["effect, AIPW all controls"];
    assert!(hidden.bias() > 0.03 && hidden.coverage() < 0.93, "{} {}", hidden.bias(), hidden.coverage());
    let drift = study(Allocation::AdaptiveDrift, TRIALS, 600, 1);
    let (all, concurrent) = (drift["effect, AIPW all controls"], drift["effect, AIPW concurrent"]);
    assert!(all.bias().abs() > 2.0 * concurrent.bias().abs(), "{} {}", all.bias(), concurrent.bias());
}
