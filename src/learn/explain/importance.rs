use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::{DesignMatrix, Error};
use crate::stats::bootstrap;
use crate::terms::Estimate;

/// Columns that are explained together: one column, its dummies, or a modality.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnGroup {
    /// What the columns are called together.
    pub name: String,
    /// Column indices.
    pub columns: Vec<usize>,
}

impl ColumnGroup {
    /// Every column of `x` as its own group.
    #[must_use]
    pub fn of_each_column(x: &DesignMatrix) -> Vec<Self> {
        x.names.iter().enumerate().map(|(at, name)| Self { name: name.clone(), columns: vec![at] }).collect()
    }
}

/// Settings of a permutation importance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImportanceOptions {
    /// Permutations of each group, averaged.
    pub n_repeats: usize,
    /// Bootstrap samples of the patients, for the interval.
    pub n_resamples: usize,
    /// Seed of both.
    pub seed: u64,
}

impl Default for ImportanceOptions {
    fn default() -> Self {
        Self { n_repeats: 10, n_resamples: 200, seed: 1 }
    }
}

/// What a metric loses when one group of columns is shuffled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// Name of the group.
    pub group: String,
    /// Metric as it is less metric after shuffling, mean over the permutations; the interval is over patients.
    pub loss: Estimate,
    /// Standard deviation of the loss over the permutations (n − 1); 0 with one.
    pub permutation_std_dev: f64,
}

/// Returns the loss of `metric` when the values of a group are shuffled among the rows, largest first.
///
/// The columns of a group move together. `predict` gives one prediction per row; `metric` gets all predictions and the
/// rows to measure on (a bootstrap sample repeats some), higher being better, `None` where it does not exist. The
/// interval holds the 2.5 % and 97.5 % points of the loss over bootstrap samples of the patients, each measuring the
/// intact and the shuffled predictions on the same patients. Correlated columns share their importance and may hide
/// each other's: group them. On training rows this says what the model uses, on new rows what helps.
///
/// # Errors
/// [`Error::Width`] for a column that `x` lacks, [`Error::LengthMismatch`] for another number of predictions,
/// [`Error::Parameter`] without repeats or where the metric does not exist on all rows, [`Error::Stats`] where too few
/// bootstrap samples have one, and what `predict` refuses.
///
/// # Source
/// Breiman 2001; Fisher, Rudin & Dominici 2019 (model reliance).
pub fn permutation_importance<P, M>(
    x: &DesignMatrix,
    groups: &[ColumnGroup],
    options: &ImportanceOptions,
    predict: P,
    metric: M,
) -> Result<Vec<Importance>, Error>
where
    P: Fn(&DesignMatrix) -> Result<Vec<f64>, Error> + Sync,
    M: Fn(&[f64], &[usize]) -> Option<f64> + Sync,
{
    if options.n_repeats == 0 {
        return Err(Error::Parameter { what: "repeats", expected: "at least 1", found: 0.0 });
    }
    if let Some(&column) = groups.iter().flat_map(|group| &group.columns).find(|&&at| at >= x.n_features()) {
        return Err(Error::Width { expected: column + 1, found: x.n_features() });
    }
    let predict = |x: &DesignMatrix| {
        let predictions = predict(x)?;
        if predictions.len() == x.n_rows {
            Ok(predictions)
        } else {
            Err(Error::LengthMismatch { expected: x.n_rows, found: predictions.len() })
        }
    };
    let intact = predict(x)?;
    let rows: Vec<usize> = (0..x.n_rows).collect();
    let undefined = Error::Parameter { what: "metric", expected: "a finite number", found: f64::NAN };
    let measured = |predictions: &[f64], rows: &[usize]| metric(predictions, rows).filter(|value| value.is_finite());
    let Some(base) = measured(&intact, &rows) else { return Err(undefined) };
    let explain = |(number, group): (usize, &ColumnGroup)| {
        let shuffled: Vec<Vec<f64>> = (0..options.n_repeats)
            .into_par_iter()
            .map(|repeat| predict(&shuffled(x, &group.columns, options.seed, number * options.n_repeats + repeat)))
            .collect::<Result<_, Error>>()?;
        let losses: Option<Vec<f64>> =
            shuffled.iter().map(|predictions| Some(base - measured(predictions, &rows)?)).collect();
        let losses = losses.ok_or(Error::Parameter { what: "metric", expected: "a finite number", found: f64::NAN })?;
        let loss_on = |drawn: &[usize]| {
            let base = measured(&intact, drawn)?;
            let losses: Option<Vec<f64>> =
                shuffled.iter().map(|predictions| Some(base - measured(predictions, drawn)?)).collect();
            losses.map(|losses| mean(&losses))
        };
        let (lower95, upper95) = bootstrap(x.n_rows, options.n_resamples, options.seed, loss_on)
            .ok_or(crate::stats::Error::TooFew { what: "bootstrap samples with a metric", needed: 1, found: 0 })?;
        let estimate = mean(&losses);
        let square: f64 = losses.iter().map(|loss| (loss - estimate).powi(2)).sum();
        let permutation_std_dev = if losses.len() > 1 { (square / (losses.len() - 1) as f64).sqrt() } else { 0.0 };
        let loss = Estimate { estimate, lower95, upper95 };
        Ok(Importance { group: group.name.clone(), loss, permutation_std_dev })
    };
    let mut importances: Vec<Importance> = groups.iter().enumerate().map(explain).collect::<Result<_, Error>>()?;
    importances.sort_by(|a, b| b.loss.estimate.total_cmp(&a.loss.estimate));
    Ok(importances)
}

/// `x` with the rows of some columns permuted together.
fn shuffled(x: &DesignMatrix, columns: &[usize], seed: u64, stream: usize) -> DesignMatrix {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    let mut order: Vec<usize> = (0..x.n_rows).collect();
    order.shuffle(&mut rng);
    let mut moved = x.clone();
    let width = x.n_features();
    for (row, &from) in order.iter().enumerate() {
        for &column in columns {
            if let (Some(slot), Some(&value)) = (moved.values.get_mut(row * width + column), x.row(from).get(column)) {
                *slot = value;
            }
        }
    }
    moved
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    fn sample() -> (DesignMatrix, Vec<bool>) {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let values: Vec<f32> = (0..300 * 4).map(|_| rng.random::<f32>()).collect();
        let y = values.chunks(4).map(|row| row[0] + 0.5 * row[1] + 0.2 * rng.random::<f32>() > 0.85).collect();
        (DesignMatrix { names: ["a", "b", "c", "d"].map(String::from).to_vec(), n_rows: 300, values }, y)
    }

    fn predict(x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        Ok((0..x.n_rows).map(|row| f64::from(x.row(row)[0] + 0.5 * x.row(row)[1])).collect())
    }

    fn area<'a>(y: &'a [bool]) -> impl Fn(&[f64], &[usize]) -> Option<f64> + Sync + 'a {
        |p, rows| {
            let outcomes: Vec<bool> = rows.iter().map(|&row| y[row]).collect();
            let scores: Vec<f64> = rows.iter().map(|&row| p[row]).collect();
            crate::stats::roc_auc_value(&outcomes, &scores).ok()
        }
    }

    #[test]
    fn what_the_model_uses_is_found_in_order_and_the_rest_is_exactly_nothing() {
        let (x, y) = sample();
        let found = permutation_importance(
            &x,
            &ColumnGroup::of_each_column(&x),
            &ImportanceOptions::default(),
            predict,
            area(&y),
        )
        .unwrap();
        let names: Vec<&str> = found.iter().map(|importance| importance.group.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        assert!(found[0].loss.lower95 > found[1].loss.upper95 && found[1].loss.lower95 > 0.0);
        for nothing in &found[2..] {
            assert_eq!((nothing.loss.estimate, nothing.loss.upper95, nothing.permutation_std_dev), (0.0, 0.0, 0.0));
        }
        for importance in &found {
            assert!(importance.loss.lower95 <= importance.loss.estimate);
            assert!(importance.loss.estimate <= importance.loss.upper95);
        }
    }

    #[test]
    fn a_group_of_all_used_columns_leaves_chance_and_threads_do_not_matter() {
        let (x, y) = sample();
        let groups = [ColumnGroup { name: "clinical".into(), columns: vec![0, 1] }];
        let run = || permutation_importance(&x, &groups, &ImportanceOptions::default(), predict, area(&y)).unwrap();
        let found = run();
        let base = area(&y)(&predict(&x).unwrap(), &(0..300).collect::<Vec<_>>()).unwrap();
        // The area of a random order has standard deviation about 0.034 here; ten repeats make it 0.011.
        assert!((base - found[0].loss.estimate - 0.5).abs() < 0.04);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(run), found);
    }

    #[test]
    fn bad_input_is_refused() {
        let (x, y) = sample();
        let options = ImportanceOptions::default();
        let beyond = [ColumnGroup { name: "e".into(), columns: vec![4] }];
        assert!(matches!(permutation_importance(&x, &beyond, &options, predict, area(&y)), Err(Error::Width { .. })));
        let groups = ColumnGroup::of_each_column(&x);
        let none = ImportanceOptions { n_repeats: 0, ..options };
        assert!(matches!(permutation_importance(&x, &groups, &none, predict, area(&y)), Err(Error::Parameter { .. })));
        let undefined = permutation_importance(&x, &groups, &options, predict, |_, _| None);
        assert!(matches!(undefined, Err(Error::Parameter { what: "metric", .. })));
        let short = permutation_importance(&x, &groups, &options, |_| Ok(vec![0.0]), area(&y));
        assert!(matches!(short, Err(Error::LengthMismatch { expected: 300, found: 1 })));
    }
}
