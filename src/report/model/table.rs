use crate::terms::Estimate;

/// A table of texts: every number is already written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureTable {
    /// Caption.
    pub caption: String,
    /// Heads of the columns; the first names the rows.
    pub head: Vec<String>,
    /// Rows, each as wide as the head.
    pub rows: Vec<Vec<String>>,
}

impl FigureTable {
    /// A table without rows.
    pub(super) fn new(caption: impl Into<String>, head: &[&str]) -> Self {
        Self { caption: caption.into(), head: head.iter().map(|&text| text.to_owned()).collect(), rows: Vec::new() }
    }

    /// The table with one more row, cut or filled to the width of the head.
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = String>) {
        let mut row: Vec<String> = row.into_iter().collect();
        row.resize(self.head.len(), String::new());
        self.rows.push(row);
    }
}

/// `0.789 (0.756 to 0.817)`; a dash where there is no estimate.
pub(super) fn interval(from: Option<&Estimate>) -> String {
    match from {
        Some(found) if found.estimate.is_finite() => {
            format!("{} ({} to {})", number(found.estimate), number(found.lower95), number(found.upper95))
        }
        _ => "\u{2013}".to_owned(),
    }
}

/// Three decimals, with a typographic minus.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "\u{2013}".to_owned();
    }
    let text = format!("{value:.3}");
    match text.strip_prefix('-') {
        Some("0.000") => "0.000".to_owned(),
        Some(rest) => format!("\u{2212}{rest}"),
        None => text,
    }
}

/// A share in whole percent.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.0} %", 100.0 * share) } else { "\u{2013}".to_owned() }
}
