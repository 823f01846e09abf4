//! Training and test rows: by patient, by centre, by period; never through a patient.
//!
//! Every function returns each row exactly once in each split, and what a patient is told to be depends on the set of
//! patients and the seed, never on the order of the rows. No error names a patient.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::Error;
use super::folds::stratified_folds;
use super::inputs::check_length;

/// The rows of both sides, ascending; neither is empty and no patient is on both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows to fit on.
    pub train: Vec<usize>,
    /// Rows to judge on.
    pub test: Vec<usize>,
}

impl Split {
    /// Parts rows by `is_test`, and refuses an empty side or a patient on both.
    fn new<P: Ord>(patients: &[P], is_test: impl Fn(usize) -> bool) -> Result<Self, Error> {
        let (test, train): (Vec<usize>, Vec<usize>) = (0..patients.len()).partition(|&row| is_test(row));
        for (what, side) in [("training rows", &train), ("test rows", &test)] {
            if side.is_empty() {
                return Err(Error::TooFew { what, needed: 1, found: 0 });
            }
        }
        let mut sides: BTreeMap<&P, [bool; 2]> = BTreeMap::new();
        for (row, patient) in patients.iter().enumerate() {
            sides.entry(patient).or_default()[usize::from(is_test(row))] = true;
        }
        match sides.values().filter(|sides| **sides == [true; 2]).count() {
            0 => Ok(Self { train, test }),
            n_patients => Err(Error::PatientOnBothSides { n_patients }),
        }
    }
}

/// Returns one split per fold of [`stratified_folds`], which keeps the outcome `y` even and patients whole.
///
/// ```
/// let patients = ["a", "a", "b", "c", "d"];
/// let splits = regimen::stats::split::patient_folds(&patients, &[true, true, false, true, false], 2, 7).unwrap();
/// assert_eq!(splits.len(), 2);
/// assert_eq!(splits[0].test, splits[1].train);
/// ```
///
/// # Errors
/// Those of [`stratified_folds`].
pub fn patient_folds<P: Ord>(patients: &[P], y: &[bool], n_folds: usize, seed: u64) -> Result<Vec<Split>, Error> {
    check_length("outcomes", patients.len(), y.len())?;
    let (_, numbers) = numbered(patients);
    let fold_of = stratified_folds(y, Some(&numbers), n_folds, seed)?;
    (0..n_folds).map(|fold| Split::new(patients, |row| fold_of.get(row) == Some(&fold))).collect()
}

/// Returns a split with `test_share` of the patients, rounded to the nearest count, drawn by `seed` for the test side.
///
/// # Errors
/// [`Error::OutOfDomain`] for a share outside (0, 1), [`Error::TooFew`] when a side would be empty.
pub fn patient_holdout<P: Ord>(patients: &[P], test_share: f64, seed: u64) -> Result<Split, Error> {
    if !(test_share > 0.0 && test_share < 1.0) {
        return Err(Error::OutOfDomain { what: "test share", expected: "a value in (0, 1)", found: test_share });
    }
    let (n_patients, numbers) = numbered(patients);
    let mut order: Vec<usize> = (0..n_patients).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let n_test = (n_patients as f64 * test_share).round() as usize;
    let mut chosen = vec![false; n_patients];
    order.iter().take(n_test).for_each(|&number| chosen[number] = true);
    Split::new(patients, |row| chosen[numbers[row]])
}

/// Returns, for every centre in ascending order of its label, the split that tests on it and trains on all others.
///
/// A missing centre has no place on either side: it is an error that counts the rows, so that the caller decides
/// (drop them, or give them a label of their own). Blank labels count as missing.
///
/// # Errors
/// [`Error::MissingLabel`], [`Error::TooFew`] below two centres, [`Error::PatientOnBothSides`] for patients seen in
/// two centres, [`Error::LengthMismatch`].
pub fn leave_one_centre_out<P: Ord>(patients: &[P], centres: &[Option<&str>]) -> Result<Vec<(String, Split)>, Error> {
    let (centres, labels) = labelled(patients.len(), centres)?;
    if labels.len() < 2 {
        return Err(Error::TooFew { what: "centres", needed: 2, found: labels.len() });
    }
    labels.into_iter().map(|label| Ok((label.to_owned(), side_of(patients, &centres, label)?))).collect()
}

/// Returns the split that tests on one named centre and trains on all others.
///
/// # Errors
/// [`Error::UnknownLabel`] when no row has that centre, else as in [`leave_one_centre_out`].
pub fn centre_holdout<P: Ord>(patients: &[P], centres: &[Option<&str>], centre: &str) -> Result<Split, Error> {
    let (centres, labels) = labelled(patients.len(), centres)?;
    if !labels.contains(&centre) {
        return Err(Error::UnknownLabel { what: "centre", n_known: labels.len(), found: centre.to_owned() });
    }
    side_of(patients, &centres, centre)
}

/// Returns the split that trains on rows before `cut` and tests on rows at or after it.
///
/// Periods may be day numbers, years or ISO 8601 dates as text. One that cannot be ordered against `cut` (NaN) counts
/// as missing.
///
/// # Errors
/// [`Error::MissingLabel`], [`Error::TooFew`] when a side is empty, [`Error::PatientOnBothSides`] for patients seen
/// before and after, [`Error::LengthMismatch`].
pub fn by_period<P: Ord, T: PartialOrd>(patients: &[P], periods: &[Option<T>], cut: &T) -> Result<Split, Error> {
    check_length("periods", patients.len(), periods.len())?;
    let sides: Vec<bool> =
        periods.iter().flatten().filter_map(|period| period.partial_cmp(cut)).map(|order| order.is_ge()).collect();
    if sides.len() < periods.len() {
        let (n_missing, n_rows) = (periods.len() - sides.len(), periods.len());
        return Err(Error::MissingLabel { what: "period", n_missing, n_rows });
    }
    Split::new(patients, |row| sides.get(row).copied().unwrap_or(false))
}

/// The number of patients, and of each row its patient's rank among them.
fn numbered<P: Ord>(patients: &[P]) -> (usize, Vec<usize>) {
    let mut ranks: BTreeMap<&P, usize> = patients.iter().map(|patient| (patient, 0)).collect();
    ranks.values_mut().enumerate().for_each(|(rank, slot)| *slot = rank);
    let numbers = patients.iter().filter_map(|patient| ranks.get(patient).copied()).collect();
    (ranks.len(), numbers)
}

/// The centre of every row, and the distinct centres in ascending order.
fn labelled<'a>(n_rows: usize, centres: &[Option<&'a str>]) -> Result<(Vec<&'a str>, Vec<&'a str>), Error> {
    check_length("centres", n_rows, centres.len())?;
    let known: Vec<&str> = centres.iter().flatten().copied().filter(|label| !label.trim().is_empty()).collect();
    if known.len() < n_rows {
        return Err(Error::MissingLabel { what: "centre", n_missing: n_rows - known.len(), n_rows });
    }
    let mut labels = known.clone();
    labels.sort_unstable();
    labels.dedup();
    Ok((known, labels))
}

/// The split that tests on one centre.
fn side_of<P: Ord>(patients: &[P], centres: &[&str], centre: &str) -> Result<Split, Error> {
    Split::new(patients, |row| centres.get(row) == Some(&centre))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::RngExt;

    use super::*;

    /// Patients of one to a few visits each, with an outcome, a centre and a year per patient, rows shuffled.
    fn cohort(seed: u64) -> (Vec<String>, Vec<bool>, Vec<String>, Vec<f64>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut numbers: Vec<usize> = (0..240).map(|_| rng.random_range(0..90)).collect();
        numbers.shuffle(&mut rng);
        (
            numbers.iter().map(|number| format!("x:{number}")).collect(),
            numbers.iter().map(|number| number % 3 == 0).collect(),
            numbers.iter().map(|number| format!("centre {}", number % 4)).collect(),
            numbers.iter().map(|&number| 2000.0 + (number % 15) as f64).collect(),
        )
    }

    fn check(split: &Split, patients: &[String]) {
        let mut rows: Vec<usize> = split.train.iter().chain(&split.test).copied().collect();
        rows.sort_unstable();
        assert!(rows.into_iter().eq(0..patients.len()), "every row exactly once");
        assert!(!split.train.is_empty() && !split.test.is_empty());
        assert!(split.train.is_sorted() && split.test.is_sorted());
        assert!(on(&split.train, patients).is_disjoint(&on(&split.test, patients)), "no patient on two sides");
    }

    fn on<'a>(rows: &[usize], patients: &'a [String]) -> BTreeSet<&'a str> {
        rows.iter().map(|&row| patients[row].as_str()).collect()
    }

    fn all(patients: &[String], y: &[bool], centres: &[String], years: &[f64]) -> Vec<Split> {
        let centres: Vec<Option<&str>> = centres.iter().map(|centre| Some(centre.as_str())).collect();
        let years: Vec<Option<f64>> = years.iter().copied().map(Some).collect();
        let mut splits = patient_folds(patients, y, 5, 3).unwrap();
        splits.push(patient_holdout(patients, 0.25, 9).unwrap());
        splits.extend(leave_one_centre_out(patients, &centres).unwrap().into_iter().map(|(_, split)| split));
        splits.push(centre_holdout(patients, &centres, "centre 2").unwrap());
        splits.push(by_period(patients, &years, &2010.0).unwrap());
        splits
    }

    #[test]
    fn each_row_once_no_patient_twice_and_row_order_moves_nobody() {
        for seed in 0..25 {
            let (patients, y, centres, years) = cohort(seed);
            let splits = all(&patients, &y, &centres, &years);
            assert_eq!(splits.len(), 12);
            splits.iter().for_each(|split| check(split, &patients));
            let mut order: Vec<usize> = (0..patients.len()).collect();
            order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed + 1000));
            let moved: Vec<String> = order.iter().map(|&row| patients[row].clone()).collect();
            let y: Vec<bool> = order.iter().map(|&row| y[row]).collect();
            let centres: Vec<String> = order.iter().map(|&row| centres[row].clone()).collect();
            let years: Vec<f64> = order.iter().map(|&row| years[row]).collect();
            for (split, other) in splits.iter().zip(all(&moved, &y, &centres, &years)) {
                assert_eq!(on(&split.test, &patients), on(&other.test, &moved));
            }
        }
    }

    #[test]
    fn folds_test_every_row_once_and_a_holdout_has_its_share() {
        let (patients, y, ..) = cohort(1);
        let mut rows: Vec<usize> =
            patient_folds(&patients, &y, 4, 0).unwrap().into_iter().flat_map(|s| s.test).collect();
        rows.sort_unstable();
        assert!(rows.into_iter().eq(0..patients.len()));
        let n_patients = patients.iter().collect::<BTreeSet<_>>().len();
        let split = patient_holdout(&patients, 0.3, 1).unwrap();
        assert_eq!(on(&split.test, &patients).len(), (n_patients as f64 * 0.3).round() as usize);
        assert_ne!(split, patient_holdout(&patients, 0.3, 2).unwrap());
    }

    #[test]
    fn a_cut_belongs_to_the_test_side() {
        let days = [Some(10), Some(20), Some(30)];
        assert_eq!(by_period(&[1, 2, 3], &days, &20), Ok(Split { train: vec![0], test: vec![1, 2] }));
        let dates = [Some("2011-12-31"), Some("2012-01-01")];
        assert_eq!(by_period(&[1, 2], &dates, &"2012-01-01"), Ok(Split { train: vec![0], test: vec![1] }));
    }

    #[test]
    fn patients_on_both_sides_are_counted() {
        let both = Err(Error::PatientOnBothSides { n_patients: 1 });
        assert_eq!(by_period(&[1, 1, 2], &[Some(1), Some(5), Some(5)], &3), both);
        let centres = [Some("a"), Some("b"), Some("b")];
        assert_eq!(centre_holdout(&[1, 1, 2], &centres, "b"), both);
        assert_eq!(leave_one_centre_out(&[1, 1, 2], &centres), Err(Error::PatientOnBothSides { n_patients: 1 }));
    }

    #[test]
    fn missing_and_unknown_labels_empty_sides_and_shares_are_refused() {
        let missing = |what| Error::MissingLabel { what, n_missing: 2, n_rows: 3 };
        assert_eq!(leave_one_centre_out(&[1, 2, 3], &[Some("a"), None, Some(" ")]), Err(missing("centre")));
        assert_eq!(by_period(&[1, 2, 3], &[Some(1.0), None, Some(f64::NAN)], &0.5), Err(missing("period")));
        let centres = [Some("a"), Some("a")];
        assert!(matches!(leave_one_centre_out(&[1, 2], &centres), Err(Error::TooFew { what: "centres", .. })));
        assert!(matches!(centre_holdout(&[1, 2], &centres, "z"), Err(Error::UnknownLabel { n_known: 1, .. })));
        assert!(matches!(centre_holdout(&[1, 2], &centres, "a"), Err(Error::TooFew { what: "training rows", .. })));
        assert!(matches!(by_period(&[1], &[Some(1)], &2), Err(Error::TooFew { what: "test rows", .. })));
        assert!(matches!(patient_holdout(&[1, 2], 0.1, 0), Err(Error::TooFew { what: "test rows", .. })));
        assert!(matches!(patient_holdout(&[1, 2], 1.0, 0), Err(Error::OutOfDomain { .. })));
        assert!(matches!(patient_folds(&[1, 2], &[true], 2, 0), Err(Error::LengthMismatch { .. })));
    }
}
