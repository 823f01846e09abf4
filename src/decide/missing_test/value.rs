use serde::{Deserialize, Serialize};

use super::draw::draw_results;
use super::{PriorBasis, TestPrior};
use crate::decide::Error;
use crate::learn::{self, DesignMatrix, Margin};
use crate::stats::folds::repeat_seed;
use crate::stats::normal::Z95;
use crate::stats::{expit, quantile};
use crate::terms::Subtype;

/// How results are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TestSettings {
    /// Results drawn per test; made even.
    pub n_draws: usize,
    /// Seed.
    pub seed: u64,
}

impl Default for TestSettings {
    fn default() -> Self {
        Self { n_draws: 200, seed: 20_261_125 }
    }
}

/// One patient, the tests she may lack, and the options to compare.
#[derive(Debug, Clone, Copy)]
pub struct MissingTests<'a> {
    /// Joint distribution of the model's inputs.
    pub prior: &'a TestPrior,
    /// Columns of the design.
    pub names: &'a [String],
    /// Her row; missing values as NaN.
    pub row: &'a [f32],
    /// Her receptor subtype.
    pub subtype: Option<Subtype>,
    /// Tests: name and columns (positions in `row`).
    pub tests: &'a [(String, Vec<usize>)],
    /// Options: id, and whether enough comparable patients received it; only these take part.
    pub options: &'a [(String, bool)],
    /// The probability that the model shows for a margin.
    pub probability: fn(&Margin) -> f64,
    /// How results are drawn.
    pub settings: TestSettings,
}

/// A Monte Carlo mean with the standard error of the simulation, not of the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MonteCarlo {
    /// Mean over the drawn results.
    pub estimate: f64,
    /// Standard error, over antithetic pairs.
    pub std_error: f64,
}

/// What a test could change in the estimate of one option, all on the probability scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OptionValue {
    /// Option.
    pub option: String,
    /// Estimate now, without the test.
    pub now: f64,
    /// Mean estimate after the test; differs from `now` by the error of the simulation and as far as the model's handling
    /// of a missing test differs from an average over its results.
    pub expected: f64,
    /// 5th percentile of the estimate after the test.
    pub lower90: f64,
    /// 95th percentile of the estimate after the test.
    pub upper90: f64,
    /// Expected |estimate after − now|.
    pub change: MonteCarlo,
    /// Width of the 95 % interval now, the unknown result included: on the logit scale the variance is the mean variance
    /// of the model's margin over results plus the variance of its mean.
    pub width_now: f64,
    /// Expected width of the model's 95 % interval once the result is known.
    pub width_after: MonteCarlo,
}

/// What one absent test could change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestValue {
    /// Test.
    pub test: String,
    /// Inputs that it would give.
    pub n_columns: usize,
    /// Whose results were drawn.
    pub basis: PriorBasis,
    /// Supported options, in the order given.
    pub options: Vec<OptionValue>,
    /// The option with the highest estimate now; `None` below two supported options.
    pub top_now: Option<String>,
    /// Probability that another option has the highest estimate after the test; a tie is no change.
    pub top_changes: Option<MonteCarlo>,
    /// Expected gain of choosing after the test: mean of the highest estimate less that of the option on top now. Never
    /// negative; an upper bound, since differences between estimates are taken at their word.
    pub gain: Option<MonteCarlo>,
}

/// Estimates of one option: the row as it is, and one per drawn result.
struct Answers {
    now: f64,
    after: Vec<f64>,
    margins: Vec<Margin>,
}

impl MissingTests<'_> {
    /// The value of every test of which no column is known, in the order given; tests that the prior does not describe are
    /// left out.
    ///
    /// `predict` returns margins on the logit scale by option (all of `options`, in order), then by row. Deterministic: the
    /// draws of a test depend on the seed and its place in the list only.
    ///
    /// # Errors
    /// [`Error::Prediction`], [`Error::PredictionShape`], [`Error::Stats`] for a prior that cannot be conditioned on or an
    /// estimate that is not finite.
    pub fn values<F>(&self, predict: F) -> Result<Vec<TestValue>, Error>
    where
        F: Fn(&DesignMatrix) -> Result<Vec<Vec<Margin>>, learn::Error>,
    {
        let unknown = |column: &usize| self.row.get(*column).is_none_or(|value| !value.is_finite());
        let absent: Vec<(usize, &(String, Vec<usize>))> = self
            .tests
            .iter()
            .enumerate()
            .filter(|(_, (_, block))| !block.is_empty() && block.iter().all(unknown))
            .collect();
        if absent.is_empty() {
            return Ok(Vec::new());
        }
        let (normal, basis) = self.prior.normal(self.subtype)?;
        let as_is = DesignMatrix { names: self.names.to_vec(), n_rows: 1, values: self.row.to_vec() };
        let now = self.margins(&predict, &as_is)?;
        let mut values = Vec::new();
        for (at, (test, block)) in absent {
            let draws = (self.settings.n_draws, repeat_seed(self.settings.seed, at));
            let Some(x) = draw_results(self.prior, &normal, (self.names, self.row), block, draws)? else { continue };
            let after = self.margins(&predict, &x)?;
            let answers: Vec<(&String, Answers)> = self
                .options
                .iter()
                .zip(now.iter().zip(after))
                .filter(|((_, supported), _)| *supported)
                .map(|((id, _), (now, margins))| (id, Answers::new(now, margins, self.probability)))
                .collect();
            values.push(summarise(test, block.len(), basis, &answers)?);
        }
        Ok(values)
    }

    fn margins<F>(&self, predict: &F, x: &DesignMatrix) -> Result<Vec<Vec<Margin>>, Error>
    where
        F: Fn(&DesignMatrix) -> Result<Vec<Vec<Margin>>, learn::Error>,
    {
        let margins = predict(x).map_err(Error::Prediction)?;
        let shape = |what, expected, found| Err(Error::PredictionShape { what, expected, found });
        if margins.len() != self.options.len() {
            return shape("options", self.options.len(), margins.len());
        }
        if let Some(rows) = margins.iter().find(|rows| rows.len() != x.n_rows) {
            return shape("rows", x.n_rows, rows.len());
        }
        let all = margins.iter().flatten().flat_map(|margin| [margin.mean, margin.std_dev]);
        match all.enumerate().find(|(_, value)| !value.is_finite()) {
            Some((index, _)) => Err(crate::stats::Error::NotFinite { index }.into()),
            None => Ok(margins),
        }
    }
}

impl Answers {
    fn new(now: &[Margin], margins: Vec<Margin>, probability: fn(&Margin) -> f64) -> Self {
        Self { now: now.first().map_or(0.5, probability), after: margins.iter().map(probability).collect(), margins }
    }

    fn value(&self, option: &str) -> Result<OptionValue, Error> {
        let width = |mean: f64, std_dev: f64| expit(mean + Z95 * std_dev) - expit(mean - Z95 * std_dev);
        let n = self.margins.len().max(1) as f64;
        let mean = self.margins.iter().map(|margin| margin.mean).sum::<f64>() / n;
        let variance =
            self.margins.iter().map(|margin| (margin.mean - mean).powi(2) + margin.std_dev.powi(2)).sum::<f64>() / n;
        let change: Vec<f64> = self.after.iter().map(|after| (after - self.now).abs()).collect();
        let widths: Vec<f64> = self.margins.iter().map(|margin| width(margin.mean, margin.std_dev)).collect();
        Ok(OptionValue {
            option: option.to_owned(),
            now: self.now,
            expected: self.after.iter().sum::<f64>() / n,
            lower90: quantile(&self.after, 0.05)?,
            upper90: quantile(&self.after, 0.95)?,
            change: MonteCarlo::of(&change),
            width_now: width(mean, variance.sqrt()),
            width_after: MonteCarlo::of(&widths),
        })
    }
}

impl MonteCarlo {
    /// Mean of draws that come in antithetic pairs.
    fn of(draws: &[f64]) -> Self {
        let pairs: Vec<f64> = draws.chunks(2).map(|pair| pair.iter().sum::<f64>() / pair.len() as f64).collect();
        let n = pairs.len().max(1) as f64;
        let estimate = pairs.iter().sum::<f64>() / n;
        let square = pairs.iter().map(|pair| (pair - estimate).powi(2)).sum::<f64>();
        Self { estimate, std_error: if n > 1.0 { (square / (n - 1.0) / n).sqrt() } else { 0.0 } }
    }
}

fn summarise(
    test: &str,
    n_columns: usize,
    basis: PriorBasis,
    answers: &[(&String, Answers)],
) -> Result<TestValue, Error> {
    let options = answers.iter().map(|(id, answers)| answers.value(id)).collect::<Result<Vec<_>, Error>>()?;
    // The first of equals is on top.
    let top = answers.iter().fold(None, |top: Option<&(&String, Answers)>, each| match top {
        Some(best) if best.1.now >= each.1.now => Some(best),
        _ => Some(each),
    });
    let (mut top_now, mut top_changes, mut gain) = (None, None, None);
    if let (Some((id, top)), true) = (top, answers.len() > 1) {
        let ahead: Vec<f64> = top
            .after
            .iter()
            .enumerate()
            .map(|(draw, own)| {
                let best = answers.iter().filter_map(|(_, each)| each.after.get(draw)).copied().fold(*own, f64::max);
                best - own
            })
            .collect();
        let changes: Vec<f64> = ahead.iter().map(|ahead| if *ahead > 0.0 { 1.0 } else { 0.0 }).collect();
        top_now = Some((*id).clone());
        top_changes = Some(MonteCarlo::of(&changes));
        gain = Some(MonteCarlo::of(&ahead));
    }
    Ok(TestValue { test: test.to_owned(), n_columns, basis, options, top_now, top_changes, gain })
}
