use askama::Template;

use super::chart::{self, ForestRow, Layout, Mark};
use super::figure::IntervalFigure;
use super::page::STYLE;
use super::view::{OptionRow, ReportView};
use super::{Error, words};

/// Where the links of a report lead; a page without links stands alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// The list of patients.
    pub index: Option<String>,
    /// The same report as JSON.
    pub json: Option<String>,
}

#[derive(Template)]
#[template(path = "report/page.html")]
struct ReportPage<'a> {
    title: String,
    style: &'static str,
    synthetic: Option<&'static str>,
    running: String,
    view: &'a ReportView,
    links: &'a Links,
    axis: String,
    strips: Vec<(&'a OptionRow, Option<String>)>,
    forest: Option<(String, String)>,
    n_undrawn: usize,
    has_plot: bool,
    has_count: bool,
    has_observed: bool,
    icons: Option<String>,
    groups: Vec<BarGroup<'a>>,
}

struct BarGroup<'a> {
    label: &'a str,
    total: &'a str,
    rows: Vec<(&'a super::view::ContributionRow, String)>,
}

/// The report as one self-contained HTML page: inline style and SVG, no script, no external resource.
///
/// # Errors
/// [`Error::Template`] when the template cannot be filled.
pub fn html(view: &ReportView) -> Result<String, Error> {
    html_linked(view, &Links::default())
}

/// [`html`] with links to the list of patients and to the JSON.
///
/// # Errors
/// As [`html`].
pub fn html_linked(view: &ReportView, links: &Links) -> Result<String, Error> {
    let largest = view
        .why
        .groups
        .iter()
        .flat_map(|group| &group.rows)
        .map(|row| row.contribution.value.abs())
        .fold(0.0, f64::max);
    let drawn: Vec<ForestRow> = view
        .options
        .iter()
        .map(|row| ForestRow { label: row.label.clone(), marks: all_marks(row) })
        .filter(|row| !row.marks.is_empty())
        .collect();
    let page = ReportPage {
        title: format!("{} \u{2014} treatment-response report", view.pseudonym),
        style: STYLE,
        synthetic: view.synthetic_banner,
        running: running_line(view),
        links,
        axis: chart::axis_strip(),
        strips: view.options.iter().filter(|row| !row.not_given()).map(|row| (row, strip(row))).collect(),
        forest: (!drawn.is_empty()).then(|| forest(&drawn)),
        has_plot: !drawn.is_empty(),
        has_count: view.options.iter().any(|row| row.n_comparable.is_some()),
        n_undrawn: view.options.len() - drawn.len(),
        has_observed: view.options.iter().any(|row| row.observed.is_some()),
        icons: view.answer.frequency.as_ref().map(|frequency| {
            let title = format!("{} of 100 women with pathological complete response", frequency.with_response);
            chart::icon_array(frequency.with_response, &title, &frequency.sentence)
        }),
        groups: view
            .why
            .groups
            .iter()
            .map(|group| BarGroup {
                label: &group.label,
                total: &group.total.text,
                rows: group
                    .rows
                    .iter()
                    .map(|row| {
                        let title = format!("{}: {}", row.label, row.contribution.text);
                        (row, chart::diverging_bar(row.contribution.value, largest, &title))
                    })
                    .collect(),
            })
            .collect(),
        view,
    };
    let text = page.render().map_err(|source| Error::Template { template: "report/page.html", source })?;
    Ok(unbroken(&text))
}

/// Ties each percent sign to its number, so that no line begins with one.
pub(super) fn unbroken(page: &str) -> String {
    page.replace(" %", "\u{a0}%")
}

pub(super) fn running_line(view: &ReportView) -> String {
    let model = view.models.first().map(|model| format!(" \u{b7} {} {}", model.name, model.version));
    format!("{}{} \u{b7} regimen {}", view.pseudonym, model.unwrap_or_default(), view.regimen_version)
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

fn strip(row: &OptionRow) -> Option<String> {
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

fn forest(rows: &[ForestRow]) -> (String, String) {
    let title = "Estimated and observed pCR by arm";
    let description =
        format!("Intervals on an axis from 0 to 100 %. {} The numbers stand in the tables.", words::ORDER);
    (chart::forest(rows, Layout::Wide, title, &description), chart::forest(rows, Layout::Narrow, title, &description))
}
