use super::table::{FigureTable, interval, number, percent};
use super::{ModelView, plots};
use crate::study::BinaryEvaluation;

/// Figures, subgroups, blanked inputs, cells and plots of a response model.
pub(super) fn fill(view: &mut ModelView, found: &BinaryEvaluation, held_out: Option<&BinaryEvaluation>) {
    view.facts.push(("Evaluated by", found.method.clone()));
    let mut whole = FigureTable::new(
        format!(
            "Performance in {} patients, {} with the outcome; 95 % intervals by bootstrap",
            found.n, found.n_events
        ),
        &["Figure", "Estimate (95 % interval)", "Ideal"],
    );
    for (label, figure, ideal) in [
        ("AUC", &found.auc, "1, chance 0.5"),
        ("Average precision", &found.auprc, "1"),
        ("Brier score", &found.brier, "0"),
        ("Log loss", &found.log_loss, "0"),
        ("Calibration intercept", &found.calibration.intercept, "0"),
        ("Calibration slope", &found.calibration.slope, "1; below 1 too extreme"),
        ("Integrated calibration index", &found.calibration.ici, "0"),
    ] {
        whole.push([label.to_owned(), interval(Some(figure)), ideal.to_owned()]);
    }
    view.tables.push(whole);
    let mut groups = FigureTable::new(
        "By receptor subtype",
        &["Subtype", "Patients", "With the outcome", "AUC", "Brier score", "Calibration slope"],
    );
    for group in &found.subgroups {
        groups.push([
            group.name.clone(),
            group.n.to_string(),
            group.n_events.to_string(),
            interval(group.auc.as_ref()),
            interval(group.brier.as_ref()),
            interval(group.calibration_slope.as_ref()),
        ]);
    }
    view.tables.push(groups);
    if !found.ladder.is_empty() {
        let mut ladder = FigureTable::new("With inputs left out at prediction", &["Left out", "AUC", "Brier score"]);
        for step in &found.ladder {
            ladder.push([step.without.join(", "), interval(Some(&step.auc)), interval(Some(&step.brier))]);
        }
        view.tables.push(ladder);
    }
    if !found.cells.is_empty() {
        let mut cells = FigureTable::new(
            "Observed rate and mean out-of-fold estimate, by subtype and option received (at least 15 patients)",
            &["Subtype and option", "Patients", "Observed (95 % interval)", "Mean estimate"],
        );
        for cell in &found.cells {
            let range = format!("{} to {}", percent(cell.observed.lower95), percent(cell.observed.upper95));
            cells.push([
                format!("{}, {}", cell.subtype, cell.option),
                cell.n.to_string(),
                format!("{} ({range})", percent(cell.observed.estimate)),
                number(cell.mean_estimate),
            ]);
        }
        view.tables.push(cells);
        view.charts.push(plots::cells(&found.cells));
    }
    match held_out.map(|held_out| (held_out, plots::curves(held_out))) {
        Some((held_out, Ok(charts))) if matches(found, held_out) => view.charts.extend(charts),
        Some((held_out, _)) if !matches(found, held_out) => view.remarks.push(
            "The evaluation that was given is of another specification or other data than this version: it is not shown."
                .to_owned(),
        ),
        Some(_) => view.remarks.push("The evaluation that was given holds too few patients for a curve.".to_owned()),
        None => view.remarks.push(
            "A curve of net benefit and a smooth calibration curve need the patients that were held out, and a version stores none. `regimen evaluate SPEC --cv --json FILE` writes them; `serve --evaluations DIR` shows them here.".to_owned(),
        ),
    }
}

/// Whether an evaluation is the one whose figures the version stores.
fn matches(stored: &BinaryEvaluation, held_out: &BinaryEvaluation) -> bool {
    stored.model == held_out.model
        && stored.spec_sha256 == held_out.spec_sha256
        && stored.data_sha256 == held_out.data_sha256
}
