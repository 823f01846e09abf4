use serde::{Deserialize, Serialize};
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::svm::Kernels;
use smartcore::svm::svc::{SVC, SVCParameters};

use super::spline_basis::check_finite;
use super::{DesignMatrix, Error};

/// The optimality conditions may be violated by this many tolerances: the solver's last steps are limited.
const SLACK: f64 = 10.0;

/// How alike two standardised rows are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SvmKernel {
    /// u·v.
    Linear,
    /// exp(−γ·‖u − v‖²).
    Rbf {
        /// γ; `None` takes one over the number of columns.
        gamma: Option<f64>,
    },
}

/// Settings of a support vector machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SvmParams {
    /// Kernel on standardised columns.
    pub kernel: SvmKernel,
    /// Penalty of a row on the wrong side of its margin.
    pub cost: f64,
    /// Passes over the rows, which the solver sees one by one; three to five reach the optimum at a cost of 1.
    pub n_passes: usize,
    /// Largest violation of the optimality conditions at the end.
    pub tolerance: f64,
}

impl Default for SvmParams {
    fn default() -> Self {
        Self { kernel: SvmKernel::Rbf { gamma: None }, cost: 1.0, n_passes: 5, tolerance: 1e-3 }
    }
}

/// A support vector machine for a binary outcome; it returns decision values, not probabilities.
///
/// Columns are standardised by their training mean and standard deviation (a constant column becomes 0); they must be
/// complete: impute first. The decision value is b + Σ wᵢ·k(x, vᵢ), positive towards the event; a calibrator fitted on
/// out-of-fold decision values makes probabilities of it. The support vectors, standardised rows of patients, are part
/// of the model: that is how this kind of model works, and a reason to prefer another one where models travel.
///
/// # Source
/// Cortes & Vapnik 1995; solver of Bordes et al. 2005 (LASVM) in smartcore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupportVectorMachine {
    mean: Vec<f64>,
    std_dev: Vec<f64>,
    /// γ of the radial kernel; `None` for the linear one.
    gamma: Option<f64>,
    /// Standardised rows.
    vectors: Vec<Vec<f64>>,
    coef: Vec<f64>,
    intercept: f64,
}

impl SupportVectorMachine {
    /// Fits the machine on `x` (n_samples × n_features) and outcomes `y`; the same seed gives the same machine.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::OneClass`], [`Error::NotFinite`], [`Error::NothingVaries`],
    /// [`Error::Parameter`], [`Error::Stats`] when the optimality conditions do not hold after the last pass (more
    /// passes), [`Error::Library`].
    pub fn fit(x: &DesignMatrix, y: &[bool], params: &SvmParams, seed: u64) -> Result<Self, Error> {
        if y.len() != x.n_rows {
            return Err(Error::LengthMismatch { expected: x.n_rows, found: y.len() });
        }
        let n_events = y.iter().filter(|&&event| event).count();
        if n_events < 2 || y.len() - n_events < 2 {
            return Err(Error::OneClass { n_events, n_others: y.len() - n_events });
        }
        check_finite(x)?;
        let n_features = x.n_features();
        let gamma = match params.kernel {
            SvmKernel::Linear => None,
            SvmKernel::Rbf { gamma } => Some(gamma.unwrap_or(1.0 / n_features.max(1) as f64)),
        };
        for (what, found) in [("cost", params.cost), ("tolerance", params.tolerance), ("gamma", gamma.unwrap_or(1.0))] {
            if !(found > 0.0 && found.is_finite()) {
                return Err(Error::Parameter { what, expected: "a number above 0", found });
            }
        }
        let (mean, std_dev) = moments(x);
        if std_dev.iter().all(|&std_dev| std_dev == 0.0) {
            return Err(Error::NothingVaries { n_features });
        }
        let unfitted = Self { mean, std_dev, gamma, vectors: Vec::new(), coef: Vec::new(), intercept: 0.0 };
        let values: Vec<f64> = (0..x.n_rows).flat_map(|row| unfitted.standardise(x.row(row))).collect();
        let rows = DenseMatrix::new(x.n_rows, n_features, values, false).map_err(refused)?;
        let labels: Vec<i32> = y.iter().map(|&event| if event { 1 } else { -1 }).collect();
        let settings = SVCParameters::default()
            .with_c(params.cost)
            .with_epoch(params.n_passes)
            .with_tol(params.tolerance)
            .with_seed(Some(seed));
        let settings = match gamma {
            None => settings.with_kernel(Kernels::linear()),
            Some(gamma) => settings.with_kernel(Kernels::rbf().with_gamma(gamma)),
        };
        let fitted = SVC::fit(&rows, &labels, &settings).map_err(refused)?;
        let machine = unfitted.with_solution(serde_json::to_value(&fitted).map_err(refused)?)?.checked()?;
        if machine.is_optimal(x, y, params)? {
            Ok(machine)
        } else {
            Err(crate::stats::Error::NotConverged { n_iterations: params.n_passes }.into())
        }
    }

    /// Whether the margins obey the optimality conditions: a vector below the cost lies on its margin, one at the cost
    /// within it, and every row within its margin is a vector.
    fn is_optimal(&self, x: &DesignMatrix, y: &[bool], params: &SvmParams) -> Result<bool, Error> {
        let slack = SLACK * params.tolerance;
        let margin = |value: f64, event: bool| if event { value } else { -value };
        let on_side = |(vector, coef): (&Vec<f64>, &f64)| {
            let margin = margin(self.decision_value(vector), *coef > 0.0);
            let free = coef.abs() < params.cost * (1.0 - 1e-9);
            (margin <= 1.0 + slack && (!free || margin >= 1.0 - slack), margin < 1.0 - slack)
        };
        let vectors: Vec<(bool, bool)> = self.vectors.iter().zip(&self.coef).map(on_side).collect();
        let n_within = vectors.iter().filter(|(_, within)| *within).count();
        let values = self.decision_values(x)?;
        let n_rows_within = values.iter().zip(y).filter(|&(&v, &event)| margin(v, event) < 1.0 - slack).count();
        Ok(vectors.iter().all(|(sound, _)| *sound) && n_within == n_rows_within)
    }

    /// Decision value of every row: positive towards the event, in units of the margin.
    ///
    /// # Errors
    /// [`Error::Width`], [`Error::NotFinite`].
    pub fn decision_values(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        if x.n_features() != self.mean.len() {
            return Err(Error::Width { expected: self.mean.len(), found: x.n_features() });
        }
        check_finite(x)?;
        Ok((0..x.n_rows).map(|row| self.decision_value(&self.standardise(x.row(row)))).collect())
    }

    /// Decision value of a standardised row.
    fn decision_value(&self, z: &[f64]) -> f64 {
        let similar = |vector: &Vec<f64>| match self.gamma {
            None => vector.iter().zip(z).map(|(v, z)| v * z).sum(),
            Some(gamma) => (-gamma * vector.iter().zip(z).map(|(v, z)| (v - z).powi(2)).sum::<f64>()).exp(),
        };
        self.vectors.iter().zip(&self.coef).fold(self.intercept, |sum, (vector, w)| sum + w * similar(vector))
    }

    /// Number of support vectors.
    #[must_use]
    pub fn n_vectors(&self) -> usize {
        self.vectors.len()
    }

    /// The machine as JSON.
    ///
    /// # Errors
    /// [`Error::Library`] when it cannot be written.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(refused)
    }

    /// Reads what [`SupportVectorMachine::encode`] wrote.
    ///
    /// # Errors
    /// [`Error::Weights`] for another document or parts that do not fit together.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let read: Self = serde_json::from_slice(bytes)
            .map_err(|error| Error::Weights { expected: "a support vector machine", found: error.to_string() })?;
        read.checked()
    }

    fn checked(self) -> Result<Self, Error> {
        let width = self.mean.len();
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let sound = self.std_dev.len() == width
            && self.coef.len() == self.vectors.len()
            && self.vectors.iter().all(|vector| vector.len() == width && finite(vector))
            && finite(&self.mean)
            && finite(&self.std_dev)
            && finite(&self.coef)
            && self.intercept.is_finite()
            && self.gamma.is_none_or(|gamma| gamma > 0.0 && gamma.is_finite());
        let found = || format!("{} vectors and {} coefficients", self.vectors.len(), self.coef.len());
        if sound { Ok(self) } else { Err(Error::Weights { expected: "finite parts that fit", found: found() }) }
    }

    fn standardise(&self, row: &[f32]) -> Vec<f64> {
        let moments = self.mean.iter().zip(&self.std_dev);
        let standard = |(&value, (mean, std_dev)): (&f32, (&f64, &f64))| {
            if *std_dev > 0.0 { (f64::from(value) - mean) / std_dev } else { 0.0 }
        };
        row.iter().zip(moments).map(standard).collect()
    }

    /// Takes support vectors, coefficients and intercept out of smartcore's serialised form, which loses the kernel:
    /// a machine that the library reads back panics.
    fn with_solution(mut self, fitted: serde_json::Value) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Fitted {
            classes: (i32, i32),
            instances: Vec<Vec<f64>>,
            w: Vec<f64>,
            b: f64,
        }
        let Fitted { classes, instances, w, b } = serde_json::from_value(fitted).map_err(refused)?;
        // Positive decision values belong to the second class.
        let sign = if classes == (-1, 1) { 1.0 } else { -1.0 };
        self.intercept = sign * b;
        for (vector, coef) in instances.into_iter().zip(w) {
            if coef != 0.0 {
                self.vectors.push(vector);
                self.coef.push(sign * coef);
            }
        }
        Ok(self)
    }
}

/// Mean and population standard deviation of every column.
fn moments(x: &DesignMatrix) -> (Vec<f64>, Vec<f64>) {
    let n = x.n_rows as f64;
    let column = |at: usize| x.values.iter().skip(at).step_by(x.n_features()).map(|&value| f64::from(value));
    (0..x.n_features())
        .map(|at| {
            let mean = column(at).sum::<f64>() / n;
            let variance = column(at).map(|value| (value - mean).powi(2)).sum::<f64>() / n;
            let std_dev = variance.sqrt();
            (mean, if std_dev > 1e-7 * mean.abs() { std_dev } else { 0.0 })
        })
        .unzip()
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::Library { library: "smartcore", message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn sample(n: usize) -> (DesignMatrix, Vec<bool>) {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let values: Vec<f32> = (0..n * 3).map(|_| 10.0 + 4.0 * rng.random::<f32>()).collect();
        let y = values.chunks(3).map(|row| row[0] - row[1] + rng.random::<f32>() > 0.5).collect();
        (DesignMatrix { names: ["a", "b", "c"].map(String::from).to_vec(), n_rows: n, values }, y)
    }

    #[test]
    fn stored_vectors_decide_as_the_library_does() {
        let (x, y) = sample(80);
        for kernel in [SvmKernel::Linear, SvmKernel::Rbf { gamma: Some(0.4) }] {
            let params = SvmParams { kernel, ..SvmParams::default() };
            let machine = SupportVectorMachine::fit(&x, &y, &params, 3).unwrap();
            let values: Vec<f64> = (0..80).flat_map(|row| machine.standardise(x.row(row))).collect();
            let rows = DenseMatrix::new(80, 3, values, false).unwrap();
            let labels: Vec<i32> = y.iter().map(|&event| if event { 1 } else { -1 }).collect();
            let settings = SVCParameters::default().with_epoch(5).with_tol(1e-3).with_seed(Some(3));
            let settings = match kernel {
                SvmKernel::Linear => settings.with_kernel(Kernels::linear()),
                SvmKernel::Rbf { .. } => settings.with_kernel(Kernels::rbf().with_gamma(0.4)),
            };
            let theirs = SVC::fit(&rows, &labels, &settings).unwrap().decision_function(&rows).unwrap();
            for (found, expected) in machine.decision_values(&x).unwrap().iter().zip(theirs) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
            let area = crate::stats::roc_auc_value(&y, &machine.decision_values(&x).unwrap()).unwrap();
            assert!(area > 0.9, "{kernel:?} {area}");
            assert_eq!(SupportVectorMachine::decode(&machine.encode().unwrap()).unwrap(), machine);
            assert_eq!(SupportVectorMachine::fit(&x, &y, &params, 3).unwrap(), machine);
        }
    }

    #[test]
    fn units_do_not_matter_and_a_constant_column_is_ignored() {
        let (x, y) = sample(60);
        let machine = SupportVectorMachine::fit(&x, &y, &SvmParams::default(), 1).unwrap();
        let mut other = x.clone();
        other.values.iter_mut().skip(1).step_by(3).for_each(|value| *value *= 1024.0);
        let rescaled = SupportVectorMachine::fit(&other, &y, &SvmParams::default(), 1).unwrap();
        let (a, b) = (machine.decision_values(&x).unwrap(), rescaled.decision_values(&other).unwrap());
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9));
        other.values.iter_mut().skip(2).step_by(3).for_each(|value| *value = 7.7);
        assert!(SupportVectorMachine::fit(&other, &y, &SvmParams::default(), 1).is_ok());
        other.values.iter_mut().for_each(|value| *value = 7.7);
        let constant = SupportVectorMachine::fit(&other, &y, &SvmParams::default(), 1);
        assert!(matches!(constant, Err(Error::NothingVaries { n_features: 3 })));
    }

    #[test]
    fn bad_input_and_broken_documents_are_refused() {
        let (mut x, y) = sample(30);
        let params = SvmParams::default();
        assert!(matches!(SupportVectorMachine::fit(&x, &y[1..], &params, 1), Err(Error::LengthMismatch { .. })));
        assert!(matches!(SupportVectorMachine::fit(&x, &[false; 30], &params, 1), Err(Error::OneClass { .. })));
        let free = SvmParams { cost: 0.0, ..params };
        assert!(matches!(SupportVectorMachine::fit(&x, &y, &free, 1), Err(Error::Parameter { what: "cost", .. })));
        let hasty = SvmParams { n_passes: 1, tolerance: 1e-9, ..params };
        let (more, outcomes) = sample(120);
        let hasty = SupportVectorMachine::fit(&more, &outcomes, &hasty, 1);
        assert!(matches!(hasty, Err(Error::Stats(crate::stats::Error::NotConverged { n_iterations: 1 }))));
        x.values[0] = f32::NAN;
        assert!(matches!(SupportVectorMachine::fit(&x, &y, &params, 1), Err(Error::NotFinite { .. })));
        for text in [
            r#"{"mean":[0.0],"std_dev":[1.0],"gamma":null,"vectors":[[1.0]],"coef":[],"intercept":0.0}"#,
            r#"{"mean":[0.0],"std_dev":[1.0],"gamma":-1.0,"vectors":[[1.0]],"coef":[1.0],"intercept":0.0}"#,
            r#"{"mean":[0.0],"std_dev":[],"gamma":null,"vectors":[[1.0]],"coef":[1.0],"intercept":0.0}"#,
        ] {
            assert!(matches!(SupportVectorMachine::decode(text.as_bytes()), Err(Error::Weights { .. })));
        }
    }
}
