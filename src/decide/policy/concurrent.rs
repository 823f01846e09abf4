use super::super::Error;

/// Fewest controls enrolled while an option was open, below which its effect is called non-concurrent.
pub const MIN_CONCURRENT: usize = 20;

/// When an option was open in a group, and who enrolled meanwhile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptionWindow {
    /// First day of enrolment.
    pub first: f64,
    /// Last day of enrolment.
    pub last: f64,
    /// Patients of the group who received the option, on a known day.
    pub n_received: usize,
    /// Controls of the group enrolled from the first to the last day.
    pub n_concurrent_controls: usize,
}

impl OptionWindow {
    /// True when the window holds at least [`MIN_CONCURRENT`] controls.
    #[must_use]
    pub fn is_concurrent(&self) -> bool {
        self.n_concurrent_controls >= MIN_CONCURRENT
    }

    /// True for a day inside the window.
    #[must_use]
    pub fn holds(&self, day: Option<f64>) -> bool {
        day.is_some_and(|day| (self.first..=self.last).contains(&day))
    }
}

/// Returns, by group and then by option, when the option was open in the group; `None` where nobody received it on a
/// known day.
///
/// # Errors
/// [`Error::Lengths`].
pub fn windows(
    day: &[Option<f64>],
    received: &[usize],
    group: &[Option<usize>],
    control: usize,
    n_options: usize,
) -> Result<Vec<Vec<Option<OptionWindow>>>, Error> {
    Error::same_length("days", received.len(), day.len())?;
    Error::same_length("groups", received.len(), group.len())?;
    let n_groups = group.iter().flatten().max().map_or(0, |last| last + 1);
    let mut found: Vec<Vec<Option<OptionWindow>>> = vec![vec![None; n_options]; n_groups];
    let rows = || {
        let known = day.iter().zip(received).zip(group);
        known.filter_map(|((day, option), group)| Some((day.filter(|day| day.is_finite())?, *option, (*group)?)))
    };
    for (day, option, group) in rows() {
        let Some(slot) = found.get_mut(group).and_then(|options| options.get_mut(option)) else { continue };
        let window =
            slot.get_or_insert(OptionWindow { first: day, last: day, n_received: 0, n_concurrent_controls: 0 });
        window.first = window.first.min(day);
        window.last = window.last.max(day);
        window.n_received += 1;
    }
    for (day, _, group) in rows().filter(|(_, option, _)| *option == control) {
        for window in found.get_mut(group).into_iter().flatten().flatten() {
            window.n_concurrent_controls += usize::from(window.holds(Some(day)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_count_while_the_option_was_open_in_the_group() {
        let day = [0.0, 2.0, 3.0, 4.0, 5.0, 9.0, 3.0].map(Some);
        let received = [0, 1, 0, 0, 1, 0, 0];
        let group = [0, 0, 0, 0, 0, 0, 1].map(Some);
        let found = windows(&day, &received, &group, 0, 3).unwrap();
        let window = found[0][1].unwrap();
        assert_eq!((window.first, window.last, window.n_received, window.n_concurrent_controls), (2.0, 5.0, 2, 2));
        assert_eq!(found[0][0].unwrap().n_concurrent_controls, 4);
        assert!(!window.is_concurrent() && window.holds(Some(5.0)) && !window.holds(None));
        assert_eq!((found[0][2], found[1][1]), (None, None));
    }
}
