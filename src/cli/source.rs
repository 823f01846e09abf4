use std::collections::BTreeMap;
use std::path::PathBuf;

use super::CliError;
use crate::imaging::FileStatus;
use crate::report::{IndexEntry, IndexMeta, ReportView};
use crate::study::decision::{Assumptions, DecisionEngine, Waning};
use crate::study::{AssessedCohort, IngestReport, Models, PseudonymKey, ResponseModel};
use crate::web::{IndexPage, ReportSource, SourceError};

/// Every report of an assessed cohort, rendered on request from views kept in memory.
pub(crate) struct CohortReports {
    views: BTreeMap<String, ReportView>,
    order: Vec<String>,
    meta: IndexMeta,
}

impl CohortReports {
    /// Views and index of a cohort; refusals name files and rows, never patients.
    pub(crate) fn new(cohort: &AssessedCohort, ingest: Option<&IngestReport>, models: &[ResponseModel]) -> Self {
        let mut refusals: Vec<String> = cohort.fusion.violations.iter().map(ToString::to_string).collect();
        if let Some(ingest) = ingest {
            let refused = ingest.files.iter().filter(|file| file.status == FileStatus::Refused);
            refusals
                .extend(refused.map(|file| format!("{}: {}", file.path, file.reason.as_deref().unwrap_or("refused"))));
        }
        let mut views = BTreeMap::new();
        let mut order = Vec::new();
        for (_, assessment) in &cohort.patients {
            order.push(assessment.pseudonym.as_str().to_owned());
            views.insert(assessment.pseudonym.as_str().to_owned(), ReportView::new(assessment));
        }
        let meta = IndexMeta {
            title: cohort.label.clone(),
            synthetic: cohort.synthetic,
            regimen_version: env!("CARGO_PKG_VERSION").to_owned(),
            models: models.iter().map(ResponseModel::label).collect(),
            n_refused: refusals.len(),
            refusals,
        };
        Self { views, order, meta }
    }

    /// True for a cohort of invented patients.
    pub(crate) fn is_synthetic(&self) -> bool {
        self.meta.synthetic
    }

    /// Views in the order of the cohort.
    pub(crate) fn views(&self) -> impl Iterator<Item = &ReportView> {
        self.order.iter().filter_map(|name| self.views.get(name))
    }

    /// The index with links made by `href`.
    pub(crate) fn index_page(&self, href: impl Fn(&str) -> String) -> IndexPage {
        let entries = self.views().map(|view| IndexEntry::of(view, href(&view.pseudonym))).collect();
        IndexPage { entries, meta: self.meta.clone() }
    }
}

impl ReportSource for CohortReports {
    fn index(&self) -> Result<IndexPage, SourceError> {
        Ok(self.index_page(|pseudonym| format!("/patients/{pseudonym}")))
    }

    fn report(&self, pseudonym: &str) -> Result<Option<ReportView>, SourceError> {
        Ok(self.views.get(pseudonym).cloned())
    }
}

/// Which cohort, data and models a report is made from.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ReportInputs {
    /// Cohort name, or the path of a definition
    #[arg(long)]
    pub(crate) cohort: String,
    /// Data folder
    #[arg(long, env = "REGIMEN_DATA", default_value = "../shared/data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Embeddings table of `regimen embed`; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) embeddings: Vec<PathBuf>,
    /// Model; the first leads, further ones are shown beside it
    #[arg(long, value_name = "NAME", default_value = "pcr-ispy2")]
    pub(crate) model: Vec<String>,
    /// File whose bytes key the pseudonyms; without it they are made with a public key
    #[arg(long, env = "REGIMEN_PSEUDONYM_KEY", value_name = "FILE", hide_env_values = true)]
    pub(crate) pseudonym_key: Option<PathBuf>,
    /// Leave out and list rows that break a rule, instead of refusing the cohort
    #[arg(long)]
    pub(crate) skip_invalid: bool,
    /// What happens to an effect after its trial's follow-up: not-chosen (no number more than 2 years beyond it), none,
    /// until-follow-up, or linear:YEARS
    #[arg(long, default_value = "not-chosen", value_name = "ASSUMPTION", value_parser = waning)]
    pub(crate) waning: Waning,
    /// Leave out the harms of chemotherapy and heart dose on death from other causes that PREDICT assumes
    #[arg(long)]
    pub(crate) without_harms: bool,
}

/// Reads a waning assumption.
fn waning(text: &str) -> Result<Waning, String> {
    let years = |years: &str| years.parse().ok().filter(|years: &f64| years.is_finite() && *years > 0.0);
    match (text, text.strip_prefix("linear:").and_then(years)) {
        ("not-chosen", _) => Ok(Waning::NotChosen),
        ("none", _) => Ok(Waning::None),
        ("until-follow-up", _) => Ok(Waning::UntilFollowUp),
        (_, Some(over_years)) => Ok(Waning::Linear { over_years }),
        _ => Err("expected not-chosen, none, until-follow-up or linear:YEARS".to_owned()),
    }
}

impl ReportInputs {
    /// What decides beside the models.
    pub(crate) fn engine(&self, models: &Models) -> Result<DecisionEngine, CliError> {
        Ok(DecisionEngine::open(
            models,
            Assumptions { waning: self.waning, other_cause_harm: !self.without_harms, ..Assumptions::default() },
        )?)
    }

    /// Reads the pseudonym key, warning when there is none.
    pub(crate) fn key(&self) -> Result<PseudonymKey, CliError> {
        let Some(path) = &self.pseudonym_key else {
            eprintln!(
                "warning: no --pseudonym-key: pseudonyms are made with a public key and can be undone by trying all ids"
            );
            return Ok(PseudonymKey::public());
        };
        let bytes = std::fs::read(path).map_err(|source| crate::study::Error::Read { path: path.clone(), source })?;
        if bytes.len() < 16 {
            return Err(CliError::Usage(format!(
                "{}: expected a key of at least 16 bytes, found {}",
                path.display(),
                bytes.len()
            )));
        }
        Ok(PseudonymKey::new(&bytes))
    }

    /// Opens the models.
    pub(crate) fn open_models(&self, models: &Models) -> Result<Vec<ResponseModel>, CliError> {
        self.model.iter().map(|name| Ok(ResponseModel::open(models, name)?)).collect()
    }
}
