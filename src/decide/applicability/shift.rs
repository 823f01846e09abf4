use super::Reference;
use crate::decide::ColumnScale;
use crate::learn::DesignMatrix;

/// How one input of other rows differs from the training rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnShift {
    /// Design column.
    pub column: String,
    /// Scale on which means are compared.
    pub scale: ColumnScale,
    /// Rows in which it is known.
    pub n_known: usize,
    /// Mean of the rows minus mean of training, in standard deviations of training on that scale; `None` where no row
    /// knows it or it did not vary in training.
    pub mean_shift: Option<f64>,
    /// Standard deviation of the rows over that of training, on that scale; `None` with fewer than two known rows.
    pub spread_ratio: Option<f64>,
    /// Share of the known values below the first or above the ninety-ninth percentile of training, where about 0.02 is
    /// expected; `None` for columns of 0 and 1, and where no row knows it.
    pub outside: Option<f64>,
    /// Share of rows in which it is missing.
    pub missing: f64,
    /// Share of training rows in which it was missing.
    pub missing_in_training: f64,
}

impl Reference {
    /// Compares rows with the training population, column by column, in the order of the design.
    ///
    /// Means, spreads and ends only: the reference keeps no histogram of training, so that no population stability index
    /// can be computed from it.
    #[must_use]
    pub fn shifts(&self, x: &DesignMatrix) -> Vec<ColumnShift> {
        let n = self.columns.len();
        (0..n).filter_map(|at| self.shift(x, at, n)).collect()
    }

    fn shift(&self, x: &DesignMatrix, at: usize, n: usize) -> Option<ColumnShift> {
        let (column, scale) = (self.columns.get(at)?, *self.scales.get(at)?);
        let place = x.names.iter().position(|name| name == column);
        let raw: Vec<f32> = (0..x.n_rows)
            .filter_map(|row| place.and_then(|place| x.row(row).get(place).copied()))
            .filter(|value| value.is_finite())
            .collect();
        let known: Vec<f64> = raw.iter().map(|value| scale.normal(*value)).filter(|value| value.is_finite()).collect();
        let mean = *self.normal.mean().get(at)?;
        let std_dev = self.normal.covariance().get(at * n + at)?.sqrt();
        let varied = std_dev > 0.0;
        let own = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
        let spread = own.filter(|_| known.len() > 1).map(|own| {
            (known.iter().map(|value| (value - own).powi(2)).sum::<f64>() / (known.len() - 1) as f64).sqrt()
        });
        let (low, high) = (*self.p01.get(at)?, *self.p99.get(at)?);
        let beyond = raw.iter().map(|value| f64::from(*value)).filter(|value| *value < low || *value > high).count();
        Some(ColumnShift {
            column: column.clone(),
            scale,
            n_known: known.len(),
            mean_shift: own.filter(|_| varied).map(|own| (own - mean) / std_dev),
            spread_ratio: spread.filter(|_| varied).map(|spread| spread / std_dev),
            outside: (scale != ColumnScale::Binary && !raw.is_empty()).then(|| beyond as f64 / raw.len() as f64),
            missing: if x.n_rows == 0 { 0.0 } else { 1.0 - raw.len() as f64 / x.n_rows as f64 },
            missing_in_training: *self.missing_share.get(at)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Reference {
        serde_json::from_value(serde_json::json!({
            "columns": ["age_years", "hr"], "scales": ["linear", "binary"],
            "p01": [30.0, 0.0], "p99": [70.0, 1.0], "missing_share": [0.0, 0.25], "n_patients": 100,
            "normal": {"mean": [50.0, 0.5], "covariance": [100.0, 0.0, 0.0, 0.25]}, "groups": [], "tails": []
        }))
        .unwrap()
    }

    #[test]
    fn a_shift_is_in_standard_deviations_of_training() {
        let x = DesignMatrix {
            names: vec!["hr".into(), "age_years".into()],
            n_rows: 4,
            values: vec![1.0, 60.0, f32::NAN, 60.0, f32::NAN, 80.0, 1.0, 40.0],
        };
        let found = reference().shifts(&x);
        let age = &found[0];
        assert_eq!((age.mean_shift, age.outside, age.missing), (Some(1.0), Some(0.25), 0.0));
        let hr = &found[1];
        assert_eq!((hr.mean_shift, hr.outside, hr.missing, hr.missing_in_training), (Some(1.0), None, 0.5, 0.25));
        assert_eq!(hr.spread_ratio, Some(0.0));
    }

    #[test]
    fn a_column_that_nobody_has_is_all_missing_and_has_no_shift() {
        let x = DesignMatrix { names: vec!["hr".into()], n_rows: 2, values: vec![0.0, 1.0] };
        let age = reference().shifts(&x).remove(0);
        assert_eq!((age.n_known, age.mean_shift, age.missing), (0, None, 1.0));
    }
}
