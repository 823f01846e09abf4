//! Sets of possible outcomes for a yes-or-no outcome.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Assumption, check_alpha, group_of, n_left_out};
use crate::learn::Error;
use crate::learn::calibrate::checks::{check_at_least, check_length, check_probabilities};
use crate::stats;

/// Within which rows coverage must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taxonomy {
    /// Over all patients; a rare group or class may be covered less.
    #[default]
    Marginal,
    /// In every group, such as receptor subtypes.
    Group,
    /// Among patients with the event and among those without.
    Class,
    /// In every group, among either class.
    GroupAndClass,
}

impl Taxonomy {
    /// The cell whose scores a row of `group` with outcome `event` is compared to.
    pub(super) fn cell(self, group: usize, event: bool) -> (usize, bool) {
        match self {
            Self::Marginal => (0, false),
            Self::Group => (group, false),
            Self::Class => (0, event),
            Self::GroupAndClass => (group, event),
        }
    }

    fn assumption(self) -> Assumption {
        match self {
            Self::Marginal => Assumption::Exchangeable,
            Self::Group => Assumption::ExchangeableWithinGroup,
            Self::Class => Assumption::ExchangeableWithinClass,
            Self::GroupAndClass => Assumption::ExchangeableWithinGroupAndClass,
        }
    }
}

/// Whether ties and the new patient's own rank are broken at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Smoothing {
    /// No: coverage at least 1 − α.
    Conservative,
    /// Yes: coverage exactly 1 − α, at the price of a set that depends on the seed and the row number.
    Randomised {
        /// Seed of the draws; row i uses stream i.
        seed: u64,
    },
}

/// The outcomes that cannot be ruled out for one patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelSet {
    /// The event is possible.
    pub event: bool,
    /// Its absence is possible.
    pub no_event: bool,
}

impl LabelSet {
    /// Whether it holds `outcome`.
    #[must_use]
    pub fn contains(self, outcome: bool) -> bool {
        if outcome { self.event } else { self.no_event }
    }

    /// 0 (the patient fits neither outcome), 1 or 2 (undecided).
    #[must_use]
    pub fn n_labels(self) -> usize {
        usize::from(self.event) + usize::from(self.no_event)
    }
}

/// A label set with the p-values behind it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LabelPrediction {
    /// The outcomes whose p-value is above α.
    pub set: LabelSet,
    /// Conformal p-value of "she has the event", in (0, 1] (in \[0, 1\] when randomised).
    pub p_event: f64,
    /// Conformal p-value of "she has not".
    pub p_no_event: f64,
    /// Calibration rows behind the smaller of the two cells; below ⌈1/α⌉ − 1 the set always holds both outcomes.
    pub n_calibration: usize,
}

/// A split-conformal rule for label sets, from the score 1 − P(outcome).
///
/// For α = 0.1 a cell with fewer than 9 calibration rows (⌈1/α⌉ − 1) rules nothing out: its sets always hold both
/// outcomes (unless randomised). So does a group that calibration never saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSetRule {
    pub(super) alpha: f64,
    pub(super) taxonomy: Taxonomy,
    /// Ascending scores of every cell: (group, class), 0 and false where the taxonomy does not look.
    cells: Vec<Cell>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cell {
    group: usize,
    class: bool,
    scores: Vec<f64>,
}

impl LabelSetRule {
    /// Keeps the scores of calibration rows: outcomes `y` and probabilities `p` from a model that has not seen them.
    ///
    /// `groups` are needed by the taxonomies that look at them. Coverage target 1 − `alpha`.
    ///
    /// ```
    /// use regimen::learn::conformal::{LabelSetRule, Smoothing, Taxonomy};
    /// let p: Vec<f64> = (0..20).map(|k| f64::from(k) / 19.0).collect();
    /// let y: Vec<bool> = p.iter().map(|&p| p > 0.5).collect();
    /// let rule = LabelSetRule::fit(&y, &p, None, 0.1, Taxonomy::Marginal).unwrap();
    /// let sets = rule.predict(&[0.95], None, Smoothing::Conservative).unwrap();
    /// assert!(sets[0].set.event && !sets[0].set.no_event);
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] for `alpha` outside (0, 1), [`stats::Error::LengthMismatch`], [`stats::Error::NotFinite`],
    /// [`stats::Error::NotProbability`], [`stats::Error::TooFew`] without rows, [`stats::Error::MissingLabel`] without
    /// groups where the taxonomy needs them.
    ///
    /// # Source
    /// Vovk, Gammerman & Shafer 2005, sections 4.1 and 4.5 (Mondrian); Sadinle, Lei & Wasserman 2019 (the score).
    pub fn fit(y: &[bool], p: &[f64], groups: Option<&[usize]>, alpha: f64, taxonomy: Taxonomy) -> Result<Self, Error> {
        check_alpha(alpha)?;
        check_length("probabilities", y.len(), p.len())?;
        check_at_least("rows", 1, y.len())?;
        check_probabilities(p)?;
        check_groups(taxonomy, groups, y.len())?;
        let mut cells: BTreeMap<(usize, bool), Vec<f64>> = BTreeMap::new();
        for (row, (&event, &p)) in y.iter().zip(p).enumerate() {
            cells.entry(taxonomy.cell(group_of(groups, row), event)).or_default().push(score(p, event));
        }
        let cells = cells
            .into_iter()
            .map(|((group, class), mut scores)| {
                scores.sort_by(f64::total_cmp);
                Cell { group, class, scores }
            })
            .collect();
        Ok(Self { alpha, taxonomy, cells })
    }

    /// Returns the set of every new patient from her probability `p` (n_new) and group.
    ///
    /// # Errors
    /// As [`LabelSetRule::fit`] for `p` and `groups`.
    pub fn predict(
        &self,
        p: &[f64],
        groups: Option<&[usize]>,
        smoothing: Smoothing,
    ) -> Result<Vec<LabelPrediction>, Error> {
        check_probabilities(p)?;
        check_groups(self.taxonomy, groups, p.len())?;
        let predict = |(row, &p): (usize, &f64)| {
            let mut draws = draws(smoothing, row);
            let mut of = |event: bool| {
                let cell = self.scores(self.taxonomy.cell(group_of(groups, row), event));
                (rank(cell, score(p, event)).conform(cell.len(), self.alpha, draws(event)), cell.len())
            };
            label_prediction(of(true), of(false))
        };
        Ok(p.iter().enumerate().map(predict).collect())
    }

    /// What the coverage rests on.
    #[must_use]
    pub fn assumption(&self) -> Assumption {
        self.taxonomy.assumption()
    }

    /// The error rate α.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    pub(super) fn scores(&self, (group, class): (usize, bool)) -> &[f64] {
        self.cells.iter().find(|cell| (cell.group, cell.class) == (group, class)).map_or(&[], |cell| &cell.scores)
    }
}

/// 1 − P(outcome): how badly `event` fits a patient with probability `p`.
pub(super) fn score(p: f64, event: bool) -> f64 {
    if event { 1.0 - p } else { p }
}

/// Where a new score stands among calibration scores.
pub(super) struct Rank {
    pub(super) above: usize,
    pub(super) tied: usize,
}

pub(super) fn rank(ascending: &[f64], score: f64) -> Rank {
    let below = ascending.partition_point(|&value| value < score);
    let up_to = ascending.partition_point(|&value| value <= score);
    Rank { above: ascending.len() - up_to, tied: up_to - below }
}

impl Rank {
    /// The p-value, and whether it is above α; `draw` in \[0, 1) randomises.
    pub(super) fn conform(&self, n_samples: usize, alpha: f64, draw: Option<f64>) -> (f64, bool) {
        let total = n_samples as f64 + 1.0;
        match draw {
            // In whole numbers, so that rounding cannot move a rank.
            None => {
                let at_least = 1 + self.above + self.tied;
                (at_least as f64 / total, at_least > n_left_out(n_samples, alpha))
            }
            Some(draw) => {
                let p = (self.above as f64 + draw * (self.tied as f64 + 1.0)) / total;
                (p, p > alpha)
            }
        }
    }
}

/// The draws of one row: the same for the same seed, row and outcome.
pub(super) fn draws(smoothing: Smoothing, row: usize) -> impl FnMut(bool) -> Option<f64> {
    move |event| match smoothing {
        Smoothing::Conservative => None,
        Smoothing::Randomised { seed } => {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(2 * row as u64 + u64::from(event));
            Some(rng.random::<f64>())
        }
    }
}

pub(super) fn label_prediction(event: ((f64, bool), usize), no_event: ((f64, bool), usize)) -> LabelPrediction {
    LabelPrediction {
        set: LabelSet { event: event.0.1, no_event: no_event.0.1 },
        p_event: event.0.0,
        p_no_event: no_event.0.0,
        n_calibration: event.1.min(no_event.1),
    }
}

pub(super) fn check_groups(taxonomy: Taxonomy, groups: Option<&[usize]>, n_rows: usize) -> Result<(), Error> {
    match groups {
        Some(groups) => check_length("groups", n_rows, groups.len()),
        None if matches!(taxonomy, Taxonomy::Group | Taxonomy::GroupAndClass) => {
            Err(stats::Error::MissingLabel { what: "group", n_missing: n_rows, n_rows }.into())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: LabelSet = LabelSet { event: true, no_event: true };

    /// Calibration scores 0.1, 0.2, …, 0.9: events at p = 1 − score.
    fn nine() -> (Vec<bool>, Vec<f64>) {
        ((0..9).map(|_| true).collect(), (1..=9).map(|k| 1.0 - f64::from(k) / 10.0).collect())
    }

    #[test]
    fn p_values_solved_by_hand() {
        let (y, p) = nine();
        let rule = LabelSetRule::fit(&y, &p, None, 0.25, Taxonomy::Marginal).unwrap();
        // p = 0.25: score 0.75 of the event (2 of 9 above: 3/10), 0.25 of its absence (7 above: 8/10).
        let found = rule.predict(&[0.25], None, Smoothing::Conservative).unwrap()[0];
        assert_eq!((found.p_event, found.p_no_event, found.set), (0.3, 0.8, BOTH));
        // p = 0.15: score 0.85, one above: 2/10 is not above 0.25.
        let found = rule.predict(&[0.15], None, Smoothing::Conservative).unwrap()[0];
        assert_eq!(found.set, LabelSet { event: false, no_event: true });
        assert_eq!((found.set.n_labels(), found.set.contains(false)), (1, true));
        // Randomised p-values lie between the count above and that plus the new patient herself.
        let found = rule.predict(&[0.15], None, Smoothing::Randomised { seed: 1 }).unwrap()[0];
        assert!(found.p_event > 0.1 && found.p_event < 0.2);
    }

    #[test]
    fn a_set_can_be_empty() {
        // Every calibration score is at most 0.2: a patient at ½ fits neither outcome.
        let y: Vec<bool> = (0..40).map(|k| k % 2 == 0).collect();
        let p: Vec<f64> = y.iter().map(|&event| if event { 0.8 } else { 0.2 }).collect();
        let rule = LabelSetRule::fit(&y, &p, None, 0.1, Taxonomy::Marginal).unwrap();
        assert_eq!(rule.predict(&[0.5], None, Smoothing::Conservative).unwrap()[0].set.n_labels(), 0);
    }

    #[test]
    fn too_few_rows_or_an_unseen_group_rule_nothing_out() {
        let (y, p) = nine();
        for (n, both) in [(8, true), (9, false)] {
            let rule = LabelSetRule::fit(&y[..n], &p[..n], None, 0.1, Taxonomy::Marginal).unwrap();
            let found = rule.predict(&[0.0, 1.0], None, Smoothing::Conservative).unwrap();
            assert_eq!(found.iter().all(|found| found.set == BOTH), both);
        }
        let groups = [3; 9];
        let rule = LabelSetRule::fit(&y, &p, Some(&groups), 0.1, Taxonomy::Group).unwrap();
        let found = rule.predict(&[0.0, 0.0], Some(&[3, 4]), Smoothing::Conservative).unwrap();
        assert_eq!((found[0].set.event, found[1].set, found[1].n_calibration), (false, BOTH, 0));
        // No calibration row without the event: its absence is never ruled out by class.
        let rule = LabelSetRule::fit(&y, &p, None, 0.1, Taxonomy::Class).unwrap();
        assert!(rule.predict(&[1.0], None, Smoothing::Conservative).unwrap()[0].set.no_event);
    }

    #[test]
    fn left_out_ranks_solve_as_exact_fractions() {
        // α(n + 1) = 0.1 · 30 is 3: the p-value 3/30 is not above α, 4/30 is.
        let y = vec![true; 29];
        let p: Vec<f64> = (0..29).map(|k| 1.0 - f64::from(k) / 29.0).collect();
        let rule = LabelSetRule::fit(&y, &p, None, 0.1, Taxonomy::Marginal).unwrap();
        let at = |score: f64| rule.predict(&[1.0 - score], None, Smoothing::Conservative).unwrap()[0].set.event;
        assert!(at(25.5 / 29.0) && !at(26.5 / 29.0));
    }

    #[test]
    fn rules_survive_json_and_row_order() {
        let (y, p) = nine();
        let rule = LabelSetRule::fit(&y, &p, None, 0.1, Taxonomy::Class).unwrap();
        let again: LabelSetRule = serde_json::from_str(&serde_json::to_string(&rule).unwrap()).unwrap();
        assert_eq!(rule, again);
        let back: Vec<f64> = p.iter().rev().copied().collect();
        assert_eq!(rule, LabelSetRule::fit(&y, &back, None, 0.1, Taxonomy::Class).unwrap());
    }

    #[test]
    fn bad_input_is_refused() {
        let fit = |alpha| LabelSetRule::fit(&[true], &[0.5], None, alpha, Taxonomy::Marginal);
        for alpha in [0.0, 1.0, f64::NAN, -0.1] {
            assert!(matches!(fit(alpha), Err(Error::Parameter { .. })));
        }
        assert!(LabelSetRule::fit(&[], &[], None, 0.1, Taxonomy::Marginal).is_err());
        assert!(LabelSetRule::fit(&[true], &[0.5], None, 0.1, Taxonomy::Group).is_err());
        assert!(LabelSetRule::fit(&[true], &[1.5], None, 0.1, Taxonomy::Marginal).is_err());
        assert!(fit(0.1).unwrap().predict(&[f64::NAN], None, Smoothing::Conservative).is_err());
    }
}
