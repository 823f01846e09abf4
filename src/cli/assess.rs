use std::path::{Path, PathBuf};

use super::output::write_file;
use super::source::ReportInputs;
use super::{CliError, Common};
use crate::report::{self, Language, ReportView};
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
    /// Report to write: .html, .pdf, .json or .fhir.json (FHIR R4 bundle)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write the plain-language page for the patient (.html) in this language (en, de), not the report
    #[arg(long, value_name = "LANGUAGE")]
    patient_page: Option<String>,
    /// The whole assessment as JSON (data-schemas/assessment.schema.json)
    #[arg(long, value_name = "FILE")]
    assessment: Option<PathBuf>,
}

impl Assess {
    pub(crate) fn run(&self, common: &Common) -> Result<(), CliError> {
        let format = Format::of(&self.out, self.patient_page.as_deref())?;
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
        write_file(&self.out, &format.write(&view)?)?;
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

/// What is written, from the end of the file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Html,
    Pdf,
    Json,
    Fhir,
    Patient(Language),
}

impl Format {
    fn of(out: &Path, patient_page: Option<&str>) -> Result<Self, CliError> {
        let name = out.file_name().and_then(|name| name.to_str()).unwrap_or("");
        let extension = out.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        match (patient_page, extension) {
            (Some(code), "html") => Language::from_code(code)
                .map(Self::Patient)
                .ok_or_else(|| CliError::Usage(format!("--patient-page: expected en or de, found `{code}`"))),
            (Some(_), _) => Err(CliError::Usage(format!(
                "--patient-page: expected --out with a file ending in .html, found `.{extension}`"
            ))),
            (None, "html") => Ok(Self::Html),
            (None, "pdf") => Ok(Self::Pdf),
            (None, "json") if name.ends_with(".fhir.json") => Ok(Self::Fhir),
            (None, "json") => Ok(Self::Json),
            (None, _) => Err(CliError::Usage(format!(
                "--out: expected a file ending in .html, .pdf, .json or .fhir.json, found `.{extension}`"
            ))),
        }
    }

    fn write(self, view: &ReportView) -> Result<Vec<u8>, CliError> {
        Ok(match self {
            Self::Html => report::html(view)?.into_bytes(),
            Self::Pdf => report::pdf(view)?,
            Self::Json => report::json(view).into_bytes(),
            Self::Fhir => report::fhir(view).into_bytes(),
            Self::Patient(language) => report::patient_html(view, language)?.into_bytes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_file_decides_the_format() {
        let of = |name: &str, page: Option<&str>| Format::of(Path::new(name), page).ok();
        assert_eq!(of("a.html", None), Some(Format::Html));
        assert_eq!(of("a.pdf", None), Some(Format::Pdf));
        assert_eq!(of("a.json", None), Some(Format::Json));
        assert_eq!(of("folder/a.fhir.json", None), Some(Format::Fhir));
        assert_eq!(of("a.html", Some("de")), Some(Format::Patient(Language::German)));
        for (name, page) in [("a.txt", None), ("a", None), ("a.pdf", Some("en")), ("a.html", Some("fr"))] {
            assert_eq!(of(name, page), None, "{name}");
        }
    }
}
