use serde::Serialize;

use super::evidence::by_group;
use super::options::OptionRow;
use crate::report::figure::Figure;
use crate::report::{survival_words, words};
use crate::study::{Assessment, Contribution};

/// Rows of a contribution group that are listed by name; smaller ones are added up in one row.
const LISTED_PER_GROUP: usize = 8;

/// What moved the estimate of the answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhyView {
    /// Arm that the contributions explain; `None` when there is nothing to explain.
    pub arm: Option<String>,
    /// What the list means, or why it is empty.
    pub sentence: String,
    /// From where contributions start and where they end, as a sentence.
    pub sum_sentence: Option<String>,
    /// That associations are not causes.
    pub association: &'static str,
    /// Contributions by feature group.
    pub groups: Vec<ContributionGroup>,
}

/// Contributions of one feature group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContributionGroup {
    /// Heading.
    pub label: String,
    /// Sum over the group.
    pub total: Figure,
    /// Rows, largest first; the last may stand for all the smaller ones.
    pub rows: Vec<ContributionRow>,
}

/// What one input moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContributionRow {
    /// Label of the input.
    pub label: String,
    /// Its value as display text, empty in a row that stands for several.
    pub value: String,
    /// Contribution on the logit scale, positive towards pCR.
    pub contribution: Figure,
}

pub(super) fn why(assessment: &Assessment, rows: &[OptionRow]) -> WhyView {
    let usable: Vec<&Contribution> = assessment.contributions.iter().filter(|each| each.logit.is_finite()).collect();
    let Some(row) = rows.iter().find(|row| row.is_answer) else {
        let sentence = "There is no estimate for this patient, so there is nothing to explain.".to_owned();
        return none(sentence);
    };
    if usable.is_empty() {
        let sentence = "The leading model lists no contributions.".to_owned();
        return none(sentence);
    }
    let total: f64 = usable.iter().map(|each| each.logit).sum();
    let sum_sentence = assessment.contribution_base.filter(|base| base.is_finite()).map(|base| {
        format!(
            "All contributions together move the estimate from {} (the model\u{2019}s average patient) to {} on the logit scale, where 0 is a probability of one half.",
            Figure::logit(base).text,
            Figure::logit(base + total).text
        )
    });
    WhyView {
        arm: Some(row.label.clone()),
        sentence: format!(
            "What moved the estimate under {}, compared with the model\u{2019}s average patient. Bars to the right raise the estimated probability of pCR, bars to the left lower it.",
            words::in_sentence(&row.label)
        ),
        sum_sentence,
        association: words::ASSOCIATION,
        groups: contribution_groups(&usable),
    }
}

fn none(sentence: String) -> WhyView {
    WhyView { arm: None, sentence, sum_sentence: None, association: words::ASSOCIATION, groups: Vec::new() }
}

/// Why nothing is listed where the page answers with survival after surgery.
pub(super) fn why_after_surgery() -> WhyView {
    none(survival_words::NO_PARTS.to_owned())
}

fn contribution_groups(usable: &[&Contribution]) -> Vec<ContributionGroup> {
    by_group(usable, |each| each.group.as_str())
        .into_iter()
        .map(|(name, mut members)| {
            members.sort_by(|a, b| b.logit.abs().total_cmp(&a.logit.abs()));
            let total = members.iter().map(|each| each.logit).sum();
            // One left-over row is shown by name: a sum of one would hide its label for nothing.
            let listed = if members.len() == LISTED_PER_GROUP + 1 { members.len() } else { LISTED_PER_GROUP };
            let (head, tail) = members.split_at(listed.min(members.len()));
            let mut rows: Vec<ContributionRow> = head
                .iter()
                .map(|each| ContributionRow {
                    label: each.label.clone(),
                    value: each.value.clone(),
                    contribution: Figure::logit(each.logit),
                })
                .collect();
            if !tail.is_empty() {
                rows.push(ContributionRow {
                    label: format!("{} smaller contributions, added up", tail.len()),
                    value: String::new(),
                    contribution: Figure::logit(tail.iter().map(|each| each.logit).sum()),
                });
            }
            ContributionGroup { label: words::group(name), total: Figure::logit(total), rows }
        })
        .collect()
}
