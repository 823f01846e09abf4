use serde::Serialize;
use utoipa::ToSchema;

use crate::report::ReportView;
use crate::web::routes;

/// Longest summary that the specification allows, characters.
const MAX_SUMMARY: usize = 140;

/// One card: it informs, links to the report and suggests nothing.
#[derive(Debug, Serialize, ToSchema)]
pub struct Card {
    /// The answer in at most 140 characters.
    #[schema(max_length = 140)]
    summary: String,
    /// The answer with its interval, whom it is about and its limits, Markdown.
    detail: String,
    /// Always `info`.
    #[schema(example = "info")]
    indicator: String,
    /// Who says so.
    source: Source,
    /// The report.
    links: Vec<Link>,
}

/// Who says so.
#[derive(Debug, Serialize, ToSchema)]
pub struct Source {
    /// Name and standing.
    label: String,
    /// The server.
    url: String,
}

/// Where to read on.
#[derive(Debug, Serialize, ToSchema)]
pub struct Link {
    /// Words.
    label: String,
    /// Absolute address of the report; signing in comes first.
    url: String,
    /// Always `absolute`.
    #[serde(rename = "type")]
    kind: String,
}

impl Card {
    /// The card for a report on the server known as `base`.
    pub(super) fn of(view: &ReportView, base: &str) -> Self {
        let mut summary = match (&view.answer.estimate, &view.answer.arm) {
            (Some(estimate), Some(arm)) => {
                format!("Research estimate: pCR {} ({}) under {arm}", estimate.text, estimate.interval_text)
            }
            _ => format!("Research estimate: {}", view.answer.heading),
        };
        if view.synthetic {
            summary.insert_str(0, "SYNTHETIC. ");
        }
        let url = format!("{base}{}", routes::report_path(&view.pseudonym));
        Self {
            summary: shortened(&summary),
            detail: detail(view),
            indicator: "info".to_owned(),
            source: Source { label: "regimen (research use only)".to_owned(), url: base.to_owned() },
            links: vec![Link { label: "Open the report".to_owned(), url, kind: "absolute".to_owned() }],
        }
    }
}

fn detail(view: &ReportView) -> String {
    let mut parts = vec![format!("**{}**", plain(view.research_use))];
    parts.extend(view.synthetic_banner.map(plain));
    parts.push(plain(&view.answer.sentence));
    if let Some(estimate) = &view.answer.estimate {
        parts.push(format!("Estimate {}, 95 % interval {}.", estimate.text, estimate.interval_text));
    }
    parts.extend(view.answer.reference_class.as_deref().map(plain));
    parts.extend(view.answer.observed.as_deref().map(plain));
    parts.push(format!("Does the model apply? {}. {}", view.applicability.label, view.applicability.sentence));
    let warnings: Vec<String> = view
        .applicability
        .reasons
        .iter()
        .chain(&view.answer.cautions)
        .map(|text| format!("- {}", plain(text)))
        .collect();
    if !warnings.is_empty() {
        parts.push(warnings.join("\n"));
    }
    parts.push("All options, harms and limits stand in the report. No order is suggested.".to_owned());
    parts.join("\n\n")
}

/// Text in which no character is read as Markdown or markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '*' | '_' | '`' | '[' | ']' | '#' | '|' | '!' => {
                out.push('\\');
                out.push(character);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            _ => out.push(character),
        }
    }
    out
}

/// At most 140 characters, ended with an ellipsis where some are left out.
fn shortened(text: &str) -> String {
    if text.chars().count() <= MAX_SUMMARY {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(MAX_SUMMARY - 1).collect();
    short.truncate(short.trim_end().len());
    short.push('\u{2026}');
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{normal, out_of_distribution};

    #[test]
    fn a_card_informs_links_and_suggests_nothing() {
        let view = ReportView::new(&normal());
        let card = Card::of(&view, "https://regimen.example");
        let json = serde_json::to_value(&card).unwrap();
        assert!(card.summary.chars().count() <= 140, "{}", card.summary);
        assert!(card.summary.starts_with("SYNTHETIC. Research estimate: pCR"), "{}", card.summary);
        assert_eq!(json["indicator"], "info");
        assert_eq!(json["links"][0]["url"], format!("https://regimen.example/patients/{}", view.pseudonym));
        assert_eq!(json["links"][0]["type"], "absolute");
        assert!(json.get("suggestions").is_none() && json.get("systemActions").is_none());
        assert!(card.detail.contains("95 % interval"), "{}", card.detail);
    }

    #[test]
    fn a_card_without_an_estimate_says_so() {
        let card = Card::of(&ReportView::new(&out_of_distribution()), "https://regimen.example");
        assert!(!card.summary.contains("pCR 0") && !card.detail.contains("Estimate "), "{card:?}");
        assert!(card.detail.contains("Does not apply"), "{}", card.detail);
    }

    #[test]
    fn long_summaries_are_cut_and_markup_is_text() {
        assert_eq!(shortened(&"a".repeat(200)).chars().count(), 140);
        assert_eq!(plain("<b>*x*</b>"), "&lt;b&gt;\\*x\\*&lt;/b&gt;");
    }
}
