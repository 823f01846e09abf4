use super::plot::{
    Area, LineStyle, Scale, WIDTH, heading, horizontal_axis, legend, line, line_style, round_ticks, sheet, shortened,
    text, text_width, vertical_axis,
};
use super::{at, escape};

/// A curve that changes in steps, right-continuous.
#[derive(Debug, Clone, PartialEq)]
pub struct StepCurve {
    /// Name in the legend.
    pub name: String,
    /// Value before the first time.
    pub before: f64,
    /// Ascending times.
    pub times: Vec<f64>,
    /// Value from each time on.
    pub values: Vec<f64>,
    /// Interval from each time on; `None` where it does not exist. Empty without a band.
    pub bounds: Vec<Option<(f64, f64)>>,
    /// Times of censorings, drawn as ticks on the curve.
    pub censored: Vec<f64>,
}

/// One row of the table under the axis.
#[derive(Debug, Clone, PartialEq)]
pub struct AtRiskRow {
    /// Name of the group.
    pub name: String,
    /// Number at risk at each tick.
    pub counts: Vec<f64>,
}

/// A plot of step curves in \[0, 1\] over time, with the numbers at risk under the axis.
#[derive(Debug, Clone, PartialEq)]
pub struct StepPlot {
    /// Title.
    pub title: String,
    /// What the plot shows, in a sentence, for readers who do not see it.
    pub description: String,
    /// Name of the time axis.
    pub time_axis: String,
    /// Name of the vertical axis.
    pub value_axis: String,
    /// Highest value of the vertical axis, at most 1.
    pub highest: f64,
    /// Curves.
    pub curves: Vec<StepCurve>,
    /// Ticks of the time axis.
    pub ticks: Vec<f64>,
    /// Numbers at risk.
    pub at_risk: Vec<AtRiskRow>,
    /// A line of text inside the plot, where curves do not come; empty for none.
    pub note: String,
    /// What ticks and bands mean, under the table.
    pub footnote: String,
}

const PLOT_HEIGHT: f64 = 340.0;
const ROW: f64 = 19.0;

/// A standalone SVG file of step curves with confidence bands, censoring ticks, legend and numbers at risk.
#[must_use]
pub fn step_plot(plot: &StepPlot) -> String {
    let styles: Vec<LineStyle> = (0..plot.curves.len()).map(line_style).collect();
    let widest = plot.at_risk.iter().map(|row| text_width(&row.name)).fold(0.0, f64::max);
    let left = (widest + 60.0).clamp(90.0, 240.0);
    let right = WIDTH - 28.0;
    let entries: Vec<(String, LineStyle)> =
        plot.curves.iter().map(|curve| curve.name.clone()).zip(styles.iter().copied()).collect();
    let (title, title_height) = heading(&plot.title);
    let (key, key_height) = if entries.len() > 1 {
        legend(&entries, left, WIDTH - 16.0, 40.0 + title_height)
    } else {
        (String::new(), 0.0)
    };
    let top = 46.0 + title_height + key_height;
    let area = Area { left, right, top, bottom: top + PLOT_HEIGHT };
    let last =
        plot.curves.iter().filter_map(|curve| curve.times.last()).chain(&plot.ticks).copied().fold(0.0, f64::max);
    let x = Scale { from: 0.0, to: if last > 0.0 { last } else { 1.0 }, start: area.left, end: area.right };
    let y = Scale { from: 0.0, to: plot.highest, start: area.bottom, end: area.top };
    let table_top = area.bottom + 64.0;
    let height = table_top + 8.0 + plot.at_risk.len() as f64 * ROW + 30.0;
    let mut svg = sheet(height, &plot.title, &plot.description);
    svg.push_str(&title);
    svg.push_str(&key);
    svg.push_str(&vertical_axis(area, y, &round_ticks(0.0, plot.highest, 5.0), &plot.value_axis));
    svg.push_str(&horizontal_axis(area, x, &plot.ticks, &plot.time_axis));
    for (curve, style) in plot.curves.iter().zip(&styles) {
        svg.push_str(&band(curve, *style, x, y));
    }
    for (curve, style) in plot.curves.iter().zip(&styles) {
        svg.push_str(&curve_path(curve, *style, x, y));
    }
    if !plot.note.is_empty() {
        let rises = plot.curves.iter().all(|curve| curve.before == 0.0);
        let note_y = if rises { area.top + 18.0 } else { area.bottom - 12.0 };
        let paper = "paint-order=\"stroke\" stroke=\"#fff\" stroke-width=\"4\"";
        svg.push_str(&text(area.left + 12.0, note_y, "start", paper, &plot.note));
    }
    svg.push_str(&risk_table(plot, area, x, table_top));
    svg.push_str(&text(16.0, height - 10.0, "start", "font-size=\"11\" fill=\"#444\"", &plot.footnote));
    svg.push_str("</svg>\n");
    svg
}

/// The numbers at risk under the ticks of the axis.
fn risk_table(plot: &StepPlot, area: Area, x: Scale, top: f64) -> String {
    let mut drawn = text(16.0, top, "start", "font-weight=\"bold\"", "Number at risk");
    for (index, row) in plot.at_risk.iter().enumerate() {
        let y = top + ROW * (index as f64 + 1.0);
        drawn.push_str(&text(16.0, y, "start", "", &shortened(&row.name, area.left - 44.0)));
        for (&tick, &count) in plot.ticks.iter().zip(&row.counts) {
            let whole = (count - count.round()).abs() < 1e-9;
            let label = if whole { format!("{count:.0}") } else { format!("{count:.1}") };
            drawn.push_str(&text(x.at(tick), y, "middle", "font-size=\"12\"", &label));
        }
    }
    drawn
}

/// Corners of a step curve up to its last time.
fn corners(before: f64, times: &[f64], values: impl Iterator<Item = f64>, x: Scale, y: Scale) -> Vec<(f64, f64)> {
    let mut points = vec![(x.at(0.0), y.at(before))];
    let mut height = before;
    for (&time, value) in times.iter().zip(values) {
        if value != height {
            points.push((x.at(time), y.at(height)));
            points.push((x.at(time), y.at(value)));
            height = value;
        }
    }
    if let Some(&last) = times.last() {
        points.push((x.at(last), y.at(height)));
    }
    points
}

fn curve_path(curve: &StepCurve, style: LineStyle, x: Scale, y: Scale) -> String {
    let points = corners(curve.before, &curve.times, curve.values.iter().copied(), x, y);
    let mut drawn = format!("<g><title>{}</title>\n", escape(&curve.name));
    drawn.push_str(&format!("<polyline points=\"{}\" {}/>\n", joined(&points), style.attributes()));
    // Many censorings at one spot of the drawing are one tick.
    let mut before = f64::NEG_INFINITY;
    for &time in &curve.censored {
        let position = curve.times.partition_point(|&t| t <= time).checked_sub(1);
        let value = position.and_then(|at| curve.values.get(at)).copied().unwrap_or(curve.before);
        let (tick_x, tick_y) = (x.at(time), y.at(value));
        if tick_x - before < 0.3 {
            continue;
        }
        before = tick_x;
        let ink = format!("stroke=\"{}\" stroke-width=\"1.2\" class=\"censored\"", style.colour);
        drawn.push_str(&line(tick_x, tick_y - 4.5, tick_x, tick_y + 4.5, &ink));
    }
    drawn.push_str("</g>\n");
    drawn
}

/// The area between the bounds, up to where they cease to exist.
fn band(curve: &StepCurve, style: LineStyle, x: Scale, y: Scale) -> String {
    let known: Vec<(f64, f64)> = curve.bounds.iter().map_while(|bound| *bound).collect();
    if known.is_empty() {
        return String::new();
    }
    // Where the interval ends because the curve reaches its end, the last one is drawn up to that time.
    let times = &curve.times[..(known.len() + 1).min(curve.times.len())];
    let with_end = |value: fn(&(f64, f64)) -> f64| {
        let last = known.last().map(value);
        known.iter().map(value).chain(last).take(times.len()).collect::<Vec<f64>>()
    };
    let mut outline = corners(curve.before, times, with_end(|bound| bound.1).into_iter(), x, y);
    let mut lower = corners(curve.before, times, with_end(|bound| bound.0).into_iter(), x, y);
    lower.reverse();
    outline.extend(lower);
    format!(
        "<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"0.13\" stroke=\"none\" class=\"band\"/>\n",
        joined(&outline),
        style.colour
    )
}

fn joined(points: &[(f64, f64)]) -> String {
    let mut drawn: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", at(*x), at(*y))).collect();
    // Thousands of times share the dots of a sheet.
    drawn.dedup();
    drawn.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> StepPlot {
        let curve = StepCurve {
            name: "a <b>".into(),
            before: 1.0,
            times: vec![1.0, 2.0, 4.0],
            values: vec![0.75, 0.75, 0.0],
            bounds: vec![Some((0.4, 1.0)), Some((0.4, 1.0)), None],
            censored: vec![2.0],
        };
        StepPlot {
            title: "t".into(),
            description: "d".into(),
            time_axis: "days".into(),
            value_axis: "survival".into(),
            highest: 1.0,
            curves: vec![curve.clone(), StepCurve { name: "other".into(), ..curve }],
            ticks: vec![0.0, 2.0, 4.0],
            at_risk: vec![AtRiskRow { name: "a <b>".into(), counts: vec![4.0, 3.0, 1.0] }],
            note: "log-rank p = 0.5".into(),
            footnote: "Ticks: censored.".into(),
        }
    }

    #[test]
    fn a_curve_falls_in_steps_and_censorings_sit_on_it() {
        let svg = step_plot(&plot());
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert_eq!(svg.matches("class=\"censored\"").count(), 2);
        assert_eq!(svg.matches("class=\"band\"").count(), 2);
        assert!(svg.contains("Number at risk") && svg.contains("a &lt;b&gt;") && !svg.contains("style="), "{svg}");
        assert!(svg.contains("stroke-dasharray"), "lines differ by dash");
    }

    #[test]
    fn a_curve_without_times_or_with_time_zero_only_is_drawn() {
        let mut empty = plot();
        for curve in &mut empty.curves {
            (curve.times, curve.values, curve.bounds, curve.censored) = (vec![0.0], vec![1.0], vec![None], vec![0.0]);
        }
        empty.ticks = vec![0.0];
        let svg = step_plot(&empty);
        assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf"));
    }
}
