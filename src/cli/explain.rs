use std::path::PathBuf;

use super::output::{JsonOutput, figure};
use super::{CliError, Common};
use crate::study::{FusedTable, ModelExplanation, Models, ResponseModel, explain_model};

/// Say what a model does on a table: contributions and importance by modality, dependence, rules in words.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// Model (NAME, NAME@VERSION or a path)
    model: String,
    /// Fused table with the outcome
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Bootstrap resamples of patients for intervals
    #[arg(long, default_value_t = 200, value_name = "N")]
    resamples: usize,
    #[command(flatten)]
    json: JsonOutput,
}

impl Explain {
    pub(crate) fn run(&self, common: &Common) -> Result<(), CliError> {
        let model = ResponseModel::open(&Models::locate(common.models.as_deref()), &self.model)?;
        let found = explain_model(&model, &FusedTable::read(&self.data)?, self.resamples)?;
        self.json.say(&words(&found));
        self.json.write(&found)
    }
}

fn words(found: &ModelExplanation) -> String {
    let mut lines = vec![format!("{} on {} patients", found.model, found.n)];
    if found.n_seen_in_training > 0 {
        lines.push(format!(
            "{} of them are training patients: importances say what the model uses, not what would help other patients",
            found.n_seen_in_training
        ));
    }
    lines.push(format!("contributions sum to the prediction within {:.1e}", found.contribution_gap));
    lines.push("mean absolute contribution to the logit".to_owned());
    for mean in &found.contributions {
        lines.push(format!("  {:<20} {:.3}", mean.group, mean.mean_absolute));
    }
    let importances = found.group_importance.iter().map(|one| (one, "group"));
    lines.push("AUC lost when shuffled (95 % interval over patients)".to_owned());
    for (importance, kind) in importances.chain(found.column_importance.iter().take(10).map(|one| (one, "column"))) {
        lines.push(format!("  {kind:<6} {:<20} {}", importance.group, figure(&importance.loss)));
    }
    lines.push(format!(
        "in a few rules (they put {:.0} % of patients into the right third)",
        100.0 * found.rules.fidelity
    ));
    lines.extend(found.rules.rules.iter().map(|rule| format!("  {rule}")));
    lines.join("\n")
}
