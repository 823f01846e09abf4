/// A model's card as HTML: headings one level lower than written, lists, tables, paragraphs, `code` and **bold**.
///
/// Everything else, markup and links included, is shown as the text it is.
#[must_use]
pub fn card_html(markdown: &str) -> String {
    let mut html = String::new();
    let mut paragraph: Vec<&str> = Vec::new();
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        let heading = trimmed.chars().take_while(|c| *c == '#').count();
        let special = trimmed.is_empty() || heading > 0 || trimmed.starts_with("- ") || trimmed.starts_with('|');
        if special {
            close(&mut html, &mut paragraph);
        }
        if trimmed.is_empty() {
            continue;
        }
        if heading > 0 {
            let level = (heading + 2).clamp(3, 6);
            let text = trimmed.trim_start_matches('#').trim();
            html.push_str(&format!("<h{level}>{}</h{level}>\n", inline(text)));
        } else if let Some(first) = trimmed.strip_prefix("- ") {
            html.push_str(&format!("<ul>\n<li>{}</li>\n", inline(first)));
            while let Some(item) = lines.peek().and_then(|next| next.trim().strip_prefix("- ")) {
                html.push_str(&format!("<li>{}</li>\n", inline(item)));
                lines.next();
            }
            html.push_str("</ul>\n");
        } else if trimmed.starts_with('|') {
            let mut rows = vec![cells(trimmed)];
            while let Some(next) = lines.peek().map(|next| next.trim()).filter(|next| next.starts_with('|')) {
                rows.push(cells(next));
                lines.next();
            }
            table(&mut html, &rows);
        } else {
            paragraph.push(trimmed);
        }
    }
    close(&mut html, &mut paragraph);
    html
}

fn close(html: &mut String, paragraph: &mut Vec<&str>) {
    if !paragraph.is_empty() {
        html.push_str(&format!("<p>{}</p>\n", inline(&paragraph.join(" "))));
        paragraph.clear();
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_start_matches('|').trim_end_matches('|').split('|').map(str::trim).collect()
}

fn table(html: &mut String, rows: &[Vec<&str>]) {
    let rule =
        |row: &Vec<&str>| row.iter().all(|cell| !cell.is_empty() && cell.bytes().all(|b| b == b'-' || b == b':'));
    html.push_str("<div class=\"table-scroll\" tabindex=\"0\"><table>\n");
    let has_head = rows.get(1).is_some_and(rule);
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| !rule(row)) {
        html.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let text = inline(cell);
            html.push_str(&match (at, column) {
                (0, _) if has_head => format!("<th scope=\"col\">{text}</th>"),
                (_, 0) => format!("<th scope=\"row\">{text}</th>"),
                _ => format!("<td>{text}</td>"),
            });
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div>\n");
}

/// Escapes text and sets what stands in back-ticks or double stars.
fn inline(text: &str) -> String {
    let escaped = crate::report::chart::escape(text);
    paired(&paired(&escaped, "`", "code"), "**", "strong")
}

/// Puts `tag` around what stands between two `mark`s; a mark without a partner stays.
fn paired(text: &str, mark: &str, tag: &str) -> String {
    let parts: Vec<&str> = text.split(mark).collect();
    let mut out = String::new();
    for (at, part) in parts.iter().enumerate() {
        let closes = at + 1 < parts.len();
        match (at % 2, closes) {
            (1, true) => out.push_str(&format!("<{tag}>{part}</{tag}>")),
            (1, false) => out.push_str(&format!("{mark}{part}")),
            _ => out.push_str(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_lists_tables_and_paragraphs_are_set() {
        let html = card_html("# Name\n\nOne\ntwo.\n\n- **a** `b`\n- c\n\n| x | y |\n|---|---|\n| 1 | 2 |\n");
        assert_eq!(
            html,
            "<h3>Name</h3>\n<p>One two.</p>\n<ul>\n<li><strong>a</strong> <code>b</code></li>\n<li>c</li>\n</ul>\n<div class=\"table-scroll\" tabindex=\"0\"><table>\n<tr><th scope=\"col\">x</th><th scope=\"col\">y</th></tr>\n<tr><th scope=\"row\">1</th><td>2</td></tr>\n</table></div>\n"
        );
    }

    #[test]
    fn markup_in_a_card_is_text() {
        let html = card_html("<script>alert(1)</script> [a](javascript:b) <img src=x onerror=y> **b");
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<a "), "{html}");
        assert!(html.contains("&lt;script&gt;") && html.contains("**b"), "{html}");
    }
}
