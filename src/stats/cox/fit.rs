//! The fitted model and its tests.

use serde::{Deserialize, Serialize};

use super::baseline::{StratumBaseline, baselines};
use super::design::Design;
use super::newton::{Maximum, maximise};
use super::{CoxData, CoxOptions, Ties, robust};
use crate::stats::inputs::{check_finite, check_length};
use crate::stats::linalg::Cholesky;
use crate::stats::{Error, chi_squared, normal};
use crate::terms::Estimate;

/// A chi-squared test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChiSquaredTest {
    /// Test statistic, at least 0.
    pub statistic: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Upper-tail probability.
    pub p: f64,
}

impl ChiSquaredTest {
    pub(super) fn new(statistic: f64, df: usize) -> Result<Self, Error> {
        // Rounding may leave a statistic of zero below zero.
        let (statistic, df) = (statistic.max(0.0), df as f64);
        Ok(Self { statistic, df, p: chi_squared::upper_tail(statistic, df)? })
    }
}

/// Tests of all coefficients being 0 together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CoxTests {
    /// Twice the gain in log-likelihood.
    pub likelihood_ratio: ChiSquaredTest,
    /// bᵀ V⁻¹ b, with the robust V when one was asked for.
    pub wald: ChiSquaredTest,
    /// uᵀ I⁻¹ u at 0: the log-rank test of one binary feature without ties.
    pub score: ChiSquaredTest,
    /// uᵀ (Σ uᵢuᵢᵀ)⁻¹ u at 0, over clusters; `None` unless a robust covariance was asked for, or with fewer clusters
    /// than features.
    pub robust_score: Option<ChiSquaredTest>,
}

/// One coefficient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CoxTerm {
    /// Log hazard ratio per unit of the feature.
    pub coef: f64,
    /// Its standard error, robust when one was asked for.
    pub standard_error: f64,
    /// exp(coef) with its Wald 95 % interval; above 1 the event comes earlier.
    pub hazard_ratio: Estimate,
    /// coef / standard error.
    pub z: f64,
    /// Two-sided p-value of `z`.
    pub p: f64,
}

/// A Cox regression at its maximum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoxFit {
    /// Log hazard ratio per unit of each feature.
    pub coef: Vec<f64>,
    /// Inverse of the (penalised) information at `coef`, row-major, `coef.len()` squared.
    pub covariance: Vec<f64>,
    /// Sandwich covariance, summed over clusters; `None` unless asked for.
    pub robust_covariance: Option<Vec<f64>>,
    /// Log partial likelihood at 0 and at `coef`, without the penalty.
    pub log_likelihood: [f64; 2],
    /// Tests of the whole model; `None` under a ridge, whose statistics have no chi-squared distribution.
    pub tests: Option<CoxTests>,
    /// Treatment of tied deaths.
    pub ties: Ties,
    /// The penalty.
    pub ridge: f64,
    /// Number of rows.
    pub n_samples: usize,
    /// Number of observed events.
    pub n_events: usize,
    /// Newton steps made.
    pub n_iterations: usize,
    /// Mean of each feature, but 0 for a feature with no other values than −1, 0 and 1 (R's `nocenter`): linear
    /// predictors and the centred baseline refer to a patient with these values. As in R, the mean is weighted unless
    /// there are entry times.
    pub means: Vec<f64>,
    /// Baseline hazard of each stratum, by ascending label.
    pub baselines: Vec<StratumBaseline>,
}

impl CoxFit {
    /// Number of features.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.coef.len()
    }

    /// The covariance that intervals are made from: the robust one when there is one.
    #[must_use]
    pub fn used_covariance(&self) -> &[f64] {
        self.robust_covariance.as_deref().unwrap_or(&self.covariance)
    }

    /// Standard error of each coefficient, from [`CoxFit::used_covariance`].
    #[must_use]
    pub fn standard_errors(&self) -> Vec<f64> {
        let size = self.coef.len();
        (0..size).map(|column| self.used_covariance()[column * (size + 1)].max(0.0).sqrt()).collect()
    }

    /// Returns each coefficient with hazard ratio, 95 % interval, z and p.
    ///
    /// # Errors
    /// [`Error::NoVariance`] when a robust standard error is 0, [`Error::OutOfDomain`] when exp(coef) overflows.
    pub fn terms(&self) -> Result<Vec<CoxTerm>, Error> {
        self.coef.iter().zip(self.standard_errors()).map(|(&coef, standard_error)| term(coef, standard_error)).collect()
    }

    /// Returns (x − `means`) coef of each row of the row-major n × `n_features` matrix `features`; higher = earlier.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless the length is a multiple of `n_features`, [`Error::NotFinite`].
    ///
    /// # Source
    /// R `coxph(...)$linear.predictors`.
    pub fn linear_predictors(&self, features: &[f64]) -> Result<Vec<f64>, Error> {
        let size = self.coef.len();
        let n_samples = features.len() / size.max(1);
        check_length("features", n_samples * size, features.len())?;
        check_finite(features)?;
        let centred = |row: &[f64]| -> f64 {
            row.iter().zip(&self.means).zip(&self.coef).map(|((value, mean), coef)| (value - mean) * coef).sum()
        };
        Ok(features.chunks_exact(size.max(1)).map(centred).collect())
    }
}

fn term(coef: f64, standard_error: f64) -> Result<CoxTerm, Error> {
    if standard_error <= 0.0 {
        return Err(Error::NoVariance { difference: coef });
    }
    let half_width = normal::Z95 * standard_error;
    let [estimate, lower95, upper95] = [coef, coef - half_width, coef + half_width].map(f64::exp);
    if !upper95.is_finite() {
        return Err(Error::OutOfDomain { what: "log hazard ratio", expected: "at most 709", found: coef + half_width });
    }
    let z = coef / standard_error;
    let hazard_ratio = Estimate { estimate, lower95, upper95 };
    Ok(CoxTerm { coef, standard_error, hazard_ratio, z, p: normal::two_sided_p(z) })
}

/// Returns the Cox regression of `data`: the maximum of the partial likelihood, less ½ `ridge` Σ coef².
///
/// Newton steps on centred and scaled columns, halved until the objective does not fall. The result depends on the
/// order of the rows only through rounding.
///
/// ```
/// use regimen::stats::{Survival, cox::{CoxData, CoxOptions, cox_fit}};
/// let times = Survival::new(vec![1., 1., 6., 6., 8., 9.], vec![true, false, true, true, false, true]).unwrap();
/// let x = [1., 1., 1., 0., 0., 0.];
/// let fit = cox_fit(&CoxData::new(&x, 1, &times), &CoxOptions::default()).unwrap();
/// assert!((fit.coef[0] - 1.676857).abs() < 1e-6);
/// ```
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::BadWeight`] for a weight of 0 or less,
/// [`Error::EntryNotBeforeExit`], [`Error::NoEvents`], [`Error::TooFew`] without features or, without a ridge, with
/// no more rows than features, [`Error::OutOfDomain`] for a bad option, a weight outside 1e-50 to 1e50 or an offset spread
/// over more than 300,
/// [`Error::ConstantColumn`] for a feature that does not vary (within the risk sets of its stratum),
/// [`Error::Singular`] naming the first feature that is a combination of earlier ones,
/// [`Error::MonotoneLikelihood`] naming the feature with an infinite coefficient, and [`Error::NotConverged`].
///
/// # Source
/// Cox 1972; Efron 1977; Breslow 1974; Therneau & Grambsch 2000, *Modeling Survival Data*, chapter 3; R
/// `survival::coxph`.
pub fn cox_fit(data: &CoxData<'_>, options: &CoxOptions) -> Result<CoxFit, Error> {
    check_options(options)?;
    let n_samples = data.survival.n_samples();
    if options.ridge == 0.0 && n_samples <= data.n_features {
        return Err(Error::TooFew { what: "rows", needed: data.n_features + 1, found: n_samples });
    }
    let design = Design::new(data)?;
    let maximum = maximise(&design, options)?;
    let size = data.n_features;
    let coef: Vec<f64> = maximum.beta.iter().zip(&design.scale).map(|(beta, scale)| beta / scale).collect();
    let mut covariance = maximum.covariance.clone();
    for (index, value) in covariance.iter_mut().enumerate() {
        *value /= design.scale[index / size] * design.scale[index % size];
    }
    check_finite(&coef)?;
    check_finite(&covariance)?;
    let robust =
        (options.robust || data.cluster.is_some()).then(|| robust::covariance(data, &design, &maximum, options));
    let means = means(data);
    let baselines = baselines(&design, &maximum, options.ties, &coef, &means)?;
    let mut fit = CoxFit {
        coef,
        covariance,
        robust_covariance: robust,
        log_likelihood: [maximum.null.log_likelihood, maximum.fit.log_likelihood],
        tests: None,
        ties: options.ties,
        ridge: options.ridge,
        n_samples,
        n_events: data.survival.n_events(),
        n_iterations: maximum.n_iterations,
        means,
        baselines,
    };
    if options.ridge == 0.0 {
        fit.tests = Some(tests(data, &design, &maximum, &fit)?);
    }
    Ok(fit)
}

fn check_options(options: &CoxOptions) -> Result<(), Error> {
    let domain = |what, expected, found| Err(Error::OutOfDomain { what, expected, found });
    if !(options.ridge >= 0.0 && options.ridge.is_finite()) {
        return domain("ridge", "a finite value of at least 0", options.ridge);
    }
    if !(options.tolerance > 0.0 && options.tolerance < 1.0) {
        return domain("tolerance", "a value in (0, 1)", options.tolerance);
    }
    Ok(())
}

fn tests(data: &CoxData<'_>, design: &Design, maximum: &Maximum, fit: &CoxFit) -> Result<CoxTests, Error> {
    let size = fit.coef.len();
    let [null, at_fit] = fit.log_likelihood;
    let score = Cholesky::new(&maximum.null.information, size)?.solve(&maximum.null.gradient)?;
    let score: f64 = score.iter().zip(&maximum.null.gradient).map(|(a, b)| a * b).sum();
    let robust_score = match &fit.robust_covariance {
        Some(_) => robust::score_statistic(data, design, fit.ties)?,
        None => None,
    };
    Ok(CoxTests {
        likelihood_ratio: ChiSquaredTest::new(2.0 * (at_fit - null), size)?,
        wald: ChiSquaredTest::new(wald_statistic(fit)?, size)?,
        score: ChiSquaredTest::new(score, size)?,
        robust_score: robust_score.map(|statistic| ChiSquaredTest::new(statistic, size)).transpose()?,
    })
}

/// bᵀ V⁻¹ b in units of the standard errors, which keep features of any scale apart.
fn wald_statistic(fit: &CoxFit) -> Result<f64, Error> {
    let size = fit.coef.len();
    let errors = fit.standard_errors();
    if let Some(column) = errors.iter().position(|&error| error <= 0.0) {
        return Err(Error::NoVariance { difference: fit.coef[column] });
    }
    let mut correlation = fit.used_covariance().to_vec();
    for (index, value) in correlation.iter_mut().enumerate() {
        *value /= errors[index / size] * errors[index % size];
    }
    let z: Vec<f64> = fit.coef.iter().zip(&errors).map(|(coef, error)| coef / error).collect();
    let solved = Cholesky::new(&correlation, size)?.solve(&z)?;
    Ok(solved.iter().zip(&z).map(|(a, b)| a * b).sum())
}

fn means(data: &CoxData<'_>) -> Vec<f64> {
    let size = data.n_features;
    let weights = data.weights.filter(|_| data.entry.is_none());
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let total: f64 = (0..data.survival.n_samples()).map(weight).sum();
    (0..size)
        .map(|column| {
            let values = || data.features[column..].iter().step_by(size);
            if values().all(|value| [-1.0, 0.0, 1.0].contains(value)) {
                return 0.0;
            }
            values().enumerate().map(|(row, value)| weight(row) / total * value).sum()
        })
        .collect()
}
