//! A few rules that imitate another model's predictions.

mod grow;

use serde::{Deserialize, Serialize};

use self::grow::{Learner, columns};
use super::{DesignMatrix, Error};
use crate::stats::quantile;

/// Deepest surrogate: more than three conditions are not read by anybody.
const MAX_DEPTH: usize = 3;
/// Names of the classes, lowest predictions first, by their number less 2.
const CLASS_NAMES: [&[&str]; 4] = [
    &["low", "high"],
    &["low", "middle", "high"],
    &["low", "lower middle", "upper middle", "high"],
    &["lowest", "low", "middle", "high", "highest"],
];

/// Settings of a surrogate tree.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SurrogateParams {
    /// Classes of equal size that the predictions are cut into, 2 to 5.
    pub n_classes: usize,
    /// Conditions on a path, 1 to 3.
    pub max_depth: usize,
    /// Fewest patients that a rule may speak of.
    pub min_leaf: usize,
}

impl Default for SurrogateParams {
    fn default() -> Self {
        Self { n_classes: 3, max_depth: MAX_DEPTH, min_leaf: 20 }
    }
}

/// A few rules that imitate another model's predictions, for a reader; never a model to predict with.
///
/// A regression tree of the predictions: each split takes the most off their squared deviation within the leaves.
/// Predictions are also cut into classes of equal size at their quantiles, and each leaf is named by its most frequent
/// class (the higher one in a tie). Missing values are read as the column's lower median, which the rule then says.
/// How far to believe the rules is [`fidelity`](Surrogate::fidelity), on rows that they were not made from.
///
/// # Source
/// Breiman et al. 1984 (regression trees); Craven & Shavlik 1996 (trees that imitate a model, fidelity).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surrogate {
    cuts: Vec<f64>,
    rules: Vec<Rule>,
    fidelity: f64,
    r_squared: f64,
}

/// One leaf: the patients that it covers and what the model says of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// All must hold; empty for a tree without a split.
    pub conditions: Vec<Condition>,
    /// Name of the most frequent class of predictions.
    pub class: String,
    /// Training rows covered.
    pub n_rows: usize,
    /// All training rows.
    pub n_total: usize,
    /// Their mean prediction.
    pub mean_prediction: f64,
}

/// A bound on one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Column index.
    pub column: usize,
    /// Column name.
    pub name: String,
    /// The value must lie above this.
    pub above: Option<f64>,
    /// The value must be at most this.
    pub at_most: Option<f64>,
    /// Whether the column holds 0 and 1 only.
    pub binary: bool,
    /// What a missing value is read as, where the column has some.
    pub missing_as: Option<f64>,
}

impl Surrogate {
    /// Fits the rules to `predictions` of the rows of `x`, whatever they are: probabilities or risk scores.
    ///
    /// `folds` holds a fold number per row, for the fidelity: rules made without a fold are asked about it.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::Parameter`] outside the ranges of the settings, [`Error::NothingVaries`],
    /// [`Error::Stats`] for predictions that are not finite or all equal, or fewer than two folds.
    pub fn fit(
        x: &DesignMatrix,
        predictions: &[f64],
        folds: &[usize],
        params: &SurrogateParams,
    ) -> Result<Self, Error> {
        for found in [predictions.len(), folds.len()] {
            if found != x.n_rows {
                return Err(Error::LengthMismatch { expected: x.n_rows, found });
            }
        }
        for (what, expected, value, range) in [
            ("classes", "2 to 5", params.n_classes, 2..=5),
            ("depth", "1 to 3", params.max_depth, 1..=MAX_DEPTH),
            ("rows in a leaf", "1 to half the rows", params.min_leaf, 1..=x.n_rows / 2),
        ] {
            if !range.contains(&value) {
                return Err(Error::Parameter { what, expected, found: value as f64 });
            }
        }
        let cuts = (1..params.n_classes)
            .map(|at| quantile(predictions, at as f64 / params.n_classes as f64))
            .collect::<Result<Vec<f64>, _>>()?;
        if predictions.iter().all(|prediction| Some(prediction) == predictions.first()) {
            return Err(crate::stats::Error::Constant { n_samples: x.n_rows }.into());
        }
        let columns = columns(x);
        if !columns.iter().any(grow::Column::varies) {
            return Err(Error::NothingVaries { n_features: x.n_features() });
        }
        let learner = Learner { columns: &columns, predictions, cuts: &cuts, params };
        let all: Vec<usize> = (0..x.n_rows).collect();
        let rules = learner.rules(&all);
        let (fidelity, r_squared) = learner.held_out(folds)?;
        Ok(Self { cuts, rules, fidelity, r_squared })
    }

    /// The rules, lowest mean prediction first; each training row is covered by exactly one.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The predictions at which a class ends and the next begins.
    #[must_use]
    pub fn cuts(&self) -> &[f64] {
        &self.cuts
    }

    /// Share of held-out rows whose rule names the class of their own prediction; 1/`n_classes` would be chance.
    #[must_use]
    pub fn fidelity(&self) -> f64 {
        self.fidelity
    }

    /// Share of the variance of the predictions that the rules explain on held-out rows; may fall below 0.
    #[must_use]
    pub fn r_squared(&self) -> f64 {
        self.r_squared
    }
}

impl Rule {
    /// Whether the rule covers a row.
    #[must_use]
    pub fn covers(&self, row: &[f32]) -> bool {
        self.conditions.iter().all(|condition| condition.holds(row))
    }

    /// The rule in words, `what` being what was predicted: "nodes > 3 and er = 0: high predicted risk; 87 of 686
    /// patients, mean prediction 0.61".
    #[must_use]
    pub fn words(&self, what: &str) -> String {
        let conditions: Vec<String> = self.conditions.iter().map(ToString::to_string).collect();
        let who = if conditions.is_empty() { "everybody".to_owned() } else { conditions.join(" and ") };
        let Self { class, n_rows, n_total, mean_prediction, .. } = self;
        format!("{who}: {class} {what}; {n_rows} of {n_total} patients, mean prediction {mean_prediction:.2}")
    }
}

impl Condition {
    fn holds(&self, row: &[f32]) -> bool {
        let value = row.get(self.column).map_or(f64::NAN, |&value| f64::from(value));
        let value = if value.is_nan() { self.missing_as.unwrap_or(value) } else { value };
        self.above.is_none_or(|above| value > above) && self.at_most.is_none_or(|at_most| value <= at_most)
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.name;
        match (self.above, self.at_most) {
            (Some(_), None) if self.binary => write!(f, "{name} = 1")?,
            (None, Some(_)) if self.binary => write!(f, "{name} = 0")?,
            (Some(above), Some(at_most)) => write!(f, "{above} < {name} ≤ {at_most}")?,
            (Some(above), None) => write!(f, "{name} > {above}")?,
            (None, Some(at_most)) => write!(f, "{name} ≤ {at_most}")?,
            (None, None) => write!(f, "any {name}")?,
        }
        match self.missing_as {
            Some(value) => write!(f, " (missing read as {})", (value * 1000.0).round() / 1000.0),
            None => Ok(()),
        }
    }
}

fn class_name(n_classes: usize, class: usize) -> &'static str {
    n_classes
        .checked_sub(2)
        .and_then(|at| CLASS_NAMES.get(at))
        .and_then(|names| names.get(class))
        .copied()
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use rand::seq::SliceRandom;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// nodes 0 to 9, er 0/1, noise with a few values missing; high where nodes > 3 and er = 0.
    fn sample(n: usize) -> (DesignMatrix, Vec<f64>, Vec<usize>) {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut values = Vec::new();
        let mut predictions = Vec::new();
        for row in 0..n {
            let (nodes, er) = (rng.random_range(0..10), rng.random_range(0..2));
            values.extend([nodes as f32, er as f32, if row % 9 == 0 { f32::NAN } else { rng.random::<f32>() }]);
            predictions.push(match (nodes > 3, er) {
                (true, 0) => 0.6 + 0.02 * rng.random::<f64>(),
                (false, 0) => 0.3 + 0.02 * rng.random::<f64>(),
                _ => 0.1 + 0.02 * rng.random::<f64>(),
            });
        }
        let names = ["nodes", "er", "noise"].map(String::from).to_vec();
        (DesignMatrix { names, n_rows: n, values }, predictions, (0..n).map(|row| row % 5).collect())
    }

    #[test]
    fn rules_are_found_and_said_in_words() {
        let (x, predictions, folds) = sample(400);
        let params = SurrogateParams { max_depth: 2, ..SurrogateParams::default() };
        let surrogate = Surrogate::fit(&x, &predictions, &folds, &params).unwrap();
        let covered: usize = surrogate.rules().iter().map(|rule| rule.n_rows).sum();
        assert_eq!(covered, 400);
        let top = surrogate.rules().last().unwrap();
        let n = (0..400).filter(|&row| x.row(row)[0] > 3.0 && x.row(row)[1] == 0.0).count();
        let said = top.words("predicted risk");
        assert_eq!(
            said,
            format!("er = 0 and nodes > 3: high predicted risk; {n} of 400 patients, mean prediction 0.61")
        );
        assert!(surrogate.r_squared() > 0.99 && surrogate.fidelity() > 0.6, "{}", surrogate.fidelity());
        for (row, prediction) in predictions.iter().enumerate() {
            let of_row: Vec<&Rule> = surrogate.rules().iter().filter(|rule| rule.covers(x.row(row))).collect();
            assert!(of_row.len() == 1 && (of_row[0].mean_prediction - prediction).abs() < 0.1);
        }
    }

    #[test]
    fn row_order_does_not_matter() {
        let (x, predictions, folds) = sample(200);
        let params = SurrogateParams { min_leaf: 5, ..SurrogateParams::default() };
        let one = Surrogate::fit(&x, &predictions, &folds, &params).unwrap();
        let mut order: Vec<usize> = (0..200).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
        let pick = |row: &usize| predictions[*row];
        let turned: Vec<f64> = order.iter().map(pick).collect();
        let folds: Vec<usize> = order.iter().map(|&row| folds[row]).collect();
        let other = Surrogate::fit(&x.select(&order), &turned, &folds, &params).unwrap();
        assert_eq!(one.rules(), other.rules());
        assert_eq!(one.fidelity(), other.fidelity());
    }

    #[test]
    fn missing_values_are_read_as_the_median_and_said_to_be() {
        let values = vec![1.0, 2.0, 3.0, f32::NAN, 5.0, 6.0, 7.0, f32::NAN];
        let x = DesignMatrix { names: vec!["ki67".into()], n_rows: 8, values };
        let params = SurrogateParams { n_classes: 2, max_depth: 1, min_leaf: 1 };
        let predictions = [0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.1];
        let surrogate = Surrogate::fit(&x, &predictions, &[0, 1, 0, 1, 0, 1, 0, 1], &params).unwrap();
        let said: Vec<String> = surrogate.rules().iter().map(|rule| rule.words("chance")).collect();
        assert_eq!(said[0], "ki67 ≤ 3 (missing read as 3): low chance; 5 of 8 patients, mean prediction 0.10");
        assert_eq!(said[1], "ki67 > 3 (missing read as 3): high chance; 3 of 8 patients, mean prediction 0.90");
    }

    #[test]
    fn bad_input_is_refused() {
        let (x, predictions, folds) = sample(60);
        let fit = |p: &[f64], f: &[usize], params| Surrogate::fit(&x, p, f, &params);
        let params = SurrogateParams::default();
        assert!(matches!(fit(&predictions[1..], &folds, params), Err(Error::LengthMismatch { .. })));
        assert!(matches!(fit(&[0.5; 60], &folds, params), Err(Error::Stats(_))));
        assert!(matches!(fit(&predictions, &[0; 60], params), Err(Error::Stats(_))));
        for wrong in [
            SurrogateParams { n_classes: 6, ..params },
            SurrogateParams { max_depth: 4, ..params },
            SurrogateParams { min_leaf: 31, ..params },
        ] {
            assert!(matches!(fit(&predictions, &folds, wrong), Err(Error::Parameter { .. })));
        }
        let mut nan = predictions.clone();
        nan[3] = f64::NAN;
        assert!(matches!(fit(&nan, &folds, params), Err(Error::Stats(_))));
    }
}
