//! Inline SVG: intervals, forest plots, diverging and stacked bars, icon arrays, predicted curves; standalone files: step curves, ratios, lines.
//!
//! Lives here: geometry only, from values that the view already chose. Each chart is `role="img"` with a title and
//! a description, has no `style` attribute (the page forbids them), and tells its marks apart by shape as well as
//! by colour. May import `report::figure`. Deliberately absent: rounding, thresholds and prose.

mod bars;
mod fates;
mod forest;
mod icons;
mod lines;
mod plot;
mod ratios;
mod steps;
mod survival;

pub use bars::diverging_bar;
pub use fates::{Part, PartKind, part_icons, part_mark, stacked_bar};
pub use forest::{ForestRow, Layout, Mark, axis_strip, forest, interval_strip};
pub use icons::icon_array;
pub use lines::{LinePlot, Series, line_plot};
pub use ratios::{RatioPlot, RatioRow, ratio_plot};
pub use steps::{AtRiskRow, StepCurve, StepPlot, step_plot};
pub use survival::{SurvivalChart, gain_chart, survival_chart};

/// Escapes text for use inside SVG and attributes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Opens an accessible drawing of `width` by `height`; the caller closes it.
fn open(class: &str, width: f64, height: f64, title: &str, description: &str) -> String {
    format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\"><title>{}</title><desc>{}</desc>",
        escape(title),
        escape(description)
    )
}

/// A coordinate with one decimal, without a minus zero.
fn at(value: f64) -> String {
    let text = format!("{value:.1}");
    if text == "-0.0" { "0".to_owned() } else { text.strip_suffix(".0").map(str::to_owned).unwrap_or(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out_of_the_drawing() {
        let svg = open("c", 10.0, 10.0, "</title><script>", "a \"b\" & 'c'");
        assert!(svg.contains("&lt;/title&gt;&lt;script&gt;"));
        assert!(svg.contains("a &quot;b&quot; &amp; &#39;c&#39;"));
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!([at(1.0), at(-0.01), at(2.34)], ["1", "0", "2.3"]);
    }
}
