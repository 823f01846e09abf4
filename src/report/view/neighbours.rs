use serde::Serialize;

use crate::report::case_words as words;
use crate::report::figure::{IntervalFigure, decimals};
use crate::report::words::{group, list};
use crate::study::{Neighbour, Neighbours};

/// Past patients like this one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NeighboursView {
    /// Whom the list was drawn from, or that there is nobody.
    pub sentence: String,
    /// How many of them responded, with the interval.
    pub responded: Option<String>,
    /// That share with its interval.
    pub rate: Option<IntervalFigure>,
    /// That this is no estimate.
    pub caution: &'static str,
    /// How near is measured.
    pub measure: &'static str,
    /// What the follow-up counts; empty where there is none.
    pub endpoint: String,
    /// The nearest first.
    pub rows: Vec<NeighbourRow>,
}

/// One past patient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NeighbourRow {
    /// The name under which she is shown.
    pub pseudonym: String,
    /// Distance, in standard deviations.
    pub distance: f64,
    /// The same as text.
    pub distance_text: String,
    /// Treatment received.
    pub received: String,
    /// Response at surgery.
    pub response: &'static str,
    /// Follow-up, empty where there is none.
    pub follow_up: String,
    /// Inputs in which the two differ, as sentences.
    pub differences: Vec<String>,
}

pub(super) fn neighbours(from: &Neighbours) -> NeighboursView {
    let rate = from.pcr_rate.as_ref().and_then(IntervalFigure::probability);
    NeighboursView {
        sentence: words::drawn_from(from),
        responded: rate.as_ref().map(|rate| words::responded(from, rate)),
        rate,
        caution: words::CASES,
        measure: words::NEAR,
        endpoint: from.endpoint.clone(),
        rows: from.nearest.iter().map(row).collect(),
    }
}

fn row(from: &Neighbour) -> NeighbourRow {
    let mut differences: Vec<String> = from
        .differences
        .iter()
        .map(|each| format!("{}: {}, this patient {}", each.label, each.theirs, each.hers))
        .collect();
    if from.n_further > 0 {
        differences.push(format!("{} further inputs differ", from.n_further));
    }
    let one_sided: Vec<String> =
        from.recorded_for_one.iter().map(|(name, n)| format!("{n} of {}", group(name))).collect();
    if !one_sided.is_empty() {
        differences.push(format!("Recorded for one of the two only: {}", list(&one_sided)));
    }
    NeighbourRow {
        pseudonym: from.pseudonym.to_string(),
        distance: from.distance,
        distance_text: decimals(from.distance),
        received: from.received.clone().unwrap_or_else(|| "Not recorded".to_owned()),
        response: words::response(from.pcr),
        follow_up: from.follow_up.map(|at| words::follow_up(at.days, at.event)).unwrap_or_default(),
        differences,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::normal;
    use crate::report::{ReportView, html};
    use crate::study::{FollowUp, InputDifference};
    use crate::terms::{Estimate, Pseudonym, Subtype};

    fn near() -> Neighbours {
        let one = |byte: u8, pcr| Neighbour {
            pseudonym: Pseudonym::from_digest(&[byte; 32]),
            visit: "baseline".to_owned(),
            distance: 0.81,
            received: Some("Paclitaxel, then AC".to_owned()),
            pcr,
            follow_up: Some(FollowUp { days: 730.5, event: pcr == Some(false) }),
            differences: vec![InputDifference {
                label: "Age at diagnosis".to_owned(),
                hers: "47 years".to_owned(),
                theirs: "61 years".to_owned(),
            }],
            n_further: 2,
            recorded_for_one: vec![("expression".to_owned(), 27)],
        };
        Neighbours {
            among: Some(Subtype::TripleNegative),
            n_candidates: 41,
            nearest: vec![one(1, Some(true)), one(2, Some(false)), one(3, None)],
            n_response: 2,
            n_pcr: 1,
            pcr_rate: Some(Estimate { estimate: 0.5, lower95: 0.06, upper95: 0.94 }),
            endpoint: "death or relapse".to_owned(),
        }
    }

    #[test]
    fn the_page_lists_cases_counts_responses_and_says_that_it_is_no_estimate() {
        let mut from = normal();
        from.neighbours = Some(near());
        let page = html(&ReportView::new(&from)).unwrap().replace('\u{a0}', " ");
        for part in [
            "The 3 nearest of 41 other patients with triple-negative (HR-/HER2-) cancer",
            "1 of the 2 whose response is recorded had pathological complete response (50 %, 95 % Jeffreys interval 6 to 94 %).",
            "A look at cases, not an estimate",
            "Age at diagnosis: 61 years, this patient 47 years",
            "2 further inputs differ",
            "Recorded for one of the two only: 27 of Expression",
            "Event after 2.0 years",
            "No event in 2.0 years",
            "P-010101010101",
        ] {
            assert!(page.contains(part), "{part}");
        }
    }

    #[test]
    fn a_cohort_without_outcomes_is_told_apart_from_an_empty_section() {
        let mut from = normal();
        let nobody = Neighbours { nearest: vec![], n_candidates: 0, pcr_rate: None, among: None, ..near() };
        from.neighbours = Some(nobody);
        let page = html(&ReportView::new(&from)).unwrap();
        assert!(page.contains("No other patient of this cohort file has a recorded outcome."));
        assert!(!page.contains("class=\"stack neighbours\""));
    }
}
