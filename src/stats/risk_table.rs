//! Who is at risk and who leaves at each distinct time: the one pass under every nonparametric survival estimate.

use super::{CurveOptions, Error};

/// Exit of one row: its position in time order, its cause (0 = censored) and weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exit {
    pub(super) row: usize,
    pub(super) cause: u32,
    pub(super) weight: f64,
}

/// Weighted counts at every distinct event or censoring time.
#[derive(Debug, Clone)]
pub(super) struct RiskTable {
    /// Ascending distinct times.
    pub(super) times: Vec<f64>,
    /// Weight at risk at each time.
    pub(super) n_at_risk: Vec<f64>,
    /// Weight of the events of any cause at each time.
    pub(super) n_events: Vec<f64>,
    /// Weight of the censorings at each time.
    pub(super) n_censored: Vec<f64>,
    /// Number of rows with an event at each time.
    pub(super) event_rows: Vec<usize>,
    /// Number of rows at risk at each time.
    pub(super) rows_at_risk: Vec<usize>,
    /// Every row by ascending exit time.
    exits: Vec<Exit>,
    /// End of each time's block of `exits`.
    block_ends: Vec<usize>,
    /// Rows by ascending entry time; empty without delayed entry.
    entries: Vec<(f64, usize)>,
}

impl RiskTable {
    /// Counts rows with exit time `event_time` and `cause_of(row)`, 0 meaning censored.
    ///
    /// O(n log n). The times must be finite and at least 0, as `Survival` and `CompetingRisks` hold them.
    pub(super) fn new(
        event_time: &[f64],
        cause_of: impl Fn(usize) -> u32,
        options: &CurveOptions<'_>,
    ) -> Result<Self, Error> {
        options.check_rows(event_time)?;
        Ok(Self::count(event_time, cause_of, options))
    }

    /// [`new`](Self::new) for options that need no check.
    pub(super) fn count(event_time: &[f64], cause_of: impl Fn(usize) -> u32, options: &CurveOptions<'_>) -> Self {
        let weight_of = |row: usize| options.weights.map_or(1.0, |weights| weights[row]);
        let sorted = ascending(event_time);
        let mut table = Self {
            times: Vec::new(),
            n_at_risk: Vec::new(),
            n_events: Vec::new(),
            n_censored: Vec::new(),
            event_rows: Vec::new(),
            rows_at_risk: Vec::new(),
            exits: Vec::with_capacity(sorted.len()),
            block_ends: Vec::new(),
            entries: options.entry_time.map_or_else(Vec::new, ascending),
        };
        for block in sorted.chunk_by(|a, b| a.0 == b.0) {
            let (mut events, mut censored, mut event_rows) = (0.0, 0.0, 0);
            for &(_, row) in block {
                let exit = Exit { row, cause: cause_of(row), weight: weight_of(row) };
                if exit.cause == 0 {
                    censored += exit.weight;
                } else {
                    events += exit.weight;
                    event_rows += 1;
                }
                table.exits.push(exit);
            }
            table.times.push(block[0].0);
            table.n_events.push(events);
            table.n_censored.push(censored);
            table.event_rows.push(event_rows);
            table.block_ends.push(table.exits.len());
        }
        table.count_at_risk(weight_of);
        table
    }

    /// At risk at t: every exit at or after t, less every entry at or after t.
    fn count_at_risk(&mut self, weight_of: impl Fn(usize) -> f64) {
        let n_times = self.times.len();
        (self.n_at_risk, self.rows_at_risk) = (vec![0.0; n_times], vec![0; n_times]);
        let (mut weight, mut rows, mut later_entries) = (0.0, 0, self.entries.len());
        for at in (0..n_times).rev() {
            weight += self.n_events[at] + self.n_censored[at];
            rows += self.exits_at(at).len();
            while later_entries > 0 && self.entries[later_entries - 1].0 >= self.times[at] {
                later_entries -= 1;
                weight -= weight_of(self.entries[later_entries].1);
                rows -= 1;
            }
            self.rows_at_risk[at] = rows;
            // Where everybody leaves, the difference of sums of fractional weights would keep a residue.
            self.n_at_risk[at] =
                if rows == self.exits_at(at).len() { self.n_events[at] + self.n_censored[at] } else { weight };
        }
    }

    /// The rows that leave at time number `at`.
    pub(super) fn exits_at(&self, at: usize) -> &[Exit] {
        let start = if at == 0 { 0 } else { self.block_ends[at - 1] };
        &self.exits[start..self.block_ends[at]]
    }

    /// End of the rows that leave at time number `at` or before, in [`exits`](Self::exits).
    pub(super) fn block_end(&self, at: usize) -> usize {
        self.block_ends[at]
    }

    /// Rows by ascending entry time; empty without delayed entry.
    pub(super) fn entries(&self) -> &[(f64, usize)] {
        &self.entries
    }

    /// Every row by ascending exit time.
    pub(super) fn exits(&self) -> &[Exit] {
        &self.exits
    }

    /// Whether everybody at risk at time number `at` has the event there.
    pub(super) fn all_fail(&self, at: usize) -> bool {
        self.rows_at_risk[at] == self.event_rows[at]
    }

    /// The share of the weight at risk that has the event, exactly 1 when everybody does.
    pub(super) fn hazard(&self, at: usize) -> f64 {
        if self.all_fail(at) { 1.0 } else { (self.n_events[at] / self.n_at_risk[at]).min(1.0) }
    }

    /// Σ d/(n(n − d)) at time number `at`: the step of Greenwood's sum, infinite where everybody fails.
    pub(super) fn greenwood_step(&self, at: usize) -> f64 {
        let (events, n) = (self.n_events[at], self.n_at_risk[at]);
        if self.event_rows[at] == 0 {
            0.0
        } else if self.all_fail(at) || n <= events {
            f64::INFINITY
        } else {
            events / (n * (n - events))
        }
    }
}

/// Values with their rows by ascending value, then row; −0 counts as 0.
fn ascending(values: &[f64]) -> Vec<(f64, usize)> {
    // The bits of numbers of at least 0 sort as the numbers do, several times faster.
    let mut keyed: Vec<(u64, usize)> = values.iter().enumerate().map(|(row, v)| ((v + 0.0).to_bits(), row)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(bits, row)| (f64::from_bits(bits), row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_five_rows_with_delayed_entry_solved_by_hand() {
        // At 2: rows 1 and 3 (row 0 has left, row 2 enters at 2, row 4 at 3); at 4: rows 2, 3, 4.
        let (times, cause) = ([1.0, 2.0, 4.0, 4.0, 5.0], [1, 0, 2, 0, 1]);
        let (entry, weights) = ([0.0, 0.5, 2.0, 0.0, 3.0], [1.0, 2.0, 3.0, 4.0, 5.0]);
        let options = CurveOptions { entry_time: Some(&entry), weights: Some(&weights), ..CurveOptions::default() };
        let table = RiskTable::new(&times, |row| cause[row], &options).unwrap();
        assert_eq!(table.times, [1.0, 2.0, 4.0, 5.0]);
        assert_eq!(table.n_at_risk, [7.0, 6.0, 12.0, 5.0]);
        assert_eq!(table.rows_at_risk, [3, 2, 3, 1]);
        assert_eq!(table.n_events, [1.0, 0.0, 3.0, 5.0]);
        assert_eq!(table.n_censored, [0.0, 2.0, 4.0, 0.0]);
        assert!(table.all_fail(3) && !table.all_fail(2));
        assert_eq!(table.greenwood_step(0), 1.0 / 42.0);
    }

    #[test]
    fn signed_zeros_are_one_time() {
        let table = RiskTable::new(&[0.0, -0.0], |_| 1, &CurveOptions::default()).unwrap();
        assert_eq!((table.times, table.n_events), (vec![0.0], vec![2.0]));
    }
}

/// Random rows with ties, and their curves by the O(n²) definition, for the tests of the curves.
#[cfg(test)]
pub(super) mod sample {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use crate::stats::{CompetingRisks, CurveOptions, Survival};

    pub struct Sample {
        pub time: Vec<f64>,
        pub cause: Vec<u32>,
        pub weights: Vec<f64>,
        pub entry: Vec<f64>,
    }

    /// Curves at one time.
    pub struct Point {
        pub survival: f64,
        pub incidence: f64,
        pub cum_hazard: f64,
        pub area: f64,
    }

    impl Sample {
        /// `n` rows with times on a half-unit grid from ½ on, two causes, and entries before the times.
        pub fn new(seed: u64, n: usize) -> Self {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let time: Vec<f64> = (0..n).map(|_| 0.5 * f64::from(rng.random_range(1..14))).collect();
            Self {
                cause: (0..n).map(|_| rng.random_range(0..3)).collect(),
                weights: (0..n).map(|_| rng.random_range(0.3..2.5)).collect(),
                entry: time
                    .iter()
                    .map(|time| if rng.random_bool(0.5) { 0.0 } else { 0.25 * (time * 2.0).floor() })
                    .collect(),
                time,
            }
        }

        pub fn survival(&self) -> Survival {
            Survival::new(self.time.clone(), self.cause.iter().map(|&cause| cause > 0).collect()).unwrap()
        }

        pub fn competing(&self) -> CompetingRisks {
            CompetingRisks::new(self.time.clone(), self.cause.clone(), 2).unwrap()
        }

        /// With and without weights and delayed entry.
        pub fn all_options(&self) -> [CurveOptions<'_>; 4] {
            let with = |weights, entry_time| CurveOptions { weights, entry_time, ..CurveOptions::default() };
            let (weights, entry) = (Some(&self.weights[..]), Some(&self.entry[..]));
            [with(None, None), with(weights, None), with(None, entry), with(weights, entry)]
        }

        /// S, incidence of cause 1, H and the area under S, at each of `times`, by definition.
        pub fn curves(&self, times: &[f64], weights: &[f64], entry: Option<&[f64]>) -> Vec<Point> {
            let mut distinct = self.time.clone();
            distinct.sort_by(f64::total_cmp);
            distinct.dedup();
            let sum = |keep: &dyn Fn(usize) -> bool| -> f64 {
                (0..weights.len()).filter(|&row| keep(row)).map(|row| weights[row]).sum()
            };
            let curve = |&until: &f64| {
                let mut point = Point { survival: 1.0, incidence: 0.0, cum_hazard: 0.0, area: 0.0 };
                let mut since = 0.0;
                for &u in distinct.iter().filter(|&&u| u <= until) {
                    let n = sum(&|row| entry.is_none_or(|entry| entry[row] < u) && self.time[row] >= u);
                    let d = sum(&|row| self.time[row] == u && self.cause[row] > 0);
                    point.area += point.survival * (u - since);
                    since = u;
                    point.incidence += point.survival * sum(&|row| self.time[row] == u && self.cause[row] == 1) / n;
                    point.survival *= 1.0 - d / n;
                    point.cum_hazard += d / n;
                }
                point.area += point.survival * (until - since);
                point
            };
            times.iter().map(curve).collect()
        }

        /// Σ (w ∂value/∂w)² at each of `times`, by central differences.
        pub fn jackknife(&self, times: &[f64], options: &CurveOptions<'_>, value: impl Fn(&Point) -> f64) -> Vec<f64> {
            let base = options.weights.map_or_else(|| vec![1.0; self.time.len()], <[f64]>::to_vec);
            let mut variance = vec![0.0; times.len()];
            for row in 0..base.len() {
                let moved = |step: f64| {
                    let mut weights = base.clone();
                    weights[row] += step;
                    self.curves(times, &weights, options.entry_time)
                };
                let step = 1e-5;
                for ((sum, up), down) in variance.iter_mut().zip(moved(step)).zip(moved(-step)) {
                    *sum += (base[row] * (value(&up) - value(&down)) / (2.0 * step)).powi(2);
                }
            }
            variance
        }
    }
}
