//! The log-rank test and its weighted relatives.

use serde::{Deserialize, Serialize};

use super::inputs::{check_finite, check_length};
use super::linalg::Cholesky;
use super::{Error, Survival, chi_squared};

/// Options of the log-rank test; the default is the unstratified log-rank test.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LogrankOptions<'a> {
    /// Stratum of each row, any codes; groups are compared within strata only.
    pub strata: Option<&'a [u32]>,
    /// Exponent ρ ≥ 0 of Harrington and Fleming's G-rho family, which weighs each time by S(t−)^ρ: 0 is the log-rank
    /// test, 1 the Peto–Peto form of the Wilcoxon test, which looks at early differences.
    pub rho: f64,
}

/// One group's part in a log-rank test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogrankGroup {
    /// The group's code.
    pub group: u32,
    /// Number of its rows.
    pub n_samples: usize,
    /// Observed events, weighted by S(t−)^ρ.
    pub observed: f64,
    /// Events expected if all groups had one hazard, weighted likewise.
    pub expected: f64,
}

/// A log-rank test of k groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logrank {
    /// The groups by ascending code.
    pub groups: Vec<LogrankGroup>,
    /// Covariance of observed − expected, row-major k × k, hypergeometric.
    pub variance: Vec<f64>,
    /// The test statistic.
    pub chi_squared: f64,
    /// Groups that expect an event, less one.
    pub df: usize,
    /// P(chi-squared variable with `df` degrees of freedom ≥ `chi_squared`).
    pub p: f64,
}

/// A test for trend over ordered groups.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogrankTrend {
    /// Σ scores (observed − expected) over its standard error; positive when events rise with the score.
    pub z: f64,
    /// z², on one degree of freedom.
    pub chi_squared: f64,
    /// Two-sided p-value.
    pub p: f64,
}

/// Returns the log-rank test of equal hazards in all groups.
///
/// With d events among n at risk at time t, nⱼ of them in group j, the group expects d nⱼ/n; O − E has covariance
/// Σ d (n − d)/(n − 1) (nⱼ/n)(δⱼₗ − nₗ/n), each term weighted by S(t−)^ρ (its square in the covariance), S being the
/// Kaplan–Meier curve of the stratum. A group in which no event was expected (all censored before the first event)
/// leaves the test and its degree of freedom, as in R. O(n log n) for a fixed number of groups.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::OutOfDomain`] for a ρ that is negative or not finite, [`Error::NoEvents`],
/// [`Error::TooFew`] when fewer than two groups expect an event, [`Error::Singular`] (column counted among
/// `groups`) when the covariance is singular beyond its rank k − 1, as when no stratum holds rows of two groups.
///
/// # Source
/// Mantel 1966; Peto & Peto 1972; Harrington & Fleming 1982; R
/// `survdiff(Surv(time, event) ~ group + strata(s), rho = )`.
pub fn logrank(data: &Survival, group: &[u32], options: &LogrankOptions<'_>) -> Result<Logrank, Error> {
    check_length("groups", data.n_samples(), group.len())?;
    if !(options.rho.is_finite() && options.rho >= 0.0) {
        return Err(Error::OutOfDomain { what: "rho", expected: "a finite number of at least 0", found: options.rho });
    }
    if let Some(strata) = options.strata {
        check_length("strata", data.n_samples(), strata.len())?;
    }
    data.require_events()?;
    let mut sums = Sums::new(group);
    let stratum_of = |row: usize| options.strata.map_or(0, |strata| strata[row]);
    let mut order = data.order();
    order.sort_by_key(|&row| stratum_of(row));
    for rows in order.chunk_by(|&a, &b| stratum_of(a) == stratum_of(b)) {
        sums.add_stratum(data, rows, options.rho);
    }
    sums.test()
}

impl Logrank {
    /// Returns the test for a trend of the hazards along `scores`, one per group in the order of `groups`.
    ///
    /// z = Σ cⱼ(Oⱼ − Eⱼ) / (c' V c)^½.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::NoVariance`] when the scores do not vary over the
    /// groups that expect events.
    ///
    /// # Source
    /// Tarone 1975; Klein & Moeschberger 2003, section 7.4.
    pub fn trend(&self, scores: &[f64]) -> Result<LogrankTrend, Error> {
        let size = self.groups.len();
        check_length("scores", size, scores.len())?;
        check_finite(scores)?;
        // O − E sums to 0 over groups: only differences of scores matter, and taking them first avoids cancellation.
        let centre = scores.iter().sum::<f64>() / size as f64;
        let centred: Vec<f64> = scores.iter().map(|score| score - centre).collect();
        let statistic: f64 =
            self.groups.iter().zip(&centred).map(|(group, score)| score * (group.observed - group.expected)).sum();
        let (mut variance, mut scale) = (0.0, 0.0);
        for (i, a) in centred.iter().enumerate() {
            for (j, b) in centred.iter().enumerate() {
                let term = a * b * self.variance[i * size + j];
                variance += term;
                scale += term.abs();
            }
        }
        if variance <= 1e-12 * scale || variance <= 0.0 {
            return Err(Error::NoVariance { difference: statistic });
        }
        let z = statistic / variance.sqrt();
        Ok(LogrankTrend { z, chi_squared: z * z, p: super::normal::two_sided_p(z) })
    }
}

/// Observed, expected and covariance, summed over strata.
struct Sums {
    groups: Vec<LogrankGroup>,
    /// Position in `groups` of each row's group.
    position: Vec<usize>,
    variance: Vec<f64>,
}

impl Sums {
    fn new(group: &[u32]) -> Self {
        let mut codes = group.to_vec();
        codes.sort_unstable();
        codes.dedup();
        let mut groups: Vec<LogrankGroup> =
            codes.iter().map(|&group| LogrankGroup { group, n_samples: 0, observed: 0.0, expected: 0.0 }).collect();
        let position: Vec<usize> = group.iter().map(|code| codes.partition_point(|known| known < code)).collect();
        for &at in &position {
            groups[at].n_samples += 1;
        }
        let size = groups.len();
        Self { groups, position, variance: vec![0.0; size * size] }
    }

    /// Adds the rows of one stratum, given by ascending time.
    fn add_stratum(&mut self, data: &Survival, rows: &[usize], rho: f64) {
        let size = self.groups.len();
        let mut at_risk = vec![0.0; size];
        for &row in rows {
            at_risk[self.position[row]] += 1.0;
        }
        let (mut n, mut survival) = (rows.len() as f64, 1.0_f64);
        for tied in rows.chunk_by(|&a, &b| data.event_time()[a] == data.event_time()[b]) {
            let weight = survival.powf(rho);
            let mut events = 0.0;
            for &row in tied.iter().filter(|&&row| data.event()[row]) {
                self.groups[self.position[row]].observed += weight;
                events += 1.0;
            }
            if events > 0.0 {
                self.add_time(&at_risk, n, events, weight);
                survival *= (n - events) / n;
            }
            for &row in tied {
                at_risk[self.position[row]] -= 1.0;
            }
            n -= tied.len() as f64;
        }
    }

    /// Adds the expectation and covariance of one time's events.
    fn add_time(&mut self, at_risk: &[f64], n: f64, events: f64, weight: f64) {
        let size = at_risk.len();
        let spread = if n > 1.0 { weight * weight * events * (n - events) / (n - 1.0) } else { 0.0 };
        for (i, &n_i) in at_risk.iter().enumerate().filter(|&(_, &n_i)| n_i > 0.0) {
            self.groups[i].expected += weight * events * n_i / n;
            for (j, &n_j) in at_risk.iter().enumerate() {
                let others = if i == j { n - n_j } else { -n_j };
                self.variance[i * size + j] += spread * n_i * others / (n * n);
            }
        }
    }

    fn test(self) -> Result<Logrank, Error> {
        let size = self.groups.len();
        let used: Vec<usize> = (0..size).filter(|&at| self.groups[at].expected > 0.0).collect();
        let Some((_, kept)) = used.split_first().filter(|(_, kept)| !kept.is_empty()) else {
            return Err(Error::TooFew { what: "groups that expect an event", needed: 2, found: used.len() });
        };
        // One group is determined by the others.
        let difference: Vec<f64> = kept.iter().map(|&at| self.groups[at].observed - self.groups[at].expected).collect();
        let covariance: Vec<f64> = kept
            .iter()
            .flat_map(|&i| kept.iter().map(move |&j| (i, j)))
            .map(|(i, j)| self.variance[i * size + j])
            .collect();
        let factor = Cholesky::new(&covariance, kept.len()).map_err(|error| match error {
            Error::Singular { column } => Error::Singular { column: kept[column] },
            other => other,
        })?;
        let solution = factor.solve(&difference)?;
        // A quadratic form of a positive-definite matrix: below 0 by rounding only.
        let chi_squared = difference.iter().zip(&solution).map(|(a, b)| a * b).sum::<f64>().max(0.0);
        let p = chi_squared::upper_tail(chi_squared, kept.len() as f64)?;
        Ok(Logrank { df: kept.len(), groups: self.groups, variance: self.variance, chi_squared, p })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::risk_table::sample::Sample;

    fn data(time: &[f64], event: &[u8]) -> Survival {
        Survival::new(time.to_vec(), event.iter().map(|&event| event == 1).collect()).unwrap()
    }

    #[test]
    fn four_rows_solved_by_hand() {
        // Group 7 fails at 1 and 2, group 9 at 3 and is censored at 4. E₇ = 2/4 + 1/3, V = 1/4 + 2/9.
        let found = logrank(&data(&[1.0, 2.0, 3.0, 4.0], &[1, 1, 1, 0]), &[7, 7, 9, 9], &LogrankOptions::default());
        let found = found.unwrap();
        assert_eq!((found.groups[0].group, found.groups[1].group, found.df), (7, 9, 1));
        assert_eq!((found.groups[0].observed, found.groups[1].observed), (2.0, 1.0));
        assert!((found.groups[0].expected - 5.0 / 6.0).abs() < 1e-15);
        assert!((found.variance[0] - 17.0 / 36.0).abs() < 1e-15 && (found.variance[1] + 17.0 / 36.0).abs() < 1e-15);
        assert!((found.chi_squared - (7.0_f64 / 6.0).powi(2) / (17.0 / 36.0)).abs() < 1e-14);
        let trend = found.trend(&[0.0, 1.0]).unwrap();
        assert!((trend.chi_squared - found.chi_squared).abs() < 1e-14 && trend.z < 0.0);
        assert!((trend.p - found.p).abs() < 1e-12);
    }

    /// Observed, expected and variance of group 0 against group 1 by their definition.
    fn brute(data: &Survival, group: &[u32], strata: &[u32], rho: f64) -> (f64, f64, f64) {
        let (mut observed, mut expected, mut variance) = (0.0, 0.0, 0.0);
        let n = data.n_samples();
        for stratum in 0..4 {
            let mut times: Vec<f64> = data.event_time().to_vec();
            times.sort_by(f64::total_cmp);
            times.dedup();
            let mut survival = 1.0_f64;
            for u in times {
                let count = |keep: &dyn Fn(usize) -> bool| -> f64 {
                    (0..n).filter(|&row| strata[row] == stratum && keep(row)).count() as f64
                };
                let fails = |row: usize| data.event_time()[row] == u && data.event()[row];
                let (d, d0) = (count(&fails), count(&|row| fails(row) && group[row] == 0));
                let at_risk = count(&|row| data.event_time()[row] >= u);
                let at_risk_0 = count(&|row| data.event_time()[row] >= u && group[row] == 0);
                if d == 0.0 {
                    continue;
                }
                let weight = survival.powf(rho);
                observed += weight * d0;
                expected += weight * d * at_risk_0 / at_risk;
                if at_risk > 1.0 {
                    let share = at_risk_0 / at_risk;
                    variance += weight * weight * d * share * (1.0 - share) * (at_risk - d) / (at_risk - 1.0);
                }
                survival *= 1.0 - d / at_risk;
            }
        }
        (observed, expected, variance)
    }

    #[test]
    fn two_groups_equal_their_definition_in_strata_and_with_rho() {
        for seed in 0..30 {
            let data = Sample::new(seed, 60).survival();
            let group: Vec<u32> = (0..60).map(|row| (row * 7 + row / 5) % 2).collect();
            let strata: Vec<u32> = (0..60).map(|row| (row / 3) % 4).collect();
            for rho in [0.0, 0.5, 1.0] {
                let found = logrank(&data, &group, &LogrankOptions { strata: Some(&strata), rho }).unwrap();
                let (observed, expected, variance) = brute(&data, &group, &strata, rho);
                assert!((found.groups[0].observed - observed).abs() < 1e-12);
                assert!((found.groups[0].expected - expected).abs() < 1e-12);
                assert!((found.variance[0] - variance).abs() < 1e-12);
                assert!((found.chi_squared - (observed - expected).powi(2) / variance).abs() < 1e-10);
            }
        }
    }

    #[test]
    fn codes_of_groups_and_order_of_rows_do_not_matter() {
        let data = Sample::new(9, 60).survival();
        let group: Vec<u32> = (0..60).map(|row| row % 3).collect();
        let base = logrank(&data, &group, &LogrankOptions::default()).unwrap();
        let renamed: Vec<u32> = group.iter().map(|code| [900, 5, 44][*code as usize]).collect();
        let other = logrank(&data, &renamed, &LogrankOptions::default()).unwrap();
        assert!((base.chi_squared - other.chi_squared).abs() < 1e-12);
        let backwards: Vec<usize> = (0..60).rev().collect();
        let turned: Vec<u32> = group.iter().rev().copied().collect();
        let turned = logrank(&data.select(&backwards).unwrap(), &turned, &LogrankOptions::default()).unwrap();
        assert_eq!(base, turned);
    }

    #[test]
    fn identical_groups_do_not_differ() {
        let twice = data(&[1.0, 2.0, 3.0, 1.0, 2.0, 3.0], &[1, 1, 0, 1, 1, 0]);
        let found = logrank(&twice, &[0, 0, 0, 1, 1, 1], &LogrankOptions::default()).unwrap();
        assert_eq!((found.chi_squared, found.p), (0.0, 1.0));
    }

    #[test]
    fn tests_that_do_not_exist_are_errors() {
        let rows = data(&[1.0, 2.0, 3.0, 4.0], &[1, 1, 1, 0]);
        let plain = LogrankOptions::default();
        let too_few = |found| Err(Error::TooFew { what: "groups that expect an event", needed: 2, found });
        assert_eq!(logrank(&rows, &[5; 4], &plain), too_few(1));
        assert_eq!(logrank(&data(&[1.0, 2.0], &[0, 1]), &[0, 1], &plain), too_few(1));
        assert_eq!(logrank(&data(&[1.0, 2.0], &[0, 0]), &[0, 1], &plain), Err(Error::NoEvents { n_samples: 2 }));
        assert!(matches!(logrank(&rows, &[0, 1], &plain), Err(Error::LengthMismatch { .. })));
        let apart = LogrankOptions { strata: Some(&[0, 0, 1, 1]), rho: 0.0 };
        assert_eq!(logrank(&rows, &[0, 0, 1, 1], &apart), Err(Error::Singular { column: 1 }));
        let short = LogrankOptions { strata: Some(&[0]), rho: 0.0 };
        assert!(matches!(logrank(&rows, &[0, 0, 1, 1], &short), Err(Error::LengthMismatch { .. })));
        for rho in [-1.0, f64::NAN] {
            let options = LogrankOptions { strata: None, rho };
            assert!(matches!(logrank(&rows, &[0, 0, 1, 1], &options), Err(Error::OutOfDomain { what: "rho", .. })));
        }
        let found = logrank(&rows, &[0, 0, 1, 1], &plain).unwrap();
        assert!(matches!(found.trend(&[2.0, 2.0]), Err(Error::NoVariance { .. })));
        assert_eq!(found.trend(&[2.0, f64::NAN]), Err(Error::NotFinite { index: 1 }));
        assert!(matches!(found.trend(&[2.0]), Err(Error::LengthMismatch { .. })));
    }
}
