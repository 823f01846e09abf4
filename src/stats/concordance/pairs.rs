//! Counting comparable pairs without visiting them: a Fenwick tree over ranks of risk, filled in order of time.

use std::ops::{AddAssign, Range};

use super::super::Error;
use super::super::survival::Survival;

/// Patients in order of time, each with the rank of her risk.
pub(super) struct Ranked {
    /// Ascending by time; among equal times events come first.
    rows: Vec<Row>,
    /// One past the highest rank; equal risks share a rank.
    n_ranks: usize,
}

#[derive(Clone, Copy)]
struct Row {
    /// Bits of the time, whose order is that of times since none is negative.
    time: u64,
    rank: u32,
    row: u32,
    event: bool,
}

/// Sums over comparable pairs as (concordant, discordant, tied).
pub(super) struct PairSums {
    pub total: [f64; 3],
    /// The pairs in which each row takes part, on either side.
    pub by_row: Vec<[f64; 3]>,
}

impl Ranked {
    pub fn new(data: &Survival, risk_score: &[f64]) -> Result<Self, Error> {
        let n_samples = data.n_samples();
        if u32::try_from(n_samples).is_err() {
            let found = n_samples as f64;
            return Err(Error::OutOfDomain { what: "number of rows", expected: "at most 4294967295", found });
        }
        let mut by_risk: Vec<(u64, u32)> =
            risk_score.iter().zip(0..).map(|(&risk, row)| (ordered(risk), row)).collect();
        by_risk.sort_unstable();
        let mut ranks = vec![0_u32; n_samples];
        let (mut rank, mut before) = (0, by_risk.first().map_or(0, |first| first.0));
        for &(key, row) in &by_risk {
            rank += u32::from(key != before);
            before = key;
            ranks[row as usize] = rank;
        }
        // The sign bit of a time is free: the lowest bit of the shifted key puts events before censorings.
        let times = data.event_time().iter().zip(data.event()).zip(0..);
        let mut by_time: Vec<(u64, u32)> =
            times.map(|((&time, &event), row)| (((time + 0.0).to_bits() << 1) | u64::from(!event), row)).collect();
        by_time.sort_unstable();
        let rows = by_time
            .into_iter()
            .map(|(key, row)| Row { time: key >> 1, rank: ranks[row as usize], row, event: key & 1 == 0 })
            .collect();
        Ok(Self { rows, n_ranks: rank as usize + 1 })
    }

    /// Concordant, tied and comparable pairs.
    pub fn counts(&self) -> [u64; 3] {
        let mut counts = [0_u64; 3];
        self.earlier_events(|_, concordant, tied, comparable| {
            counts[0] += u64::from(concordant);
            counts[1] += u64::from(tied);
            counts[2] += u64::from(comparable);
        });
        counts
    }

    /// The same with each pair weighing what `weight` gives the row of its earlier event.
    pub fn weighted_counts(&self, weight: impl Fn(usize) -> f64) -> [f64; 3] {
        let mut counts = [0.0; 3];
        self.earlier_events(|row, concordant, tied, comparable| {
            let weight = weight(row);
            for (count, found) in counts.iter_mut().zip([concordant, tied, comparable]) {
                *count += weight * f64::from(found);
            }
        });
        counts
    }

    /// Sums over pairs, in total and by row, each pair weighing what `weight` gives the row of its earlier event.
    pub fn sums(&self, weight: impl Fn(usize) -> f64) -> PairSums {
        let mut by_row = vec![[0.0; 3]; self.rows.len()];
        let mut total = [0.0; 3];
        self.earlier_events(|row, concordant, tied, comparable| {
            let weight = weight(row);
            for (at, found) in [concordant, comparable - concordant - tied, tied].into_iter().enumerate() {
                by_row[row][at] += weight * f64::from(found);
                total[at] += weight * f64::from(found);
            }
        });
        let mut earlier = RankSums::<f64>::new(self.n_ranks);
        for (events, censored) in self.times() {
            let meet = |earlier: &RankSums<f64>, member: &Row, by_row: &mut [[f64; 3]]| {
                let (below, equal) = earlier.below_and_equal(member.rank);
                let sums = &mut by_row[member.row as usize];
                sums[0] += earlier.total - below - equal;
                sums[1] += below;
                sums[2] += equal;
            };
            self.rows[events.clone()].iter().for_each(|member| meet(&earlier, member, &mut by_row));
            self.rows[events].iter().for_each(|event| earlier.add(event.rank, weight(event.row as usize)));
            self.rows[censored].iter().for_each(|member| meet(&earlier, member, &mut by_row));
        }
        PairSums { total, by_row }
    }

    /// Pairs of events at one time, of unequal and of equal risk.
    pub fn tied_events(&self) -> (u64, u64) {
        let pairs = |n: usize| n as u64 * (n as u64).saturating_sub(1) / 2;
        let (mut all, mut equal) = (0, 0);
        for (events, _) in self.times() {
            all += pairs(events.len());
            let mut ranks: Vec<u32> = self.rows[events].iter().map(|row| row.rank).collect();
            ranks.sort_unstable();
            equal += ranks.chunk_by(|a, b| a == b).map(|tied| pairs(tied.len())).sum::<u64>();
        }
        (all - equal, equal)
    }

    /// Calls `found` for every event with its concordant, tied and comparable later patients.
    fn earlier_events(&self, mut found: impl FnMut(usize, u32, u32, u32)) {
        let mut later = RankSums::<u32>::new(self.n_ranks);
        let mut end = self.rows.len();
        while end > 0 {
            let time = self.rows[end - 1].time;
            let mut start = end;
            while start > 0 && self.rows[start - 1].time == time {
                start -= 1;
                let row = self.rows[start];
                if !row.event {
                    later.add(row.rank, 1);
                }
            }
            for row in self.rows[start..end].iter().take_while(|row| row.event) {
                let (below, equal) = later.below_and_equal(row.rank);
                found(row.row as usize, below, equal, later.total);
            }
            for row in self.rows[start..end].iter().take_while(|row| row.event) {
                later.add(row.rank, 1);
            }
            end = start;
        }
    }

    /// Positions of the events and of the censorings of each distinct time, ascending.
    fn times(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + '_ {
        let mut start = 0;
        self.rows.chunk_by(|a, b| a.time == b.time).map(move |tied| {
            let (from, to) = (start, start + tied.len());
            let middle = from + tied.partition_point(|row| row.event);
            start = to;
            (from..middle, middle..to)
        })
    }
}

/// Bits of a finite number in the order of the numbers, −0 equal to 0.
fn ordered(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// Sums by rank with their running totals in O(log n) (Fenwick 1994).
struct RankSums<T> {
    tree: Vec<T>,
    at_rank: Vec<T>,
    total: T,
}

impl<T: Copy + Default + AddAssign> RankSums<T> {
    fn new(n_ranks: usize) -> Self {
        Self { tree: vec![T::default(); n_ranks + 1], at_rank: vec![T::default(); n_ranks], total: T::default() }
    }

    fn add(&mut self, rank: u32, value: T) {
        self.total += value;
        self.at_rank[rank as usize] += value;
        let mut node = rank as usize + 1;
        while node < self.tree.len() {
            self.tree[node] += value;
            node += node & node.wrapping_neg();
        }
    }

    /// Sum over the ranks below `rank`, and at it.
    fn below_and_equal(&self, rank: u32) -> (T, T) {
        let mut below = T::default();
        let mut node = rank as usize;
        while node > 0 {
            below += self.tree[node];
            node &= node - 1;
        }
        (below, self.at_rank[rank as usize])
    }
}
