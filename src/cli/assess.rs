use std::path::PathBuf;

use super::output::write_file;
use super::source::ReportInputs;
use super::{CliError, Common};
use crate::report::{self, ReportView};
use crate::schema::CohortDefinition;
use crate::study::{AssessRequest, Change, Error, Models, OpenCohort, RefusedChange};
use crate::terms::PatientId;

/// Write one patient's full assessment as a report.
#[derive(Debug, clap::Args)]
pub(crate) struct Assess {
    #[command(flatten)]
    inputs: ReportInputs,
    /// Patient id: canonical (ispy2:100899) or within the cohort (100899)
    #[arg(long, value_name = "ID")]
    patient: String,
    /// An input as if it were another, marked as hypothetical in every result; empty for "not given"; may be repeated
    #[arg(long, value_name = "COLUMN=VALUE", value_parser = what_if)]
    what_if: Vec<Change>,
    /// Report to write: .html or .json
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The whole assessment as JSON (data-schemas/assessment.schema.json)
    #[arg(long, value_name = "FILE")]
    assessment: Option<PathBuf>,
}

impl Assess {
    pub(crate) fn run(&self, common: &Common) -> Result<(), CliError> {
        let extension = self.out.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        if !["html", "json"].contains(&extension) {
            return Err(CliError::Usage(format!(
                "--out: expected a file ending in .html or .json, found `.{extension}`"
            )));
        }
        let cohort = CohortDefinition::load(&self.inputs.cohort)?;
        let namespaced = format!("{}:{}", cohort.namespace, self.patient);
        let wanted = PatientId::parse(&self.patient)
            .or_else(|_| PatientId::parse(&namespaced))
            .map_err(|_| CliError::Usage("--patient: expected an id".to_owned()))?;
        let models = Models::locate(common.models.as_deref());
        let key = self.inputs.key()?;
        let pseudonym = key.pseudonym(&wanted);
        let request = AssessRequest {
            data: self.inputs.data.clone(),
            embeddings: self.inputs.embeddings.clone(),
            models: self.inputs.open_models(&models)?,
            key,
            skip_invalid: self.inputs.skip_invalid,
            only: Some(wanted.clone()),
            engine: Some(self.inputs.engine(&models)?),
            cohort,
        };
        let cohort = OpenCohort::read(request)?;
        let assessment = if self.what_if.is_empty() {
            let on_record = cohort.assess()?.patients.into_iter().find(|(patient, _)| *patient == wanted);
            on_record.map(|(_, assessment)| assessment)
        } else {
            cohort.what_if(pseudonym.as_str(), &self.what_if)?.transpose().map_err(|refused| refusal(&refused))?
        };
        let assessment = assessment.ok_or(Error::NoPatient)?;
        let view = ReportView::new(&assessment);
        let text = if extension == "html" { report::html(&view)? } else { report::json(&view) };
        write_file(&self.out, text.as_bytes())?;
        if let Some(path) = &self.assessment {
            let mut bytes =
                serde_json::to_vec_pretty(&assessment).map_err(|error| CliError::Internal(error.to_string()))?;
            bytes.push(b'\n');
            write_file(path, &bytes)?;
        }
        println!("{}", view.pseudonym);
        Ok(())
    }
}

/// Reads `COLUMN=VALUE`.
fn what_if(text: &str) -> Result<Change, String> {
    let (column, value) = text.split_once('=').ok_or("expected COLUMN=VALUE")?;
    let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
    Ok(Change { column: column.trim().to_owned(), value })
}

/// Every refused change, one a line.
fn refusal(refused: &[RefusedChange]) -> CliError {
    let lines: Vec<String> = refused.iter().map(ToString::to_string).collect();
    CliError::Usage(format!("--what-if: {}", lines.join("\n")))
}
