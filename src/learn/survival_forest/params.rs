use serde::{Deserialize, Serialize};

use super::super::Error;

/// Settings of a survival forest; the defaults are those of Ishwaran's forest with leaves of at least 15 rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ForestParams {
    /// Number of trees.
    pub n_trees: usize,
    /// Columns tried at each split; `None` is the square root of their number, rounded up.
    pub mtry: Option<usize>,
    /// Fewest rows in a leaf, each counted as often as it was drawn.
    pub min_leaf_size: usize,
    /// Fewest events in a leaf, counted likewise.
    pub min_leaf_events: usize,
    /// Most splits on a path from root to leaf; `None` sets no limit.
    pub max_depth: Option<usize>,
    /// How the rows of each tree are drawn.
    pub sample: Sample,
    /// How a cut is chosen.
    pub split: SplitRule,
}

/// How the rows of a tree are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Sample {
    /// As many as there are, with replacement; about 37 % of the rows stay out of the bag.
    Bootstrap,
    /// A share of them, without replacement.
    Subsample {
        /// Share in (0, 1]; at 1 every tree sees every row and none is out of the bag.
        fraction: f64,
    },
}

/// How the cut of a column is chosen. Either way the log-rank statistic decides between cuts and between columns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum SplitRule {
    /// Every cut between two values.
    LogRank,
    /// A few cuts drawn uniformly between the smallest and the largest value of the node.
    ExtraTrees {
        /// Cuts drawn per column.
        n_random_splits: usize,
    },
}

impl Default for ForestParams {
    fn default() -> Self {
        Self {
            n_trees: 500,
            mtry: None,
            min_leaf_size: 15,
            min_leaf_events: 1,
            max_depth: None,
            sample: Sample::Bootstrap,
            split: SplitRule::LogRank,
        }
    }
}

impl ForestParams {
    /// Every setting lies in its domain.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub(super) fn check(&self) -> Result<(), Error> {
        // A node counts its rows in u32, so a larger limit could never be met anyway.
        let most = u32::MAX as usize;
        let counts = [
            ("n_trees", Some(self.n_trees), 1),
            ("mtry", self.mtry, 1),
            ("min_leaf_size", Some(self.min_leaf_size), 1),
            ("min_leaf_events", Some(self.min_leaf_events), 0),
        ];
        for (what, value, least) in counts {
            if let Some(found) = value.filter(|value| !(least..=most / 2).contains(value)) {
                let expected = if least == 1 { "a count of at least 1" } else { "a count below 2³¹" };
                return Err(Error::Parameter { what, expected, found: found as f64 });
            }
        }
        if let Sample::Subsample { fraction } = self.sample
            && !(fraction > 0.0 && fraction <= 1.0)
        {
            return Err(Error::Parameter {
                what: "subsample fraction",
                expected: "a share in (0, 1]",
                found: fraction,
            });
        }
        match self.split {
            SplitRule::ExtraTrees { n_random_splits: 0 } => {
                Err(Error::Parameter { what: "n_random_splits", expected: "a count of at least 1", found: 0.0 })
            }
            _ => Ok(()),
        }
    }

    /// Columns tried at a split, of `n_features`.
    pub(super) fn features_per_split(&self, n_features: usize) -> usize {
        self.mtry.unwrap_or_else(|| (n_features as f64).sqrt().ceil() as usize).clamp(1, n_features.max(1))
    }
}
