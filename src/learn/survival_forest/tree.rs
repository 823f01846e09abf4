//! A grown tree: splits in preorder, and in each leaf its events and numbers at risk.

use serde::{Deserialize, Serialize};

use super::super::Error;

const LEAF: u32 = u32::MAX;

/// Events and number at risk at one event time of the forest's grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) time: u32,
    pub(super) n_events: u32,
    pub(super) n_at_risk: u32,
}

impl Step {
    /// The rise of the Nelson–Aalen estimate.
    pub(super) fn hazard(self) -> f64 {
        f64::from(self.n_events) / f64::from(self.n_at_risk)
    }
}

/// A split, whose left child is the next node, or a leaf, whose `right` is its number.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Node {
    feature: u32,
    threshold: f32,
    right: u32,
    missing_left: bool,
}

/// A binary tree. Values up to the threshold go left.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// End of each leaf's part of `steps`.
    leaf_ends: Vec<usize>,
    steps: Vec<Step>,
    /// Per leaf, the sum of its cumulative hazard over the event times of the grid.
    mortality: Vec<f64>,
}

impl Tree {
    /// Adds a split as the next node in preorder and returns its number, for [`Tree::set_right`].
    pub(super) fn push_split(&mut self, feature: usize, threshold: f32, missing_left: bool) -> usize {
        self.nodes.push(Node { feature: feature as u32, threshold, right: 0, missing_left });
        self.nodes.len() - 1
    }

    /// Makes the node that comes next the right child of `split`.
    pub(super) fn set_right(&mut self, split: usize) {
        let next = self.nodes.len() as u32;
        self.nodes[split].right = next;
    }

    /// Adds a leaf as the next node in preorder.
    pub(super) fn push_leaf(&mut self, steps: &[Step], n_times: usize) {
        let right = self.leaf_ends.len() as u32;
        self.nodes.push(Node { feature: LEAF, threshold: 0.0, right, missing_left: false });
        self.steps.extend_from_slice(steps);
        self.leaf_ends.push(self.steps.len());
        self.mortality.push(steps.iter().map(|step| step.hazard() * (n_times - step.time as usize) as f64).sum());
    }

    /// The leaf of a row of as many values as the forest has features.
    pub(super) fn leaf(&self, row: &[f32]) -> usize {
        let mut at = 0;
        loop {
            let node = &self.nodes[at];
            if node.feature == LEAF {
                return node.right as usize;
            }
            let value = row[node.feature as usize];
            let left = if value.is_nan() { node.missing_left } else { value <= node.threshold };
            at = if left { at + 1 } else { node.right as usize };
        }
    }

    pub(super) fn mortality(&self, leaf: usize) -> f64 {
        self.mortality[leaf]
    }

    pub(super) fn steps(&self, leaf: usize) -> &[Step] {
        let start = if leaf == 0 { 0 } else { self.leaf_ends[leaf - 1] };
        &self.steps[start..self.leaf_ends[leaf]]
    }

    pub(super) fn n_leaves(&self) -> usize {
        self.leaf_ends.len()
    }

    /// How often each feature splits, added to `counts`.
    pub(super) fn count_splits(&self, counts: &mut [usize]) {
        for node in self.nodes.iter().filter(|node| node.feature != LEAF) {
            counts[node.feature as usize] += 1;
        }
    }
}

/// A tree as arrays. Preorder fixes the shape, so no child is written down and none can be wrong.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arrays {
    /// Per node in preorder, its column, or −1 for a leaf.
    feature: Vec<i64>,
    /// Per split.
    threshold: Vec<f32>,
    /// Per split, 1 when missing values go left.
    missing_left: Vec<u8>,
    /// Per leaf, its number of event times.
    n_steps: Vec<usize>,
    time: Vec<u32>,
    n_events: Vec<u32>,
    n_at_risk: Vec<u32>,
}

impl From<&Tree> for Arrays {
    fn from(tree: &Tree) -> Self {
        let splits = || tree.nodes.iter().filter(|node| node.feature != LEAF);
        Self {
            feature: tree.nodes.iter().map(|n| if n.feature == LEAF { -1 } else { i64::from(n.feature) }).collect(),
            threshold: splits().map(|node| node.threshold).collect(),
            missing_left: splits().map(|node| u8::from(node.missing_left)).collect(),
            n_steps: (0..tree.n_leaves()).map(|leaf| tree.steps(leaf).len()).collect(),
            time: tree.steps.iter().map(|step| step.time).collect(),
            n_events: tree.steps.iter().map(|step| step.n_events).collect(),
            n_at_risk: tree.steps.iter().map(|step| step.n_at_risk).collect(),
        }
    }
}

impl Arrays {
    /// The tree, when the arrays are one over `n_features` columns and `n_times` event times.
    ///
    /// # Errors
    /// [`Error::Weights`].
    pub(super) fn decode(self, n_features: usize, n_times: usize) -> Result<Tree, Error> {
        let n_splits = self.feature.iter().filter(|&&feature| feature != -1).count();
        let n_leaves = self.feature.len() - n_splits;
        let n_steps = self.n_steps.iter().try_fold(0, |sum: usize, &n| sum.checked_add(n));
        let lengths = [self.threshold.len(), self.missing_left.len(), self.n_steps.len()];
        if lengths != [n_splits, n_splits, n_leaves]
            || [self.time.len(), self.n_events.len(), self.n_at_risk.len()].map(Some) != [n_steps; 3]
        {
            return Err(wrong("one value per split, leaf and step of a tree", lengths));
        }
        let mut steps = Vec::with_capacity(self.time.len());
        for ((&time, &n_events), &n_at_risk) in self.time.iter().zip(&self.n_events).zip(&self.n_at_risk) {
            if time as usize >= n_times || n_events == 0 || n_events > n_at_risk {
                return Err(wrong(
                    "events among the patients at risk at a time of the grid",
                    (time, n_events, n_at_risk),
                ));
            }
            steps.push(Step { time, n_events, n_at_risk });
        }
        let mut tree = Tree::default();
        // Splits whose right child has not come yet.
        let mut open: Vec<usize> = Vec::new();
        let mut splits = self.threshold.into_iter().zip(self.missing_left);
        let mut leaves = self.n_steps.into_iter();
        let mut rest = steps.as_slice();
        let n_nodes = self.feature.len();
        for (at, feature) in self.feature.into_iter().enumerate() {
            if feature != -1 {
                let column = usize::try_from(feature).ok().filter(|&column| column < n_features);
                let Some((column, (threshold, missing_left))) = column.zip(splits.next()) else {
                    return Err(wrong("a split by one of the columns", feature));
                };
                if !threshold.is_finite() || missing_left > 1 {
                    return Err(wrong("a finite threshold and a side of 0 or 1", (threshold, missing_left)));
                }
                open.push(tree.push_split(column, threshold, missing_left == 1));
                continue;
            }
            // The lengths agree with the counts checked above, so a missing leaf or step cannot happen; treat it as empty.
            let (own, others) = rest.split_at(leaves.next().unwrap_or(0).min(rest.len()));
            let falls = |pair: &[Step]| {
                pair[0].time < pair[1].time && pair[0].n_at_risk - pair[0].n_events >= pair[1].n_at_risk
            };
            if !own.windows(2).all(falls) {
                return Err(wrong("ascending times and falling numbers at risk in a leaf", own.len()));
            }
            rest = others;
            tree.push_leaf(own, n_times);
            match open.pop() {
                Some(split) if at + 1 < n_nodes => tree.set_right(split),
                None if at + 1 == n_nodes => return Ok(tree),
                _ => return Err(wrong("the nodes of one tree in preorder", n_nodes)),
            }
        }
        Err(wrong("the nodes of one tree in preorder", n_nodes))
    }
}

pub(super) fn wrong(expected: &'static str, found: impl std::fmt::Debug) -> Error {
    Error::Weights { expected, found: format!("{found:?}") }
}
