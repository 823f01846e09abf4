use rand::RngExt;
use rayon::prelude::*;

use super::super::{DesignMatrix, Error};
use super::forest::{SurvivalForest, add_deaths, fingerprint, read};
use super::grow::{draw, stream};
use crate::stats::concordance::c_index_value;
use crate::stats::{Survival, SurvivalCurves};

/// Predictions of the training rows, each by the trees that did not see it.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfBag {
    /// As [`SurvivalForest::risk_score`].
    pub risk_score: Vec<f64>,
    /// As [`SurvivalForest::survival_curves`].
    pub curves: SurvivalCurves,
    /// Trees that each row was predicted by.
    pub n_trees: Vec<usize>,
}

impl OutOfBag {
    /// Returns Harrell's C-index of the out-of-bag risk scores, an honest estimate of that of new patients.
    ///
    /// # Errors
    /// [`Error::Stats`] when `survival` has another number of rows or no comparable pairs.
    pub fn c_index(&self, survival: &Survival) -> Result<f64, Error> {
        Ok(c_index_value(survival, &self.risk_score)?)
    }
}

impl SurvivalForest {
    /// Returns the predictions of the training rows, each by the trees whose sample left it out, with curves at the
    /// ascending `times` (which may be none).
    ///
    /// `x` must be the matrix that the forest was fitted on; its trees' samples are drawn again from the seed. The
    /// predictions are as honest as those for new patients and can feed a second model or a calibration.
    ///
    /// # Errors
    /// [`Error::OtherMatrix`]; [`Error::Parameter`] when some row is in the sample of every tree;
    /// [`Error::Stats`] as [`SurvivalForest::survival_curves`].
    ///
    /// # Source
    /// Ishwaran et al. 2008, section 4.
    pub fn out_of_bag(&self, x: &DesignMatrix, times: &[f64]) -> Result<OutOfBag, Error> {
        let drawn = self.samples(x)?;
        let positions = self.positions(times);
        let predicted: Vec<(f64, Vec<f64>)> = (0..self.n_rows)
            .into_par_iter()
            .map_init(
                || vec![0.0; self.event_times.len()],
                |sums, row| {
                    sums.fill(0.0);
                    let (mut mortality, mut n_trees) = (0.0, 0.0);
                    for (tree, _) in self.trees.iter().zip(&drawn).filter(|(_, drawn)| !drawn[row]) {
                        let leaf = tree.leaf(x.row(row));
                        mortality += tree.mortality(leaf);
                        add_deaths(tree.steps(leaf), sums);
                        n_trees += 1.0;
                    }
                    (mortality / n_trees, read(sums, &positions, |sum| (1.0 - sum / n_trees).clamp(0.0, 1.0)))
                },
            )
            .collect();
        let curves = predicted.iter().flat_map(|(_, curve)| curve.iter().copied()).collect();
        Ok(OutOfBag {
            risk_score: predicted.iter().map(|&(risk, _)| risk).collect(),
            n_trees: (0..self.n_rows).map(|row| drawn.iter().filter(|drawn| !drawn[row]).count()).collect(),
            curves: SurvivalCurves::new(times.to_vec(), self.n_rows, curves)?,
        })
    }

    /// Returns, per column, how much the out-of-bag C-index falls when the column's values are shuffled among the rows:
    /// about 0 for a column that the forest does not need, and higher the more it does. Mean over `n_repeats` shuffles.
    ///
    /// Columns that say the same thing share their importance between them.
    ///
    /// # Errors
    /// As [`SurvivalForest::out_of_bag`] and [`OutOfBag::c_index`]; [`Error::Parameter`] when `n_repeats` is 0.
    ///
    /// # Source
    /// Breiman 2001, on the ensemble's rather than on each tree's predictions.
    pub fn permutation_importance(
        &self,
        x: &DesignMatrix,
        survival: &Survival,
        n_repeats: usize,
        seed: u64,
    ) -> Result<Vec<f64>, Error> {
        if n_repeats == 0 {
            return Err(Error::Parameter { what: "n_repeats", expected: "a count of at least 1", found: 0.0 });
        }
        let drawn = self.samples(x)?;
        let whole = c_index_value(survival, &self.left_out_risk(x, &drawn))?;
        let used = self.split_counts();
        (0..self.n_features)
            .map(|feature| {
                if used.get(feature) == Some(&0) {
                    return Ok(0.0);
                }
                let mut rng = stream(seed, feature as u64);
                let mut shuffled = x.clone();
                let mut fall = 0.0;
                for _ in 0..n_repeats {
                    for row in (1..self.n_rows).rev() {
                        let other = rng.random_range(0..=row);
                        shuffled.values.swap(row * self.n_features + feature, other * self.n_features + feature);
                    }
                    fall += whole - c_index_value(survival, &self.left_out_risk(&shuffled, &drawn))?;
                }
                Ok(fall / n_repeats as f64)
            })
            .collect()
    }

    /// Per tree, which rows it saw; every row was left out by one tree at least.
    fn samples(&self, x: &DesignMatrix) -> Result<Vec<Vec<bool>>, Error> {
        self.check_width(x)?;
        if x.n_rows != self.n_rows || fingerprint(x) != self.fingerprint {
            return Err(Error::OtherMatrix { n_rows: x.n_rows, n_features: x.n_features() });
        }
        let drawn: Vec<Vec<bool>> = (0..self.trees.len() as u64)
            .into_par_iter()
            .map(|tree| {
                let drawn = draw(self.params.sample, self.n_rows, &mut stream(self.seed, tree));
                drawn.into_iter().map(|n_times| n_times > 0).collect()
            })
            .collect();
        if (0..self.n_rows).any(|row| drawn.iter().all(|drawn| drawn[row])) {
            let expected = "so many that every row is left out by one";
            return Err(Error::Parameter { what: "n_trees", expected, found: self.trees.len() as f64 });
        }
        Ok(drawn)
    }

    fn left_out_risk(&self, x: &DesignMatrix, drawn: &[Vec<bool>]) -> Vec<f64> {
        let one = |row: usize| {
            let trees = self.trees.iter().zip(drawn).filter(|(_, drawn)| !drawn[row]);
            let (sum, n_trees) = trees
                .map(|(tree, _)| tree.mortality(tree.leaf(x.row(row))))
                .fold((0.0, 0.0), |a, m| (a.0 + m, a.1 + 1.0));
            sum / n_trees
        };
        (0..self.n_rows).into_par_iter().map(one).collect()
    }
}
