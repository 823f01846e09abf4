use super::fit::choose;
use super::{Error, Family, Progress, ResponseSpec};
use crate::learn::hierarchical::{HierarchicalArms, averaged_probability};
use crate::learn::{BoostedBag, BoostedParams, DesignMatrix, Margin, MissingGroups};
use crate::stats::expit;
use crate::terms::Estimate;

/// The fitted estimator of a response model, whatever its family.
#[derive(Debug, Clone)]
pub enum Estimator {
    /// Bagged boosted trees.
    Boosted(BoostedBag),
    /// Logistic regression whose arm effects are shrunk in groups.
    Hierarchical(Box<HierarchicalArms>),
}

/// The rows that an estimator learns from, aligned.
pub(super) struct Training<'a> {
    pub(super) x: &'a DesignMatrix,
    pub(super) y: &'a [bool],
    /// Patients as small numbers.
    pub(super) patients: &'a [usize],
    /// Columns of the groups that may be missing.
    pub(super) missing: &'a MissingGroups,
    /// Refits of a bag.
    pub(super) n_refits: std::num::NonZeroUsize,
    pub(super) seed: u64,
}

impl Estimator {
    /// Chooses settings where the family has any, and fits; returns the settings of boosted trees.
    ///
    /// # Errors
    /// What [`choose`] and the learner refuse.
    pub(super) fn fit(
        spec: &ResponseSpec,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<(Self, Option<BoostedParams>), Error> {
        let Training { x, y, patients, missing, n_refits, seed } = training;
        match spec.family {
            Family::Boosted => {
                let params = choose(spec, x, y, patients, missing, *seed, progress)?;
                let bag = BoostedBag::fit(x, y, &params, missing, *n_refits, *seed)?;
                Ok((Self::Boosted(bag), Some(params)))
            }
            Family::Hierarchical => {
                Ok((Self::Hierarchical(Box::new(HierarchicalArms::fit(x, y, &spec.hierarchical)?)), None))
            }
        }
    }

    /// The probability that the family shows for a margin: that of the mean logit for refits, the mean over the uncertain
    /// logit for a posterior.
    #[must_use]
    pub fn probability(&self) -> fn(&Margin) -> f64 {
        match self {
            Self::Boosted(_) => |margin| expit(margin.mean),
            Self::Hierarchical(_) => averaged_probability,
        }
    }

    /// Probability of every row with its 95 % interval.
    ///
    /// # Errors
    /// What the learner says of a matrix with other columns.
    pub fn estimates(&self, x: &DesignMatrix) -> Result<Vec<Estimate>, crate::learn::Error> {
        let probability = self.probability();
        let interval = |margin: &Margin| Estimate {
            estimate: probability(margin),
            lower95: expit(margin.mean - 1.96 * margin.std_dev),
            upper95: expit(margin.mean + 1.96 * margin.std_dev),
        };
        Ok(self.margins(x)?.iter().map(interval).collect())
    }

    /// Logit of every row.
    ///
    /// # Errors
    /// As [`Estimator::estimates`].
    pub fn logits(&self, x: &DesignMatrix) -> Result<Vec<f64>, crate::learn::Error> {
        Ok(self.margins(x)?.iter().map(|margin| margin.mean).collect())
    }

    /// Mean and standard deviation of the logit of every row.
    ///
    /// # Errors
    /// As [`Estimator::estimates`].
    pub fn margins(&self, x: &DesignMatrix) -> Result<Vec<Margin>, crate::learn::Error> {
        match self {
            Self::Boosted(bag) => bag.predict(x),
            Self::Hierarchical(model) => model.predict(x),
        }
    }

    /// Additive contributions of every column to the logit of every row, the base value last.
    ///
    /// # Errors
    /// As [`Estimator::estimates`].
    pub fn contributions(&self, x: &DesignMatrix) -> Result<Vec<Vec<f64>>, crate::learn::Error> {
        match self {
            Self::Boosted(bag) => bag.contributions(x),
            Self::Hierarchical(model) => model.contributions(x),
        }
    }

    /// The content of `weights.json`.
    ///
    /// # Errors
    /// [`Error::Learn`] when the weights cannot be written.
    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Boosted(bag) => Ok(bag.encode()?),
            Self::Hierarchical(model) => Ok(model.encode()?),
        }
    }

    /// Reads `weights.json` of a family.
    ///
    /// # Errors
    /// [`Error::Learn`] for weights that cannot be understood.
    pub(super) fn decode(family: Family, bytes: &[u8]) -> Result<Self, Error> {
        match family {
            Family::Boosted => Ok(Self::Boosted(BoostedBag::decode(bytes)?)),
            Family::Hierarchical => Ok(Self::Hierarchical(Box::new(HierarchicalArms::decode(bytes)?))),
        }
    }

    /// How the intervals of the family are made, in words.
    #[must_use]
    pub fn interval_method(spec: &ResponseSpec) -> String {
        match spec.family {
            Family::Boosted => format!(
                "bootstrap of patients, {} refits: mean ± 1.96 standard deviations on the logit scale",
                spec.bootstrap.n_refits
            ),
            Family::Hierarchical => "posterior of the coefficients and of the values that are missing (Laplace \
                                     approximation): mean ± 1.96 standard deviations on the logit scale"
                .to_owned(),
        }
    }
}
