use askama::Template;

use super::chart;
use super::drawings::{self, BarGroup, BranchDrawings};
use super::page::STYLE;
use super::view::{OptionRow, ReportView};
use super::{Error, survival_words};

/// Where the links of a report lead; a page without links stands alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// The list of patients.
    pub index: Option<String>,
    /// The same report as JSON.
    pub json: Option<String>,
    /// The page on which inputs may be changed.
    pub what_if: Option<String>,
    /// The same report in other forms: words and address.
    pub forms: Vec<(&'static str, String)>,
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
    contents: Vec<(&'static str, &'static str)>,
    axis: String,
    strips: Vec<(&'a OptionRow, Option<String>)>,
    arm_bars: Vec<(&'a OptionRow, String)>,
    forest: Option<(String, String)>,
    n_undrawn: usize,
    has_plot: bool,
    has_count: bool,
    has_observed: bool,
    icons: Option<String>,
    icon_key: Vec<(String, &'static str)>,
    groups: Vec<BarGroup<'a>>,
    branches: Vec<BranchDrawings<'a>>,
    one_result: &'static str,
    validation_words: &'static str,
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
    let drawn = drawings::forest_rows(view);
    let page = ReportPage {
        title: format!(
            "{}{} \u{2014} treatment-response report",
            if view.hypothetical.is_some() { "HYPOTHETICAL \u{b7} " } else { "" },
            view.pseudonym
        ),
        style: STYLE,
        synthetic: view.synthetic_banner,
        running: running_line(view),
        links,
        contents: contents(view),
        axis: chart::axis_strip(),
        strips: view.options.iter().filter(|row| !row.not_given()).map(|row| (row, drawings::strip(row))).collect(),
        arm_bars: drawings::arm_bars(view),
        forest: (!drawn.is_empty()).then(|| drawings::forest(&drawn)),
        has_plot: !drawn.is_empty(),
        has_count: view.options.iter().any(|row| row.n_comparable.is_some()),
        n_undrawn: view.options.len() - drawn.len(),
        has_observed: view.options.iter().any(|row| row.observed.is_some()),
        icons: drawings::answer_icons(view),
        icon_key: drawings::key(view.answer.survival.iter().map(|survival| survival.fates)),
        groups: drawings::contributions(view),
        branches: drawings::branches(view),
        one_result: survival_words::ONE_RESULT,
        validation_words: survival_words::VALIDATION,
        view,
    };
    let text = page.render().map_err(|source| Error::Template { template: "report/page.html", source })?;
    Ok(unbroken(&text))
}

/// Ties each percent sign to its number, so that no line begins with one.
pub(super) fn unbroken(page: &str) -> String {
    page.replace(" %", "\u{a0}%")
}

/// The headings of the page that occur, in its order: (id, words).
fn contents(view: &ReportView) -> Vec<(&'static str, &'static str)> {
    let decision = view.decision.as_ref();
    let entries = [
        (true, "h-answer", "Answer"),
        (true, "h-gate", "Does it apply?"),
        (true, "h-glance", "Known and missing"),
        (view.arms_shown, "h-options", "Arms of the trial"),
        (decision.is_some_and(|decision| !decision.neoadjuvant.is_empty()), "h-before", "Options before surgery"),
        (decision.is_some(), "h-adjuvant", "Options after surgery"),
        (decision.is_some_and(|decision| decision.chain.is_some()), "h-chain", "Response to survival"),
        (true, "h-why", "What moved it"),
        (true, "h-imaging", "Imaging"),
        (decision.is_some_and(|decision| !decision.tests.is_empty()), "h-tests", "Missing tests"),
        (true, "h-performance", "Validation"),
        (true, "h-inputs", "All inputs"),
        (true, "h-limits", "Use and limits"),
        (true, "h-versions", "Versions"),
    ];
    entries.into_iter().filter(|(occurs, ..)| *occurs).map(|(_, id, words)| (id, words)).collect()
}

pub(super) fn running_line(view: &ReportView) -> String {
    let model = view.models.first().map(|model| format!(" \u{b7} {} {}", model.name, model.version));
    let hypothetical = if view.hypothetical.is_some() { "HYPOTHETICAL \u{b7} " } else { "" };
    format!("{hypothetical}{}{} \u{b7} regimen {}", view.pseudonym, model.unwrap_or_default(), view.regimen_version)
}
