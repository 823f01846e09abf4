use super::ModelView;
use super::table::{FigureTable, interval, percent};
use crate::study::SurvivalEvaluation;

/// Years of the stored horizons.
const YEARS: [&str; 3] = ["5", "10", "15"];

/// Figures and groups of a survival baseline.
pub(super) fn fill(view: &mut ModelView, found: &SurvivalEvaluation) {
    let mut models = FigureTable::new(
        format!("Held-out figures in {} women, beside PREDICT on the same women and folds", found.n_samples),
        &[
            "Model",
            "Concordance, death from breast cancer",
            "Calibration slope",
            "Concordance, any death",
            "Observed over expected at 5 years",
            "at 10 years",
            "at 15 years",
        ],
    );
    for model in &found.models {
        let mut row = vec![
            model.model.clone(),
            interval(Some(&model.figures.c_breast)),
            interval(Some(&model.figures.slope_breast)),
            interval(Some(&model.figures.c_death)),
        ];
        row.extend(model.observed_expected.iter().map(|each| interval(Some(each))));
        models.push(row);
    }
    view.tables.push(models);
    for (at, years) in YEARS.iter().enumerate() {
        let mut groups = FigureTable::new(
            format!("Death from breast cancer within {years} years, by group"),
            &["Group", "Women", "Deaths", "Expected", "Observed", "Observed over expected"],
        );
        for group in &found.groups {
            if let Some(Some(cell)) = group.breast_death.get(at) {
                groups.push([
                    group.group.clone(),
                    cell.n_samples.to_string(),
                    cell.n_events.to_string(),
                    percent(cell.expected),
                    percent(cell.observed),
                    interval(Some(&cell.observed_expected)),
                ]);
            }
        }
        view.tables.push(groups);
    }
    view.remarks.push(
        "Curves of calibration and net benefit need the women that were held out, and a version stores none; groups stand in the tables.".to_owned(),
    );
}
