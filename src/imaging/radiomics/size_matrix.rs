/// How often each grey level forms a group of each size: the common form of the run length, size zone and dependence
/// matrices.
pub(super) struct SizeMatrix {
    /// Grey level, size, and how many such groups: ascending, each pair once.
    cells: Vec<(f64, f64, f64)>,
}

/// The sums over a [`SizeMatrix`] that the three families share.
pub(super) struct SizeFeatures {
    pub small: f64,
    pub large: f64,
    pub level_nonuniformity: f64,
    pub level_nonuniformity_normalised: f64,
    pub size_nonuniformity: f64,
    pub size_nonuniformity_normalised: f64,
    /// Groups per voxel.
    pub percentage: f64,
    pub level_variance: f64,
    pub size_variance: f64,
    pub entropy: f64,
    pub low_level: f64,
    pub high_level: f64,
    pub small_low: f64,
    pub small_high: f64,
    pub large_low: f64,
    pub large_high: f64,
}

impl SizeMatrix {
    /// The matrix of groups given by the rank of their grey level (from 1) and their size; `grey_levels` by rank.
    pub fn of_groups(mut groups: Vec<(u16, usize)>, grey_levels: &[f64]) -> Self {
        groups.sort_unstable();
        let cell = |same: &[(u16, usize)]| {
            let (rank, size) = same[0];
            (grey_levels[usize::from(rank) - 1], size as f64, same.len() as f64)
        };
        Self { cells: groups.chunk_by(|a, b| a == b).map(cell).collect() }
    }

    /// The features, by the formulas of IBSI 3.7 to 3.10.
    pub fn features(&self) -> SizeFeatures {
        let groups: f64 = self.cells.iter().map(|(.., count)| count).sum();
        let voxels: f64 = self.cells.iter().map(|(_, size, count)| size * count).sum();
        let mean = |value: &dyn Fn(f64, f64) -> f64| {
            self.cells.iter().map(|(level, size, count)| count * value(*level, *size)).sum::<f64>() / groups
        };
        let (mean_level, mean_size) = (mean(&|level, _| level), mean(&|_, size| size));
        let by_level = squared_sums(self.cells.iter().map(|(level, _, count)| (*level, *count)));
        let by_size = squared_sums(self.cells.iter().map(|(_, size, count)| (*size, *count)));
        let entropy = self.cells.iter().map(|(.., count)| count / groups).map(|p| -p * p.log2()).sum();
        SizeFeatures {
            small: mean(&|_, size| size.powi(-2)),
            large: mean(&|_, size| size.powi(2)),
            level_nonuniformity: by_level / groups,
            level_nonuniformity_normalised: by_level / (groups * groups),
            size_nonuniformity: by_size / groups,
            size_nonuniformity_normalised: by_size / (groups * groups),
            percentage: groups / voxels,
            level_variance: mean(&|level, _| (level - mean_level).powi(2)),
            size_variance: mean(&|_, size| (size - mean_size).powi(2)),
            entropy,
            low_level: mean(&|level, _| level.powi(-2)),
            high_level: mean(&|level, _| level.powi(2)),
            small_low: mean(&|level, size| (level * size).powi(-2)),
            small_high: mean(&|level, size| (level / size).powi(2)),
            large_low: mean(&|level, size| (size / level).powi(2)),
            large_high: mean(&|level, size| (level * size).powi(2)),
        }
    }
}

/// Σ over distinct keys of the square of their summed counts.
fn squared_sums(counts: impl Iterator<Item = (f64, f64)>) -> f64 {
    let mut counts: Vec<(f64, f64)> = counts.collect();
    counts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let sum = |same: &[(f64, f64)]| same.iter().map(|(_, count)| count).sum::<f64>();
    counts.chunk_by(|a, b| a.0 == b.0).map(|same| sum(same).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_counted_by_level_and_size() {
        // By hand: level 1 twice with size 1, level 3 once with size 2: N = 3, voxels 4.
        let found = SizeMatrix::of_groups(vec![(1, 1), (2, 2), (1, 1)], &[1.0, 3.0]).features();
        assert!((found.small - (1.0 + 1.0 + 0.25) / 3.0).abs() < 1e-15);
        assert!((found.level_nonuniformity - 5.0 / 3.0).abs() < 1e-15);
        assert!((found.percentage - 0.75).abs() < 1e-15);
        assert!((found.large_high - (1.0 + 1.0 + 36.0) / 3.0).abs() < 1e-15);
        assert!((found.entropy - (3f64.log2() - 2.0 / 3.0)).abs() < 1e-15);
    }
}
