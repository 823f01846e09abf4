use super::*;
use crate::report::ReportView;
use crate::report::fixtures::normal;

fn ids(list: &[&str]) -> Vec<String> {
    list.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn plans_hold_no_number_of_the_model() {
    let view = ReportView::new(&normal());
    let all = plans(&view);
    assert!(all.iter().any(|plan| plan.id == "arm:Pembro"));
    assert!(all.iter().all(|plan| plan.id != "arm:TDM1/P"), "nobody of her subtype received it");
    let shown = view.answer.estimate.as_ref().map(|estimate| estimate.text.clone()).unwrap();
    assert!(all.iter().all(|plan| !plan.label.contains(&shown) && !plan.text.contains(&shown)));
}

#[test]
fn the_difference_is_against_the_first_plan_and_names_its_missing_interval() {
    let view = ReportView::new(&normal());
    let table = compare(&view, &ids(&["arm:Ctr", "arm:Pembro"])).unwrap();
    let row = table.rows.iter().find(|row| row.label == "Complete response, model").unwrap();
    assert_eq!(row.cells[0].difference, "");
    assert_eq!(row.cells[1].difference, "+34 points");
    assert_eq!(row.cells[1].difference_note, "interval not available");
    assert_eq!(row.cells[1].number, "58 %");
    assert_eq!(row.cells[1].interval, "42 to 73 %");
    let turned = compare(&view, &ids(&["arm:Pembro", "arm:Ctr"])).unwrap();
    assert_eq!(turned.rows[1].cells[1].difference, "\u{2212}34 points");
}

#[test]
fn every_empty_cell_says_that_it_is_not_available() {
    let view = ReportView::new(&normal());
    let table = compare(&view, &ids(&["arm:Ctr", "arm:Pembro", "arm:ABT888"])).unwrap();
    for row in &table.rows {
        assert_eq!(row.cells.len(), 3);
        for cell in row.cells.iter().filter(|_| row.label != "What to know") {
            let empty = cell.number.is_empty() && cell.lines.is_empty();
            assert_eq!(empty, cell.absent.starts_with("Not available"), "{}", row.label);
        }
    }
}

#[test]
fn a_model_outside_the_interval_of_the_leading_one_is_a_conflict() {
    let mut view = ReportView::new(&normal());
    let conflicts = |view: &ReportView| {
        let table = compare(view, &ids(&["arm:Ctr", "arm:Pembro"])).unwrap();
        table.rows[1].cells[1].conflicts.clone()
    };
    assert!(conflicts(&view).is_empty());
    let row = view.options.iter_mut().find(|row| row.id == "Pembro").unwrap();
    row.other_models[0].estimate.as_mut().unwrap().estimate = 0.9;
    assert_eq!(conflicts(&view).len(), 1);
}

#[test]
fn one_five_or_unknown_plans_are_not_compared() {
    let view = ReportView::new(&normal());
    for bad in [
        ids(&["arm:Ctr"]),
        ids(&["arm:Ctr", "arm:Ctr"]),
        ids(&["arm:Ctr", "arm:nonsense"]),
        ids(&["arm:Ctr", "Pembro"]),
        ids(&[]),
    ] {
        assert!(compare(&view, &bad).is_none(), "{bad:?}");
    }
}

#[test]
fn observed_and_expected_are_those_of_the_same_patients() {
    let one = |probability, occurred| Observed { probability, occurred };
    let found = follow_up(&[
        one(Some(0.5), Some(true)),
        one(Some(0.25), Some(false)),
        one(Some(0.9), None),
        one(None, Some(true)),
    ]);
    assert_eq!((found.n, found.n_waiting, found.n_without, found.n_observed), (2, 1, 1, 1));
    assert_eq!(found.expected_text, "0.8");
    assert!(found.sentence.starts_with("Only 2 patients: too few"));
    assert!((found.ratio.unwrap().estimate - 1.0 / 0.75).abs() < 1e-12);
}

#[test]
fn without_any_outcome_there_is_no_ratio() {
    let found = follow_up(&[Observed { probability: Some(0.4), occurred: None }]);
    assert!(found.ratio.is_none() && found.rate.is_none());
    assert_eq!(found.n_waiting, 1);
}

#[test]
fn many_patients_with_far_fewer_responses_than_expected_are_said_to_be_fewer() {
    let many: Vec<Observed> = (0..100).map(|n| Observed { probability: Some(0.5), occurred: Some(n < 20) }).collect();
    let found = follow_up(&many);
    assert!(found.sentence.starts_with("Fewer"), "{}", found.sentence);
}
