use serde::Serialize;

use super::evidence::by_group;
use crate::report::words;
use crate::study::{Assessment, Input, InputState};

/// Missing inputs of a group that are listed by name; more are counted.
const NAMED: usize = 6;

/// What is known, missing, odd and of unknown age, at a glance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GlanceView {
    /// How many inputs stand in each state, all states, the good one first.
    pub counts: Vec<StateCount>,
    /// One row per group of inputs.
    pub groups: Vec<GroupGlance>,
    /// How old the inputs are, or that nobody can tell.
    pub age: &'static str,
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
        age: words::AGE_OF_INPUTS,
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
}
