use serde::Serialize;

use crate::decide::options::{Effect, PcrDefinition, RateOf, Truth};
use crate::report::decision_words as words;
use crate::report::figure::decimals;
use crate::report::words::standing;
use crate::study::decision::ListedOption;

/// An option with its rules judged and what is published about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedRow {
    /// Option id.
    pub id: String,
    /// Label for people.
    pub label: String,
    /// Standing in words.
    pub standing: String,
    /// Its place today.
    pub note: String,
    /// Whether it is open, and what is missing to say so.
    pub eligibility: String,
    /// Whether it is open, in a few words.
    pub open: &'static str,
    /// What is missing to say so; empty when nothing.
    pub needs: String,
    /// The trial's own rates, one sentence per endpoint.
    pub trial: Vec<String>,
    /// Published ratios, one sentence per effect.
    pub effects: Vec<String>,
    /// Published harms.
    pub harms: Vec<String>,
}

impl ListedRow {
    /// `good` or `warning`, for the style sheet.
    #[must_use]
    pub fn class(&self) -> &'static str {
        if self.needs.is_empty() { "good" } else { "warning" }
    }

    pub(super) fn of(listed: &ListedOption) -> Self {
        let unknown: Vec<String> = listed
            .eligibility
            .rules
            .iter()
            .filter(|rule| rule.truth == Truth::Unknown)
            .map(|rule| format!("{} ({})", rule.expected, rule.found))
            .collect();
        let overall = words::truth(listed.eligibility.overall);
        Self {
            id: listed.id.clone(),
            label: listed.label.clone(),
            standing: standing(&listed.standing),
            note: listed.note.clone(),
            open: overall,
            needs: if unknown.is_empty() { String::new() } else { format!("Needs {}.", unknown.join("; ")) },
            eligibility: match unknown.is_empty() {
                true => format!("{overall}."),
                false => format!("{overall}: needs {}.", unknown.join("; ")),
            },
            trial: trial(listed),
            effects: effects(listed),
            harms: harms(listed),
        }
    }

    /// The row of an option that is not closed.
    pub(super) fn open(listed: &ListedOption) -> Option<Self> {
        (listed.eligibility.overall != Truth::NotMet).then(|| Self::of(listed))
    }
}

fn trial(listed: &ListedOption) -> Vec<String> {
    let rates = listed.effects.iter().flat_map(|effect| effect.rates.iter().map(move |rate| (effect, rate)));
    rates
        .map(|(effect, rate)| {
            let definition = match effect.pcr_definition {
                Some(PcrDefinition::BreastAndNodes) => " (ypT0/is ypN0)",
                Some(PcrDefinition::BreastOnly) => " (breast only)",
                None => "",
            };
            let endpoint = words::endpoint(effect.endpoint);
            let what = match rate.of {
                RateOf::Event => format!("{endpoint}{definition} in"),
                RateOf::Free => format!("free of the event ({endpoint}):"),
            };
            let mark = mark(effect);
            let years = rate.at_years.map_or_else(String::new, |years| format!(" at {years} years"));
            let against = rate.without_pct.map_or_else(String::new, |without| format!(" against {without} %"));
            let group = rate.group.as_ref().map_or_else(String::new, |group| format!(", {group}"));
            format!("{what} {} %{against}{years}{group}, {}{mark}", rate.with_pct, effect.source)
        })
        .collect()
}

/// What of an effect was recalled and not read, in brackets.
fn mark(effect: &Effect) -> String {
    words::recalled(effect.verified, &effect.recalled).map_or_else(String::new, |mark| format!(" [{mark}]"))
}

fn effects(listed: &ListedOption) -> Vec<String> {
    listed
        .effects
        .iter()
        .map(|effect| {
            let ratios: Vec<String> = effect
                .periods
                .iter()
                .map(|period| {
                    let interval = period
                        .lower95
                        .zip(period.upper95)
                        .map_or_else(String::new, |(low, high)| format!(" ({} to {})", decimals(low), decimals(high)));
                    let years = match (period.from_year, period.to_year) {
                        (0.0, None) => String::new(),
                        (from, None) => format!(" from year {from}"),
                        (from, Some(to)) => format!(" in years {from} to {to}"),
                    };
                    format!("{}{interval}{years}", decimals(period.estimate))
                })
                .collect();
            let ratio = if ratios.is_empty() { String::new() } else { format!(", ratio {}", ratios.join(" / ")) };
            let mark = mark(effect);
            format!(
                "{}{ratio}, from {}; against {}. {}{mark}",
                words::sentence(words::endpoint(effect.endpoint)).trim_end_matches('.'),
                words::time_zero(effect.time_zero),
                effect.comparator,
                effect.source
            )
        })
        .collect()
}

fn harms(listed: &ListedOption) -> Vec<String> {
    listed
        .harms
        .iter()
        .map(|harm| {
            let grade = harm.grade.as_ref().map_or_else(String::new, |grade| format!(", grade {grade}"));
            let rates = match (harm.with_pct, harm.without_pct) {
                (Some(with), Some(without)) => format!(": {with} % against {without} %"),
                (Some(with), None) => format!(": {with} %"),
                _ => String::new(),
            };
            let mark = if harm.verified { "" } else { " [recalled, not read in the source]" };
            format!("{}{grade}{rates} ({}){mark}", harm.what, harm.source)
        })
        .collect()
}
