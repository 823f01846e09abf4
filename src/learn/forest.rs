use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::spline_basis::check_finite;
use super::{BinaryModel, DesignMatrix, Error};

/// Trees fitted by one call of the library; blocks run in parallel.
const TREES_PER_BLOCK: usize = 25;

/// Settings of a random forest; defaults suit a few hundred patients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ForestParams {
    /// Number of trees.
    pub n_trees: usize,
    /// Deepest path; `None` grows until the leaves are small.
    pub max_depth: Option<u16>,
    /// Fewest patients in a leaf; a leaf's share of events is a noisy probability, so not 1.
    pub min_samples_leaf: usize,
    /// Columns drawn at each node; `None` takes the square root of their number, rounded down.
    pub n_columns: Option<usize>,
}

impl Default for ForestParams {
    fn default() -> Self {
        Self { n_trees: 300, max_depth: None, min_samples_leaf: 5, n_columns: None }
    }
}

/// A random forest of a binary outcome: the mean over trees of the share of events in the leaf.
///
/// Regression trees on 0 and 1 (splitting by variance is splitting by the Gini index) because smartcore's forest of
/// classifiers returns votes only. Each tree sees a bootstrap sample of the rows. Columns must be complete: impute
/// first. The trees are kept here as plain nodes and read by this file; nothing of the library is needed to predict.
/// There is no out-of-bag estimate: evaluate by cross-validation.
///
/// # Source
/// Breiman 2001; Malley et al. 2012 (probability machines).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forest {
    n_features: usize,
    trees: Vec<Vec<Node>>,
}

/// A node; the root is the first. Rows with `column` at most `threshold` go to `low`, others to `high`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Node {
    Split { column: usize, threshold: f64, low: usize, high: usize },
    Leaf { share: f64 },
}

impl Forest {
    /// Fits the forest on `x` (n_samples × n_features) and outcomes `y`; the same seed gives the same trees on any
    /// number of threads.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::OneClass`], [`Error::NotFinite`], [`Error::Parameter`] for no trees or
    /// columns, [`Error::Library`].
    pub fn fit(x: &DesignMatrix, y: &[bool], params: &ForestParams, seed: u64) -> Result<Self, Error> {
        if y.len() != x.n_rows {
            return Err(Error::LengthMismatch { expected: x.n_rows, found: y.len() });
        }
        let n_events = y.iter().filter(|&&event| event).count();
        if n_events < 2 || y.len() - n_events < 2 {
            return Err(Error::OneClass { n_events, n_others: y.len() - n_events });
        }
        check_finite(x)?;
        let n_features = x.n_features();
        let n_columns = params.n_columns.unwrap_or_else(|| n_features.isqrt().max(1));
        for (what, value) in
            [("number of trees", params.n_trees), ("rows in a leaf", params.min_samples_leaf), ("columns", n_columns)]
        {
            if value == 0 || (what == "columns" && value > n_features) {
                return Err(Error::Parameter { what, expected: "from 1 to what there is", found: value as f64 });
            }
        }
        let values = x.values.iter().map(|&value| f64::from(value)).collect();
        let matrix = DenseMatrix::new(x.n_rows, n_features, values, false).map_err(refused)?;
        let outcome: Vec<f64> = y.iter().map(|&event| f64::from(u8::from(event))).collect();
        let n_blocks = params.n_trees.div_ceil(TREES_PER_BLOCK);
        let blocks: Vec<Vec<Vec<Node>>> = (0..n_blocks)
            .into_par_iter()
            .map(|block| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(block as u64);
                let settings = RandomForestRegressorParameters {
                    max_depth: params.max_depth,
                    min_samples_leaf: params.min_samples_leaf,
                    n_trees: TREES_PER_BLOCK.min(params.n_trees - block * TREES_PER_BLOCK),
                    m: Some(n_columns),
                    seed: rng.random(),
                    ..RandomForestRegressorParameters::default()
                };
                let fitted = RandomForestRegressor::fit(&matrix, &outcome, settings).map_err(refused)?;
                nodes(serde_json::to_value(&fitted).map_err(refused)?)
            })
            .collect::<Result<_, Error>>()?;
        Self { n_features, trees: blocks.concat() }.checked()
    }

    /// Number of trees.
    #[must_use]
    pub fn n_trees(&self) -> usize {
        self.trees.len()
    }

    /// The forest as JSON.
    ///
    /// # Errors
    /// [`Error::Library`] when it cannot be written.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(refused)
    }

    /// Reads what [`Forest::encode`] wrote.
    ///
    /// # Errors
    /// [`Error::Weights`] for another document or a node that points outside its tree or backwards.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let read: Self = serde_json::from_slice(bytes)
            .map_err(|error| Error::Weights { expected: "a forest", found: error.to_string() })?;
        read.checked()
    }

    /// Every split leads forward to a node that exists and asks for a column that exists, so that every walk ends.
    fn checked(self) -> Result<Self, Error> {
        let wrong = |found: String| Error::Weights { expected: "trees whose nodes lead forward to leaves", found };
        if self.trees.is_empty() {
            return Err(wrong("no tree".into()));
        }
        for (number, tree) in self.trees.iter().enumerate() {
            let sound = |(at, node): (usize, &Node)| match *node {
                Node::Leaf { share } => (0.0..=1.0).contains(&share),
                Node::Split { column, threshold, low, high } => {
                    let forward = |to: usize| to > at && to < tree.len();
                    column < self.n_features && threshold.is_finite() && forward(low) && forward(high)
                }
            };
            if tree.is_empty() || !tree.iter().enumerate().all(sound) {
                return Err(wrong(format!("another tree at {number}")));
            }
        }
        Ok(self)
    }
}

impl BinaryModel for Forest {
    fn probabilities(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        if x.n_features() != self.n_features {
            return Err(Error::Width { expected: self.n_features, found: x.n_features() });
        }
        check_finite(x)?;
        let mean = |row: usize| {
            let sum: f64 = self.trees.iter().map(|tree| walk(tree, x.row(row))).sum();
            // A mean of shares can pass 1 by rounding.
            (sum / self.trees.len() as f64).clamp(0.0, 1.0)
        };
        Ok((0..x.n_rows).into_par_iter().map(mean).collect())
    }
}

/// The share of events in the leaf of a row.
fn walk(tree: &[Node], row: &[f32]) -> f64 {
    let mut at = 0;
    loop {
        match tree.get(at) {
            Some(&Node::Split { column, threshold, low, high }) => {
                let value = row.get(column).map_or(f64::NAN, |&value| f64::from(value));
                at = if value <= threshold { low } else { high };
            }
            Some(&Node::Leaf { share }) => return share,
            // `checked` leaves no such step.
            None => return f64::NAN,
        }
    }
}

/// smartcore's serialised forest as nodes.
fn nodes(fitted: serde_json::Value) -> Result<Vec<Vec<Node>>, Error> {
    #[derive(Deserialize)]
    struct Fitted {
        forest_regressor: Trees,
    }
    #[derive(Deserialize)]
    struct Trees {
        trees: Vec<Tree>,
    }
    #[derive(Deserialize)]
    struct Tree {
        nodes: Vec<Theirs>,
    }
    #[derive(Deserialize)]
    struct Theirs {
        output: f64,
        split_feature: usize,
        split_value: Option<f64>,
        true_child: Option<usize>,
        false_child: Option<usize>,
    }
    let fitted: Fitted = serde_json::from_value(fitted).map_err(refused)?;
    let node = |node: Theirs| match (node.true_child, node.false_child, node.split_value) {
        (Some(low), Some(high), Some(threshold)) => Node::Split { column: node.split_feature, threshold, low, high },
        _ => Node::Leaf { share: node.output },
    };
    Ok(fitted.forest_regressor.trees.into_iter().map(|tree| tree.nodes.into_iter().map(node).collect()).collect())
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::Library { library: "smartcore", message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(n: usize) -> (DesignMatrix, Vec<bool>) {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let values: Vec<f32> = (0..n * 4).map(|_| rng.random::<f32>()).collect();
        let y = values.chunks(4).map(|row| row[0] + 0.3 * rng.random::<f32>() > 0.6).collect();
        (DesignMatrix { names: ["a", "b", "c", "d"].map(String::from).to_vec(), n_rows: n, values }, y)
    }

    #[test]
    fn nodes_read_here_predict_as_the_library_does() {
        let (x, y) = sample(120);
        let params = ForestParams { n_trees: TREES_PER_BLOCK, ..ForestParams::default() };
        let forest = Forest::fit(&x, &y, &params, 9).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        rng.set_stream(0);
        let settings = RandomForestRegressorParameters::default()
            .with_n_trees(TREES_PER_BLOCK)
            .with_min_samples_leaf(5)
            .with_m(2)
            .with_seed(rng.random());
        let matrix =
            DenseMatrix::new(120, 4, x.values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>(), false).unwrap();
        let outcome: Vec<f64> = y.iter().map(|&e| f64::from(u8::from(e))).collect();
        let theirs = RandomForestRegressor::fit(&matrix, &outcome, settings).unwrap().predict(&matrix).unwrap();
        for (found, expected) in forest.probabilities(&x).unwrap().iter().zip(theirs) {
            assert!((found - expected).abs() < 1e-14, "{found} {expected}");
        }
    }

    #[test]
    fn it_learns_repeats_and_survives_serialisation_to_the_bit() {
        let (x, y) = sample(150);
        let params = ForestParams { n_trees: 60, ..ForestParams::default() };
        let forest = Forest::fit(&x, &y, &params, 1).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| Forest::fit(&x, &y, &params, 1)).unwrap(), forest);
        assert_ne!(Forest::fit(&x, &y, &params, 2).unwrap(), forest);
        assert_eq!((forest.n_trees(), Forest::decode(&forest.encode().unwrap()).unwrap()), (60, forest.clone()));
        let p = forest.probabilities(&x).unwrap();
        assert!(p.iter().all(|p| (0.0..=1.0).contains(p)));
        assert!(crate::stats::roc_auc_value(&y, &p).unwrap() > 0.9);
    }

    #[test]
    fn bad_input_and_broken_documents_are_refused() {
        let (mut x, y) = sample(40);
        let params = ForestParams { n_trees: 3, ..ForestParams::default() };
        let forest = Forest::fit(&x, &y, &params, 1).unwrap();
        assert!(matches!(Forest::fit(&x, &y[1..], &params, 1), Err(Error::LengthMismatch { .. })));
        assert!(matches!(Forest::fit(&x, &[true; 40], &params, 1), Err(Error::OneClass { .. })));
        for wrong in [
            ForestParams { n_trees: 0, ..params },
            ForestParams { n_columns: Some(5), ..params },
            ForestParams { min_samples_leaf: 0, ..params },
        ] {
            assert!(matches!(Forest::fit(&x, &y, &wrong, 1), Err(Error::Parameter { .. })));
        }
        x.values[5] = f32::NAN;
        assert!(matches!(forest.probabilities(&x), Err(Error::NotFinite { row: 1, .. })));
        for text in [
            r#"{"n_features":1,"trees":[]}"#,
            r#"{"n_features":1,"trees":[[{"column":0,"threshold":1.0,"low":0,"high":1},{"share":0.5}]]}"#,
            r#"{"n_features":1,"trees":[[{"column":1,"threshold":1.0,"low":1,"high":1},{"share":0.5}]]}"#,
            r#"{"n_features":1,"trees":[[{"share":1.5}]]}"#,
        ] {
            assert!(matches!(Forest::decode(text.as_bytes()), Err(Error::Weights { .. })), "{text}");
        }
    }
}
