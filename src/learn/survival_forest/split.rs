//! The search for the cut of a column with the largest log-rank statistic.
//!
//! The rows of the node are sorted by value and moved to the left one by one; `group` keeps the statistic.

use super::columns::{Column, MISSING};
use super::group::{Group, Spread};
use super::risk::NodeRisk;

/// A cut of a node by one column: at most the value of rank `last_left` goes left.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    pub(super) statistic: f64,
    pub(super) last_left: u32,
    pub(super) threshold: f32,
    pub(super) missing_left: bool,
}

/// Smallest children that a cut may leave.
#[derive(Clone, Copy)]
pub(super) struct LeafLimits {
    pub(super) n_samples: u32,
    pub(super) n_events: u32,
}

/// Buffers of the search, reused from column to column.
#[derive(Default)]
pub(super) struct SplitSearch {
    /// (rank of value, position in the node), ascending; missing ranks last.
    keys: Vec<u64>,
    sorted: Vec<u64>,
    counts: Vec<u32>,
    fenwick: Vec<[f64; 2]>,
    at_risk: Vec<f64>,
}

impl LeafLimits {
    fn allow(&self, node: &NodeRisk, left: &Group) -> bool {
        left.n_samples >= self.n_samples
            && node.n_samples - left.n_samples >= self.n_samples
            && left.n_events >= self.n_events
            && node.n_events - left.n_events >= self.n_events
    }
}

impl SplitSearch {
    /// The best of all cuts of the node by `column`; a cut between two values lies midway. `None` when no cut leaves
    /// both children large enough with a statistic above 0. Missing values are tried on both sides, and alone.
    pub(super) fn best(&mut self, node: &NodeRisk, rows: &[u32], column: &Column, limits: LeafLimits) -> Option<Cut> {
        let n_present = self.sort(rows, column);
        let n_missing = rows.len() - n_present;
        if n_present == 0 || (n_missing == 0 && code(self.sorted[0]) == code(self.sorted[n_present - 1])) {
            return None;
        }
        let n_cuts = column.values.len().min(n_present);
        let few = n_cuts * node.steps.len() <= 8 * rows.len();
        let mut best = self.scan(node, column, limits, n_present, false, few);
        if n_missing > 0 {
            let other = self.scan(node, column, limits, n_present, true, few);
            if other.is_some_and(|other| best.is_none_or(|best| other.statistic > best.statistic)) {
                best = other;
            }
        }
        best
    }

    /// Fills `sorted`; returns the number of rows with a value, which come first.
    pub(super) fn sort(&mut self, rows: &[u32], column: &Column) -> usize {
        self.keys.clear();
        self.keys.extend(rows.iter().enumerate().map(|(at, &row)| key(column.codes[row as usize], at)));
        let n_values = column.values.len();
        if n_values > 2 * rows.len() {
            self.sorted.clone_from(&self.keys);
            self.sorted.sort_unstable();
            return self.sorted.partition_point(|&key| code(key) != MISSING);
        }
        // Counting sort: ranks 0 .. n_values, then the missing.
        self.counts.clear();
        self.counts.resize(n_values + 2, 0);
        let slot = |key: u64| (code(key) as usize).min(n_values);
        for &key in &self.keys {
            self.counts[slot(key) + 1] += 1;
        }
        for at in 1..self.counts.len() {
            self.counts[at] += self.counts[at - 1];
        }
        let n_present = self.counts[n_values] as usize;
        self.sorted.clear();
        self.sorted.resize(self.keys.len(), 0);
        for &key in &self.keys {
            let next = &mut self.counts[slot(key)];
            self.sorted[*next as usize] = key;
            *next += 1;
        }
        n_present
    }

    /// Moves the rows to the left by ascending value, the missing ones first if `missing_left`.
    pub(super) fn scan(
        &mut self,
        node: &NodeRisk,
        column: &Column,
        limits: LeafLimits,
        n_present: usize,
        missing_left: bool,
        few: bool,
    ) -> Option<Cut> {
        let (present, missing) = self.sorted.split_at(n_present);
        let n_times = node.steps.len();
        let mut spread = if few {
            self.at_risk.clear();
            self.at_risk.resize(n_times + 1, 0.0);
            Spread::Counted { joined: &mut self.at_risk }
        } else {
            self.fenwick.clear();
            self.fenwick.resize(n_times + 1, [0.0; 2]);
            Spread::Running { fenwick: &mut self.fenwick, n_samples: 0.0, quadratic: 0.0 }
        };
        let mut left = Group::default();
        if missing_left {
            for &key in missing {
                let member = &node.members[position(key)];
                left.add(member);
                spread.add(member, &node.quad);
            }
        }
        let mut best: Option<Cut> = None;
        let mut start = 0;
        while start < n_present {
            let rank = code(present[start]);
            let mut end = start;
            while end < n_present && code(present[end]) == rank {
                let member = &node.members[position(present[end])];
                left.add(member);
                spread.add(member, &node.quad);
                end += 1;
            }
            start = end;
            if node.n_samples - left.n_samples < limits.n_samples {
                break;
            }
            let next = present.get(end).map(|&key| code(key));
            if (next.is_none() && (missing_left || missing.is_empty())) || !limits.allow(node, &left) {
                continue;
            }
            let statistic = left.statistic(spread.quadratic(&node.quad));
            if statistic > best.map_or(0.0, |best| best.statistic) {
                let threshold =
                    next.map_or(f32::MAX, |next| midway(column.values[rank as usize], column.values[next as usize]));
                // Without missing values here, later ones follow the larger child.
                let missing_left = if missing.is_empty() { 2 * left.n_samples >= node.n_samples } else { missing_left };
                best = Some(Cut { statistic, last_left: rank, threshold, missing_left });
            }
        }
        best
    }

    /// The best of cuts drawn uniformly between the node's smallest and largest value; `uniform` yields numbers in [0, 1).
    pub(super) fn best_random(
        &mut self,
        node: &NodeRisk,
        rows: &[u32],
        column: &Column,
        limits: LeafLimits,
        n_cuts: usize,
        mut uniform: impl FnMut() -> f32,
    ) -> Option<Cut> {
        let codes = || rows.iter().map(|&row| column.codes[row as usize]);
        let present = || codes().filter(|&code| code != MISSING);
        let (first, last) = (present().min()?, present().max()?);
        if first == last {
            return None;
        }
        let any_missing = codes().any(|code| code == MISSING);
        let (low, high) = (f64::from(column.values[first as usize]), f64::from(column.values[last as usize]));
        let mut best: Option<Cut> = None;
        for _ in 0..n_cuts {
            let threshold = ((low + (high - low) * f64::from(uniform())) as f32).clamp(low as f32, high as f32);
            let last_left = (column.values.partition_point(|&v| v <= threshold) - 1) as u32;
            if last_left >= last {
                continue;
            }
            for missing_left in [false, true] {
                self.at_risk.clear();
                self.at_risk.resize(node.steps.len() + 1, 0.0);
                let mut spread = Spread::Counted { joined: &mut self.at_risk };
                let mut left = Group::default();
                for (member, code) in node.members.iter().zip(codes()) {
                    if goes_left(code, last_left, missing_left) {
                        left.add(member);
                        spread.add(member, &node.quad);
                    }
                }
                if limits.allow(node, &left) {
                    let statistic = left.statistic(spread.quadratic(&node.quad));
                    if statistic > best.map_or(0.0, |best| best.statistic) {
                        let missing_left =
                            if any_missing { missing_left } else { 2 * left.n_samples >= node.n_samples };
                        best = Some(Cut { statistic, last_left, threshold, missing_left });
                    }
                }
                if !any_missing {
                    break;
                }
            }
        }
        best
    }
}

/// The side of a row by the rank of its value.
pub(super) fn goes_left(code: u32, last_left: u32, missing_left: bool) -> bool {
    if code == MISSING { missing_left } else { code <= last_left }
}

fn key(code: u32, position: usize) -> u64 {
    u64::from(code) << 32 | position as u64
}

fn code(key: u64) -> u32 {
    (key >> 32) as u32
}

fn position(key: u64) -> usize {
    (key & u64::from(u32::MAX)) as usize
}

/// A number t with low ≤ t < high.
pub(super) fn midway(low: f32, high: f32) -> f32 {
    let middle = (0.5 * (f64::from(low) + f64::from(high))) as f32;
    if middle < high { middle } else { low }
}
