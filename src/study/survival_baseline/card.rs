use std::fmt::Write;

use super::{SurvivalEvaluation, SurvivalRows, SurvivalSpec};
use crate::decide::baseline::SurvivalBaseline;
use crate::study::train::figure;

/// The card's closing sections.
const LIMITS: &str = "
## For

Absolute risk of death from breast cancer and from other causes within 15 years of diagnosis after surgery alone, as the base on
which published effects of adjuvant treatment are applied, with its uncertainty.

## Not for

- Today's prognosis from the raw hazards: METABRIC's women were diagnosed between 1977 and 2005. Only the era-recalibrated curves
  are shown to people, and their recalibration is an assumption, not an estimate.
- Effects of treatment: none is learned here.
- Men, stage 0 or IV, recurrent or bilateral disease, pregnancy, and women treated before surgery, whose size and nodes are not
  those of untreated disease.

## Limits

- The baseline is surgery alone only as far as the published effects hold in these women. Those who received none of the three
  treatments died less often than predicted, those with chemotherapy more often: indication is not fully described by the inputs.
- Regimens, doses, durations, adherence and trastuzumab are not recorded; effects measured in trials of the first decade are used
  to year 15; surgery and radiotherapy are of their time.
- Cause of death is as recorded; the two causes are taken as independent given the inputs.
- PAM50 with claudin-low and ERBB2 expression are those of METABRIC's arrays, z-scored within the cohort: values from another
  platform are comparable only after the same scaling. Where they are missing they are filled, and the draws widen.
- Screening, Ki-67, comorbidity, smoking and year of diagnosis are not in the data.
- No external validation. The manifest holds training patients as salted hashes, which can be reversed for a public cohort.

## Source

Curtis C et al., Nature 2012;486:346-352; Pereira B et al., Nat Commun 2016;7:11479; cBioPortal brca_metabric, Open Database License
(ODbL): this artifact holds aggregates and coefficients, no rows.";

/// The model card, in Markdown.
pub(super) fn card(
    spec: &SurvivalSpec,
    model: &SurvivalBaseline,
    rows: &SurvivalRows,
    evaluation: &SurvivalEvaluation,
) -> String {
    let mut text = String::new();
    let mut line = |said: String| {
        let _ = writeln!(text, "{said}");
    };
    line(format!("# {}\n", spec.name));
    line("Research use only. Not a medical device; not for choosing treatment.\n".to_owned());
    line(format!("- **Predicts** {}.", spec.target_definition));
    line(format!(
        "- **Fitted on** {} {}; {} deaths from breast cancer and {} from other causes within 15 years.",
        model.n_samples, spec.population, model.n_events[0], model.n_events[1]
    ));
    line(format!("- **Left out** {} without outcome; {:?}.", rows.n_without_outcome, rows.left_out));
    line(format!("- **Form** {}.", model.candidate));
    line(format!(
        "- **Uncertainty** {} bootstrap refits, each with the offsets' log rate ratios drawn from their published \
         uncertainty; missing inputs drawn; strength of the era's trend spread over {:?}.",
        model.draws.len(),
        model.era.strength_range
    ));
    line(format!("- **Era** {}; strength {}.", model.era.source, model.era.strength));
    line("\n## Treatments received, as fixed offsets\n".to_owned());
    for effect in &model.effects {
        line(format!(
            "- {:?}, {:?}: rate ratio {:.2} / {:.2} / {:.2}; {}",
            effect.treatment,
            effect.population,
            effect.log_hr[0].exp(),
            effect.log_hr[1].exp(),
            effect.log_hr[2].exp(),
            effect.source
        ));
    }
    line(format!(
        "\n## Performance\n\n{} × {}-fold cross-validation by patient, imputation and form refitted in each fold, under the \
         treatments received.\n\n| model | c, breast cancer death | c, any death | O/E at 10 years |\n|---|---|---|---|",
        spec.n_repeats, spec.n_folds
    ));
    for found in &evaluation.models {
        line(format!(
            "| {} | {} | {} | {} |",
            found.model,
            figure(&found.figures.c_breast),
            figure(&found.figures.c_death),
            figure(&found.observed_expected[1])
        ));
    }
    line("\n| group | women | expected, 10 years | observed | O/E |\n|---|---|---|---|---|".to_owned());
    for group in &evaluation.groups {
        if let Some(Some(at_10)) = group.breast_death.get(1) {
            line(format!(
                "| {} | {} | {:.1} % | {:.1} % | {} |",
                group.group,
                at_10.n_samples,
                100.0 * at_10.expected,
                100.0 * at_10.observed,
                figure(&at_10.observed_expected)
            ));
        }
    }
    line(LIMITS.to_owned());
    text
}
