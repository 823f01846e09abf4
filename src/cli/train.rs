use std::path::{Path, PathBuf};

use super::evaluate::{print_baseline, print_evaluation, refit_of};
use super::progress::Bar;
use super::{CliError, Common, output::JsonOutput};
use crate::study::{BinaryEvaluation, Error, FusedTable, Models, ResponseSpec, SurvivalSpec, train, train_survival};

/// Train a response model from a specification and a fused table; writes a new candidate version.
#[derive(Debug, clap::Args)]
pub(crate) struct Train {
    /// Specification
    #[arg(required_unless_present = "explain")]
    spec: Option<PathBuf>,
    /// Fused table
    #[arg(long, value_name = "FILE", required_unless_present = "explain")]
    data: Option<PathBuf>,
    /// Registry to write into
    #[arg(long, default_value = "models", value_name = "DIR")]
    out: PathBuf,
    /// Data folder of the images, for specifications that refit an encoder
    #[arg(long, env = "REGIMEN_DATA", default_value = "../shared/data", value_name = "DIR")]
    images: PathBuf,
    /// JSON of `evaluate --cv` for this very specification and table, to use instead of repeating it
    #[arg(long, value_name = "FILE")]
    evaluation: Option<PathBuf>,
    /// Explain the keys of a specification
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    json: JsonOutput,
}

impl Train {
    pub(crate) fn run(&self, common: &Common) -> Result<(), CliError> {
        let (Some(path), Some(data), false) = (&self.spec, &self.data, self.explain) else {
            println!("{}", include_str!("../../docs/spec.md"));
            return Ok(());
        };
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.clone(), source })?;
        let table = FusedTable::read(data)?;
        if SurvivalSpec::is_one(&text) {
            let spec = SurvivalSpec::load(path)?;
            let (version, evaluation) = train_survival(&spec, &table, &self.out)?;
            self.json.say(&print_baseline(&evaluation));
            self.json.say(&format!("wrote {}@{version}, a candidate until it is promoted", spec.name));
            return self.json.write(&evaluation);
        }
        let spec = ResponseSpec::load(path)?;
        let evaluation = self.evaluation.as_deref().map(read_evaluation).transpose()?;
        let refit = if evaluation.is_some() { None } else { refit_of(&spec, path, &self.images)? };
        let models = Models::locate(common.models.as_deref());
        let trained = train(&spec, &table, evaluation, refit.as_ref(), &models, &self.out, &Bar::new())?;
        self.json.say(&print_evaluation(&trained.evaluation));
        self.json.say(&format!("wrote {}@{}, a candidate until it is promoted", trained.name, trained.version));
        self.json.write(&trained.evaluation)
    }
}

/// The evaluation that `evaluate --cv --json` wrote.
fn read_evaluation(path: &Path) -> Result<BinaryEvaluation, CliError> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::Spec { path: path.display().to_string(), message: error.to_string() }.into())
}
