use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Error;
use super::cds::CdsSettings;
use super::operations::Metrics;
use super::rendered::RenderedCache;
use crate::report::model::DriftView;
use crate::study::{BinaryEvaluation, FileCheck, Finding, ModelWatch, Models};

/// How long a look at the model files counts.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What the server knows beside reports and the database: models, operation, and the programs that ask.
pub struct Services {
    /// Registry of models, for the pages about them.
    pub registry: Models,
    /// Files of the models in use.
    pub watch: Option<ModelWatch>,
    /// Drift of the cohort's inputs, by model.
    pub drift: Vec<DriftView>,
    /// What files can be checked against.
    pub check: Option<FileCheck>,
    /// Folder of evaluations with their patients, for curves.
    pub evaluations: Option<PathBuf>,
    /// CDS Hooks and SMART launches.
    pub cds: CdsSettings,
    /// Secret with which other machines may read the metrics; loopback only without it.
    pub metrics_token: Option<String>,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            registry: Models::Embedded,
            watch: None,
            drift: Vec::new(),
            check: None,
            evaluations: None,
            cds: CdsSettings::default(),
            metrics_token: None,
        }
    }
}

/// Services at work: what they count, keep and have seen.
pub(super) struct Running {
    pub(super) given: Services,
    pub(super) metrics: Metrics,
    pub(super) rendered: RenderedCache,
    looked: Mutex<Option<(Instant, Vec<Finding>)>>,
    watch: Mutex<Option<ModelWatch>>,
}

impl Running {
    pub(super) fn new(mut given: Services) -> Self {
        Self {
            watch: Mutex::new(given.watch.take()),
            given,
            metrics: Metrics::new(),
            rendered: RenderedCache::default(),
            looked: Mutex::new(None),
        }
    }

    /// The registry, to be moved onto a blocking thread.
    pub(super) fn models(&self) -> Models {
        self.given.registry.clone()
    }

    /// Model files that are missing or changed now; looked at twice a second at most.
    pub(super) fn damaged(&self) -> Vec<Finding> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = looked.as_ref().filter(|(at, _)| at.elapsed() < LOOK_EVERY) {
            return found.clone();
        }
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let found = watch.as_mut().map(ModelWatch::look).unwrap_or_default();
        let before = looked.replace((Instant::now(), found.clone()));
        if before.is_some_and(|(_, before)| before != found) {
            self.rendered.clear();
            for finding in &found {
                tracing::error!(model = finding.model, problem = finding.problem, "a model file is not what it was");
            }
        }
        found
    }

    /// Forgets the last look at the model files, for tests.
    #[cfg(test)]
    pub(super) fn forget_look(&self) {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, _)) = looked.as_mut() {
            *at = at.checked_sub(LOOK_EVERY).unwrap_or(*at);
        }
    }

    /// Passes while every model file is the one that was opened.
    ///
    /// # Errors
    /// [`Error::ModelsChanged`] otherwise.
    pub(super) fn whole(&self) -> Result<(), Error> {
        let n_files = self.damaged().len();
        if n_files == 0 { Ok(()) } else { Err(Error::ModelsChanged { n_files }) }
    }

    /// The evaluation of `model` at `version` with its patients, if the folder of evaluations holds one that can be read.
    pub(super) fn evaluation(&self, model: &str, version: &str) -> Option<BinaryEvaluation> {
        let folder = self.given.evaluations.as_ref()?;
        let bytes = std::fs::read(folder.join(format!("{model}@{version}.json"))).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}
