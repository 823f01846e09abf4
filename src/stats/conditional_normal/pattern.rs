use std::collections::BTreeMap;

/// Most patterns of missing values that a fit uses.
const MAX_PATTERNS: usize = 1024;

/// Sums of the rows that know the same columns: all that a normal likelihood needs of them.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// Columns that these rows know, ascending.
    pub(super) observed: Vec<usize>,
    /// Rows.
    pub(super) n: f64,
    /// Sum of each observed column.
    pub(super) sum: Vec<f64>,
    /// Sum of products of each pair of observed columns, row-major, both triangles.
    pub(super) products: Vec<f64>,
}

/// Sums `values` (row-major) per pattern after standardising each column; rows that know nothing are left out.
pub(super) fn sum_patterns(values: &[f64], mean: &[f64], std_dev: &[f64]) -> Vec<Pattern> {
    let width = mean.len();
    let mut index: BTreeMap<Vec<bool>, usize> = BTreeMap::new();
    let mut patterns: Vec<Pattern> = Vec::new();
    let mut last: Option<(Vec<bool>, usize)> = None;
    let mut z = Vec::with_capacity(width);
    for row in values.chunks_exact(width.max(1)) {
        let known: Vec<bool> = row.iter().zip(std_dev).map(|(value, sd)| value.is_finite() && *sd > 0.0).collect();
        let at = match &last {
            Some((same, at)) if *same == known => *at,
            _ => {
                let next = patterns.len();
                let at = *index.entry(known.clone()).or_insert(next);
                if at == next {
                    patterns.push(Pattern::empty(&known));
                }
                last = Some((known, at));
                at
            }
        };
        if let Some(pattern) = patterns.get_mut(at) {
            z.clear();
            z.extend(pattern.observed.iter().map(|&column| (row[column] - mean[column]) / std_dev[column]));
            pattern.push(&z);
        }
    }
    patterns.retain(|pattern| !pattern.observed.is_empty());
    // Stable: of equally frequent patterns the first to occur stays.
    patterns.sort_by(|a, b| b.n.total_cmp(&a.n));
    patterns.truncate(MAX_PATTERNS);
    for pattern in &mut patterns {
        pattern.mirror();
    }
    patterns
}

impl Pattern {
    fn empty(known: &[bool]) -> Self {
        let observed: Vec<usize> = known.iter().enumerate().filter(|(_, is)| **is).map(|(column, _)| column).collect();
        let width = observed.len();
        Self { observed, n: 0.0, sum: vec![0.0; width], products: vec![0.0; width * width] }
    }

    fn push(&mut self, z: &[f64]) {
        self.n += 1.0;
        self.sum.iter_mut().zip(z).for_each(|(sum, value)| *sum += value);
        for (row, (line, a)) in self.products.chunks_exact_mut(z.len().max(1)).zip(z).enumerate() {
            line.iter_mut().zip(z).take(row + 1).for_each(|(sum, b)| *sum += a * b);
        }
    }

    /// Fills the upper triangle from the lower.
    fn mirror(&mut self) {
        let width = self.observed.len();
        for row in 0..width {
            for column in 0..row {
                self.products[column * width + row] = self.products[row * width + column];
            }
        }
    }
}
