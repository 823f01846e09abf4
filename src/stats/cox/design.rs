//! The rows of a regression, checked, sorted into the order of the backward sweep, centred and scaled.

use std::ops::Range;

use super::CoxData;
use crate::stats::Error;
use crate::stats::inputs::{check_finite, check_length};

/// One event time of one stratum. Groups run by stratum, then by falling time.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub time: f64,
    /// Rows (in sorted order) that join the risk set on the way down to this time and do not die at it.
    pub joining: Range<usize>,
    /// Rows that die at this time; they follow `joining` at once.
    pub deaths: Range<usize>,
    /// Positions in [`Design::leaving`] of rows whose observation had not begun at this time.
    pub leaving: Range<usize>,
}

/// One stratum.
#[derive(Debug, Clone)]
pub(super) struct Stratum {
    pub label: usize,
    /// Its rows, in sorted order.
    pub rows: Range<usize>,
    /// Its groups.
    pub groups: Range<usize>,
    /// Weighted column means over its informative rows; the partial likelihood does not see a shift of a whole stratum.
    pub centre: Vec<f64>,
    /// Mean offset of the same rows.
    pub offset_centre: f64,
}

/// Rows sorted by stratum, falling time, and deaths last among equal times.
#[derive(Debug, Clone)]
pub(super) struct Design {
    pub n_features: usize,
    /// Row of the caller's data at each sorted position.
    pub rows: Vec<usize>,
    /// Row-major, sorted, centred by stratum, divided by `scale`.
    pub x: Vec<f64>,
    /// Root mean square of each column about its stratum means.
    pub scale: Vec<f64>,
    /// Sorted, centred by stratum; empty when all are zero.
    pub offset: Vec<f64>,
    /// Sorted.
    pub weight: Vec<f64>,
    /// Sorted.
    pub event: Vec<bool>,
    /// The groups at whose times each sorted row is at risk; empty for a row that no event time sees.
    pub at_risk: Vec<Range<usize>>,
    pub groups: Vec<Group>,
    pub strata: Vec<Stratum>,
    /// Rows to take out again, in order of the group that no longer sees them.
    pub leaving: Vec<usize>,
}

impl Design {
    /// Checks and sorts the data.
    pub fn new(data: &CoxData<'_>) -> Result<Self, Error> {
        check(data)?;
        let mut design = Self::sorted(data);
        design.find_risk_sets(data);
        design.centre_and_scale(data)?;
        Ok(design)
    }

    pub fn n_samples(&self) -> usize {
        self.rows.len()
    }

    /// Standardised features of a sorted row.
    pub fn row(&self, position: usize) -> &[f64] {
        &self.x[position * self.n_features..(position + 1) * self.n_features]
    }

    fn sorted(data: &CoxData<'_>) -> Self {
        let (time, event) = (data.survival.event_time(), data.survival.event());
        // Times are not negative, so that their bits sort as they do; + 0.0 turns −0.0 into 0.0.
        let mut keys: Vec<(usize, u64, bool, usize)> = (0..time.len())
            .map(|row| (data.strata.map_or(0, |strata| strata[row]), !(time[row] + 0.0).to_bits(), event[row], row))
            .collect();
        keys.sort_unstable();
        let rows: Vec<usize> = keys.iter().map(|key| key.3).collect();
        let mut strata: Vec<Stratum> = Vec::new();
        for (position, key) in keys.iter().enumerate() {
            match strata.last_mut() {
                Some(stratum) if stratum.label == key.0 => stratum.rows.end = position + 1,
                _ => strata.push(Stratum {
                    label: key.0,
                    rows: position..position + 1,
                    groups: 0..0,
                    centre: vec![0.0; data.n_features],
                    offset_centre: 0.0,
                }),
            }
        }
        let zero_offset = data.offset.is_none_or(|offset| offset.iter().all(|&value| value == 0.0));
        Self {
            n_features: data.n_features,
            x: rows
                .iter()
                .flat_map(|&row| &data.features[row * data.n_features..(row + 1) * data.n_features])
                .copied()
                .collect(),
            scale: vec![1.0; data.n_features],
            offset: match data.offset {
                Some(offset) if !zero_offset => rows.iter().map(|&row| offset[row]).collect(),
                _ => Vec::new(),
            },
            weight: rows.iter().map(|&row| data.weights.map_or(1.0, |weights| weights[row])).collect(),
            event: rows.iter().map(|&row| event[row]).collect(),
            at_risk: vec![0..0; rows.len()],
            groups: Vec::new(),
            strata,
            leaving: Vec::new(),
            rows,
        }
    }

    fn find_risk_sets(&mut self, data: &CoxData<'_>) {
        let time = data.survival.event_time();
        for stratum in &mut self.strata {
            let first_group = self.groups.len();
            let mut joining = stratum.rows.start;
            let mut position = stratum.rows.start;
            while position < stratum.rows.end {
                if !self.event[position] {
                    position += 1;
                    continue;
                }
                let death_time = time[self.rows[position]];
                let first_death = position;
                while position < stratum.rows.end && self.event[position] && time[self.rows[position]] == death_time {
                    position += 1;
                }
                self.groups.push(Group {
                    time: death_time,
                    joining: joining..first_death,
                    deaths: first_death..position,
                    leaving: 0..0,
                });
                joining = position;
            }
            stratum.groups = first_group..self.groups.len();
        }
        let mut leaving: Vec<(usize, usize)> = Vec::new();
        for stratum in &self.strata {
            let groups = &self.groups[stratum.groups.clone()];
            for (index, group) in groups.iter().enumerate() {
                for position in group.joining.start..group.deaths.end {
                    let seen_to = data.entry.map_or(groups.len(), |entry| {
                        let entry = entry[self.rows[position]];
                        groups.partition_point(|group| group.time > entry)
                    });
                    if seen_to > index {
                        let first = stratum.groups.start;
                        self.at_risk[position] = first + index..first + seen_to;
                        if seen_to < groups.len() {
                            leaving.push((first + seen_to, position));
                        }
                    }
                }
            }
        }
        leaving.sort_unstable();
        let mut start = 0;
        for (index, group) in self.groups.iter_mut().enumerate() {
            let end = start + leaving[start..].partition_point(|&(at, _)| at == index);
            group.leaving = start..end;
            start = end;
        }
        self.leaving = leaving.into_iter().map(|(_, position)| position).collect();
    }

    /// Centres each stratum and scales each column, by the rows that some event time sees.
    fn centre_and_scale(&mut self, data: &CoxData<'_>) -> Result<(), Error> {
        let n_features = self.n_features;
        let mut squares = vec![0.0; n_features];
        let mut n_seen = 0.0;
        for stratum in &mut self.strata {
            let seen = || stratum.rows.clone().filter(|&position| !self.at_risk[position].is_empty());
            let Some(first) = seen().next() else { continue };
            let n_rows = seen().count() as f64;
            let total_weight: f64 = seen().map(|position| self.weight[position]).sum();
            // Deviations from one row first: they vanish exactly where the column is constant.
            let origin = self.x[first * n_features..(first + 1) * n_features].to_vec();
            let mut shift = vec![0.0; n_features];
            for position in seen() {
                let share = self.weight[position] / total_weight;
                let row = &self.x[position * n_features..(position + 1) * n_features];
                for ((shift, value), origin) in shift.iter_mut().zip(row).zip(&origin) {
                    *shift += share * (value - origin);
                }
            }
            for position in stratum.rows.clone() {
                let counts = !self.at_risk[position].is_empty();
                let row = &mut self.x[position * n_features..(position + 1) * n_features];
                for (column, value) in row.iter_mut().enumerate() {
                    *value = (*value - origin[column]) - shift[column];
                    if counts {
                        squares[column] += *value * *value;
                    }
                }
            }
            if !self.offset.is_empty() {
                stratum.offset_centre = seen().map(|position| self.offset[position] / n_rows).sum();
                self.offset[stratum.rows.clone()].iter_mut().for_each(|value| *value -= stratum.offset_centre);
            }
            stratum.centre = origin.iter().zip(&shift).map(|(origin, shift)| origin + shift).collect();
            n_seen += n_rows;
        }
        for (column, squares) in squares.iter().enumerate() {
            let scale = (squares / n_seen).sqrt();
            if !scale.is_finite() {
                // Finite values whose squares overflow.
                let index = self.x.iter().position(|value| value.abs() > 1e150).unwrap_or(column);
                let (position, column) = (index / n_features, index % n_features);
                return Err(Error::NotFinite { index: self.rows[position] * data.n_features + column });
            }
            if scale < f64::MIN_POSITIVE.sqrt() {
                return Err(Error::ConstantColumn { column });
            }
            self.scale[column] = scale;
        }
        for row in self.x.chunks_exact_mut(n_features.max(1)) {
            row.iter_mut().zip(&self.scale).for_each(|(value, scale)| *value /= scale);
        }
        Ok(())
    }
}

/// Lengths, finite numbers, weights, entry times, and that there is something to estimate.
fn check(data: &CoxData<'_>) -> Result<(), Error> {
    let n_samples = data.survival.n_samples();
    if data.n_features == 0 {
        return Err(Error::TooFew { what: "features", needed: 1, found: 0 });
    }
    check_length("features", n_samples * data.n_features, data.features.len())?;
    check_finite(data.features)?;
    for (what, length) in [
        ("strata", data.strata.map(<[usize]>::len)),
        ("weights", data.weights.map(<[f64]>::len)),
        ("entry times", data.entry.map(<[f64]>::len)),
        ("clusters", data.cluster.map(<[usize]>::len)),
        ("offset", data.offset.map(<[f64]>::len)),
    ] {
        check_length(what, n_samples, length.unwrap_or(n_samples))?;
    }
    check_finite(data.offset.unwrap_or(&[]))?;
    if let Some((index, &found)) =
        data.weights.unwrap_or(&[]).iter().enumerate().find(|(_, weight)| !(weight.is_finite() && **weight > 0.0))
    {
        return Err(Error::BadWeight { index, found });
    }
    if let Some(&found) = data.weights.unwrap_or(&[]).iter().find(|weight| !(1e-50..=1e50).contains(*weight)) {
        return Err(Error::OutOfDomain { what: "case weight", expected: "a value from 1e-50 to 1e50", found });
    }
    let entry = data.entry.unwrap_or(&[]);
    check_finite(entry)?;
    if let Some((index, (&found, _))) =
        entry.iter().zip(data.survival.event_time()).enumerate().find(|(_, (entry, exit))| entry >= exit)
    {
        return Err(Error::EntryNotBeforeExit { index, found });
    }
    data.survival.require_events().map(|_| ())
}
