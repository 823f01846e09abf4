use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::{DesignMatrix, Error};
use super::ForestParams;
use super::columns::TimeOrdered;
use super::grow::{Scratch, grow};
use super::tree::{Arrays, Step, Tree, wrong};
use crate::stats::{self, Survival, SurvivalCurves};

/// More columns than any design has; a damaged file that claims more is refused before memory is asked for.
const MOST_FEATURES: usize = 1 << 24;

/// A random survival forest.
///
/// Each tree is grown on its own random sample of the rows, splitting where the log-rank statistic of the two children
/// is largest; a leaf keeps the events and numbers at risk of its rows at each event time. Missing values (NaN) go to
/// the side that gave the larger statistic, and may be split off alone; where a split saw none, they follow the larger
/// child. A node of fewer than 2 `min_leaf_size` rows is a leaf, so that a small data set may give trees of one leaf,
/// which is then the Kaplan–Meier estimate. The forest holds no row of the training data, but leaves of a few patients
/// each: treat it as confidential when those are.
///
/// # Source
/// Ishwaran, Kogalur, Blackstone & Lauer 2008, Ann Appl Stat 2:841; extremely randomised cuts: Geurts, Ernst &
/// Wehenkel 2006. Compared with R `ranger` and scikit-survival.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Wire", try_from = "Wire")]
pub struct SurvivalForest {
    pub(super) params: ForestParams,
    pub(super) seed: u64,
    pub(super) n_features: usize,
    pub(super) n_rows: usize,
    pub(super) fingerprint: u64,
    pub(super) event_times: Vec<f64>,
    pub(super) trees: Vec<Tree>,
}

impl SurvivalForest {
    /// Grows a forest on `x` (n_samples × n_features, NaN = missing) and the outcomes of its rows; the same seed gives
    /// the same forest on any number of threads. Each column tried at a node of n rows and m event times costs
    /// O(n log n) with the exact statistic of every cut.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`]; [`Error::Stats`] without events or with a matrix of another size than it says;
    /// [`Error::NotFinite`] on an infinite value; [`Error::NothingVaries`]; [`Error::Parameter`].
    pub fn fit(x: &DesignMatrix, survival: &Survival, params: &ForestParams, seed: u64) -> Result<Self, Error> {
        params.check()?;
        if survival.n_samples() != x.n_rows {
            return Err(Error::LengthMismatch { expected: x.n_rows, found: survival.n_samples() });
        }
        check_shape(x)?;
        survival.require_events()?;
        if x.n_rows >= (u32::MAX / 2) as usize {
            return Err(Error::Parameter { what: "rows", expected: "fewer than 2³¹", found: x.n_rows as f64 });
        }
        let n_features = x.n_features();
        if let Some(at) = x.values.iter().position(|value| value.is_infinite()) {
            let (row, column) = (at / n_features, at % n_features);
            return Err(Error::NotFinite { row, column: x.names[column].clone(), found: x.values[at] });
        }
        if n_features > MOST_FEATURES {
            return Err(Error::Parameter { what: "columns", expected: "at most 2²⁴", found: n_features as f64 });
        }
        let data = TimeOrdered::new(x, survival);
        let varying: Vec<usize> = (0..n_features).filter(|&feature| data.columns[feature].varies()).collect();
        if varying.is_empty() {
            return Err(Error::NothingVaries { n_features });
        }
        let trees = (0..params.n_trees as u64)
            .into_par_iter()
            .map_init(Scratch::default, |scratch, tree| grow(&data, &varying, params, seed, tree, scratch))
            .collect();
        Ok(Self {
            params: *params,
            seed,
            n_features,
            n_rows: x.n_rows,
            fingerprint: fingerprint(x),
            event_times: data.event_times,
            trees,
        })
    }

    /// Number of trees.
    #[must_use]
    pub fn n_trees(&self) -> usize {
        self.trees.len()
    }

    /// The settings it was grown with.
    #[must_use]
    pub fn params(&self) -> &ForestParams {
        &self.params
    }

    /// Distinct event times of the training rows, ascending: the times at which predicted curves step.
    #[must_use]
    pub fn event_times(&self) -> &[f64] {
        &self.event_times
    }

    /// Mean number of leaves of a tree.
    #[must_use]
    pub fn mean_leaves(&self) -> f64 {
        self.trees.iter().map(Tree::n_leaves).sum::<usize>() as f64 / self.trees.len() as f64
    }

    /// How many splits of all trees use each column.
    #[must_use]
    pub fn split_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.n_features];
        self.trees.iter().for_each(|tree| tree.count_splits(&mut counts));
        counts
    }

    /// Returns the ensemble mortality of each row, higher = earlier event: the sum over the training event times of the
    /// ensemble cumulative hazard, which is the number of events that a cohort of such patients would have had.
    ///
    /// # Errors
    /// [`Error::Width`]; [`Error::Stats`] when the matrix is of another size than it says.
    ///
    /// # Source
    /// Ishwaran et al. 2008, section 3.2.
    pub fn risk_score(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        self.check_width(x)?;
        let n_trees = self.trees.len() as f64;
        let one = |row: &[f32]| self.trees.iter().map(|tree| tree.mortality(tree.leaf(row))).sum::<f64>() / n_trees;
        Ok((0..x.n_rows).into_par_iter().map(|row| one(x.row(row))).collect())
    }

    /// Returns the ensemble cumulative hazard of each row at `times` (any order), row-major n_samples × n_times: the mean
    /// over trees of the leaf's Nelson–Aalen estimate, a step function that is constant after the last event time.
    ///
    /// # Errors
    /// As [`SurvivalForest::risk_score`].
    pub fn cumulative_hazard(&self, x: &DesignMatrix, times: &[f64]) -> Result<Vec<f64>, Error> {
        self.check_width(x)?;
        let positions = self.positions(times);
        Ok(self.curves_of(x, |sums, row| {
            self.trees.iter().for_each(|tree| add_hazard(tree.steps(tree.leaf(row)), sums));
            read(sums, &positions, |sum| sum / self.trees.len() as f64)
        }))
    }

    /// Returns S(t | x) of each row at the ascending `times`: the mean over trees of the leaf's Kaplan–Meier estimate.
    ///
    /// # Errors
    /// As [`SurvivalForest::risk_score`]; [`Error::Stats`] when the times do not ascend or are not finite.
    pub fn survival_curves(&self, x: &DesignMatrix, times: &[f64]) -> Result<SurvivalCurves, Error> {
        self.check_width(x)?;
        let positions = self.positions(times);
        let values = self.curves_of(x, |sums, row| {
            self.trees.iter().for_each(|tree| add_deaths(tree.steps(tree.leaf(row)), sums));
            read(sums, &positions, |sum| (1.0 - sum / self.trees.len() as f64).clamp(0.0, 1.0))
        });
        Ok(SurvivalCurves::new(times.to_vec(), x.n_rows, values)?)
    }

    pub(super) fn check_width(&self, x: &DesignMatrix) -> Result<(), Error> {
        if x.n_features() != self.n_features {
            return Err(Error::Width { expected: self.n_features, found: x.n_features() });
        }
        check_shape(x)
    }

    /// Per time, how many of the event times are not after it.
    pub(super) fn positions(&self, times: &[f64]) -> Vec<usize> {
        times.iter().map(|&time| self.event_times.partition_point(|&t| t <= time)).collect()
    }

    fn curves_of(&self, x: &DesignMatrix, one: impl Fn(&mut [f64], &[f32]) -> Vec<f64> + Sync) -> Vec<f64> {
        let rows: Vec<Vec<f64>> = (0..x.n_rows)
            .into_par_iter()
            .map_init(
                || vec![0.0; self.event_times.len()],
                |sums, row| {
                    sums.fill(0.0);
                    one(sums, x.row(row))
                },
            )
            .collect();
        rows.concat()
    }
}

/// Adds a leaf's Nelson–Aalen increments at their times.
fn add_hazard(steps: &[Step], sums: &mut [f64]) {
    for step in steps {
        sums[step.time as usize] += step.hazard();
    }
}

/// Adds the falls of a leaf's Kaplan–Meier curve at their times.
pub(super) fn add_deaths(steps: &[Step], sums: &mut [f64]) {
    let mut alive = 1.0;
    for step in steps {
        let fall = alive * step.hazard();
        sums[step.time as usize] += fall;
        alive -= fall;
    }
}

/// Turns increments into running sums, and reads `value` of the sum of the first so many.
pub(super) fn read(sums: &mut [f64], positions: &[usize], value: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut sum = 0.0;
    for cell in sums.iter_mut() {
        sum += *cell;
        *cell = sum;
    }
    positions.iter().map(|&at| value(at.checked_sub(1).map_or(0.0, |last| sums[last]))).collect()
}

fn check_shape(x: &DesignMatrix) -> Result<(), Error> {
    let expected = x.n_rows.saturating_mul(x.n_features());
    if x.values.len() == expected {
        return Ok(());
    }
    Err(stats::Error::LengthMismatch { what: "design values", expected, found: x.values.len() }.into())
}

/// FNV-1a over the bits of the values: tells the training matrix from others, no more.
pub(super) fn fingerprint(x: &DesignMatrix) -> u64 {
    x.values.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, value| {
        (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The forest as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    params: ForestParams,
    seed: u64,
    n_features: usize,
    n_rows: usize,
    fingerprint: u64,
    event_times: Vec<f64>,
    trees: Vec<Arrays>,
}

impl From<SurvivalForest> for Wire {
    fn from(forest: SurvivalForest) -> Self {
        Self {
            params: forest.params,
            seed: forest.seed,
            n_features: forest.n_features,
            n_rows: forest.n_rows,
            fingerprint: forest.fingerprint,
            trees: forest.trees.iter().map(Arrays::from).collect(),
            event_times: forest.event_times,
        }
    }
}

impl TryFrom<Wire> for SurvivalForest {
    type Error = Error;

    fn try_from(wire: Wire) -> Result<Self, Error> {
        wire.params.check()?;
        let times = &wire.event_times;
        if times.is_empty() || times.iter().any(|t| !t.is_finite()) || times.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(wrong("ascending event times", times.len()));
        }
        if wire.trees.is_empty() || wire.trees.len() != wire.params.n_trees {
            return Err(wrong("as many trees as the settings say", wire.trees.len()));
        }
        let (n_features, n_times) = (wire.n_features, times.len());
        if n_features > MOST_FEATURES {
            return Err(wrong("at most 2²⁴ columns", n_features));
        }
        let trees = wire.trees.into_iter().map(|tree| tree.decode(n_features, n_times)).collect::<Result<_, _>>()?;
        Ok(Self {
            params: wire.params,
            seed: wire.seed,
            n_features,
            n_rows: wire.n_rows,
            fingerprint: wire.fingerprint,
            event_times: wire.event_times,
            trees,
        })
    }
}
