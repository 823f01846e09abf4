use super::{at, escape, open};

/// Where labels stand in a forest plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Labels in a column beside the plot, for paper and wide screens.
    Wide,
    /// Labels above their marks, for a phone.
    Narrow,
}

/// One interval on the axis of probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// 0 for the leading model, 1 and up for further models, `None` for an observed rate.
    pub model: Option<usize>,
    /// Point in 0 to 1.
    pub estimate: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
}

/// One arm of a forest plot.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestRow {
    /// Label, wrapped onto two lines at most.
    pub label: String,
    /// Intervals, drawn from top to bottom.
    pub marks: Vec<Mark>,
}

const PAD: f64 = 8.0;
const STRIP: (f64, f64) = (220.0, 34.0);
const LINE: f64 = 15.0;

/// The horizontal axis from 0 to 1 between two coordinates.
#[derive(Debug, Clone, Copy)]
struct Axis {
    left: f64,
    right: f64,
}

impl Axis {
    /// The coordinate of a probability; what lies outside 0 to 1 is drawn at the end.
    fn x(self, probability: f64) -> f64 {
        let inside = if probability.is_finite() { probability.clamp(0.0, 1.0) } else { 0.0 };
        self.left + inside * (self.right - self.left)
    }

    fn grid(self, top: f64, bottom: f64) -> String {
        [0.0, 0.25, 0.5, 0.75, 1.0]
            .iter()
            .map(|tick| {
                let x = at(self.x(*tick));
                format!("<line class=\"grid\" x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{}\"/>", at(top), at(bottom))
            })
            .collect()
    }

    fn labels(self, y: f64, ticks: &[f64]) -> String {
        ticks
            .iter()
            .map(|tick| {
                let anchor = if *tick <= 0.0 {
                    "start"
                } else if *tick >= 1.0 {
                    "end"
                } else {
                    "middle"
                };
                let nudge = if *tick <= 0.0 {
                    -3.0
                } else if *tick >= 1.0 {
                    3.0
                } else {
                    0.0
                };
                let unit = if *tick >= 1.0 { " %" } else { "" };
                let x = at(self.x(*tick) + nudge);
                format!(
                    "<text class=\"tick\" x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{:.0}{unit}</text>",
                    at(y),
                    tick * 100.0
                )
            })
            .collect()
    }

    fn mark(self, mark: &Mark, y: f64) -> String {
        let (lower, upper) = if mark.lower <= mark.upper { (mark.lower, mark.upper) } else { (mark.upper, mark.lower) };
        let class = match mark.model {
            Some(0) => "lead",
            Some(_) => "other",
            None => "seen",
        };
        let (x1, x2, x) = (self.x(lower), self.x(upper), self.x(mark.estimate));
        let ends = [x1, x2].map(|end| {
            format!(
                "<line class=\"whisker\" x1=\"{e}\" y1=\"{}\" x2=\"{e}\" y2=\"{}\"/>",
                at(y - 3.0),
                at(y + 3.0),
                e = at(end)
            )
        });
        let point = match mark.model {
            Some(0) => {
                format!("<rect class=\"point\" x=\"{}\" y=\"{}\" width=\"9\" height=\"9\"/>", at(x - 4.5), at(y - 4.5))
            }
            Some(_) => {
                let corners = [(x, y - 5.0), (x + 5.0, y + 4.0), (x - 5.0, y + 4.0)];
                format!("<polygon class=\"point\" points=\"{}\"/>", points(&corners))
            }
            None => {
                let corners = [(x, y - 5.5), (x + 5.5, y), (x, y + 5.5), (x - 5.5, y)];
                format!("<polygon class=\"point\" points=\"{}\"/>", points(&corners))
            }
        };
        format!(
            "<g class=\"{class}\"><line class=\"whisker\" x1=\"{}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\"/>{}{point}</g>",
            at(x1),
            at(x2),
            ends.concat(),
            y = at(y)
        )
    }
}

fn points(corners: &[(f64, f64)]) -> String {
    corners.iter().map(|(x, y)| format!("{},{}", at(*x), at(*y))).collect::<Vec<_>>().join(" ")
}

/// The intervals of one arm on the common axis, for one cell of a table.
#[must_use]
pub fn interval_strip(marks: &[Mark], title: &str, description: &str) -> String {
    let (width, height) = STRIP;
    let axis = Axis { left: PAD, right: width - PAD };
    let mut svg = open("strip", width, height, title, description);
    svg.push_str(&axis.grid(0.0, height));
    let step = height / (marks.len() as f64 + 1.0);
    for (index, mark) in marks.iter().enumerate() {
        svg.push_str(&axis.mark(mark, step * (index as f64 + 1.0)));
    }
    svg.push_str("</svg>");
    svg
}

/// The axis labels that belong over [`interval_strip`].
#[must_use]
pub fn axis_strip() -> String {
    let (width, _) = STRIP;
    let axis = Axis { left: PAD, right: width - PAD };
    let mut svg = open("strip", width, 16.0, "Axis from 0 to 100 %", "Shared by all rows of this table.");
    svg.push_str(&axis.labels(12.0, &[0.0, 0.5, 1.0]));
    svg.push_str("</svg>");
    svg
}

/// A forest plot of `rows` in their given order on a common axis from 0 to 100 %.
#[must_use]
pub fn forest(rows: &[ForestRow], layout: Layout, title: &str, description: &str) -> String {
    let (width, axis, columns) = match layout {
        Layout::Wide => (720.0, Axis { left: 300.0, right: 700.0 }, 42),
        Layout::Narrow => (340.0, Axis { left: 12.0, right: 328.0 }, 46),
    };
    let mut body = String::new();
    let mut top = 4.0;
    for row in rows {
        let lines = wrap(&row.label, columns);
        let marks = row.marks.len().max(1) as f64 * LINE;
        let text = lines.len() as f64 * LINE;
        let (first_line, first_mark, height) = match layout {
            Layout::Wide => {
                let height = marks.max(text) + 12.0;
                (top + (height - text) / 2.0 + 11.5, top + (height - marks) / 2.0 + LINE / 2.0, height)
            }
            Layout::Narrow => (top + 13.0, top + text + 4.0 + LINE / 2.0, text + marks + 12.0),
        };
        let x = if layout == Layout::Wide { 0.0 } else { axis.left };
        for (index, line) in lines.iter().enumerate() {
            body.push_str(&format!(
                "<text class=\"row-label\" x=\"{}\" y=\"{}\">{}</text>",
                at(x),
                at(first_line + index as f64 * LINE),
                escape(line)
            ));
        }
        for (index, mark) in row.marks.iter().enumerate() {
            body.push_str(&axis.mark(mark, first_mark + index as f64 * LINE));
        }
        top += height;
        body.push_str(&format!(
            "<line class=\"rule\" x1=\"0\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\"/>",
            at(width),
            y = at(top)
        ));
    }
    let class = if layout == Layout::Wide { "forest wide" } else { "forest narrow" };
    let mut svg = open(class, width, (top + 22.0).ceil(), title, description);
    svg.push_str(&axis.grid(0.0, top));
    svg.push_str(&body);
    svg.push_str(&axis.labels(top + 15.0, &[0.0, 0.25, 0.5, 0.75, 1.0]));
    svg.push_str("</svg>");
    svg
}

/// Breaks `label` into lines of at most `columns` characters, three at most; what is left over ends in an ellipsis.
fn wrap(label: &str, columns: usize) -> Vec<String> {
    const LINES: usize = 3;
    let mut lines: Vec<String> = Vec::new();
    for word in label.split_whitespace() {
        let fits = lines.last().is_some_and(|line| line.chars().count() + 1 + word.chars().count() <= columns);
        match lines.last_mut() {
            Some(line) if fits => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    if lines.len() > LINES {
        lines.truncate(LINES);
        if let Some(last) = lines.last_mut() {
            last.push('\u{2026}');
        }
    }
    for line in &mut lines {
        if line.chars().count() > columns + 1 {
            *line = line.chars().take(columns).chain(['\u{2026}']).collect();
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coordinates(svg: &str, names: &[&str]) -> Vec<f64> {
        names
            .iter()
            .flat_map(|name| {
                let opening = format!(" {name}=\"");
                let values = svg.split(&opening).skip(1).filter_map(|rest| rest.split('"').next()?.parse().ok());
                values.collect::<Vec<f64>>()
            })
            .collect()
    }

    fn view_box(svg: &str) -> (f64, f64) {
        let text = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split('"').next().unwrap();
        let (width, height) = text.split_once(' ').unwrap();
        (width.parse().unwrap(), height.parse().unwrap())
    }

    fn marks_at(estimate: f64) -> Vec<Mark> {
        let (lower, upper) = (estimate * 0.7, estimate + (1.0 - estimate) * 0.4);
        [Some(0), Some(1), None].map(|model| Mark { model, estimate, lower, upper }).to_vec()
    }

    #[test]
    fn marks_stay_inside_the_drawing_for_any_probability() {
        for step in 0..=100 {
            let p = f64::from(step) / 100.0;
            let rows = vec![ForestRow { label: format!("arm {step}"), marks: marks_at(p) }; 3];
            for svg in [
                interval_strip(&marks_at(p), "t", "d"),
                forest(&rows, Layout::Wide, "t", "d"),
                forest(&rows, Layout::Narrow, "t", "d"),
            ] {
                let (width, height) = view_box(&svg);
                assert!(coordinates(&svg, &["x", "x1", "x2"]).iter().all(|x| (0.0..=width).contains(x)), "{svg}");
                assert!(coordinates(&svg, &["y", "y1", "y2"]).iter().all(|y| (0.0..=height).contains(y)), "{svg}");
            }
        }
    }

    #[test]
    fn values_off_the_axis_are_drawn_at_its_end() {
        let axis = Axis { left: 10.0, right: 110.0 };
        assert_eq!([axis.x(-3.0), axis.x(2.0), axis.x(f64::NAN), axis.x(0.5)], [10.0, 110.0, 10.0, 60.0]);
    }

    #[test]
    fn an_interval_given_backwards_is_drawn_from_low_to_high() {
        let axis = Axis { left: 0.0, right: 100.0 };
        let svg = axis.mark(&Mark { model: Some(0), estimate: 0.5, lower: 0.8, upper: 0.2 }, 10.0);
        assert!(svg.contains("x1=\"20\" y1=\"10\" x2=\"80\" y2=\"10\""), "{svg}");
    }

    #[test]
    fn long_labels_wrap_and_end_in_an_ellipsis() {
        let lines = wrap(&"word ".repeat(60), 42);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.chars().count() <= 43));
        assert!(lines[2].ends_with('\u{2026}'));
        assert_eq!(wrap(&"x".repeat(80), 10), ["xxxxxxxxxx\u{2026}"]);
    }

    #[test]
    fn rows_keep_their_order() {
        let rows = ["Zeta", "Alpha"].map(|label| ForestRow { label: label.to_owned(), marks: marks_at(0.4) });
        let svg = forest(&rows, Layout::Wide, "t", "d");
        assert!(svg.find("Zeta") < svg.find("Alpha"));
    }
}
