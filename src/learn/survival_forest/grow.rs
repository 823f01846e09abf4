//! Growing one tree on one random sample of the rows.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::columns::TimeOrdered;
use super::risk::NodeRisk;
use super::split::{Cut, LeafLimits, SplitSearch, goes_left};
use super::tree::Tree;
use super::{ForestParams, Sample, SplitRule};

/// The random stream of one tree.
pub(super) fn stream(seed: u64, tree: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(tree);
    rng
}

/// How often each of the rows, in the caller's order, is drawn for a tree: the first thing that its stream decides.
pub(super) fn draw(sample: Sample, n_rows: usize, rng: &mut ChaCha8Rng) -> Vec<u32> {
    let mut drawn = vec![0; n_rows];
    match sample {
        Sample::Bootstrap => {
            for _ in 0..n_rows {
                drawn[rng.random_range(0..n_rows)] += 1;
            }
        }
        Sample::Subsample { fraction } => {
            let n_drawn = ((fraction * n_rows as f64).round() as usize).clamp(1, n_rows);
            let mut rows: Vec<usize> = (0..n_rows).collect();
            for at in 0..n_drawn {
                rows.swap(at, rng.random_range(at..n_rows));
                drawn[rows[at]] = 1;
            }
        }
    }
    drawn
}

/// Buffers that a thread keeps from tree to tree.
#[derive(Default)]
pub(super) struct Scratch {
    risk: NodeRisk,
    search: SplitSearch,
    rows: Vec<u32>,
    right: Vec<u32>,
    features: Vec<usize>,
}

/// A node still to be made: its rows, how deep it lies, and the split whose right child it is.
struct Pending {
    start: usize,
    end: usize,
    depth: usize,
    right_of: Option<usize>,
}

/// Grows tree number `tree`; `varying` lists the columns worth a look.
pub(super) fn grow(
    data: &TimeOrdered,
    varying: &[usize],
    params: &ForestParams,
    seed: u64,
    tree: u64,
    scratch: &mut Scratch,
) -> Tree {
    let mut rng = stream(seed, tree);
    let drawn = draw(params.sample, data.order.len(), &mut rng);
    let weight: Vec<u32> = data.order.iter().map(|&row| drawn[row]).collect();
    let Scratch { risk, search, rows, right, features } = scratch;
    rows.clear();
    rows.extend((0..weight.len() as u32).filter(|&row| weight[row as usize] > 0));
    features.clear();
    features.extend_from_slice(varying);
    let limits = LeafLimits { n_samples: params.min_leaf_size as u32, n_events: params.min_leaf_events as u32 };
    let mtry = params.features_per_split(data.columns.len());
    let mut grown = Tree::default();
    let mut pending = vec![Pending { start: 0, end: rows.len(), depth: 0, right_of: None }];
    while let Some(Pending { start, end, depth, right_of }) = pending.pop() {
        if let Some(split) = right_of {
            grown.set_right(split);
        }
        let own = &mut rows[start..end];
        risk.read(data, own, &weight);
        let splittable = risk.n_samples >= 2 * limits.n_samples.max(1)
            && risk.n_events >= 2 * limits.n_events
            && params.max_depth.is_none_or(|max| depth < max);
        let best = if splittable {
            best_of(data, own, risk, search, limits, params.split, mtry, features, &mut rng)
        } else {
            None
        };
        let Some((feature, cut)) = best else {
            grown.push_leaf(&risk.steps, data.event_times.len());
            continue;
        };
        let codes = &data.columns[feature].codes;
        right.clear();
        let mut n_left = 0;
        for at in 0..own.len() {
            let row = own[at];
            if goes_left(codes[row as usize], cut.last_left, cut.missing_left) {
                own[n_left] = row;
                n_left += 1;
            } else {
                right.push(row);
            }
        }
        own[n_left..].copy_from_slice(right);
        let split = grown.push_split(feature, cut.threshold, cut.missing_left);
        pending.push(Pending { start: start + n_left, end, depth: depth + 1, right_of: Some(split) });
        pending.push(Pending { start, end: start + n_left, depth: depth + 1, right_of: None });
    }
    grown
}

/// The best cut over `mtry` columns drawn without replacement.
#[allow(clippy::too_many_arguments, reason = "the loop above, cut in two")]
fn best_of(
    data: &TimeOrdered,
    rows: &[u32],
    risk: &NodeRisk,
    search: &mut SplitSearch,
    limits: LeafLimits,
    rule: SplitRule,
    mtry: usize,
    features: &mut [usize],
    rng: &mut ChaCha8Rng,
) -> Option<(usize, Cut)> {
    let mut best: Option<(usize, Cut)> = None;
    for at in 0..mtry.min(features.len()) {
        features.swap(at, rng.random_range(at..features.len()));
        let feature = features[at];
        let column = &data.columns[feature];
        let cut = match rule {
            SplitRule::LogRank => search.best(risk, rows, column, limits),
            SplitRule::ExtraTrees { n_random_splits } => {
                search.best_random(risk, rows, column, limits, n_random_splits, || rng.random::<f32>())
            }
        };
        if let Some(cut) = cut.filter(|cut| best.is_none_or(|(_, best)| cut.statistic > best.statistic)) {
            best = Some((feature, cut));
        }
    }
    best
}
