use std::collections::BTreeMap;

use super::super::Error;

/// Returns the period of each row: a stretch of the enrolment within its `group` in which one set of options was open.
///
/// An option is open in a group from its first to its last enrolment there, so a period ends wherever an option opens
/// or closes. Periods with fewer than `min_patients` rows are merged with their smaller neighbour, smallest first.
/// Numbers are distinct between groups and rise in time within one; `None` where the day or the group is unknown.
///
/// # Errors
/// [`Error::Lengths`].
///
/// # Source
/// Bofill Roig et al., BMC Med Res Methodol 2022;22:228 (periods of a platform trial bounded by arms entering and
/// leaving).
pub fn periods(
    day: &[Option<f64>],
    received: &[usize],
    group: &[Option<usize>],
    min_patients: usize,
) -> Result<Vec<Option<usize>>, Error> {
    Error::same_length("days", received.len(), day.len())?;
    Error::same_length("groups", received.len(), group.len())?;
    let mut rows_of: BTreeMap<usize, Vec<(f64, usize)>> = BTreeMap::new();
    for (row, (day, group)) in day.iter().zip(group).enumerate() {
        if let (Some(day), Some(group)) = (day.filter(|day| day.is_finite()), group) {
            rows_of.entry(*group).or_default().push((day, row));
        }
    }
    let mut period = vec![None; received.len()];
    let mut first_number = 0;
    for mut rows in rows_of.into_values() {
        rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut stretches = stretches(&rows, received);
        while stretches.len() > 1 {
            let smallest = (0..stretches.len()).min_by_key(|&at| (stretches[at].len(), at)).unwrap_or(0);
            if stretches[smallest].len() >= min_patients {
                break;
            }
            let before = smallest.checked_sub(1).map(|at| (stretches[at].len(), at));
            let after = stretches.get(smallest + 1).map(|rows| (rows.len(), smallest));
            let Some((_, left)) = [before, after].into_iter().flatten().min() else { break };
            let right = stretches.remove(left + 1);
            stretches[left].extend(right);
        }
        for (at, rows) in stretches.iter().enumerate() {
            for &row in rows {
                period[row] = Some(first_number + at);
            }
        }
        first_number += stretches.len();
    }
    Ok(period)
}

/// Rows in order of time, parted before the first and after the last enrolment of every option.
fn stretches(rows: &[(f64, usize)], received: &[usize]) -> Vec<Vec<usize>> {
    let mut span: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for &(day, row) in rows {
        let known = span.entry(received[row]).or_insert((day, day));
        known.1 = day;
    }
    // The set of open options of a day, as a sorted list: rows with equal sets in a row form a stretch.
    let open = |day: f64| -> Vec<usize> {
        span.iter().filter(|(_, (first, last))| (*first..=*last).contains(&day)).map(|(option, _)| *option).collect()
    };
    let mut found: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
    for &(day, row) in rows {
        let options = open(day);
        match found.last_mut() {
            Some((known, rows)) if *known == options => rows.push(row),
            _ => found.push((options, vec![row])),
        }
    }
    found.into_iter().map(|(_, rows)| rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_ends_where_an_option_opens_or_closes() {
        // Control throughout; option 1 on days 1 to 3, option 2 from day 4.
        let received = [0, 1, 0, 1, 2, 0, 2, 0];
        let day: Vec<Option<f64>> = (0..8).map(|day| Some(f64::from(day))).collect();
        let found = periods(&day, &received, &[Some(0); 8], 1).unwrap();
        assert_eq!(found, [0, 1, 1, 1, 2, 2, 2, 3].map(Some));
    }

    #[test]
    fn small_periods_join_their_smaller_neighbour() {
        let received = [0, 1, 0, 1, 2, 0, 2, 0];
        let day: Vec<Option<f64>> = (0..8).map(|day| Some(f64::from(day))).collect();
        // Sizes 1 3 3 1: the first joins its only neighbour, then the last.
        let found = periods(&day, &received, &[Some(0); 8], 2).unwrap();
        assert_eq!(found, [0, 0, 0, 0, 1, 1, 1, 1].map(Some));
        assert_eq!(periods(&day, &received, &[Some(0); 8], 9).unwrap(), [Some(0); 8]);
    }

    #[test]
    fn groups_have_periods_of_their_own_and_unknown_days_have_none() {
        let day = [Some(0.0), Some(1.0), None, Some(f64::NAN), Some(2.0)];
        let found = periods(&day, &[0, 0, 0, 0, 0], &[Some(0), Some(1), Some(0), Some(0), None], 1).unwrap();
        assert_eq!(found, [Some(0), Some(1), None, None, None]);
    }
}
