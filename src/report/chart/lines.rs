use super::at;
use super::plot::{
    Area, LineStyle, Scale, WIDTH, heading, horizontal_axis, legend, line, line_style, point, round_ticks, sheet,
    vertical_axis,
};

/// One series of points.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// Points by ascending x.
    pub points: Vec<(f64, f64)>,
    /// Interval of each point's y; empty for a line, else the points are drawn as marks with whiskers.
    pub intervals: Vec<(f64, f64)>,
}

/// A plot of lines or marks.
#[derive(Debug, Clone, PartialEq)]
pub struct LinePlot {
    /// Title.
    pub title: String,
    /// What the plot shows, in a sentence.
    pub description: String,
    /// Name of the horizontal axis.
    pub x_axis: String,
    /// Name of the vertical axis.
    pub y_axis: String,
    /// Ends of the horizontal axis.
    pub x_range: (f64, f64),
    /// Ends of the vertical axis; lines that leave it are cut off.
    pub y_range: (f64, f64),
    /// Series.
    pub series: Vec<Series>,
}

/// A standalone SVG file of lines and marks, told apart by dash pattern and colour.
#[must_use]
pub fn line_plot(plot: &LinePlot) -> String {
    let style =
        |(index, series): (usize, &Series)| LineStyle { points: !series.intervals.is_empty(), ..line_style(index) };
    let styles: Vec<LineStyle> = plot.series.iter().enumerate().map(style).collect();
    let entries: Vec<(String, LineStyle)> =
        plot.series.iter().map(|series| series.name.clone()).zip(styles.iter().copied()).collect();
    let (left, right) = (84.0, WIDTH - 28.0);
    let (title, title_height) = heading(&plot.title);
    let (key, key_height) = legend(&entries, left, WIDTH - 16.0, 40.0 + title_height);
    let top = 46.0 + title_height + key_height;
    let area = Area { left, right, top, bottom: top + 360.0 };
    let x = Scale { from: plot.x_range.0, to: plot.x_range.1, start: area.left, end: area.right };
    let y = Scale { from: plot.y_range.0, to: plot.y_range.1, start: area.bottom, end: area.top };
    let mut svg = sheet(area.bottom + 56.0, &plot.title, &plot.description);
    svg.push_str(&title);
    svg.push_str(&key);
    svg.push_str(&vertical_axis(area, y, &round_ticks(plot.y_range.0, plot.y_range.1, 6.0), &plot.y_axis));
    svg.push_str(&horizontal_axis(area, x, &round_ticks(plot.x_range.0, plot.x_range.1, 8.0), &plot.x_axis));
    if plot.y_range.0 < 0.0 {
        svg.push_str(&line(area.left, y.at(0.0), area.right, y.at(0.0), "stroke=\"#777\""));
    }
    for (series, style) in plot.series.iter().zip(&styles) {
        if series.intervals.is_empty() {
            for piece in inside(&series.points, plot.y_range) {
                let points: Vec<String> =
                    piece.iter().map(|&(px, py)| format!("{},{}", at(x.at(px)), at(y.at(py)))).collect();
                svg.push_str(&format!("<polyline points=\"{}\" {}/>\n", points.join(" "), style.attributes()));
            }
            continue;
        }
        for (&(px, py), &(lower, upper)) in series.points.iter().zip(&series.intervals) {
            svg.push_str(&point(x.at(px), y.at(py), y.at(lower), y.at(upper), *style));
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// The pieces of a line inside the vertical range, cut where it crosses an end.
fn inside(points: &[(f64, f64)], (low, high): (f64, f64)) -> Vec<Vec<(f64, f64)>> {
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut open = false;
    let holds = |y: f64| y >= low && y <= high;
    for (index, &(x, y)) in points.iter().enumerate() {
        let crossing = index.checked_sub(1).and_then(|before| {
            let (x0, y0) = points[before];
            let edge = if holds(y) { y0 } else { y }.clamp(low, high);
            (holds(y) != holds(y0)).then(|| (x0 + (x - x0) * (edge - y0) / (y - y0), edge))
        });
        if !open && holds(y) {
            pieces.push(crossing.into_iter().collect());
        }
        if let Some(piece) = pieces.last_mut() {
            if holds(y) {
                piece.push((x, y));
            } else if open {
                piece.extend(crossing);
            }
        }
        open = holds(y);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_it_leaves_the_plot() {
        let pieces = inside(&[(0.0, 0.0), (1.0, -2.0), (2.0, 0.0)], (-1.0, 1.0));
        assert_eq!(pieces, [vec![(0.0, 0.0), (0.5, -1.0)], vec![(1.5, -1.0), (2.0, 0.0)]]);
        assert_eq!(inside(&[(0.0, 5.0)], (0.0, 1.0)), Vec::<Vec<(f64, f64)>>::new());
    }
}
