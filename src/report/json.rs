use super::view::ReportView;

/// The view as pretty JSON with keys in the order of its declaration; the same numbers and texts as the HTML.
///
/// Numbers that are not finite cannot reach a view, so serialisation does not fail; should it ever, the text is an
/// empty object.
#[must_use]
pub fn json(view: &ReportView) -> String {
    let mut text = serde_json::to_string_pretty(view).unwrap_or_else(|_| "{}".to_owned());
    text.push('\n');
    text
}
