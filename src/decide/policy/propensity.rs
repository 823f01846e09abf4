use std::collections::BTreeMap;

use super::super::Error;

/// The chance of having received each option, by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Propensity {
    n_options: usize,
    /// Row-major; a row of zeros where its group is unknown.
    p: Vec<f64>,
}

impl Propensity {
    /// Returns smoothed frequencies of the options within nested groups.
    ///
    /// `levels` holds the group of each row, from coarse to fine. In the coarsest group g the chance of option a is
    /// n(g, a) / n(g); in each finer group it is (n(g, a) + m p) / (n(g) + m) with p the chance one level up and m the
    /// `pseudo_patients`. An option that nobody of the coarsest group received has a chance of 0: it was not open.
    /// Outcomes are not used.
    ///
    /// # Errors
    /// [`Error::Lengths`]; [`Error::Parameter`] for a negative or infinite `pseudo_patients`.
    ///
    /// # Source
    /// Hirano, Imbens & Ridder, Econometrica 2003 (estimated frequencies rather than known chances lose no
    /// precision); the back-off is add-m smoothing.
    pub fn estimate(
        received: &[usize],
        n_options: usize,
        levels: &[&[Option<usize>]],
        pseudo_patients: f64,
    ) -> Result<Self, Error> {
        if !(pseudo_patients >= 0.0 && pseudo_patients.is_finite()) {
            return Err(Error::Parameter {
                what: "pseudo-patients",
                expected: "a finite number of at least 0",
                found: pseudo_patients,
            });
        }
        let mut p: Vec<f64> = Vec::new();
        for (depth, groups) in levels.iter().enumerate() {
            Error::same_length("groups", received.len(), groups.len())?;
            let mut counts: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
            for (group, &option) in groups.iter().zip(received) {
                let Some(group) = group else { continue };
                if let Some(count) = counts.entry(*group).or_insert_with(|| vec![0.0; n_options]).get_mut(option) {
                    *count += 1.0;
                }
            }
            let m = if depth == 0 { 0.0 } else { pseudo_patients };
            let coarser = if depth == 0 { vec![0.0; received.len() * n_options] } else { p };
            p = Vec::with_capacity(coarser.len());
            for (group, above) in groups.iter().zip(coarser.chunks(n_options.max(1))) {
                let known =
                    group.and_then(|group| counts.get(&group)).filter(|_| depth == 0 || above.iter().any(|&p| p > 0.0));
                match known {
                    None => p.extend(vec![0.0; n_options]),
                    Some(counts) => {
                        let n: f64 = counts.iter().sum();
                        p.extend(counts.iter().zip(above).map(|(count, above)| (count + m * above) / (n + m)));
                    }
                }
            }
        }
        Ok(Self { n_options, p })
    }

    /// Returns known chances, row-major, one per option.
    ///
    /// # Errors
    /// [`Error::Lengths`] when they do not fill whole rows.
    pub fn known(n_options: usize, p: Vec<f64>) -> Result<Self, Error> {
        let n_rows = p.len() / n_options.max(1);
        Error::same_length("chances", n_rows * n_options, p.len())?;
        Ok(Self { n_options, p })
    }

    /// The chance that the patient of `row` received `option`; 0 for an unknown row, group or option.
    #[must_use]
    pub fn of(&self, row: usize, option: usize) -> f64 {
        if option >= self.n_options {
            return 0.0;
        }
        self.p.get(row * self.n_options + option).copied().unwrap_or(0.0)
    }

    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.p.len() / self.n_options.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fine_group_is_drawn_towards_the_coarse_one() {
        // Coarse group of 6: options 3, 2, 1 → ½, ⅓, ⅙. Fine group of the first two: both option 0.
        let received = [0, 0, 0, 1, 1, 2];
        let fine = [0, 0, 1, 1, 1, 1].map(Some);
        let found = Propensity::estimate(&received, 3, &[&[Some(0); 6], &fine], 4.0).unwrap();
        let expected = [(2.0 + 4.0 / 2.0) / 6.0, (4.0 / 3.0) / 6.0, (4.0 / 6.0) / 6.0];
        for (option, expected) in expected.into_iter().enumerate() {
            assert!((found.of(0, option) - expected).abs() < 1e-15, "{option}");
        }
        for row in 0..6 {
            let sum: f64 = (0..3).map(|option| found.of(row, option)).sum();
            assert!((sum - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn an_option_that_the_coarse_group_never_had_keeps_a_chance_of_zero() {
        let groups = [Some(0), Some(0), Some(1), None];
        let found = Propensity::estimate(&[0, 1, 2, 0], 3, &[&groups, &[Some(0); 4]], 5.0).unwrap();
        assert_eq!((found.of(0, 2), found.of(3, 0)), (5.0 * 0.0 / 9.0 + 1.0 / 9.0, 0.0));
        let one = Propensity::estimate(&[0, 1, 2, 0], 3, &[&groups], 5.0).unwrap();
        assert_eq!((one.of(0, 2), one.of(0, 1), one.of(9, 0), one.of(0, 9)), (0.0, 0.5, 0.0, 0.0));
    }

    #[test]
    fn lengths_and_smoothing_are_checked() {
        assert!(matches!(Propensity::estimate(&[0, 1], 2, &[&[Some(0)]], 1.0), Err(Error::Lengths { .. })));
        assert!(matches!(Propensity::estimate(&[0], 1, &[&[Some(0)]], -1.0), Err(Error::Parameter { .. })));
        assert!(Propensity::known(2, vec![0.5; 3]).is_err());
    }
}
