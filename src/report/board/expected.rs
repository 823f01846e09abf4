use crate::report::figure::IntervalFigure;
use crate::stats::beta_interval;
use crate::stats::poisson::standardised_ratio;

/// Below this many patients a ratio is shown with the remark that it says little.
const FEW_PATIENTS: usize = 30;
/// The same for expected events.
const FEW_EXPECTED: f64 = 5.0;

/// One decided patient: what was expected when the decision was signed, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// Expected probability of the outcome, in 0 to 1; `None` where the model gave none.
    pub probability: Option<f64>,
    /// Whether the outcome occurred; `None` while it is not known.
    pub occurred: Option<bool>,
}

/// Observed against expected over all decided patients.
#[derive(Debug, Clone, PartialEq)]
pub struct FollowUp {
    /// Patients with an expectation and an outcome.
    pub n: usize,
    /// Patients with an expectation whose outcome is not known yet.
    pub n_waiting: usize,
    /// Patients without an expectation.
    pub n_without: usize,
    /// Outcomes that occurred.
    pub n_observed: usize,
    /// Sum of the expected probabilities, one decimal.
    pub expected_text: String,
    /// Observed over expected, with its exact Poisson interval.
    pub ratio: Option<IntervalFigure>,
    /// Observed rate, with its Jeffreys interval.
    pub rate: Option<IntervalFigure>,
    /// What the numbers say, and how little when they are few.
    pub sentence: String,
}

/// Adds up `patients`.
#[must_use]
pub fn follow_up(patients: &[Observed]) -> FollowUp {
    let known: Vec<(f64, bool)> =
        patients.iter().filter_map(|patient| patient.probability.zip(patient.occurred)).collect();
    let n_observed = known.iter().filter(|(_, occurred)| *occurred).count();
    let expected: f64 = known.iter().map(|(probability, _)| probability).sum();
    let ratio = standardised_ratio(n_observed, expected).ok().and_then(|found| IntervalFigure::statistic(&found));
    let rate = beta_interval(n_observed, known.len()).ok().and_then(|found| IntervalFigure::probability(&found));
    let few = known.len() < FEW_PATIENTS || expected < FEW_EXPECTED;
    let sentence = match &ratio {
        None => "No patient has both an expectation and an outcome yet.".to_owned(),
        Some(_) if few => format!(
            "Only {}: too few to judge the expectations, chance alone could explain almost any ratio here.",
            count(known.len())
        ),
        Some(ratio) if ratio.lower95 > 1.0 => {
            "More responses occurred than were expected; the interval leaves out 1.".to_owned()
        }
        Some(ratio) if ratio.upper95 < 1.0 => {
            "Fewer responses occurred than were expected; the interval leaves out 1.".to_owned()
        }
        Some(_) => "The interval holds 1: what occurred agrees with what was expected.".to_owned(),
    };
    FollowUp {
        n: known.len(),
        n_waiting: patients.iter().filter(|one| one.probability.is_some() && one.occurred.is_none()).count(),
        n_without: patients.iter().filter(|one| one.probability.is_none()).count(),
        n_observed,
        expected_text: format!("{expected:.1}"),
        ratio,
        rate,
        sentence,
    }
}

fn count(n: usize) -> String {
    if n == 1 { "1 patient".to_owned() } else { format!("{n} patients") }
}
