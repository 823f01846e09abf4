use super::trial::{Heterogeneity, NONE, REAL, STANDOUT, Trial, allotted, arms, spec, trial, under};
use crate::learn::{HierarchicalArms, HierarchicalSpec};
use crate::stats::normal::Z95;

/// What intervals did over simulated trials.
#[derive(Default, Clone, Copy)]
struct Tally {
    n: f64,
    within: f64,
    error: f64,
    square: f64,
    width: f64,
}

impl Tally {
    fn add(&mut self, mean: f64, std_dev: f64, truth: f64) {
        self.n += 1.0;
        self.within += f64::from(u8::from((mean - truth).abs() <= Z95 * std_dev));
        self.error += mean - truth;
        self.square += (mean - truth).powi(2);
        self.width += 2.0 * Z95 * std_dev;
    }

    fn coverage(&self) -> f64 {
        self.within / self.n
    }

    fn print(&self, what: &str) {
        let [bias, mse, width] = [self.error, self.square, self.width].map(|sum| sum / self.n);
        println!(
            "  {what}: coverage {:.3}, bias {bias:+.3}, rmse {:.3}, width {width:.2}",
            self.coverage(),
            mse.sqrt()
        );
    }
}

/// Coverage of 95 % intervals on the logit scale: of each patient's logit under the arm received, of her difference to the
/// control under every arm that at least 15 of her subtype received, and of that difference averaged over her subtype.
fn tally(truth: Heterogeneity, spec: &HierarchicalSpec, seeds: std::ops::Range<u64>) -> [Tally; 4] {
    let mut tallies = [Tally::default(); 4];
    for seed in seeds {
        let trial = trial(seed, truth);
        let model = HierarchicalArms::fit(&trial.x, &trial.y, spec).unwrap();
        for (row, margin) in model.predict(&trial.x).unwrap().iter().enumerate() {
            tallies[0].add(margin.mean, margin.std_dev, trial.logit[row][trial.arm[row]]);
        }
        for (arm, name) in arms().iter().enumerate().skip(1) {
            let moved = model.difference(&trial.x, name, "Ctr").unwrap();
            for subtype in (0..4).filter(|&s| allotted(arm, s) >= 15 && allotted(0, s) >= 15) {
                let rows = (0..trial.x.n_rows).filter(|&row| trial.subtype[row] == subtype);
                for row in rows.step_by(10) {
                    let effect = trial.logit[row][arm] - trial.logit[row][0];
                    tallies[1].add(moved[row].mean, moved[row].std_dev, effect);
                }
            }
        }
        add_cells(&mut tallies, &trial, &model);
    }
    tallies
}

/// Adds the difference to control in each cell, and the cell that may stand out once more.
///
/// The subtype's mean patient stands for the subtype: effects are linear in the covariates.
fn add_cells(tallies: &mut [Tally; 4], trial: &Trial, model: &HierarchicalArms) {
    let width = trial.x.n_features();
    for subtype in 0..4 {
        let rows: Vec<usize> = (0..trial.x.n_rows).filter(|&row| trial.subtype[row] == subtype).collect();
        let n = rows.len() as f64;
        let mut average = under(&trial.x.select(&rows[..1]), 0);
        for column in 0..9 {
            let sum: f64 = rows.iter().map(|&row| f64::from(trial.x.values[row * width + column])).sum();
            average.values[column] = (sum / n) as f32;
        }
        for (arm, name) in arms().iter().enumerate().skip(1) {
            if allotted(arm, subtype) < 15 || allotted(0, subtype) < 15 {
                continue;
            }
            let truth = rows.iter().map(|&row| trial.logit[row][arm] - trial.logit[row][0]).sum::<f64>() / n;
            let moved = model.difference(&average, name, "Ctr").unwrap()[0];
            tallies[2].add(moved.mean, moved.std_dev, truth);
            if (arm, subtype) == STANDOUT {
                tallies[3].add(moved.mean, moved.std_dev, truth);
            }
        }
    }
}

/// Six data sets a truth hold some hundred dependent cells: coverage has a standard error of about 4 %.
#[test]
fn intervals_cover_the_truth_with_and_without_heterogeneity() {
    for truth in [NONE, REAL] {
        let tallies = tally(truth, &spec(), 0..6);
        for tally in &tallies[..3] {
            assert!(tally.coverage() > 0.85, "{}", tally.coverage());
        }
    }
}

/// Figures for docs/studies.md.
#[test]
#[ignore = "prints figures; six minutes"]
fn coverage_over_200_trials() {
    let strong = Heterogeneity { arm: 0.8, arm_by_subtype: 0.5, arm_by_marker: 0.3, standout: 0.0 };
    let standout = Heterogeneity { standout: 1.5, ..NONE };
    let searches = [("averaged", true, Some(1.0)), ("mode", false, Some(1.0)), ("evidence alone", false, None)];
    for (name, truth) in [("none", NONE), ("moderate", REAL), ("strong", strong), ("one cell of +1.5", standout)] {
        for (search, averaged, scale) in searches {
            let mut spec = spec();
            spec.search.averaged = averaged;
            spec.search.half_normal_scale = scale;
            println!("heterogeneity {name}; variances: {search}");
            let [patient, individual, cell, alone] = tally(truth, &spec, 0..200);
            patient.print("logit under the arm received");
            individual.print("a patient's difference to control");
            cell.print("difference to control in a subtype");
            alone.print("the same, Pembro in HR-/HER2-");
        }
    }
}
