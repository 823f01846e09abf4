use serde::Serialize;

use crate::decide::chain::{Chain, Outlook};
use crate::report::decision_words as words;
use crate::report::figure::{IntervalFigure, decimals};

/// Two branches from one probability of response.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChainView {
    /// What it is.
    pub introduction: &'static str,
    /// Response, then residual disease: (label, probability, sentences).
    pub branches: Vec<ChainBranch>,
    /// Hazard ratios, response against residual disease.
    pub ratios: Vec<String>,
    /// Warnings that belong to it.
    pub warnings: Vec<String>,
}

/// One branch of the chain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChainBranch {
    /// `Complete response` or `Residual disease`.
    pub label: &'static str,
    /// Its probability.
    pub prob: Option<IntervalFigure>,
    /// What is published for it.
    pub outlook: Vec<String>,
}

pub(super) fn chain(from: &Chain) -> ChainView {
    let labels = ["Complete response", "Residual disease"];
    let branches = from.branches.iter().zip(labels).map(|(branch, label)| ChainBranch {
        label,
        prob: IntervalFigure::probability(&branch.prob),
        outlook: match &branch.outlook {
            Outlook::Published(rates) => rates
                .iter()
                .map(|rate| {
                    format!(
                        "{} % without an event at {} years ({}, {}) from {} with {}{}, then {} ({})",
                        rate.event_free_pct,
                        rate.at_years,
                        words::endpoint(rate.endpoint),
                        if rate.of_subtype { "this subtype" } else { "all subtypes together" },
                        words::time_zero(rate.time_zero),
                        rate.regimen,
                        if rate.same_regimen { "" } else { ", another regimen than the one asked about" },
                        rate.post_neoadjuvant,
                        rate.source
                    )
                })
                .collect(),
            Outlook::RatioOnly => {
                vec![
                    "No event-free survival by response is on file for this subtype; only the ratio is known."
                        .to_owned(),
                ]
            }
        },
    });
    ChainView {
        introduction: words::CHAIN,
        branches: branches.collect(),
        ratios: from
            .ratios
            .iter()
            .map(|shown| {
                let of = if shown.of_subtype { "this subtype" } else { "all subtypes together" };
                let ratio = &shown.ratio;
                format!(
                    "Events with response against residual disease, {of}: hazard ratio {} ({} to {}). {}",
                    decimals(ratio.estimate),
                    decimals(ratio.lower95),
                    decimals(ratio.upper95),
                    ratio.source
                )
            })
            .collect(),
        warnings: from.warnings.to_vec(),
    }
}
