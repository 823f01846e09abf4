use askama::Template;
use serde::Serialize;

use super::html::unbroken;
use super::page::STYLE;
use super::view::ReportView;
use super::{Error, words};
use crate::study::Verdict;

/// One line of the list of patients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndexEntry {
    /// The name under which the patient is shown.
    pub pseudonym: String,
    /// Receptor subtype in words.
    pub subtype: String,
    /// Visit of the row.
    pub visit: String,
    /// Verdict of the applicability gate.
    pub verdict: Verdict,
    /// The answer in a few words, or that there is none.
    pub headline: String,
    /// Imaging modalities that are available, in words.
    pub modalities: Vec<String>,
    /// Where the report is.
    pub href: String,
}

impl IndexEntry {
    /// The line for a report that can be read at `href`.
    #[must_use]
    pub fn of(view: &ReportView, href: impl Into<String>) -> Self {
        let headline = match (&view.answer.estimate, &view.answer.arm) {
            (Some(estimate), Some(arm)) => {
                format!(
                    "{} (95 % interval {}) under {}",
                    estimate.text,
                    estimate.interval_text,
                    words::in_sentence(arm)
                )
            }
            _ => match &view.answer.survival {
                Some(survival) => words::alive_after_surgery(survival.years, &survival.alive),
                None => words::NO_ANSWER.to_owned(),
            },
        };
        Self {
            pseudonym: view.pseudonym.clone(),
            subtype: view.subtype.to_owned(),
            visit: view.visit.clone(),
            verdict: view.applicability.verdict,
            headline,
            modalities: view.imaging.iter().filter(|row| row.available).map(|row| row.label.to_owned()).collect(),
            href: href.into(),
        }
    }

    fn verdict_text(&self) -> &'static str {
        words::verdict(self.verdict)
    }

    fn class(&self) -> &'static str {
        crate::report::words::verdict_class(self.verdict)
    }

    fn modalities_text(&self) -> String {
        if self.modalities.is_empty() { "None".to_owned() } else { self.modalities.join(", ") }
    }
}

/// What the list says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndexMeta {
    /// Heading.
    pub title: String,
    /// True when any patient of the list is simulated.
    pub synthetic: bool,
    /// Version of the regimen program.
    pub regimen_version: String,
    /// Names and versions of the models that spoke.
    pub models: Vec<String>,
    /// Rows or files that were refused.
    pub n_refused: usize,
    /// Each refusal in one line, without identifiers.
    pub refusals: Vec<String>,
}

#[derive(Template)]
#[template(path = "report/index.html")]
struct IndexPage<'a> {
    title: &'a str,
    style: &'static str,
    synthetic: Option<&'static str>,
    running: String,
    meta: &'a IndexMeta,
    entries: &'a [IndexEntry],
    count: String,
    refused: Option<String>,
    unlisted: Option<String>,
}

/// The list of patients as one self-contained HTML page, in the order of `entries`.
///
/// # Errors
/// [`Error::Template`] when the template cannot be filled.
pub fn index_html(entries: &[IndexEntry], meta: &IndexMeta) -> Result<String, Error> {
    let plural = |n: usize, one: &str, many: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {many}") };
    let page = IndexPage {
        title: &meta.title,
        style: STYLE,
        synthetic: meta.synthetic.then_some(words::SYNTHETIC_LIST),
        running: format!("regimen {}", meta.regimen_version),
        meta,
        entries,
        count: plural(entries.len(), "patient", "patients"),
        refused: (meta.n_refused > 0).then(|| plural(meta.n_refused, "item was refused", "items were refused")),
        unlisted: match meta.n_refused.saturating_sub(meta.refusals.len()) {
            0 => None,
            n => Some(plural(n, "further refusal is not listed here.", "further refusals are not listed here.")),
        },
    };
    let text = page.render().map_err(|source| Error::Template { template: "report/index.html", source })?;
    Ok(unbroken(&text))
}
