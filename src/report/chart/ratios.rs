use super::at;
use super::plot::{WIDTH, heading, line, sheet, text, two_lines};

/// One ratio with its interval.
#[derive(Debug, Clone, PartialEq)]
pub struct RatioRow {
    /// Label.
    pub label: String,
    /// Ratio, above 0.
    pub estimate: f64,
    /// Lower end of the interval, above 0.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
    /// The interval as text.
    pub text: String,
    /// The p-value as text.
    pub p: String,
}

/// A plot of ratios on a logarithmic axis.
#[derive(Debug, Clone, PartialEq)]
pub struct RatioPlot {
    /// Title.
    pub title: String,
    /// What the plot shows, in a sentence.
    pub description: String,
    /// Name of the axis.
    pub axis: String,
    /// What a ratio below and above 1 means.
    pub sides: [String; 2],
    /// Rows from top to bottom.
    pub rows: Vec<RatioRow>,
    /// Line under the axis; empty for none.
    pub note: String,
}

const LEFT: f64 = 226.0;
const RIGHT: f64 = 500.0;
const ROW: f64 = 26.0;
/// Intervals further from 1 than this factor end in an arrow.
const FURTHEST: f64 = 100.0;

/// A standalone SVG file of ratios with 95 % intervals on a logarithmic axis.
#[must_use]
pub fn ratio_plot(plot: &RatioPlot) -> String {
    let (title, title_height) = heading(&plot.title);
    let head = 56.0 + title_height;
    let labels: Vec<Vec<String>> = plot.rows.iter().map(|row| two_lines(&row.label, LEFT - 30.0)).collect();
    let row_height = if labels.iter().any(|lines| lines.len() > 1) { ROW + 10.0 } else { ROW };
    let top = head + 20.0;
    let bottom = top + plot.rows.len() as f64 * row_height;
    let note = if plot.note.is_empty() { Vec::new() } else { two_lines(&plot.note, WIDTH - 20.0) };
    let note_height = if note.is_empty() { 0.0 } else { 6.0 + 16.0 * note.len() as f64 };
    let mut svg = sheet(bottom + 72.0 + note_height, &plot.title, &plot.description);
    svg.push_str(&title);
    let (low, high) = range(&plot.rows);
    let x = |ratio: f64| LEFT + (ratio.clamp(low, high).ln() - low.ln()) / (high.ln() - low.ln()) * (RIGHT - LEFT);
    let bold = "font-weight=\"bold\"";
    svg.push_str(&text(16.0, head, "start", bold, "Covariate"));
    svg.push_str(&text(680.0, head, "end", bold, "Hazard ratio (95 % CI)"));
    svg.push_str(&text(WIDTH - 14.0, head, "end", bold, "p"));
    svg.push_str(&line(16.0, head + 8.0, WIDTH - 14.0, head + 8.0, "stroke=\"#111\""));
    for tick in ticks(low, high) {
        let tick_x = x(tick);
        svg.push_str(&line(tick_x, head + 14.0, tick_x, bottom, "stroke=\"#ddd\""));
        svg.push_str(&line(tick_x, bottom, tick_x, bottom + 5.0, "stroke=\"#111\""));
        svg.push_str(&text(tick_x, bottom + 19.0, "middle", "font-size=\"12\"", &tick.to_string()));
    }
    svg.push_str(&line(x(1.0), head + 12.0, x(1.0), bottom, "stroke=\"#111\" stroke-dasharray=\"4 3\""));
    svg.push_str(&line(LEFT, bottom, RIGHT, bottom, "stroke=\"#111\""));
    for (index, (row, label)) in plot.rows.iter().zip(&labels).enumerate() {
        let y = top + (index as f64 + 0.5) * row_height;
        let first = if label.len() > 1 { y - 3.5 } else { y + 4.5 };
        for (line, at) in label.iter().zip([first, first + 15.0]) {
            svg.push_str(&text(16.0, at, "start", "", line));
        }
        svg.push_str(&interval(row, y, low, high, x));
        svg.push_str(&text(680.0, y + 4.5, "end", "", &row.text));
        svg.push_str(&text(WIDTH - 14.0, y + 4.5, "end", "", &row.p));
    }
    let small = "font-size=\"12\"";
    svg.push_str(&text((LEFT + RIGHT) / 2.0, bottom + 38.0, "middle", "", &plot.axis));
    let [below, above] = &plot.sides;
    svg.push_str(&text(LEFT, bottom + 57.0, "start", small, &format!("\u{2190} {below}")));
    svg.push_str(&text(RIGHT, bottom + 57.0, "end", small, &format!("{above} \u{2192}")));
    for (line, y) in note.iter().zip([bottom + 82.0, bottom + 98.0]) {
        svg.push_str(&text(16.0, y, "start", small, line));
    }
    svg.push_str("</svg>\n");
    svg
}

fn interval(row: &RatioRow, y: f64, low: f64, high: f64, x: impl Fn(f64) -> f64) -> String {
    let (x1, x2, point) = (x(row.lower), x(row.upper), x(row.estimate));
    let ink = "stroke=\"#111\" stroke-width=\"1.6\"";
    let mut drawn = line(x1, y, x2, y, ink);
    let arrow = |tip: f64, back: f64| {
        format!(
            "<polygon points=\"{},{} {},{} {},{}\" fill=\"#111\" class=\"cut\"/>\n",
            at(tip),
            at(y),
            at(back),
            at(y - 4.5),
            at(back),
            at(y + 4.5)
        )
    };
    drawn.push_str(&if row.lower < low { arrow(x1, x1 + 8.0) } else { line(x1, y - 4.0, x1, y + 4.0, ink) });
    drawn.push_str(&if row.upper > high { arrow(x2, x2 - 8.0) } else { line(x2, y - 4.0, x2, y + 4.0, ink) });
    if (low..=high).contains(&row.estimate) {
        let (left, top) = (at(point - 4.5), at(y - 4.5));
        drawn.push_str(&format!("<rect x=\"{left}\" y=\"{top}\" width=\"9\" height=\"9\" fill=\"#0b3d91\"/>\n"));
    }
    drawn
}

/// The ends of the axis: around all intervals and 1, within [`FURTHEST`].
fn range(rows: &[RatioRow]) -> (f64, f64) {
    let low = rows.iter().map(|row| row.lower).fold(0.8, f64::min).max(1.0 / FURTHEST);
    let high = rows.iter().map(|row| row.upper).fold(1.25, f64::max).min(FURTHEST);
    (low / 1.1, high * 1.1)
}

/// Round ratios inside the axis, far enough apart for their labels; the rounder one wins a place.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    const ROUNDEST_FIRST: [f64; 23] = [
        1.0, 0.5, 2.0, 0.1, 10.0, 0.01, 100.0, 0.2, 5.0, 0.05, 20.0, 0.02, 50.0, 0.8, 1.25, 1.5, 3.0, 0.7, 1.1, 0.9,
        0.6, 1.2, 0.3,
    ];
    let position = |ratio: f64| (ratio.ln() - low.ln()) / (high.ln() - low.ln()) * (RIGHT - LEFT);
    let mut kept: Vec<f64> = Vec::new();
    for ratio in ROUNDEST_FIRST {
        let clear = kept.iter().all(|&other| (position(ratio) - position(other)).abs() >= 36.0);
        if ratio >= low && ratio <= high && clear {
            kept.push(ratio);
        }
    }
    kept.sort_by(f64::total_cmp);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(estimate: f64, lower: f64, upper: f64) -> RatioRow {
        RatioRow { label: "grade=III".into(), estimate, lower, upper, text: "text".into(), p: "0.01".into() }
    }

    #[test]
    fn intervals_far_off_end_in_an_arrow_inside_the_plot() {
        let plot = RatioPlot {
            title: "t".into(),
            description: "d".into(),
            axis: "hazard ratio".into(),
            sides: ["later".into(), "earlier".into()],
            rows: vec![row(1.5, 1.1, 2.0), row(3.0, 0.001, 1e9)],
            note: String::new(),
        };
        let svg = ratio_plot(&plot);
        assert_eq!(svg.matches("class=\"cut\"").count(), 2);
        assert!(!svg.contains("NaN") && !svg.contains("style="));
    }

    #[test]
    fn tick_labels_keep_their_distance() {
        for (low, high) in [(0.7, 1.4), (0.1, 10.0), (0.01, 100.0), (0.95, 1.3)] {
            let kept = ticks(low, high);
            assert!(kept.contains(&1.0) && kept.len() >= 2, "{kept:?}");
        }
    }
}
