use serde::Serialize;

use super::evidence::by_group;
use crate::report::{case_words, words};
use crate::study::{Assessment, Input, InputAge, InputState};
use crate::terms::Modality;

/// Missing inputs of a group that are listed by name; more are counted.
const NAMED: usize = 6;

/// What is known, missing, odd and of unknown age, at a glance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GlanceView {
    /// How many inputs stand in each state, all states, the good one first.
    pub counts: Vec<StateCount>,
    /// One row per group of inputs.
    pub groups: Vec<GroupGlance>,
    /// Inputs older than their limit, each with its age in days.
    pub stale: Vec<String>,
    /// Which inputs have no date; empty where none that needs one lacks it.
    pub undated: String,
}

/// How many inputs stand in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateCount {
    /// State in words.
    pub label: &'static str,
    /// State for programs.
    pub state: InputState,
    /// Inputs.
    pub n: usize,
}

/// One group of inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupGlance {
    /// Heading.
    pub label: String,
    /// `12 of 14`.
    pub given: String,
    /// What is not as it should be, in a sentence; empty when all is given and in range.
    pub remarks: String,
    /// True when something is.
    pub incomplete: bool,
}

impl StateCount {
    /// `good`, `warning`, `danger` or nothing, for the style sheet.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match (self.state, self.n) {
            (_, 0) | (InputState::Missing, _) => "",
            (InputState::Used, _) => "good",
            (InputState::OutOfRange, _) => "warning",
            (InputState::Refused, _) => "danger",
        }
    }
}

pub(super) fn glance(assessment: &Assessment) -> GlanceView {
    let all: Vec<&Input> = assessment.inputs.iter().collect();
    let states = [InputState::Used, InputState::OutOfRange, InputState::Missing, InputState::Refused];
    GlanceView {
        counts: states
            .into_iter()
            .map(|state| StateCount {
                label: words::input_state(state),
                state,
                n: all.iter().filter(|input| input.state == state).count(),
            })
            .collect(),
        groups: by_group(&all, |input| input.group.as_str())
            .into_iter()
            .map(|(name, members)| group(name, &members))
            .collect(),
        stale: assessment.ages.iter().filter_map(|age| case_words::stale(&label(assessment, age), age)).collect(),
        undated: undated(assessment),
    }
}

fn undated(assessment: &Assessment) -> String {
    if assessment.ages.iter().all(|age| age.days.is_none()) {
        return case_words::NO_DATES.to_owned();
    }
    let without = assessment.ages.iter().filter(|age| age.days.is_none());
    match without.map(|age| label(assessment, age)).collect::<Vec<String>>().as_slice() {
        [] => String::new(),
        labels => case_words::undated(&words::some_of(labels, NAMED)),
    }
}

/// The name of an input or a modality for people.
fn label(assessment: &Assessment, age: &InputAge) -> String {
    let input = assessment.inputs.iter().find(|input| input.column == age.input);
    let modality = Modality::ALL.into_iter().find(|modality| modality.as_str() == age.input);
    match (input, modality) {
        (Some(input), _) => input.label.clone(),
        (None, Some(modality)) => words::modality(modality).to_owned(),
        (None, None) => words::group(&age.input),
    }
}

fn group(name: &str, members: &[&Input]) -> GroupGlance {
    let in_state = |state: InputState| members.iter().filter(move |input| input.state == state);
    let given = in_state(InputState::Used).count() + in_state(InputState::OutOfRange).count();
    let labels = |state: InputState| in_state(state).map(|input| input.label.clone()).collect::<Vec<String>>();
    let remarks: Vec<String> = [
        ("Missing", labels(InputState::Missing)),
        ("Out of range", labels(InputState::OutOfRange)),
        ("Refused", labels(InputState::Refused)),
    ]
    .into_iter()
    .filter(|(_, labels)| !labels.is_empty())
    .map(|(state, labels)| format!("{state}: {}.", words::some_of(&labels, NAMED)))
    .collect();
    GroupGlance {
        label: words::group(name),
        given: format!("{given} of {}", members.len()),
        incomplete: !remarks.is_empty(),
        remarks: remarks.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::normal;

    #[test]
    fn every_input_is_counted_once_and_what_is_wrong_is_named() {
        let from = normal();
        let glance = glance(&from);
        assert_eq!(glance.counts.iter().map(|count| count.n).sum::<usize>(), from.inputs.len());
        let of = |label: &str| glance.groups.iter().find(|group| group.label == label).unwrap();
        assert_eq!((of("Clinical").given.as_str(), of("Clinical").incomplete), ("4 of 4", false));
        assert_eq!(of("Genomic").remarks, "Missing: Immune signature.");
        let mri = of("MRI measurements");
        assert_eq!(mri.given, "1 of 2");
        assert_eq!(mri.remarks, "Out of range: Functional tumour volume. Refused: Longest diameter.");
    }

    #[test]
    fn old_inputs_stand_with_their_age_and_only_those_without_a_date_are_called_undated() {
        let mut from = normal();
        assert_eq!((glance(&from).stale.len(), glance(&from).undated.as_str()), (0, case_words::NO_DATES));
        let age = |input: &str, days: Option<f64>, stale| InputAge {
            input: input.to_owned(),
            days,
            limit_days: Some(90.0),
            stale,
        };
        from.ages = vec![age("functional_tumour_volume", Some(120.0), true), age("mri", None, false)];
        let some = glance(&from);
        assert_eq!(some.stale, ["Functional tumour volume: 120 days old at the decision; the limit is 90 days."]);
        assert!(some.undated.starts_with("Date not recorded: MRI. "), "{}", some.undated);
        from.ages.truncate(1);
        assert_eq!(glance(&from).undated, "");
    }
}
