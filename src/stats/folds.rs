//! Cross-validation folds: stratified by outcome, and never through a patient.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::Error;
use super::inputs::{check_length, check_two_classes};

/// Returns the fold number, from 0, of every row.
///
/// Rows that share a value of `groups` (a patient) fall into one fold; `None` makes each row its own group. Groups are
/// shuffled by `seed`, then dealt largest first, each to the fold where it leaves events and non-events most even.
/// Without groups every fold's count of events, of non-events and of rows differs by at most one from any
/// other's. With groups a patient's fold depends on the set of patients, not on the order of rows.
///
/// ```
/// let y = [true, false, true, false, false, false];
/// let fold = regimen::stats::folds::stratified_folds(&y, Some(&[1, 1, 2, 2, 3, 4]), 2, 7).unwrap();
/// assert!(fold[0] == fold[1] && fold[2] == fold[3] && fold[0] != fold[2]);
/// ```
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::OneClass`], [`Error::TooFew`] for fewer than two folds or fewer groups with
/// an event (or with a non-event) than folds, [`Error::FoldOfOneClass`] when lumpy groups leave a fold without one
/// of the classes.
pub fn stratified_folds(y: &[bool], groups: Option<&[usize]>, n_folds: usize, seed: u64) -> Result<Vec<usize>, Error> {
    if n_folds < 2 {
        return Err(Error::TooFew { what: "folds", needed: 2, found: n_folds });
    }
    let own: Vec<usize>;
    let groups = match groups {
        Some(groups) => groups,
        None => {
            own = (0..y.len()).collect();
            &own
        }
    };
    check_length("groups", y.len(), groups.len())?;
    let n_events = check_two_classes(y)?;
    let fold_of = deal(shuffled_groups(y, groups, n_folds, seed)?, n_folds, [y.len() - n_events, n_events])?;
    groups
        .iter()
        .map(|group| fold_of.get(group).copied().ok_or(Error::TooFew { what: "groups", needed: 1, found: 0 }))
        .collect()
}

/// Returns the seed of repeat number `repeat` (from 0) of a cross-validation, well mixed.
///
/// # Source
/// The SplitMix64 finaliser, Steele, Lea & Flood 2014.
#[must_use]
pub fn repeat_seed(seed: u64, repeat: usize) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul((repeat as u64).wrapping_add(1)));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A group with its numbers of non-events and events.
type Group = (usize, [usize; 2]);

/// The groups in the order in which they are dealt: largest first, then most events, else random.
fn shuffled_groups(y: &[bool], groups: &[usize], n_folds: usize, seed: u64) -> Result<Vec<Group>, Error> {
    let mut counts: BTreeMap<usize, [usize; 2]> = BTreeMap::new();
    for (&event, &group) in y.iter().zip(groups) {
        counts.entry(group).or_default()[usize::from(event)] += 1;
    }
    for (class, what) in ["groups with a non-event", "groups with an event"].into_iter().enumerate() {
        let found = counts.values().filter(|count| count[class] > 0).count();
        if found < n_folds {
            return Err(Error::TooFew { what, needed: n_folds, found });
        }
    }
    let mut order: Vec<Group> = counts.into_iter().collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order.sort_by_key(|(_, count)| std::cmp::Reverse((count[0] + count[1], count[1])));
    Ok(order)
}

/// Deals groups one by one to the fold whose squared class shares grow least, then to the smallest fold.
fn deal(order: Vec<Group>, n_folds: usize, totals: [usize; 2]) -> Result<BTreeMap<usize, usize>, Error> {
    let mut folds = vec![[0_usize; 2]; n_folds];
    let mut fold_of = BTreeMap::new();
    for (group, count) in order {
        let growth = |fold: &[usize; 2]| -> f64 {
            let square = |value: usize, total: usize| (value as f64 / total as f64).powi(2);
            (0..2).map(|c| square(fold[c] + count[c], totals[c]) - square(fold[c], totals[c])).sum()
        };
        let best = (0..n_folds).min_by(|&a, &b| {
            let size = |fold: usize| folds[fold][0] + folds[fold][1];
            growth(&folds[a]).total_cmp(&growth(&folds[b])).then(size(a).cmp(&size(b)))
        });
        let best = best.unwrap_or(0);
        folds[best][0] += count[0];
        folds[best][1] += count[1];
        fold_of.insert(group, best);
    }
    match folds.iter().position(|fold| fold[0] == 0 || fold[1] == 0) {
        Some(fold) => Err(Error::FoldOfOneClass { fold, n_folds }),
        None => Ok(fold_of),
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    /// Rows and events in each fold.
    fn sizes(y: &[bool], fold: &[usize], n_folds: usize) -> Vec<[usize; 2]> {
        let mut sizes = vec![[0; 2]; n_folds];
        for (&event, &fold) in y.iter().zip(fold) {
            sizes[fold][usize::from(event)] += 1;
        }
        sizes
    }

    fn spread(values: impl Iterator<Item = usize> + Clone) -> usize {
        values.clone().max().unwrap() - values.min().unwrap()
    }

    #[test]
    fn without_groups_every_count_differs_by_at_most_one() {
        for seed in 0..60 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let y: Vec<bool> = (0..40 + seed as usize).map(|row| row % 7 == 0 || rng.random_bool(0.2)).collect();
            let fold = stratified_folds(&y, None, 5, seed).unwrap();
            let sizes = sizes(&y, &fold, 5);
            assert!(spread(sizes.iter().map(|s| s[0])) <= 1 && spread(sizes.iter().map(|s| s[1])) <= 1);
            assert!(spread(sizes.iter().map(|s| s[0] + s[1])) <= 1, "{sizes:?}");
        }
    }

    #[test]
    fn a_patient_never_sits_on_both_sides_and_classes_stay_even() {
        for seed in 0..40 {
            let mut rng = ChaCha8Rng::seed_from_u64(100 + seed);
            let groups: Vec<usize> = (0..300).map(|_| rng.random_range(0..110)).collect();
            let event: Vec<bool> = (0..110).map(|group| group % 3 == 0).collect();
            let y: Vec<bool> = groups.iter().map(|&group| event[group]).collect();
            let fold = stratified_folds(&y, Some(&groups), 5, seed).unwrap();
            for (row, group) in groups.iter().enumerate() {
                assert_eq!(fold[row], fold[groups.iter().position(|other| other == group).unwrap()]);
            }
            let sizes = sizes(&y, &fold, 5);
            assert!(spread(sizes.iter().map(|s| s[0])) <= 3 && spread(sizes.iter().map(|s| s[1])) <= 3, "{sizes:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_folds_and_another_seed_others() {
        let y: Vec<bool> = (0..90).map(|row| row % 4 == 0).collect();
        let fold = stratified_folds(&y, None, 3, 11).unwrap();
        assert_eq!(fold, stratified_folds(&y, None, 3, 11).unwrap());
        assert_ne!(fold, stratified_folds(&y, None, 3, 12).unwrap());
    }

    #[test]
    fn row_order_does_not_move_a_patient() {
        let groups: Vec<usize> = (0..60).map(|row| row % 23).collect();
        let y: Vec<bool> = groups.iter().map(|group| group % 3 == 0).collect();
        let fold = stratified_folds(&y, Some(&groups), 4, 5).unwrap();
        let reversed_groups: Vec<usize> = groups.iter().rev().copied().collect();
        let reversed_y: Vec<bool> = y.iter().rev().copied().collect();
        let mut reversed = stratified_folds(&reversed_y, Some(&reversed_groups), 4, 5).unwrap();
        reversed.reverse();
        assert_eq!(fold, reversed);
    }

    #[test]
    fn repeats_have_distinct_seeds() {
        let mut seeds: Vec<u64> = (0..1000).flat_map(|r| [repeat_seed(1, r), repeat_seed(2, r)]).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 2000);
    }

    #[test]
    fn too_few_folds_groups_or_classes_are_errors() {
        let y = [true, false, true, false];
        assert!(matches!(stratified_folds(&y, None, 1, 0), Err(Error::TooFew { what: "folds", .. })));
        assert!(matches!(stratified_folds(&y, None, 3, 0), Err(Error::TooFew { needed: 3, found: 2, .. })));
        assert!(matches!(stratified_folds(&y, Some(&[1]), 2, 0), Err(Error::LengthMismatch { .. })));
        assert!(matches!(stratified_folds(&[true; 4], None, 2, 0), Err(Error::OneClass { .. })));
    }

    #[test]
    fn groups_that_cannot_be_balanced_are_named() {
        // Events by group: 0 5 5 1 0, non-events 9 0 0 1 1. The mixed group evens a fold of events, so the
        // fold of the nine non-events stays without an event.
        let sizes = [(0, 9), (5, 0), (5, 0), (1, 1), (0, 1)];
        let rows = sizes
            .iter()
            .enumerate()
            .flat_map(|(group, &(events, others))| (0..events + others).map(move |row| (group, row < events)));
        let (groups, y): (Vec<usize>, Vec<bool>) = rows.unzip();
        let found = stratified_folds(&y, Some(&groups), 3, 0);
        assert_eq!(found, Err(Error::FoldOfOneClass { fold: 0, n_folds: 3 }));
    }
}
