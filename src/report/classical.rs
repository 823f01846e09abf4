//! Plots of the classical estimates: which curve, which words, which axis; `chart` draws them.

use super::chart::{
    AtRiskRow, LinePlot, RatioPlot, RatioRow, Series, StepCurve, StepPlot, line_plot, ratio_plot, step_plot,
};
use super::figure::decimals;
use crate::study::classical::{CalibrationResult, CoxResult, IncidenceResult, KaplanMeierResult, NetBenefitResult};

/// Words of a plot of curves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurveLabels {
    /// Title; `None` names the estimate.
    pub title: Option<String>,
    /// Name of the time axis.
    pub time_axis: String,
    /// Name of the vertical axis; `None` names the quantity.
    pub value_axis: Option<String>,
    /// Column of the groups, put before their names.
    pub group_column: Option<String>,
}

impl CurveLabels {
    fn title_or(&self, otherwise: &str) -> String {
        self.title.clone().unwrap_or_else(|| otherwise.to_owned())
    }

    fn group_name(&self, name: &str) -> String {
        self.group_column.as_ref().map_or_else(|| name.to_owned(), |column| format!("{column} {name}"))
    }

    fn value_axis_or(&self, otherwise: &str) -> String {
        self.value_axis.clone().unwrap_or_else(|| otherwise.to_owned())
    }
}

/// A p-value with two significant figures, `<0.001` below that.
#[must_use]
pub fn p_value(p: f64) -> String {
    if p < 0.001 {
        "<0.001".to_owned()
    } else if p < 0.1 {
        format!("{p:.3}")
    } else {
        format!("{p:.2}")
    }
}

/// `p` with its sign: `p = 0.03`, `p < 0.001`.
#[must_use]
pub fn p_phrase(p: f64) -> String {
    p_value(p).strip_prefix('<').map_or_else(|| format!("p = {}", p_value(p)), |small| format!("p < {small}"))
}

/// Bands of more curves than this hide each other.
const MOST_BANDS: usize = 4;

fn bands_note(banded: bool) -> &'static str {
    if banded { "Bands: pointwise 95 % intervals." } else { "Intervals are not drawn for more than four curves." }
}

fn pairs(lower: &[Option<f64>], upper: &[Option<f64>]) -> Vec<Option<(f64, f64)>> {
    lower.iter().zip(upper).map(|(lower, upper)| Some(((*lower)?, (*upper)?))).collect()
}

/// The Kaplan–Meier curves as a standalone SVG file, with bands, censoring ticks and numbers at risk.
#[must_use]
pub fn kaplan_meier_svg(result: &KaplanMeierResult, labels: &CurveLabels) -> String {
    let banded = result.groups.len() <= MOST_BANDS;
    let curve = |group: &crate::study::classical::KaplanMeierGroup| StepCurve {
        name: labels.group_name(&group.name),
        before: 1.0,
        times: group.time.clone(),
        values: group.survival.clone(),
        bounds: if banded { pairs(&group.lower95, &group.upper95) } else { Vec::new() },
        censored: group.time.iter().zip(&group.n_censored).filter(|(_, n)| **n > 0.0).map(|(&time, _)| time).collect(),
    };
    let medians: Vec<String> = result
        .groups
        .iter()
        .map(|group| {
            let median = group.median.map_or("not reached".to_owned(), |median| median.to_string());
            format!("{}: {} rows, {} events, median {median}", group.name, group.n, group.total_events)
        })
        .collect();
    let note = result.logrank.map_or(String::new(), |test| format!("Log-rank {}", p_phrase(test.p)));
    step_plot(&StepPlot {
        title: labels.title_or("Kaplan\u{2013}Meier estimate"),
        description: format!("Step curves of survival by time. {}. {note}", medians.join("; ")),
        time_axis: labels.time_axis.clone(),
        value_axis: labels.value_axis_or("Survival probability"),
        highest: 1.0,
        curves: result.groups.iter().map(curve).collect(),
        ticks: result.axis_times.clone(),
        at_risk: result
            .groups
            .iter()
            .map(|group| AtRiskRow { name: labels.group_name(&group.name), counts: group.n_at_risk_at.clone() })
            .collect(),
        note,
        footnote: format!("Vertical ticks: censored. {}", bands_note(banded)),
    })
}

/// The cumulative incidences as a standalone SVG file, one line for each cause and group.
#[must_use]
pub fn incidence_svg(result: &IncidenceResult, labels: &CurveLabels) -> String {
    let banded = result.groups.len() * result.causes.len() <= MOST_BANDS;
    let mut curves = Vec::new();
    for group in &result.groups {
        for cause in &result.causes {
            let values = group.cumulative_incidence.get(cause).cloned().unwrap_or_default();
            // Before the cause's first event its incidence is 0 and so is its interval.
            let known =
                |(bound, value): (Option<(f64, f64)>, &f64)| if *value == 0.0 { Some((0.0, 0.0)) } else { bound };
            let bounds = match (group.lower95.get(cause), group.upper95.get(cause)) {
                (Some(lower), Some(upper)) if banded => {
                    pairs(lower, upper).into_iter().zip(&values).map(known).collect()
                }
                _ => Vec::new(),
            };
            let name = if result.groups.len() > 1 {
                format!("{}: {cause}", labels.group_name(&group.name))
            } else {
                cause.clone()
            };
            curves.push(StepCurve {
                name,
                before: 0.0,
                times: group.time.clone(),
                values,
                bounds,
                censored: Vec::new(),
            });
        }
    }
    let ends = curves
        .iter()
        .flat_map(|curve| curve.bounds.iter().flatten().map(|bound| bound.1).chain(curve.values.last().copied()));
    let top = ends.fold(0.0, f64::max);
    let summary: Vec<String> = curves
        .iter()
        .filter_map(|curve| Some(format!("{} reaches {}", curve.name, decimals(*curve.values.last()?))))
        .collect();
    step_plot(&StepPlot {
        title: labels.title_or("Cumulative incidence (Aalen\u{2013}Johansen)"),
        description: format!("Step curves of cumulative incidence by time. {}.", summary.join("; ")),
        time_axis: labels.time_axis.clone(),
        value_axis: labels.value_axis_or("Cumulative incidence"),
        highest: ((top * 10.0).ceil() / 10.0).clamp(0.1, 1.0),
        curves,
        ticks: result.axis_times.clone(),
        at_risk: result
            .groups
            .iter()
            .map(|group| AtRiskRow { name: labels.group_name(&group.name), counts: group.n_at_risk_at.clone() })
            .collect(),
        note: String::new(),
        footnote: bands_note(banded).to_owned(),
    })
}

/// The hazard ratios as a standalone SVG file on a logarithmic axis.
#[must_use]
pub fn hazard_ratio_svg(result: &CoxResult, title: Option<&str>) -> String {
    let ratio = |value: f64, digits: usize| {
        if (0.01..100.0).contains(&value) { format!("{value:.digits$}") } else { format!("{value:.1e}") }
    };
    let rows = result.terms.iter().map(|term| {
        // Ratios per small unit lie close to 1: two decimals would say 1.00 (1.00 to 1.00).
        let digits = if term.upper95 - term.lower95 < 0.05 { 4 } else { 2 };
        let [estimate, lower, upper] =
            [term.hazard_ratio, term.lower95, term.upper95].map(|value| ratio(value, digits));
        RatioRow {
            label: term.name.clone(),
            estimate: term.hazard_ratio,
            lower: term.lower95,
            upper: term.upper95,
            text: format!("{estimate} ({lower} to {upper})"),
            p: p_value(term.p),
        }
    });
    let rows: Vec<RatioRow> = rows.collect();
    let said: Vec<String> = rows.iter().map(|row| format!("{} {}", row.label, row.text)).collect();
    let references: Vec<String> =
        result.references.iter().map(|reference| format!("{}: {}", reference.covariate, reference.level)).collect();
    let reference =
        if references.is_empty() { String::new() } else { format!("; reference levels {}", references.join(", ")) };
    ratio_plot(&RatioPlot {
        title: title.unwrap_or("Cox regression").to_owned(),
        description: format!("Hazard ratios with 95 % intervals: {}.", said.join("; ")),
        axis: "Hazard ratio (log scale)".to_owned(),
        sides: ["lower hazard".to_owned(), "higher hazard".to_owned()],
        rows,
        note: format!("{} rows, {} events; numbers per unit{reference}", result.n, result.n_events),
    })
}

/// The decision curves as a standalone SVG file, with treating all and none.
#[must_use]
pub fn net_benefit_svg(result: &NetBenefitResult, title: Option<&str>) -> String {
    let mut series: Vec<Series> = result
        .curves
        .iter()
        .map(|curve| Series {
            name: curve.risk.clone(),
            points: curve.points.iter().map(|point| (point.threshold, point.model)).collect(),
            intervals: Vec::new(),
        })
        .collect();
    let thresholds = || result.curves.iter().flat_map(|curve| &curve.points);
    if let Some(curve) = result.curves.first() {
        let line = |name: &str, value: fn(&crate::study::classical::NetBenefit) -> f64| Series {
            name: name.to_owned(),
            points: curve.points.iter().map(|point| (point.threshold, value(point))).collect(),
            intervals: Vec::new(),
        };
        series.push(line("treat all", |point| point.treat_all));
        series.push(line("treat none", |_| 0.0));
    }
    let highest = thresholds().map(|point| point.model.max(point.treat_all)).fold(0.01, f64::max) * 1.05;
    let low = thresholds().map(|point| point.threshold).fold(1.0, f64::min);
    let high = thresholds().map(|point| point.threshold).fold(0.0, f64::max);
    line_plot(&LinePlot {
        title: title.unwrap_or("Decision curve").to_owned(),
        description: format!("Net benefit by threshold of {} predictions, treating all and none.", result.curves.len()),
        x_axis: "Threshold probability".to_owned(),
        y_axis: "Net benefit".to_owned(),
        x_range: (low, high),
        y_range: (-0.2 * highest, highest),
        series,
    })
}

/// Predicted against observed risk in groups, as a standalone SVG file.
#[must_use]
pub fn calibration_svg(result: &CalibrationResult, title: Option<&str>) -> String {
    let diagonal = Series { name: "ideal".to_owned(), points: vec![(0.0, 0.0), (1.0, 1.0)], intervals: Vec::new() };
    let observed = Series {
        name: "observed, groups of patients with 95 % interval".to_owned(),
        points: result.groups.iter().map(|group| (group.predicted, group.observed.estimate)).collect(),
        intervals: result.groups.iter().map(|group| (group.observed.lower95, group.observed.upper95)).collect(),
    };
    line_plot(&LinePlot {
        title: title.unwrap_or("Calibration").to_owned(),
        description: format!("Predicted against observed risk in {} groups of patients.", result.groups.len()),
        x_axis: "Predicted risk".to_owned(),
        y_axis: "Observed risk".to_owned(),
        x_range: (0.0, 1.0),
        y_range: (0.0, 1.0),
        series: vec![observed, diagonal],
    })
}
