use super::super::{DesignMatrix, Error};
use super::{Condition, Rule, SurrogateParams, class_name};

/// A column as positions among its distinct values, missing ones at their median's.
pub(super) struct Column {
    name: String,
    levels: Vec<f64>,
    position: Vec<usize>,
    missing_as: Option<f64>,
}

impl Column {
    pub(super) fn varies(&self) -> bool {
        self.levels.len() > 1
    }
}

/// The columns of `x`, ready to be split.
pub(super) fn columns(x: &DesignMatrix) -> Vec<Column> {
    let column = |(at, name): (usize, &String)| {
        let raw: Vec<f64> = (0..x.n_rows).filter_map(|row| x.row(row).get(at)).map(|&v| f64::from(v)).collect();
        let mut sorted: Vec<f64> = raw.iter().copied().filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(sorted.len().saturating_sub(1) / 2).copied();
        let missing_as = if sorted.len() < raw.len() { median } else { None };
        sorted.dedup();
        let place = |value: &f64| {
            let value = if value.is_nan() { median.unwrap_or(0.0) } else { *value };
            sorted.partition_point(|level| *level < value)
        };
        Column { name: name.clone(), position: raw.iter().map(place).collect(), levels: sorted, missing_as }
    };
    x.names.iter().enumerate().map(column).collect()
}

/// Rows whose column has at most this position go one way.
#[derive(Clone, Copy)]
struct Split {
    column: usize,
    last_below: usize,
}

/// What the growing of one tree needs to know.
pub(super) struct Learner<'a> {
    pub(super) columns: &'a [Column],
    pub(super) predictions: &'a [f64],
    pub(super) cuts: &'a [f64],
    pub(super) params: &'a SurrogateParams,
}

impl Learner<'_> {
    /// The leaves as rules, lowest mean prediction first.
    pub(super) fn rules(&self, rows: &[usize]) -> Vec<Rule> {
        let mut rules = Vec::new();
        self.grow(rows, rows.len(), &mut Vec::new(), &mut rules);
        rules.sort_by(|a, b| a.mean_prediction.total_cmp(&b.mean_prediction));
        rules
    }

    fn grow(&self, rows: &[usize], n_total: usize, path: &mut Vec<(Split, bool)>, rules: &mut Vec<Rule>) {
        let split = if path.len() < self.params.max_depth { self.best_split(rows) } else { None };
        let Some(split) = split else {
            rules.push(self.rule(rows, n_total, path));
            return;
        };
        let (low, high): (Vec<usize>, Vec<usize>) =
            rows.iter().partition(|&&row| self.position(split.column, row) <= split.last_below);
        for (side, above) in [(low, false), (high, true)] {
            path.push((split, above));
            self.grow(&side, n_total, path, rules);
            path.pop();
        }
    }

    fn position(&self, column: usize, row: usize) -> usize {
        self.columns.get(column).and_then(|column| column.position.get(row)).copied().unwrap_or(0)
    }

    fn prediction(&self, row: usize) -> f64 {
        self.predictions.get(row).copied().unwrap_or(0.0)
    }

    /// The split that takes most off the squared deviation; the first column and lowest value in a tie.
    fn best_split(&self, rows: &[usize]) -> Option<Split> {
        let n = rows.len();
        // A sum in ascending order, here and below, does not depend on the order of the rows.
        let mut sorted: Vec<f64> = rows.iter().map(|&row| self.prediction(row)).collect();
        sorted.sort_by(f64::total_cmp);
        let mean = sorted.iter().sum::<f64>() / n as f64;
        let total: f64 = sorted.iter().map(|value| (value - mean).powi(2)).sum();
        let mut best: Option<(f64, Split)> = None;
        for column in 0..self.columns.len() {
            let mut cells: Vec<(usize, f64)> =
                rows.iter().map(|&row| (self.position(column, row), self.prediction(row) - mean)).collect();
            cells.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            let mut sum = 0.0;
            for (at, pair) in cells.windows(2).enumerate() {
                sum += pair[0].1;
                let (n_low, n_high) = (at + 1, n - at - 1);
                if pair[0].0 == pair[1].0 || n_low.min(n_high) < self.params.min_leaf {
                    continue;
                }
                let gain = sum * sum * (1.0 / n_low as f64 + 1.0 / n_high as f64);
                let needed = best.as_ref().map_or(0.0, |(gain, _)| *gain) + 1e-9 * total;
                if gain > needed {
                    best = Some((gain, Split { column, last_below: pair[0].0 }));
                }
            }
        }
        best.map(|(_, split)| split)
    }

    fn rule(&self, rows: &[usize], n_total: usize, path: &[(Split, bool)]) -> Rule {
        let mut counts = vec![0_usize; self.cuts.len() + 1];
        rows.iter().for_each(|&row| counts[self.class(self.prediction(row))] += 1);
        let class = (0..counts.len()).max_by_key(|&class| counts[class]).unwrap_or(0);
        let mut sorted: Vec<f64> = rows.iter().map(|&row| self.prediction(row)).collect();
        sorted.sort_by(f64::total_cmp);
        let mut conditions: Vec<Condition> = Vec::new();
        for (split, above) in path {
            let Some(column) = self.columns.get(split.column) else { continue };
            let (Some(&low), Some(&high)) =
                (column.levels.get(split.last_below), column.levels.get(split.last_below + 1))
            else {
                continue;
            };
            let bound = shortest_between(low, high);
            let known = conditions.iter().position(|condition| condition.column == split.column);
            let at = known.unwrap_or_else(|| {
                conditions.push(Condition {
                    column: split.column,
                    name: column.name.clone(),
                    above: None,
                    at_most: None,
                    binary: column.levels == [0.0, 1.0],
                    missing_as: column.missing_as,
                });
                conditions.len() - 1
            });
            // Along a path a later bound of the same kind is always the tighter one.
            if let Some(condition) = conditions.get_mut(at) {
                *(if *above { &mut condition.above } else { &mut condition.at_most }) = Some(bound);
            }
        }
        Rule {
            conditions,
            class: class_name(self.params.n_classes, class).to_owned(),
            n_rows: rows.len(),
            n_total,
            mean_prediction: sorted.iter().sum::<f64>() / sorted.len() as f64,
        }
    }

    /// Index of the class of a prediction: a cut belongs to the class below.
    fn class(&self, prediction: f64) -> usize {
        self.cuts.partition_point(|&cut| cut < prediction)
    }

    /// Agreement in class and R² on each fold of rules made without it.
    pub(super) fn held_out(&self, folds: &[usize]) -> Result<(f64, f64), Error> {
        let mut numbers = folds.to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.len() < 2 {
            return Err(crate::stats::Error::TooFew { what: "folds", needed: 2, found: numbers.len() }.into());
        }
        let n = self.predictions.len() as f64;
        let mean = self.predictions.iter().sum::<f64>() / n;
        let total: f64 = self.predictions.iter().map(|value| (value - mean).powi(2)).sum();
        let (mut n_agreeing, mut rest) = (0_usize, 0.0);
        for number in numbers {
            let (out, kept): (Vec<usize>, Vec<usize>) =
                (0..folds.len()).partition(|&row| folds.get(row) == Some(&number));
            let rules = self.rules(&kept);
            for row in out {
                let values: Vec<f32> = self
                    .columns
                    .iter()
                    .map(|column| {
                        column.position.get(row).and_then(|&at| column.levels.get(at)).map_or(f32::NAN, |&v| v as f32)
                    })
                    .collect();
                // The rules of a tree cover every row; a column without a value is not split on.
                let Some(rule) = rules.iter().find(|rule| rule.covers(&values)) else { continue };
                let prediction = self.prediction(row);
                rest += (prediction - rule.mean_prediction).powi(2);
                n_agreeing += usize::from(rule.class == class_name(self.params.n_classes, self.class(prediction)));
            }
        }
        Ok((n_agreeing as f64 / n, 1.0 - rest / total))
    }
}

/// The number with the fewest digits in [`low`, `high`).
fn shortest_between(low: f64, high: f64) -> f64 {
    let first = -((high - low).log10().floor() as i32);
    (first..first + 3)
        .map(|digits| {
            let scale = 10_f64.powi(digits.abs());
            if digits >= 0 { (low * scale).ceil() / scale } else { (low / scale).ceil() * scale }
        })
        .find(|&bound| low <= bound && bound < high)
        .unwrap_or(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_have_few_digits_and_separate() {
        for (low, high, expected) in
            [(3.0, 4.0, 3.0), (0.0, 1.0, 0.0), (0.1234, 0.1311, 0.124), (1532.0, 1850.0, 1600.0), (-0.7, -0.2, -0.7)]
        {
            assert_eq!(shortest_between(low, high), expected);
        }
        let (low, high) = (f64::from(0.1_f32), f64::from(0.1_f32.next_up()));
        assert!((low..high).contains(&shortest_between(low, high)));
    }
}
