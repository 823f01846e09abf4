use super::{CliError, Common, output::JsonOutput};
use crate::study::Models;

/// The registry of models.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ModelsVerb {
    /// List every version
    List {
        #[command(flatten)]
        json: JsonOutput,
    },
    /// Show a version's card, or its manifest with --json
    Show {
        /// Model (NAME, NAME@VERSION or a path)
        model: String,
        #[command(flatten)]
        json: JsonOutput,
    },
    /// Check the hash of every file of every version, or of one
    Verify {
        /// Model (NAME, NAME@VERSION or a path)
        model: Option<String>,
        #[command(flatten)]
        json: JsonOutput,
    },
}

impl ModelsVerb {
    pub(crate) fn run(&self, common: &Common) -> Result<(), CliError> {
        let models = Models::locate(common.models.as_deref());
        match self {
            Self::List { json } => {
                let listed = models.list();
                for model in &listed {
                    let mark = if model.promoted { "promoted" } else { "candidate" };
                    json.say(&format!(
                        "{}@{}  {:<8} {:<9} {:.12}",
                        model.name, model.version, model.kind, mark, model.manifest_sha256
                    ));
                }
                if listed.is_empty() {
                    json.say("no models");
                }
                json.write(&listed)
            }
            Self::Show { model, json } => {
                let files = models.open(model)?;
                let card = files.files.get("card.md").map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                json.say(&card.unwrap_or_else(|| String::from_utf8_lossy(&files.manifest).into_owned()));
                let manifest: serde_json::Value = serde_json::from_slice(&files.manifest).unwrap_or_default();
                json.write(&manifest)
            }
            Self::Verify { model, json } => {
                let (n, findings) = models.verify(model.as_deref())?;
                for finding in &findings {
                    json.say(&format!("{}: {}", finding.model, finding.problem));
                }
                json.say(&format!("{n} versions checked, {} damaged", findings.len()));
                json.write(&findings)?;
                if findings.is_empty() { Ok(()) } else { Err(CliError::Damaged(findings.len())) }
            }
        }
    }
}
