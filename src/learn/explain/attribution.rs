use super::super::Error;
use super::importance::ColumnGroup;

/// Returns the contributions summed by group: per row, one value per group in their order and the base last.
///
/// `contributions` holds per row one value per column and the base last, as the models' own `contributions` do; sums
/// are exact on their scale, so a group's value is what its columns add to the prediction together. The groups must
/// hold every column exactly once, or the parts would not add up.
///
/// # Errors
/// [`Error::Width`] for rows of another width, a column in no group or one that does not exist,
/// [`Error::Parameter`] for a column in two groups.
pub fn group_contributions(contributions: &[Vec<f64>], groups: &[ColumnGroup]) -> Result<Vec<Vec<f64>>, Error> {
    let mut columns: Vec<usize> = groups.iter().flat_map(|group| group.columns.iter().copied()).collect();
    columns.sort_unstable();
    if let Some(pair) = columns.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::Parameter { what: "column", expected: "in one group", found: pair[0] as f64 });
    }
    let width = columns.len();
    if columns.last().is_some_and(|&last| last + 1 != width) {
        return Err(Error::Width { expected: width, found: columns.last().map_or(0, |last| last + 1) });
    }
    contributions
        .iter()
        .map(|row| {
            let Some((base, parts)) = row.split_last().filter(|(_, parts)| parts.len() == width) else {
                return Err(Error::Width { expected: width, found: row.len().saturating_sub(1) });
            };
            let sum = |group: &ColumnGroup| group.columns.iter().filter_map(|&at| parts.get(at)).sum::<f64>();
            Ok(groups.iter().map(sum).chain([*base]).collect())
        })
        .collect()
}

/// Returns the largest |Σ contributions − prediction| over the rows, relative to the largest |prediction| or 1.
///
/// Exact attributions in single precision stay below about 1e-6.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::Stats`] for a value that is not finite.
pub fn contribution_gap(contributions: &[Vec<f64>], predictions: &[f64]) -> Result<f64, Error> {
    if contributions.len() != predictions.len() {
        return Err(Error::LengthMismatch { expected: contributions.len(), found: predictions.len() });
    }
    let scale = predictions.iter().fold(1.0_f64, |most, prediction| most.max(prediction.abs()));
    let mut largest = 0.0_f64;
    for (index, (row, prediction)) in contributions.iter().zip(predictions).enumerate() {
        let gap = (row.iter().sum::<f64>() - prediction).abs() / scale;
        if !gap.is_finite() {
            return Err(crate::stats::Error::NotFinite { index }.into());
        }
        largest = largest.max(gap);
    }
    Ok(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, columns: &[usize]) -> ColumnGroup {
        ColumnGroup { name: name.into(), columns: columns.to_vec() }
    }

    #[test]
    fn groups_sum_their_columns_and_keep_the_base() {
        let rows = [vec![1.0, 2.0, -4.0, 0.5], vec![0.0, 1.0, 1.0, 0.5]];
        let groups = [group("clinical", &[0, 2]), group("imaging", &[1])];
        assert_eq!(group_contributions(&rows, &groups).unwrap(), [[-3.0, 2.0, 0.5], [1.0, 1.0, 0.5]]);
        assert_eq!(contribution_gap(&rows, &[-0.5, 2.5]).unwrap(), 0.0);
        assert_eq!(contribution_gap(&rows, &[-0.5, 5.0]).unwrap(), 0.5);
    }

    #[test]
    fn parts_that_would_not_add_up_are_refused() {
        let rows = [vec![1.0, 2.0, -4.0, 0.5]];
        for groups in [
            vec![group("a", &[0, 1])],
            vec![group("a", &[0, 1]), group("b", &[3])],
            vec![group("a", &[0, 1, 2]), group("b", &[2])],
            vec![],
        ] {
            assert!(group_contributions(&rows, &groups).is_err());
        }
        assert!(contribution_gap(&rows, &[]).is_err());
        assert!(contribution_gap(&rows, &[f64::NAN]).is_err());
    }
}
