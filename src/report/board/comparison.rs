use super::plans::{Plan, plans};
use crate::report::ReportView;
use crate::report::figure::{IntervalFigure, percent_number};
use crate::report::view::{AdjuvantRow, BranchView, ListedRow, OptionRow};

/// Fewest and most plans that stand side by side.
const PLANS: std::ops::RangeInclusive<usize> = 2..=4;
/// Horizons of the survival benefit, years.
const YEARS: [f64; 3] = [5.0, 10.0, 15.0];
const ABSENT: &str = "Not available";

/// Two to four plans side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The plans, the reference first.
    pub plans: Vec<Plan>,
    /// One row per outcome, one cell per plan.
    pub rows: Vec<ComparisonRow>,
    /// What a reader of the table must know.
    pub notes: Vec<&'static str>,
}

/// One outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonRow {
    /// What it is.
    pub label: String,
    /// Unit and source in a few words.
    pub hint: &'static str,
    /// One cell per plan.
    pub cells: Vec<Cell>,
}

/// One outcome under one plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    /// The number, empty where there is none.
    pub number: String,
    /// Its 95 % interval, empty where there is none.
    pub interval: String,
    /// Difference to the reference, empty for the reference itself and where a number is missing.
    pub difference: String,
    /// What the difference lacks.
    pub difference_note: &'static str,
    /// Sentences.
    pub lines: Vec<String>,
    /// Where sources disagree.
    pub conflicts: Vec<String>,
    /// Why there is nothing, empty where there is something.
    pub absent: String,
}

impl Cell {
    fn absent(why: impl Into<String>) -> Self {
        let why = why.into();
        Self { absent: if why.is_empty() { ABSENT.to_owned() } else { format!("{ABSENT}: {why}") }, ..Self::default() }
    }

    fn lines(lines: Vec<String>, why: &str) -> Self {
        if lines.is_empty() { Self::absent(why) } else { Self { lines, ..Self::default() } }
    }

    fn figure(figure: &IntervalFigure, unit: &str) -> Self {
        Self { number: format!("{}{unit}", figure.text), interval: figure.interval_text.clone(), ..Self::default() }
    }
}

enum Source<'a> {
    Arm(&'a OptionRow),
    Before(&'a ListedRow),
    After(Vec<(&'a BranchView, &'a AdjuvantRow)>),
}

/// The plans `ids` of `view` side by side; the first is the reference. `None` unless two to four of them exist.
#[must_use]
pub fn compare(view: &ReportView, ids: &[String]) -> Option<Comparison> {
    let known = plans(view);
    let mut chosen: Vec<Plan> = Vec::new();
    for id in ids {
        let plan = known.iter().find(|plan| plan.id == *id)?;
        if !chosen.contains(plan) {
            chosen.push(plan.clone());
        }
    }
    if !PLANS.contains(&chosen.len()) {
        return None;
    }
    let sources: Vec<Source> = chosen.iter().map(|plan| source(view, &plan.id)).collect::<Option<_>>()?;
    let row = |label: &str, hint: &'static str, cell: &dyn Fn(&Source) -> Cell| ComparisonRow {
        label: label.to_owned(),
        hint,
        cells: sources.iter().map(cell).collect(),
    };
    let mut rows = vec![
        row("Eligibility", "Criteria of the trials behind the option", &eligibility),
        response(&sources),
        row("Complete response observed", "Rate in the patient\u{2019}s subtype and arm, or published", &observed),
    ];
    for years in YEARS {
        let label = format!("Survival gained at {years:.0} years");
        rows.push(row(&label, "Points, against the same care without it", &|from| benefit(from, years)));
    }
    rows.push(row("PREDICT at 10 years", "Points of survival gained, by version", &predict));
    rows.push(row("Harms", "Published, with and without", &harms));
    rows.push(row("Published effects", "Ratios of the trials", &effects));
    rows.push(row("What to know", "Caveats of these numbers", &caveats));
    rows.retain(|row| row.label != "What to know" || row.cells.iter().any(|cell| !cell.lines.is_empty()));
    Some(Comparison { plans: chosen, rows, notes: NOTES.to_vec() })
}

const NOTES: [&str; 3] = [
    "A difference of two estimates of one model has no interval here: the report keeps the intervals of the estimates, and they are not independent.",
    "Survival gained is itself a difference, against the same care without the option; two such numbers must not be subtracted.",
    "A higher rate of complete response does not by itself mean longer survival.",
];

fn source<'a>(view: &'a ReportView, id: &str) -> Option<Source<'a>> {
    let (kind, id) = id.split_once(':')?;
    let decision = view.decision.as_ref();
    match kind {
        "arm" => view.options.iter().find(|row| row.id == id).map(Source::Arm),
        "before" => decision?.neoadjuvant.iter().map(|row| &row.listed).find(|row| row.id == id).map(Source::Before),
        _ => {
            let rows: Vec<_> = decision?
                .branches
                .iter()
                .filter_map(|branch| Some((branch, branch.rows.iter().find(|row| row.listed.id == id)?)))
                .collect();
            (!rows.is_empty()).then_some(Source::After(rows))
        }
    }
}

/// One line per branch; a branch is named only where there are several.
fn by_branch(rows: &[(&BranchView, &AdjuvantRow)], text: impl Fn(&AdjuvantRow) -> Vec<String>) -> Vec<String> {
    let several = rows.len() > 1;
    let mut lines: Vec<String> = Vec::new();
    for (branch, row) in rows {
        for line in text(row) {
            let line = match branch.heading.as_ref().filter(|_| several) {
                Some(heading) => format!("{heading}: {line}"),
                None => line,
            };
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

fn eligibility(from: &Source) -> Cell {
    match from {
        Source::Arm(row) => {
            let n = row.n_comparable.map(|n| format!("{n} patients of the same subtype received it."));
            Cell::lines([Some(row.standing.clone()), n].into_iter().flatten().collect(), "")
        }
        Source::Before(row) => Cell::lines(vec![row.eligibility.clone()], ""),
        Source::After(rows) => Cell::lines(by_branch(rows, |row| vec![row.listed.eligibility.clone()]), ""),
    }
}

/// The model's probability of response, with the difference to the first plan.
fn response(sources: &[Source]) -> ComparisonRow {
    let of = |from: &Source| match from {
        Source::Arm(row) => row.estimate.clone(),
        _ => None,
    };
    let reference = sources.first().and_then(of);
    let cells = sources
        .iter()
        .enumerate()
        .map(|(place, from)| {
            let Source::Arm(row) = from else { return Cell::absent("the model knows the arms of its trial only") };
            let Some(estimate) = &row.estimate else { return Cell::absent(row.reason.clone()) };
            let mut cell = Cell::figure(estimate, "");
            if let Some(reference) = reference.as_ref().filter(|_| place > 0) {
                cell.difference = points(estimate.estimate - reference.estimate);
                cell.difference_note = "interval not available";
            }
            cell.conflicts = row
                .other_models
                .iter()
                .filter_map(|other| {
                    let theirs = other.estimate.as_ref()?;
                    let inside = (estimate.lower95..=estimate.upper95).contains(&theirs.estimate);
                    (!inside).then(|| format!("{} says {}, outside this interval.", other.model, theirs.text))
                })
                .collect();
            let inside = |value: f64| (estimate.lower95..=estimate.upper95).contains(&value);
            if let Some(seen) = row.observed.as_ref().filter(|seen| !inside(seen.estimate)) {
                cell.conflicts
                    .push(format!("The rate observed in the arm, {}, lies outside this interval.", seen.text));
            }
            cell
        })
        .collect();
    ComparisonRow { label: "Complete response, model".to_owned(), hint: "Probability of pCR, 95 % interval", cells }
}

fn points(difference: f64) -> String {
    let whole = percent_number(difference.abs());
    match (whole.as_str(), difference < 0.0) {
        ("0", _) => "0 points".to_owned(),
        (_, true) => format!("\u{2212}{whole} points"),
        (_, false) => format!("+{whole} points"),
    }
}

fn observed(from: &Source) -> Cell {
    match from {
        Source::Arm(row) => match &row.observed {
            Some(figure) => {
                let mut cell = Cell::figure(figure, "");
                cell.lines.extend(row.observed_count.clone());
                cell
            }
            None => Cell::absent("too few comparable patients"),
        },
        Source::Before(row) => Cell::lines(row.trial.clone(), "no rate is on file"),
        Source::After(_) => Cell::absent("the treatment follows the operation"),
    }
}

fn benefit(from: &Source, years: f64) -> Cell {
    let Source::After(rows) = from else {
        return Cell::absent("a survival benefit is given for options after surgery only");
    };
    let at = |row: &AdjuvantRow| row.benefits.iter().find(|at| at.years == years).cloned();
    if let [(_, row)] = rows.as_slice() {
        return match at(row) {
            None => Cell::absent(row.benefit_absent.clone()),
            Some(at) => match &at.gain {
                None => Cell::absent(at.withheld),
                Some(gain) => Cell { lines: at.number_needed.into_iter().collect(), ..Cell::figure(gain, " points") },
            },
        };
    }
    let lines = by_branch(rows, |row| {
        let text = match at(row) {
            None => row.benefit_absent.clone(),
            Some(at) => match &at.gain {
                None => at.withheld,
                Some(gain) => format!("{} points ({})", gain.text, gain.interval_text),
            },
        };
        vec![if text.is_empty() { ABSENT.to_lowercase() } else { text }]
    });
    Cell::lines(lines, "")
}

fn predict(from: &Source) -> Cell {
    let Source::After(rows) = from else { return Cell::absent("PREDICT is about treatment after surgery") };
    let lines = by_branch(rows, |row| {
        row.predict
            .iter()
            .map(|gain| match &gain.range {
                Some(range) => format!("{} ({range}), version {}", gain.gain, gain.version),
                None => format!("{}, version {}", gain.gain, gain.version),
            })
            .collect()
    });
    let why = rows.first().map(|(_, row)| row.predict_absent.clone()).unwrap_or_default();
    let mut cell = Cell::lines(lines, &why);
    cell.conflicts = by_branch(rows, |row| row.conflicts.clone());
    cell
}

fn harms(from: &Source) -> Cell {
    let none = "no harm is on file, which does not mean that there is none";
    match from {
        Source::Arm(_) => Cell::absent(none),
        Source::Before(row) => Cell::lines(row.harms.clone(), none),
        Source::After(rows) => Cell::lines(by_branch(rows, |row| row.listed.harms.clone()), none),
    }
}

fn effects(from: &Source) -> Cell {
    let none = "no published effect is on file";
    match from {
        Source::Arm(_) => Cell::absent(none),
        Source::Before(row) => Cell::lines(row.effects.clone(), none),
        Source::After(rows) => Cell::lines(by_branch(rows, |row| row.listed.effects.clone()), none),
    }
}

fn caveats(from: &Source) -> Cell {
    let lines = match from {
        Source::Arm(row) => [&row.note, &row.reason].into_iter().filter(|text| !text.is_empty()).cloned().collect(),
        Source::Before(row) => Some(row.note.clone()).into_iter().filter(|text| !text.is_empty()).collect(),
        Source::After(rows) => by_branch(rows, |row| row.caveats.clone()),
    };
    Cell { lines, ..Cell::default() }
}
