use super::{at, escape, open};

/// A predicted survival curve for a page; every share lies in 0 to 1, years ascend from 0.
#[derive(Debug, Clone, PartialEq)]
pub struct SurvivalChart {
    /// Title, for readers who do not see it.
    pub title: String,
    /// What the curve shows, in a sentence with its numbers.
    pub description: String,
    /// Alive: (years, share, lower, upper).
    pub alive: Vec<(f64, f64, f64, f64)>,
    /// Not dead of other causes: (years, share).
    pub without_other_death: Vec<(f64, f64)>,
    /// Years whose share is written at the curve.
    pub labelled: Vec<f64>,
}

/// A frame for curves: shares from bottom to top, years from left to right.
#[derive(Debug, Clone, Copy)]
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    last: f64,
}

impl Frame {
    fn x(self, years: f64) -> f64 {
        let share = if self.last > 0.0 { (years / self.last).clamp(0.0, 1.0) } else { 0.0 };
        self.left + share * (self.right - self.left)
    }

    fn y(self, share: f64) -> f64 {
        let inside = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        self.bottom - inside * (self.bottom - self.top)
    }

    fn line(self, class: &str, points: impl Iterator<Item = (f64, f64)>) -> String {
        format!("<polyline class=\"{class}\" points=\"{}\"/>", self.points(points))
    }

    fn points(self, points: impl Iterator<Item = (f64, f64)>) -> String {
        points
            .map(|(years, share)| format!("{},{}", at(self.x(years)), at(self.y(share))))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The area between two curves.
    fn between(self, class: &str, upper: &[(f64, f64)], lower: &[(f64, f64)]) -> String {
        let outline = upper.iter().chain(lower.iter().rev()).copied();
        format!("<polygon class=\"{class}\" points=\"{}\"/>", self.points(outline))
    }

    /// Grid lines at `shares`, their labels beside the axis, and the years below it.
    fn axes(self, shares: &[f64], years: &[f64]) -> String {
        let mut drawn = String::new();
        for &share in shares {
            let y = self.y(share);
            drawn.push_str(&format!(
                "<line class=\"grid\" x1=\"{}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\"/>",
                at(self.left),
                at(self.right),
                y = at(y)
            ));
            drawn.push_str(&text("tick", self.left - 6.0, y + 4.0, "end", &format!("{:.0}", 100.0 * share)));
        }
        for &year in years {
            let x = self.x(year);
            drawn.push_str(&format!(
                "<line class=\"zero\" x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{}\"/>",
                at(self.bottom),
                at(self.bottom + 4.0),
                x = at(x)
            ));
            drawn.push_str(&text("tick", x, self.bottom + 17.0, "middle", &format!("{year:.0}")));
        }
        drawn
    }
}

fn text(class: &str, x: f64, y: f64, anchor: &str, content: &str) -> String {
    format!(
        "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
        at(x),
        at(y),
        escape(content)
    )
}

/// The curve after surgery alone with its band, the line of other causes, and its numbers.
#[must_use]
pub fn survival_chart(chart: &SurvivalChart) -> String {
    const SIZE: (f64, f64) = (430.0, 300.0);
    let last = chart.alive.last().map_or(0.0, |point| point.0);
    let frame = Frame { left: 36.0, right: SIZE.0 - 14.0, top: 26.0, bottom: SIZE.1 - 42.0, last };
    let mut svg = open("curve", SIZE.0, SIZE.1, &chart.title, &chart.description);
    svg.push_str(&frame.axes(&[0.0, 0.25, 0.5, 0.75, 1.0], &[0.0, 5.0, 10.0, 15.0]));
    let bound = |end: fn(&(f64, f64, f64, f64)) -> f64| -> Vec<(f64, f64)> {
        chart.alive.iter().map(|point| (point.0, end(point))).collect()
    };
    svg.push_str(&frame.between("curve-band", &bound(|point| point.3), &bound(|point| point.2)));
    svg.push_str(&frame.line("curve-other", chart.without_other_death.iter().copied()));
    svg.push_str(&frame.line("curve-alive", chart.alive.iter().map(|point| (point.0, point.1))));
    for point in chart.alive.iter().filter(|point| chart.labelled.contains(&point.0)) {
        let (x, y) = (frame.x(point.0), frame.y(point.1));
        svg.push_str(&format!("<circle class=\"curve-point\" cx=\"{}\" cy=\"{}\" r=\"3.5\"/>", at(x), at(y)));
        let anchor = if point.0 >= last { "end" } else { "middle" };
        svg.push_str(&text("curve-number", x, y + 19.0, anchor, &format!("{:.0}", 100.0 * point.1)));
    }
    svg.push_str(&text("tick", 2.0, 12.0, "start", "of 100 patients"));
    svg.push_str(&text("tick", frame.right, SIZE.1 - 6.0, "end", "years after surgery"));
    svg.push_str("</svg>");
    svg
}

/// Two curves, without and with an option, and the area between them; (years, share).
#[must_use]
pub fn gain_chart(without: &[(f64, f64)], with: &[(f64, f64)], title: &str, description: &str) -> String {
    const SIZE: (f64, f64) = (170.0, 140.0);
    let last = without.last().map_or(0.0, |point| point.0);
    let frame = Frame { left: 28.0, right: SIZE.0 - 8.0, top: 8.0, bottom: SIZE.1 - 22.0, last };
    let mut svg = open("curve mini", SIZE.0, SIZE.1, title, description);
    svg.push_str(&frame.axes(&[0.0, 0.5, 1.0], &[0.0, 5.0, 10.0, 15.0]));
    let shared: Vec<(f64, f64)> = without.iter().take(with.len()).copied().collect();
    svg.push_str(&frame.between("curve-gain", with, &shared));
    svg.push_str(&frame.line("curve-alive", without.iter().copied()));
    svg.push_str(&frame.line("curve-with", with.iter().copied()));
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> SurvivalChart {
        let alive = |years: f64| (years, 1.0 - 0.02 * years, 1.0 - 0.03 * years, 1.0 - 0.01 * years);
        SurvivalChart {
            title: "t <b>".into(),
            description: "d".into(),
            alive: (0..=15).map(f64::from).map(alive).collect(),
            without_other_death: (0..=15).map(f64::from).map(|years| (years, 1.0 - 0.005 * years)).collect(),
            labelled: vec![5.0, 10.0, 15.0],
        }
    }

    #[test]
    fn the_curve_carries_its_numbers_and_no_style() {
        let svg = survival_chart(&chart());
        for number in [">90<", ">80<", ">70<"] {
            assert!(svg.contains(number), "{number}: {svg}");
        }
        assert!(svg.contains("t &lt;b&gt;") && !svg.contains("style=") && !svg.contains("NaN"));
        assert_eq!(svg.matches("curve-point").count(), 3);
    }

    #[test]
    fn an_empty_curve_is_drawn_without_a_point() {
        let empty = SurvivalChart { alive: Vec::new(), without_other_death: Vec::new(), ..chart() };
        let svg = survival_chart(&empty);
        assert!(svg.ends_with("</svg>") && !svg.contains("NaN") && !svg.contains("curve-point"));
        assert!(!gain_chart(&[], &[], "t", "d").contains("NaN"));
    }

    #[test]
    fn a_curve_with_an_option_ends_where_its_numbers_end() {
        let line = |last: i32, fall: f64| (0..=last).map(f64::from).map(|t| (t, 1.0 - fall * t)).collect::<Vec<_>>();
        let svg = gain_chart(&line(15, 0.02), &line(10, 0.01), "t", "d");
        let points = |class: &str| {
            let of = svg.split(&format!("class=\"{class}\" points=\"")).nth(1).and_then(|rest| rest.split('"').next());
            of.map_or(0, |points| points.split(' ').count())
        };
        assert_eq!([points("curve-alive"), points("curve-with"), points("curve-gain")], [16, 11, 22]);
    }
}
