use super::chart::{self, ForestRow, Layout, Mark, Part, PartKind, SurvivalChart};
use super::figure::IntervalFigure;
use super::view::{BranchView, ContributionRow, Fates, OptionFates, OptionRow, ReportView, SurvivalView};
use super::{survival_words, words};

/// One group of contributions with its bars.
pub(super) struct BarGroup<'a> {
    pub(super) label: &'a str,
    pub(super) total: &'a str,
    pub(super) rows: Vec<(&'a ContributionRow, String)>,
}

/// One branch of the options after surgery with its drawings.
pub(super) struct BranchDrawings<'a> {
    pub(super) branch: &'a BranchView,
    /// What is said of survival beyond the formats.
    pub(super) outlook: Vec<&'a str>,
    /// Labels of the rows that stand under an earlier branch.
    pub(super) repeated: Vec<&'a str>,
    pub(super) formats: Option<Formats<'a>>,
}

/// Survival after surgery, drawn in every format.
pub(super) struct Formats<'a> {
    pub(super) view: &'a SurvivalView,
    /// The sentence about surgery alone, where the answer of the page does not say it already.
    pub(super) unsaid: Option<&'a str>,
    pub(super) curve: Option<String>,
    pub(super) bar: String,
    pub(super) options: Vec<OptionDrawing<'a>>,
    pub(super) key: Vec<(String, &'static str)>,
}

/// One option, drawn in every format.
pub(super) struct OptionDrawing<'a> {
    pub(super) option: &'a OptionFates,
    pub(super) bar: String,
    pub(super) icons: String,
    pub(super) curve: Option<String>,
}

/// The icons of the answer, if it is a number.
pub(super) fn answer_icons(view: &ReportView) -> Option<String> {
    if let Some(frequency) = &view.answer.frequency {
        let title = format!("{} of 100 patients with pathological complete response", frequency.with_response);
        return Some(chart::icon_array(frequency.with_response, &title, &frequency.sentence));
    }
    let survival = view.answer.survival.as_ref()?;
    let title = format!("{} of 100 patients alive", survival.fates.all_alive());
    Some(chart::part_icons(&parts(survival.fates), &title, &view.answer.sentence))
}

/// The key of the icons and bars: those parts that occur.
pub(super) fn key(fates: impl Iterator<Item = Fates>) -> Vec<(String, &'static str)> {
    let fates: Vec<Fates> = fates.collect();
    let kinds = [PartKind::Gained, PartKind::Good, PartKind::Bad, PartKind::Other, PartKind::Lost];
    let labels = survival_words::fate_labels();
    let occurs = |kind: PartKind| fates.iter().any(|fates| parts(*fates).iter().any(|p| p.kind == kind && p.count > 0));
    kinds
        .into_iter()
        .zip(labels)
        .filter(|(kind, _)| occurs(*kind))
        .map(|(k, label)| (chart::part_mark(k), label))
        .collect()
}

pub(super) fn branches<'a>(view: &'a ReportView) -> Vec<BranchDrawings<'a>> {
    let all = view.decision.iter().flat_map(|decision| &decision.branches);
    let said = view.answer.sentence.as_str();
    let drawn = |branch: &'a BranchView| {
        let survival = branch.survival.as_ref();
        let shown = survival.map_or("", |survival| survival.sentence.as_str());
        let outlook = branch.outlook.iter().map(String::as_str).filter(|text| *text != shown && *text != said);
        let repeated = branch.rows.iter().filter(|row| row.repeated).map(|row| row.listed.label.as_str());
        BranchDrawings {
            outlook: outlook.collect(),
            repeated: repeated.collect(),
            formats: survival.map(|survival| formats(survival, said)),
            branch,
        }
    };
    all.map(drawn).collect()
}

fn formats<'a>(view: &'a SurvivalView, said: &str) -> Formats<'a> {
    let alive: Vec<(f64, f64)> = view.curve.iter().map(|point| (point.years, point.alive)).collect();
    Formats {
        unsaid: (view.sentence != said).then_some(view.sentence.as_str()),
        curve: (!view.curve.is_empty()).then(|| curve(view)),
        bar: chart::stacked_bar(&parts(view.alone), "After surgery alone", &view.sentence),
        options: view.options.iter().map(|option| drawn(option, &alive)).collect(),
        key: key(view.options.iter().map(|option| option.fates).chain([view.alone])),
        view,
    }
}

fn drawn<'a>(option: &'a OptionFates, alone: &[(f64, f64)]) -> OptionDrawing<'a> {
    let said = format!("{} {}", option.alive_sentence, option.death_sentence);
    let parts = parts(option.fates);
    OptionDrawing {
        bar: chart::stacked_bar(&parts, &option.label, &said),
        icons: chart::part_icons(&parts, &format!("{} as 100 people", option.label), &said),
        // On top of something else the curve without the option is not the one after surgery alone.
        curve: (option.beside.is_empty() && !option.curve.is_empty()).then(|| {
            let title = format!("{}: alive with it and after surgery alone", option.label);
            chart::gain_chart(alone, &option.curve, &title, &said)
        }),
        option,
    }
}

fn curve(view: &SurvivalView) -> String {
    chart::survival_chart(&SurvivalChart {
        title: "Alive after surgery alone, by year".to_owned(),
        description: format!("{} The numbers stand in the table.", view.sentence),
        alive: view.curve.iter().map(|point| (point.years, point.alive, point.lower95, point.upper95)).collect(),
        without_other_death: view.curve.iter().map(|point| (point.years, point.without_other_death)).collect(),
        labelled: view.table.iter().map(|row| row.years).collect(),
    })
}

fn parts(fates: Fates) -> [Part; 5] {
    [
        (PartKind::Gained, fates.thanks),
        (PartKind::Good, fates.alive),
        (PartKind::Bad, fates.breast_death),
        (PartKind::Other, fates.other_death),
        (PartKind::Lost, fates.because),
    ]
    .map(|(kind, count)| Part { kind, count })
}

/// Each arm with a number as a bar of 100 patients.
pub(super) fn arm_bars(view: &ReportView) -> Vec<(&OptionRow, String)> {
    let shown = view.options.iter().filter_map(|row| Some((row, row.frequency.as_ref()?)));
    shown
        .map(|(row, frequency)| {
            let parts = [
                Part { kind: PartKind::Good, count: frequency.with_response },
                Part { kind: PartKind::Bad, count: frequency.without_response },
            ];
            (row, chart::stacked_bar(&parts, &row.label, &frequency.sentence))
        })
        .collect()
}

pub(super) fn contributions(view: &ReportView) -> Vec<BarGroup<'_>> {
    let rows = view.why.groups.iter().flat_map(|group| &group.rows);
    let largest = rows.map(|row| row.contribution.value.abs()).fold(0.0, f64::max);
    let bar = |row: &ContributionRow| {
        let title = format!("{}: {}", row.label, row.contribution.text);
        chart::diverging_bar(row.contribution.value, largest, &title)
    };
    view.why
        .groups
        .iter()
        .map(|group| BarGroup {
            label: &group.label,
            total: &group.total.text,
            rows: group.rows.iter().map(|row| (row, bar(row))).collect(),
        })
        .collect()
}

fn mark(model: Option<usize>, figure: &IntervalFigure) -> Mark {
    Mark { model, estimate: figure.estimate, lower: figure.lower95, upper: figure.upper95 }
}

fn lead_and_observed(row: &OptionRow) -> (Option<Mark>, Option<Mark>) {
    (row.estimate.as_ref().map(|each| mark(Some(0), each)), row.observed.as_ref().map(|each| mark(None, each)))
}

fn all_marks(row: &OptionRow) -> Vec<Mark> {
    let (lead, observed) = lead_and_observed(row);
    let others = row.other_models.iter().enumerate();
    let others = others.filter_map(|(index, other)| other.estimate.as_ref().map(|each| mark(Some(index + 1), each)));
    lead.into_iter().chain(others).chain(observed).collect()
}

/// The rows of the forest plot: arms with any number.
pub(super) fn forest_rows(view: &ReportView) -> Vec<ForestRow> {
    let rows = view.options.iter().map(|row| ForestRow { label: row.label.clone(), marks: all_marks(row) });
    rows.filter(|row| !row.marks.is_empty()).collect()
}

/// The intervals of one arm for its row of the table.
pub(super) fn strip(row: &OptionRow) -> Option<String> {
    let (lead, observed) = lead_and_observed(row);
    let marks: Vec<Mark> = lead.into_iter().chain(observed).collect();
    if marks.is_empty() {
        return None;
    }
    let say = |what: &str, figure: &Option<IntervalFigure>| {
        figure.as_ref().map(|each| format!("{what} {}, 95 % interval {}.", each.text, each.interval_text))
    };
    let parts: Vec<String> =
        [say("Model estimate", &row.estimate), say("Observed rate", &row.observed)].into_iter().flatten().collect();
    Some(chart::interval_strip(&marks, &row.label, &parts.join(" ")))
}

/// The forest plot for wide and for narrow screens.
pub(super) fn forest(rows: &[ForestRow]) -> (String, String) {
    let title = "Estimated and observed pCR by arm";
    let description =
        format!("Intervals on an axis from 0 to 100 %. {} The numbers stand in the tables.", words::ORDER);
    (chart::forest(rows, Layout::Wide, title, &description), chart::forest(rows, Layout::Narrow, title, &description))
}
