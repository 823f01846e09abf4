use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::fuse::remark;
use super::output::write_file;
use super::progress::Bar;
use super::services::ServiceOptions;
use super::source::CohortReports;
use super::{CliError, Common, serve};
use crate::fusion::{FuseOptions, fuse};
use crate::imaging::FileStatus;
use crate::report;
use crate::schema::CohortDefinition;
use crate::study::decision::{Assumptions, DecisionEngine};
use crate::study::simulate::{SimulateOptions, simulate_cohort};
use crate::study::{
    self, AssessRequest, EmbedRequest, FusedTable, IngestReport, Models, OpenCohort, PseudonymKey, ResponseModel,
    check, embed_studies, predict,
};
use crate::tables::write_table;
use crate::web::{Services, Start};

/// Run the whole path on a SYNTHETIC cohort with real DICOM files, then serve the reports on this machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Folder to write into; it must not exist or be empty
    #[arg(long, default_value = "demo", value_name = "DIR")]
    out: PathBuf,
    /// Port of the server on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 8080, value_name = "N")]
    port: u16,
    /// Stop after writing the reports
    #[arg(long)]
    no_serve: bool,
    /// Patients to generate, at least 26 for the full cast
    #[arg(long, default_value_t = 26, value_name = "N")]
    patients: usize,
    /// Seed of the synthetic cohort
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
}

/// What the run did: the only file of the demo that holds clocks.
#[derive(Debug, Default, Serialize)]
struct Run {
    synthetic: bool,
    regimen_version: String,
    stages: Vec<Stage>,
    refusals: Vec<String>,
}

/// One stage of the run.
#[derive(Debug, Serialize)]
struct Stage {
    stage: &'static str,
    seconds: f64,
    count: usize,
    of: &'static str,
    /// High-water mark of the process's memory at the end of the stage, where the system tells.
    peak_memory_mib: Option<f64>,
}

impl Run {
    fn stage<T>(
        &mut self,
        stage: &'static str,
        of: &'static str,
        work: impl FnOnce() -> Result<(T, usize), CliError>,
    ) -> Result<T, CliError> {
        let start = Instant::now();
        let (value, count) = work()?;
        let seconds = start.elapsed().as_secs_f64();
        println!("{stage:<9} {count:>5} {of:<22} {seconds:>7.2} s");
        self.stages.push(Stage { stage, seconds, count, of, peak_memory_mib: peak_memory_mib() });
        Ok(value)
    }
}

/// Peak resident memory of this process, from `/proc`.
fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some((kib / 1024.0 * 10.0).round() / 10.0)
}

impl Demo {
    pub(crate) fn run(&self, common: &Common) -> Result<(), CliError> {
        println!("SYNTHETIC demonstration: no patient is real. Research use only.");
        let models = Models::locate(common.models.as_deref());
        let lead = ResponseModel::open(&models, "pcr-ispy2")?;
        let mut run = Run { synthetic: true, regimen_version: env!("CARGO_PKG_VERSION").to_owned(), ..Run::default() };
        let (reports, services) = self.stages(&mut run, &models, lead)?;
        let bytes = serde_json::to_vec_pretty(&run).map_err(|error| CliError::Internal(error.to_string()))?;
        write_file(&self.out.join("run.json"), &bytes)?;
        println!("reports: {}", self.out.join("index.html").display());
        if self.no_serve {
            return Ok(());
        }
        // Only invented patients are shown without a sign-in.
        if !reports.is_synthetic() {
            return Err(CliError::Internal("the demonstration's cohort is not synthetic".to_owned()));
        }
        println!("signed in without a password as a demonstration; nothing is kept");
        let start = Start { services, ..Start::demonstration(Arc::new(reports))? };
        serve::run_server(start, SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))
    }

    /// Every stage of the patient's path, by the functions that the commands call.
    fn stages(
        &self,
        run: &mut Run,
        models: &Models,
        lead: ResponseModel,
    ) -> Result<(CohortReports, Services), CliError> {
        let out = &self.out;
        let patients = out.join("patients");
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| CliError::Write { path, source }
        };
        if out.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(CliError::Usage(format!(
                "--out: expected a new or empty folder, found files in {}",
                out.display()
            )));
        }
        std::fs::create_dir_all(out).map_err(failed(out))?;
        run.stage("simulate", "files written", || {
            let options = SimulateOptions { n_patients: self.patients, seed: self.seed, images: true };
            let made = simulate_cohort(&options, &patients).map_err(study::Error::from)?;
            Ok(((), made.n_files))
        })?;
        let cohort = CohortDefinition::load("demo")?;
        run.stage("check", "violations", || {
            let found = check(&cohort, &patients)?;
            Ok(((), found.violations.len()))
        })?;
        let ingested = run.stage("ingest", "image files", || {
            let ingested = study::ingest(&patients, Some(&cohort), &Bar::new())?;
            let mut frame = ingested.to_frame()?;
            write_table(&out.join("studies.arrow"), &mut frame, &IngestReport::metadata(&patients))?;
            let n = ingested.count(FileStatus::Ok);
            Ok((ingested, n))
        })?;
        let embeddings = out.join("embeddings.arrow");
        run.stage("embed", "studies", || {
            let report = embed_studies(
                &EmbedRequest {
                    studies: &out.join("studies.arrow"),
                    out: &embeddings,
                    models,
                    encoder: None,
                    pretrained: None,
                    preview: None,
                },
                &Bar::new(),
            )?;
            Ok(((), report.computed))
        })?;
        let table = run.stage("fuse", "patients", || {
            let options =
                FuseOptions { embeddings: vec![embeddings.clone()], skip_invalid: true, ..FuseOptions::default() };
            let fused = fuse(&cohort, &patients, &options)?;
            remark(&fused.report);
            let mut table = FusedTable::new(&cohort, &patients, fused)?;
            let metadata = table.metadata()?;
            write_table(&out.join("fused.arrow"), &mut table.frame, &metadata)?;
            let n = table.frame.height();
            Ok((table, n))
        })?;
        run.stage("predict", "estimates", || {
            let predictions = predict(&lead, &table, false)?;
            write_table(
                &out.join("predictions.arrow"),
                &mut predictions.to_frame()?,
                &std::collections::HashMap::new(),
            )?;
            Ok(((), predictions.predictions.iter().filter(|p| p.estimate.is_some()).count()))
        })?;
        let (reports, services) = run.stage("report", "reports", || {
            let request = AssessRequest {
                cohort,
                data: patients.clone(),
                embeddings: vec![embeddings.clone()],
                models: vec![lead],
                key: PseudonymKey::public(),
                skip_invalid: true,
                only: None,
                engine: Some(DecisionEngine::open(
                    models,
                    Assumptions { other_cause_harm: true, ..Assumptions::default() },
                )?),
            };
            let services = ServiceOptions::checking(patients.clone()).services(models, &request)?;
            let (namespace, key) = (request.cohort.namespace.clone(), request.key.clone());
            let reports = CohortReports::assess(OpenCohort::read(request)?, Some(&ingested))?;
            let folder = out.join("reports");
            std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
            for view in reports.views() {
                let name = &view.pseudonym;
                let links = report::Links {
                    index: Some("../index.html".to_owned()),
                    json: Some(format!("{name}.json")),
                    ..report::Links::default()
                };
                write_file(&folder.join(format!("{name}.html")), report::html_linked(view, &links)?.as_bytes())?;
                write_file(&folder.join(format!("{name}.json")), report::json(view).as_bytes())?;
            }
            let page = reports.index_page(|name| format!("reports/{name}.html"));
            write_file(&out.join("index.html"), report::index_html(&page.entries, &page.meta)?.as_bytes())?;
            let n = reports.views().count();
            let reports = reports.with_names(&namespace, key);
            Ok(((reports, services), n))
        })?;
        run.refusals = reports.index_page(|_| String::new()).meta.refusals;
        Ok((reports, services))
    }
}
