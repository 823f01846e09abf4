//! The sentences about survival after surgery: natural frequencies in both frames.

use super::figure::IntervalFigure;
use super::view::Fates;
use super::words::list;

/// Why a predicted curve has no numbers at risk.
pub const NOBODY_AT_RISK: &str = "No numbers at risk: the curve is a prediction for one patient, not a group that was followed. How the model did in groups that were followed stands under validation.";

/// What the bars, sentences and icons have in common.
pub const ONE_RESULT: &str = "Bars, sentences, icons and curves say the same: each option over surgery alone, or over what it stands on top of. Options stand in the order of their file, not of their numbers, and they do not add up.";

/// Whom "patients like this one" means for the survival model.
#[must_use]
pub fn survival_class(model: &str, n_training: Option<usize>) -> String {
    let learned = n_training.map_or_else(
        || "the number of patients it learned from is not recorded".to_owned(),
        |n| format!("learned from {n} patients after surgery"),
    );
    format!(
        "\u{201c}Patients like this one\u{201d}: the survival model {model} {learned}; its hazards are carried to 2017 with half of the trend that PREDICT assumes."
    )
}

/// What becomes of 100 patients after surgery alone, in both frames.
#[must_use]
pub fn survival_frequencies(years: f64, alone: Fates, alive: &IntervalFigure) -> String {
    format!(
        "Of 100 patients like this one, about {} (95 % interval {}) are alive {years:.0} years after surgery alone; about {} have died: {} of breast cancer and {} of other causes.",
        alone.all_alive(),
        alive.interval_text.trim_end_matches(" %"),
        alone.all_dead(),
        alone.breast_death,
        alone.other_death,
    )
}

/// How many more, or fewer, of 100 are alive with an option.
#[must_use]
pub fn alive_with(years: f64, fates: Fates, gain: &IntervalFigure) -> String {
    let interval = format!("{} points, 95 % interval {}", gain.text, gain.interval_text);
    let said = match (fates.thanks, fates.because) {
        (0, 0) => format!(
            "At {years:.0} years as many of 100 are alive with it as without it: {} ({interval}).",
            fates.all_alive()
        ),
        (0, lost) => format!(
            "With it {} of 100 are alive at {years:.0} years instead of {}: {lost} fewer ({interval}).",
            fates.all_alive(),
            fates.alive + lost
        ),
        (gained, _) => format!(
            "With it {} of 100 are alive at {years:.0} years instead of {}: {gained} more ({interval}).",
            fates.all_alive(),
            fates.alive
        ),
    };
    let open = gain.lower95 <= 0.0 && gain.upper95 >= 0.0;
    if open { format!("{said} The interval holds both benefit and harm.") } else { said }
}

/// The same as deaths.
#[must_use]
pub fn dead_with(fates: Fates) -> String {
    let unchanged = 100 - fates.thanks - fates.because;
    match (fates.thanks, fates.because) {
        (0, 0) => format!("{} have died with it, and {} without it.", fates.all_dead(), fates.all_dead()),
        (0, lost) => format!(
            "{} have died instead of {}; for {unchanged} of 100 it changes nothing in these years.",
            fates.all_dead(),
            fates.all_dead() - lost
        ),
        (gained, _) => format!(
            "{} have died instead of {}; for {unchanged} of 100 it changes nothing in these years.",
            fates.all_dead(),
            fates.all_dead() + gained
        ),
    }
}

/// The options that have no number at the year of the counts.
#[must_use]
pub fn without_number(labels: &[String]) -> Option<String> {
    (!labels.is_empty()).then(|| format!("Without a number here, for the reasons in the table: {}.", list(labels)))
}

/// Why nothing is listed as having moved the outlook after surgery.
pub const NO_PARTS: &str = "Nothing is listed: the survival model\u{2019}s outlook is not taken apart by input. What it learned stands on its card; what a change of an input would change can be asked as a hypothetical record.";

/// What the validation of the survival model is.
pub const VALIDATION: &str = "Survival model, predictions for patients left out of its fit, against what was observed in the same cohort by ten years, in its years of diagnosis and under the treatments received. 1 is perfect; above 1, more patients died than predicted. Not validated at any other hospital.";

/// A count of 100 in words for a key.
#[must_use]
pub fn fate_labels() -> [&'static str; 5] {
    [
        "alive because of the option",
        "alive with or without it",
        "died of breast cancer",
        "died of other causes",
        "died because of the option",
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::Estimate;

    fn points(estimate: f64, lower95: f64, upper95: f64) -> IntervalFigure {
        IntervalFigure::points(&Estimate { estimate, lower95, upper95 }).unwrap()
    }

    #[test]
    fn both_frames_speak_of_the_same_hundred() {
        let fates = Fates { thanks: 3, alive: 84, breast_death: 5, other_death: 8, because: 0 };
        assert_eq!(
            alive_with(10.0, fates, &points(0.028, 0.016, 0.057)),
            "With it 87 of 100 are alive at 10 years instead of 84: 3 more (+2.8 points, 95 % interval 1.6 to 5.7)."
        );
        assert_eq!(dead_with(fates), "13 have died instead of 16; for 97 of 100 it changes nothing in these years.");
    }

    #[test]
    fn a_harm_is_said_as_plainly_as_a_benefit() {
        let fates = Fates { thanks: 0, alive: 45, breast_death: 20, other_death: 33, because: 2 };
        let said = alive_with(10.0, fates, &points(-0.018, -0.043, 0.023));
        assert!(said.contains("45 of 100") && said.contains("instead of 47: 2 fewer"), "{said}");
        assert!(said.ends_with("The interval holds both benefit and harm."), "{said}");
        assert_eq!(dead_with(fates), "55 have died instead of 53; for 98 of 100 it changes nothing in these years.");
    }
}
