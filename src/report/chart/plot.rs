//! What the standalone plots share: the sheet, round ticks, line styles and the legend.

use super::{at, escape};

/// Width of every standalone plot.
pub(super) const WIDTH: f64 = 760.0;
const FONT: &str = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";
/// About the mean width of a character of the 13-pixel font.
const CHARACTER: f64 = 6.9;

/// How a line is told apart: by dash and width first, by colour second.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineStyle {
    pub(super) colour: &'static str,
    pub(super) dash: &'static str,
    pub(super) width: f64,
    /// The series is points with whiskers rather than a line.
    pub(super) points: bool,
}

/// Styles in order; past the last they start again with a wider line.
pub(super) fn line_style(index: usize) -> LineStyle {
    const STYLES: [(&str, &str); 8] = [
        ("#0b3d91", ""),
        ("#b3400e", "9 4"),
        ("#1b6e3c", "2 3"),
        ("#6a1b8a", "12 3 2 3"),
        ("#333333", "5 2"),
        ("#8a5a00", "1 4"),
        ("#006b75", "14 5"),
        ("#a0144f", "7 2 2 2 2 2"),
    ];
    let (colour, dash) = STYLES[index % STYLES.len()];
    LineStyle { colour, dash, width: if index < STYLES.len() { 1.8 } else { 3.0 }, points: false }
}

impl LineStyle {
    /// Presentation attributes of a line; a standalone file has no style sheet to hold them.
    pub(super) fn attributes(self) -> String {
        let dash = if self.dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", self.dash) };
        format!("fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{dash}", self.colour, self.width)
    }
}

/// A rectangle of the sheet on which values are drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// A number axis between two coordinates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) start: f64,
    pub(super) end: f64,
}

impl Scale {
    /// The coordinate of a value; what lies outside is drawn at the end.
    pub(super) fn at(self, value: f64) -> f64 {
        let span = self.to - self.from;
        let share = if span > 0.0 && value.is_finite() { ((value - self.from) / span).clamp(0.0, 1.0) } else { 0.0 };
        self.start + share * (self.end - self.start)
    }
}

/// Opens a standalone file of that height with a white ground, title and description; the caller closes it.
pub(super) fn sheet(height: f64, title: &str, description: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{h}\" viewBox=\"0 0 {WIDTH} {h}\" role=\"img\" aria-labelledby=\"title desc\" font-family=\"{FONT}\" font-size=\"13\" fill=\"#111\">\n<title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n<rect width=\"{WIDTH}\" height=\"{h}\" fill=\"#fff\"/>\n",
        escape(title),
        escape(description),
        h = at(height)
    )
}

/// A text at a point.
pub(super) fn text(x: f64, y: f64, anchor: &str, extra: &str, content: &str) -> String {
    let extra = if extra.is_empty() { String::new() } else { format!(" {extra}") };
    format!("<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\"{extra}>{}</text>\n", at(x), at(y), escape(content))
}

/// A straight line.
pub(super) fn line(x1: f64, y1: f64, x2: f64, y2: f64, attributes: &str) -> String {
    format!("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {attributes}/>\n", at(x1), at(y1), at(x2), at(y2))
}

/// About how wide `content` is drawn.
pub(super) fn text_width(content: &str) -> f64 {
    content.chars().count() as f64 * CHARACTER
}

/// `content` cut to about `width`, with an ellipsis when something is left out.
pub(super) fn shortened(content: &str, width: f64) -> String {
    let most = (width / CHARACTER).floor().max(2.0) as usize;
    if content.chars().count() <= most {
        return content.to_owned();
    }
    content.chars().take(most - 1).chain(['\u{2026}']).collect()
}

/// The title at the top left on at most two lines, and what the second adds to the height.
pub(super) fn heading(title: &str) -> (String, f64) {
    const LINE: f64 = 20.0;
    let lines = two_lines(title, (WIDTH - 40.0) / 1.3);
    let bold = "font-size=\"16\" font-weight=\"bold\"";
    let drawn = lines.iter().zip([24.0, 24.0 + LINE]).map(|(line, y)| text(16.0, y, "start", bold, line));
    (drawn.collect(), if lines.len() > 1 { LINE } else { 0.0 })
}

/// `content` on one line of about `width`, or on two, broken after a space, hyphen, underscore or equals sign.
pub(super) fn two_lines(content: &str, width: f64) -> Vec<String> {
    let most = (width / CHARACTER).floor().max(2.0) as usize;
    let characters: Vec<char> = content.chars().collect();
    if characters.len() <= most {
        return vec![content.to_owned()];
    }
    let breaks = |c: &char| matches!(c, ' ' | '-' | '_' | '=' | '/');
    let end = characters[..most].iter().rposition(breaks).map_or(most, |at| at + 1);
    let first: String = characters[..end].iter().collect();
    let rest: String = characters[end..].iter().collect();
    vec![first.trim_end().to_owned(), shortened(&rest, width)]
}

/// A point with its whisker from `lower` to `upper`.
pub(super) fn point(x: f64, y: f64, lower: f64, upper: f64, style: LineStyle) -> String {
    let whisker = line(x, lower, x, upper, &format!("stroke=\"{}\" stroke-width=\"1.4\"", style.colour));
    let (x, y) = (at(x), at(y));
    format!("{whisker}<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{}\"/>\n", style.colour)
}

/// The legend from `top` down, with its height: samples beside names, as many to a row as fit.
pub(super) fn legend(entries: &[(String, LineStyle)], left: f64, right: f64, top: f64) -> (String, f64) {
    const SAMPLE: f64 = 40.0;
    const ROW: f64 = 20.0;
    let (mut x, mut y, mut drawn) = (left, top, String::new());
    for (name, style) in entries {
        let name = shortened(name, right - left - SAMPLE - 30.0);
        let width = SAMPLE + 6.0 + text_width(&name) + 22.0;
        if x > left && x + width > right {
            (x, y) = (left, y + ROW);
        }
        if style.points {
            let middle = x + SAMPLE / 2.0;
            drawn.push_str(&point(middle, y + 6.0, y - 2.0, y + 14.0, *style));
        } else {
            drawn.push_str(&line(x, y + 6.0, x + SAMPLE, y + 6.0, &style.attributes()));
        }
        drawn.push_str(&text(x + SAMPLE + 6.0, y + 10.5, "start", "", &name));
        x += width;
    }
    (drawn, y + ROW - top)
}

/// A number as a tick shows it: no more decimals than the step needs.
pub(super) fn tick_label(value: f64, step: f64) -> String {
    if value != 0.0 && (value.abs() >= 1e7 || value.abs() < 1e-4) {
        return format!("{value:e}");
    }
    let decimals = (0..6_usize).find(|&n| {
        let scaled = step * 10f64.powi(n as i32);
        (scaled - scaled.round()).abs() <= 1e-6 * scaled.abs()
    });
    let label = format!("{value:.*}", decimals.unwrap_or(6));
    if label.trim_start_matches('-').chars().all(|c| c == '0' || c == '.') {
        return "0".to_owned();
    }
    label.replacen('-', "\u{2212}", 1)
}

/// About `n` round values from `low` to `high`.
pub(super) fn round_ticks(low: f64, high: f64, n: f64) -> Vec<f64> {
    if !(high > low && (high - low).is_finite()) {
        return vec![low];
    }
    let rough = (high - low) / n;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|f| f * power).find(|step| *step >= rough).unwrap_or(rough);
    let first = (low / step - 1e-9).ceil();
    let count = ((high - first * step) / step + 1e-9).floor().clamp(0.0, 40.0) as u32;
    (0..=count).map(|k| (first + f64::from(k)) * step).collect()
}

/// The difference of the first two ticks.
pub(super) fn step_of(ticks: &[f64]) -> f64 {
    match ticks {
        [first, second, ..] => second - first,
        [only] => only.abs(),
        [] => 1.0,
    }
}

/// The vertical axis with its grid, labels and turned name.
pub(super) fn vertical_axis(area: Area, scale: Scale, ticks: &[f64], name: &str) -> String {
    let mut drawn = String::new();
    for &tick in ticks {
        let y = scale.at(tick);
        drawn.push_str(&line(area.left, y, area.right, y, "stroke=\"#ddd\""));
        drawn.push_str(&line(area.left - 5.0, y, area.left, y, "stroke=\"#111\""));
        drawn.push_str(&text(area.left - 9.0, y + 4.5, "end", "", &tick_label(tick, step_of(ticks))));
    }
    drawn.push_str(&line(area.left, area.top, area.left, area.bottom, "stroke=\"#111\""));
    let (x, y) = (area.left - 48.0, (area.top + area.bottom) / 2.0);
    let turned = format!("transform=\"rotate(-90 {} {})\"", at(x), at(y));
    drawn.push_str(&text(x, y, "middle", &turned, &shortened(name, area.bottom - area.top)));
    drawn
}

/// The horizontal axis with its labels and name.
pub(super) fn horizontal_axis(area: Area, scale: Scale, ticks: &[f64], name: &str) -> String {
    let mut drawn = line(area.left, area.bottom, area.right, area.bottom, "stroke=\"#111\"");
    for &tick in ticks {
        let x = scale.at(tick);
        drawn.push_str(&line(x, area.bottom, x, area.bottom + 5.0, "stroke=\"#111\""));
        drawn.push_str(&text(x, area.bottom + 19.0, "middle", "", &tick_label(tick, step_of(ticks))));
    }
    let middle = (area.left + area.right) / 2.0;
    drawn.push_str(&text(middle, area.bottom + 40.0, "middle", "", &shortened(name, area.right - area.left)));
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(round_ticks(0.0, 1.0, 5.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        for (low, high) in [(-0.05, 0.32), (0.0, 1e-9), (-3.0, 1e6)] {
            let ticks = round_ticks(low, high, 5.0);
            assert!(ticks.len() >= 3 && ticks.len() < 12, "{ticks:?}");
            assert!(ticks.iter().all(|tick| *tick >= low - 1e-9 && *tick <= high * (1.0 + 1e-9)), "{ticks:?}");
        }
    }

    #[test]
    fn labels_have_the_decimals_of_their_step() {
        assert_eq!([tick_label(0.6000000000000001, 0.2), tick_label(200.0, 200.0)], ["0.6", "200"]);
        assert_eq!(
            [tick_label(-0.05, 0.05), tick_label(0.0, 0.25), tick_label(2.5, 2.5)],
            ["\u{2212}0.05", "0", "2.5"]
        );
    }

    #[test]
    fn long_text_breaks_once_and_then_ends_in_an_ellipsis() {
        assert_eq!(two_lines("grade=III", 100.0), ["grade=III"]);
        assert_eq!(two_lines("tumour_size_in_millimetres", 120.0), ["tumour_size_in_", "millimetres"]);
        assert_eq!(two_lines("abcdefghijklmnopqrstuvwxyz", 70.0), ["abcdefghij", "klmnopqrs\u{2026}"]);
    }

    #[test]
    fn a_legend_breaks_before_it_leaves_the_sheet() {
        let entries: Vec<_> = (0..12).map(|k| (format!("group number {k}"), line_style(k))).collect();
        let (drawn, height) = legend(&entries, 70.0, 740.0, 40.0);
        assert_eq!(drawn.matches("<text").count(), 12);
        assert!(height > 40.0, "{height}");
    }
}
