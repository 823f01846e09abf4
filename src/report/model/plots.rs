use crate::report::chart::{LinePlot, Series, line_plot};
use crate::stats::Error;
use crate::stats::calibration::smoothed_calibration;
use crate::stats::decision_curve::decision_curve;
use crate::study::{BinaryEvaluation, CellCalibration};

/// A plot with its title and what to read in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Title.
    pub title: String,
    /// Inline SVG.
    pub svg: String,
    /// What the plot shows.
    pub note: String,
}

impl Chart {
    /// The chart of `plot`; `id` makes its title and description unique on a page.
    fn new(id: &str, plot: &LinePlot) -> Self {
        let svg = line_plot(plot);
        let inline = svg.split_once("<svg").map_or_else(String::new, |(_, rest)| format!("<svg{rest}"));
        let inline = inline
            .replacen("aria-labelledby=\"title desc\"", &format!("aria-labelledby=\"{id}-title {id}-desc\""), 1)
            .replacen("id=\"title\"", &format!("id=\"{id}-title\""), 1)
            .replacen("id=\"desc\"", &format!("id=\"{id}-desc\""), 1);
        Self { title: plot.title.clone(), svg: inline, note: plot.description.clone() }
    }
}

fn diagonal() -> Series {
    Series { name: "ideal".to_owned(), points: vec![(0.0, 0.0), (1.0, 1.0)], intervals: Vec::new() }
}

/// Observed rate against mean estimate, one mark per subtype and option.
pub(super) fn cells(cells: &[CellCalibration]) -> Chart {
    let mut sorted: Vec<&CellCalibration> = cells.iter().collect();
    sorted.sort_by(|a, b| a.mean_estimate.total_cmp(&b.mean_estimate));
    let plot = LinePlot {
        title: "Calibration by subtype and option".to_owned(),
        description: "Observed rate with its 95 % interval against the mean out-of-fold estimate, for patients of one subtype who received one option. Marks below the line: estimates too high.".to_owned(),
        x_axis: "mean estimate".to_owned(),
        y_axis: "observed rate".to_owned(),
        x_range: (0.0, 1.0),
        y_range: (0.0, 1.0),
        series: vec![
            diagonal(),
            Series {
                name: "subtype and option".to_owned(),
                points: sorted.iter().map(|cell| (cell.mean_estimate, cell.observed.estimate)).collect(),
                intervals: sorted.iter().map(|cell| (cell.observed.lower95, cell.observed.upper95)).collect(),
            },
        ],
    };
    Chart::new("cells", &plot)
}

/// Calibration and net benefit of the patients of an evaluation.
pub(super) fn curves(held_out: &BinaryEvaluation) -> Result<[Chart; 2], Error> {
    let y: Vec<bool> = held_out.per_patient.iter().map(|patient| patient.y == 1).collect();
    let p: Vec<f64> = held_out.per_patient.iter().map(|patient| patient.p).collect();
    let mut smooth: Vec<(f64, f64)> = p.iter().copied().zip(smoothed_calibration(&y, &p)?).collect();
    smooth.sort_by(|a, b| a.0.total_cmp(&b.0));
    let calibration = LinePlot {
        title: "Calibration curve".to_owned(),
        description: format!("Smoothed observed rate against the out-of-fold estimate of {} patients.", y.len()),
        x_axis: "estimate".to_owned(),
        y_axis: "observed rate".to_owned(),
        x_range: (0.0, 1.0),
        y_range: (0.0, 1.0),
        series: vec![
            diagonal(),
            Series { name: "smoothed".to_owned(), points: thinned(smooth), intervals: Vec::new() },
        ],
    };
    let thresholds: Vec<f64> = (1..=60).map(|step| f64::from(step) / 100.0).collect();
    let found = decision_curve(&y, &p, &thresholds, None)?;
    let line = |name: &str, of: &dyn Fn(usize) -> f64| Series {
        name: name.to_owned(),
        points: thresholds.iter().enumerate().map(|(at, threshold)| (*threshold, of(at))).collect(),
        intervals: Vec::new(),
    };
    let part = |at: usize, of: fn(&crate::stats::decision_curve::NetBenefit) -> f64| found.get(at).map_or(0.0, of);
    let highest = found.iter().map(|each| each.model.max(each.treat_all)).fold(0.05, f64::max);
    let benefit = LinePlot {
        title: "Net benefit".to_owned(),
        description: "True positives per patient, net of false positives weighed by the threshold: what acting on the estimate is worth against acting for all or for none.".to_owned(),
        x_axis: "threshold probability".to_owned(),
        y_axis: "net benefit".to_owned(),
        x_range: (0.0, 0.6),
        y_range: (-0.05, highest * 1.05),
        series: vec![
            line("model", &|at| part(at, |each| each.model)),
            line("all", &|at| part(at, |each| each.treat_all)),
            line("none", &|_| 0.0),
        ],
    };
    Ok([Chart::new("calibration", &calibration), Chart::new("benefit", &benefit)])
}

/// At most about 200 points of a line.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(200).max(1);
    let last = points.last().copied();
    let mut kept: Vec<(f64, f64)> = points.into_iter().step_by(step).collect();
    kept.extend(last.filter(|last| kept.last() != Some(last)));
    kept
}
