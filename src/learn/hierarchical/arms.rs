use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::covariates::{Completion, Covariates, Patterns};
use super::expansion::Expansion;
use super::lines::{Line, mixed};
use super::{HierarchicalLogistic, HierarchicalSpec, SparseRows};
use crate::learn::{DesignMatrix, Error, Margin};

/// Names the layout of the stored weights.
const FORMAT: &str = "hierarchical-arms-1";

/// Probability of the outcome under each arm, arms borrowing strength from one another.
///
/// A logistic regression with main effects of the covariates, effects of the arm within its backbone and within each
/// subtype, and slopes of biomarkers that may differ by arm and by subtype, each group of effects shrunk towards none by a
/// variance that the data choose ([`HierarchicalLogistic`]). A missing covariate counts at its expectation given the known
/// ones, its variance is part of the margin's. An arm's effect in a subtype where nobody received it is that of its other
/// subtypes with the variance of the difference: whether to show it is for the caller.
///
/// # Source
/// Jones et al. 2011, *Clinical Trials* 8:129 (shrinkage of subgroup effects); Dixon & Simon 1991, *Biometrics* 47:871.
#[derive(Debug, Clone, PartialEq)]
pub struct HierarchicalArms {
    stored: Stored,
    layout: Expansion,
    /// By arm, none first, and by subtype.
    lines: Vec<Vec<Line>>,
}

/// What is written: aggregates only, never a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    spec: HierarchicalSpec,
    /// Base columns, in the order of the design.
    names: Vec<String>,
    covariates: Covariates,
    model: HierarchicalLogistic,
    /// Mean of the training rows' subtype effects, part of the base value.
    mean_subtype_effect: f64,
    /// Mean of the training rows' arm effects, part of the base value.
    mean_arm_effect: f64,
}

impl HierarchicalArms {
    /// Fits outcomes `y` on the base design `x`, whose covariates may be missing (NaN) but not those of the subtype.
    ///
    /// # Errors
    /// [`Error::NoColumn`], [`Error::Parameter`] for the specification, [`Error::LengthMismatch`], [`Error::OneClass`],
    /// [`Error::NotFinite`] for a missing subtype, [`Error::SeveralArms`], [`Error::Stats`] without a maximum.
    pub fn fit(x: &DesignMatrix, y: &[bool], spec: &HierarchicalSpec) -> Result<Self, Error> {
        if y.len() != x.n_rows {
            return Err(Error::LengthMismatch { expected: x.n_rows, found: y.len() });
        }
        let layout = Expansion::new(&x.names, spec)?;
        let n_events = y.iter().filter(|&&event| event).count();
        if n_events < 2 || y.len() - n_events < 2 {
            return Err(Error::OneClass { n_events, n_others: y.len() - n_events });
        }
        for row in 0..x.n_rows {
            for &column in layout.subtype.iter().filter_map(|&member| layout.covariates.get(member)) {
                let found = x.row(row).get(column).copied().unwrap_or(f32::NAN);
                if !found.is_finite() {
                    return Err(Error::NotFinite { row, column: x.names[column].clone(), found });
                }
            }
        }
        let covariates = Covariates::fit(x, &layout, spec)?;
        let z: Vec<Vec<f64>> = (0..x.n_rows).map(|row| covariates.standardise(x, row, &layout, spec)).collect();
        let patterns = covariates.patterns(&z, &layout)?;
        let mut rows = SparseRows::new(layout.group_of.len());
        let mut cells = Vec::with_capacity(x.n_rows);
        for (row, z) in z.iter().enumerate() {
            let arm = arm_of(x, row, &layout)?;
            for completion in covariates.completions(z, &layout, &patterns) {
                let values = std::iter::once(1.0).chain(completion.z);
                let terms = layout.terms(arm, completion.subtype);
                rows.push(
                    terms
                        .into_iter()
                        .zip(values)
                        .flat_map(|(columns, value)| columns.into_iter().map(move |column| (column, value))),
                )?;
                cells.push((arm, completion.subtype));
            }
        }
        let model = HierarchicalLogistic::fit(&rows, y, &layout.group_of, &spec.search)?;
        let mut stored = Stored {
            format: FORMAT.to_owned(),
            spec: spec.clone(),
            names: x.names.clone(),
            covariates,
            model,
            mean_subtype_effect: 0.0,
            mean_arm_effect: 0.0,
        };
        let lines = lines(&stored.model, &layout);
        for (arm, subtype) in &cells {
            let line = &lines[arm.map_or(0, |arm| arm + 1)][*subtype];
            stored.mean_arm_effect += line.arm_effect / cells.len() as f64;
            stored.mean_subtype_effect += (line.mean[0] - line.arm_effect - stored.model.coef[0]) / cells.len() as f64;
        }
        Ok(Self { stored, layout, lines })
    }

    /// Names of the arms, without prefix, in the order of the design.
    #[must_use]
    pub fn arms(&self) -> Vec<&str> {
        let name = |&at: &usize| self.stored.names[at].strip_prefix(self.stored.spec.arm_prefix.as_str()).unwrap_or("");
        self.layout.arms.iter().map(name).collect()
    }

    /// The variance τ² of each group of effects, per standard deviation of a covariate, on the logit scale.
    #[must_use]
    pub fn variances(&self) -> Vec<(&'static str, f64)> {
        self.layout.group_names.iter().copied().zip(self.stored.model.variances.iter().copied()).collect()
    }

    /// Log marginal likelihood of the training outcomes at the mode of the variances (Laplace).
    #[must_use]
    pub fn log_evidence(&self) -> f64 {
        self.stored.model.log_evidence
    }

    /// Logits of the rows of `x` under the arm that each one's indicators name, missing values averaged over.
    ///
    /// No indicator, or none known, means an arm without an estimate: effects 0 with the variance between arms.
    ///
    /// # Errors
    /// [`Error::Width`], [`Error::Weights`] for other columns than those of the fit, [`Error::SeveralArms`].
    pub fn predict(&self, x: &DesignMatrix) -> Result<Vec<Margin>, Error> {
        self.each(x, |arm, completions| {
            let lines = &self.lines[arm.map_or(0, |arm| arm + 1)];
            let parts: Vec<_> = completions.iter().map(|row| (row.share, lines[row.subtype].margin(row))).collect();
            mixed(&parts)
        })
    }

    /// Logit under arm `arm` less that under arm `reference` of each row of `x`, with the standard deviation of the
    /// difference: what the two predictions share cancels.
    ///
    /// # Errors
    /// As [`HierarchicalArms::predict`]; [`Error::NoColumn`] for an arm that the model does not know.
    pub fn difference(&self, x: &DesignMatrix, arm: &str, reference: &str) -> Result<Vec<Margin>, Error> {
        let find = |wanted: &str| {
            let at = self.arms().iter().position(|name| *name == wanted);
            at.ok_or_else(|| Error::NoColumn { column: format!("{}{wanted}", self.stored.spec.arm_prefix) })
        };
        let pair = (find(arm)?, find(reference)?);
        let lines: Vec<Line> = (0..self.layout.n_subtypes())
            .map(|subtype| Line::difference(&self.stored.model, &self.layout, pair, subtype))
            .collect();
        self.each(x, |_, completions| {
            let parts: Vec<_> = completions.iter().map(|row| (row.share, lines[row.subtype].margin(row))).collect();
            mixed(&parts)
        })
    }

    /// Additive contributions on the logit scale: per row, one value per base column and the base value last.
    ///
    /// Their sum is the margin's mean. A covariate's is its slope under the row's arm and subtype times its distance from
    /// the training mean (a missing one's at its expectation); the subtype's own effects are shared equally by the columns
    /// that define it; the arm's effects in the subtype, less their mean over the training rows, are those of the
    /// indicator of the arm received.
    ///
    /// # Errors
    /// As [`HierarchicalArms::predict`].
    pub fn contributions(&self, x: &DesignMatrix) -> Result<Vec<Vec<f64>>, Error> {
        let base = self.stored.model.coef[0] + self.stored.mean_subtype_effect + self.stored.mean_arm_effect;
        self.each(x, |arm, completions| {
            let mut values = vec![0.0; self.stored.names.len() + 1];
            let total: f64 = completions.iter().map(|row| row.share).sum();
            let mut constant = base;
            for row in completions {
                let (line, share) = (&self.lines[arm.map_or(0, |arm| arm + 1)][row.subtype], row.share / total);
                for ((&at, slope), z) in self.layout.covariates.iter().zip(&line.mean[1..]).zip(&row.z) {
                    values[at] += share * slope * z;
                }
                let effect =
                    line.mean[0] - line.arm_effect - self.stored.model.coef[0] - self.stored.mean_subtype_effect;
                let sharers = self.layout.subtype.len().max(1) as f64;
                for &member in &self.layout.subtype {
                    values[self.layout.covariates[member]] += share * effect / sharers;
                }
                if self.layout.subtype.is_empty() {
                    constant += share * effect;
                }
                match arm {
                    Some(arm) => {
                        values[self.layout.arms[arm]] += share * (line.arm_effect - self.stored.mean_arm_effect);
                    }
                    None => constant -= share * self.stored.mean_arm_effect,
                }
            }
            if let Some(last) = values.last_mut() {
                *last = constant;
            }
            values
        })
    }

    /// What `of` makes of the arm and the completions of each row.
    fn each<T: Send>(
        &self,
        x: &DesignMatrix,
        of: impl Fn(Option<usize>, &[Completion<'_>]) -> T + Sync,
    ) -> Result<Vec<T>, Error> {
        if x.n_features() != self.stored.names.len() {
            return Err(Error::Width { expected: self.stored.names.len(), found: x.n_features() });
        }
        if let Some((expected, found)) =
            self.stored.names.iter().zip(&x.names).find(|(expected, found)| expected != found)
        {
            let found = format!("`{found}` in place of `{expected}`");
            return Err(Error::Weights { expected: "the columns of the fit", found });
        }
        let Stored { covariates, spec, .. } = &self.stored;
        let z: Vec<Vec<f64>> =
            (0..x.n_rows).into_par_iter().map(|row| covariates.standardise(x, row, &self.layout, spec)).collect();
        let patterns: Patterns = covariates.patterns(&z, &self.layout)?;
        z.par_iter()
            .enumerate()
            .map(|(row, z)| {
                let arm = arm_of(x, row, &self.layout)?;
                Ok(of(arm, &covariates.completions(z, &self.layout, &patterns)))
            })
            .collect()
    }

    /// The weights as JSON: coefficients, their covariance, moments of the covariates; no rows.
    ///
    /// # Errors
    /// [`Error::Library`] when JSON cannot hold them.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = serde_json::to_vec(&self.stored)
            .map_err(|error| Error::Library { library: "serde_json", message: error.to_string() })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads what [`HierarchicalArms::encode`] wrote.
    ///
    /// # Errors
    /// [`Error::Weights`] for anything else, lengths and finiteness included.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let broken = |found: String| Error::Weights { expected: "a hierarchical model of arms", found };
        let stored: Stored = serde_json::from_slice(bytes).map_err(|error| broken(error.to_string()))?;
        if stored.format != FORMAT {
            return Err(broken(format!("format `{}`", stored.format)));
        }
        let layout = Expansion::new(&stored.names, &stored.spec)?;
        let n_coef = layout.group_of.len();
        if stored.model.coef.len() != n_coef || stored.model.variances.len() != layout.group_names.len() {
            return Err(broken(format!("{} coefficients in place of {n_coef}", stored.model.coef.len())));
        }
        if let Some(fault) = stored.model.fault().or_else(|| stored.covariates.fault(layout.covariates.len())) {
            return Err(broken(fault));
        }
        if !(stored.mean_arm_effect.is_finite() && stored.mean_subtype_effect.is_finite()) {
            return Err(broken("a mean effect that is not finite".to_owned()));
        }
        Ok(Self { lines: lines(&stored.model, &layout), layout, stored })
    }
}

/// The line of each arm, none first, in each subtype.
fn lines(model: &HierarchicalLogistic, layout: &Expansion) -> Vec<Vec<Line>> {
    let arms = std::iter::once(None).chain((0..layout.arms.len()).map(Some));
    arms.map(|arm| (0..layout.n_subtypes()).map(|subtype| Line::new(model, layout, arm, subtype)).collect()).collect()
}

/// The arm whose indicator is set.
fn arm_of(x: &DesignMatrix, row: usize, layout: &Expansion) -> Result<Option<usize>, Error> {
    let values = x.row(row);
    let mut set = (0..layout.arms.len()).filter(|&arm| values.get(layout.arms[arm]).is_some_and(|&value| value > 0.5));
    let first = set.next();
    match set.count() {
        0 => Ok(first),
        more => Err(Error::SeveralArms { row, found: more + 1 }),
    }
}
