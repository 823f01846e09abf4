use std::fmt::Write;
use std::path::PathBuf;

use super::CliError;
use super::output::{JsonOutput, figure};
use super::progress::Bar;
use crate::study::FusedTable;
use crate::study::policy::{PolicyReport, PolicySpec, ValuedPolicy, Variant, VariantResult, evaluate_policies};

/// Estimate the response rate if each patient had received what a rule names, beside the observed rate.
#[derive(Debug, clap::Args)]
pub(crate) struct Policy {
    /// Specification
    spec: PathBuf,
    /// Fused table
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    #[command(flatten)]
    json: JsonOutput,
}

impl Policy {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let (spec, model) = PolicySpec::load(&self.spec)?;
        let table = FusedTable::read(&self.data)?;
        let report = evaluate_policies(&spec, &model, &table, &Bar::new())?;
        self.json.say(&print_report(&report));
        self.json.write(&report)
    }
}

fn print_report(report: &PolicyReport) -> String {
    let mut text = String::new();
    let mut line = |said: String| {
        let _ = writeln!(text, "{said}");
    };
    line(format!("{}: {}", report.name, report.outcome));
    line(format!(
        "{} patients, observed {}; {} rows left out for want of outcome, option or receptors",
        report.n,
        figure(&report.observed),
        report.n_left_out
    ));
    for sum in &report.arithmetic {
        let shown = |rate: Option<f64>| rate.map_or("not defined".to_owned(), |rate| format!("{rate:.3}"));
        line(format!(
            "best observed rate per cell, at least {} an arm, {}: {} of {} patients, {} of the {} with a best arm (in-sample, optimistic)",
            sum.min_cell,
            sum.policy,
            shown(sum.rate_of_known),
            sum.n_known,
            shown(sum.rate),
            sum.n
        ));
    }
    for evaluation in &report.evaluations {
        line(format!("\n{}: {} patients, observed {}", evaluation.method, evaluation.n, figure(&evaluation.observed)));
        for variant in &evaluation.variants {
            variant_lines(variant, &mut line);
        }
    }
    line("\neffect against control (rate difference), by receptor subtype".to_owned());
    line(format!(
        "  {:<10} {:<12} {:>4} {:>10}  {:<28} {:<28}",
        "subtype", "option", "n", "concurrent", "concurrent controls", "all controls"
    ));
    for effect in &report.effects {
        let shown = |found: Option<&crate::terms::Estimate>| found.map_or("fewer than 15".to_owned(), figure);
        line(format!(
            "  {:<10} {:<12} {:>4} {:>10}  {:<28} {:<28} {}",
            effect.subtype.as_str(),
            effect.option,
            effect.n_received,
            effect.n_concurrent_controls.map_or("unknown".to_owned(), |n| n.to_string()),
            shown(effect.concurrent.as_ref().and_then(|found| found.difference.as_ref())),
            shown(effect.all_controls.difference.as_ref()),
            effect.label
        ));
    }
    line(String::new());
    for policy in report.policies.iter().filter(|policy| !policy.note.is_empty()) {
        line(format!("{}: {}.", policy.name, policy.note));
    }
    for note in &report.notes {
        line(note.clone());
    }
    text.trim_end().to_owned()
}

fn variant_lines(result: &VariantResult, line: &mut impl FnMut(String)) {
    let name = match result.variant {
        Variant::AllControls => "all controls",
        Variant::Concurrent => "concurrent",
        Variant::Trimmed => "trimmed",
    };
    line(format!("{name:<28} {:<24} {:>9} {:>8} {:>7} {:>6}", "value", "supported", "received", "eff. n", "max w"));
    for ValuedPolicy { name, value, label, .. } in &result.policies {
        line(format!(
            "  {name:<26} {:<24} {:>9} {:>8} {:>7.1} {:>6.1}  {label}",
            value.value.as_ref().map_or("fewer than 15".to_owned(), figure),
            value.n_supported,
            value.n_matched,
            value.effective_n,
            value.max_weight
        ));
    }
    for difference in &result.differences {
        let shown = difference.found.difference.map_or("not supported".to_owned(), |found| {
            format!("{:+.3} ({:+.3} to {:+.3})", found.estimate, found.lower95, found.upper95)
        });
        line(format!("  less {}: {shown}, {} patients", difference.less, difference.found.n));
    }
}
