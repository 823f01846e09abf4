//! The infinitesimal jackknife of survival curves in O(n): each row's influence is never stored, only its moments.

use super::risk_table::{Exit, RiskTable};

/// Σ w² over a set of rows of 1 and of the products of two influences, s and b.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    one: f64,
    s: f64,
    b: f64,
    ss: f64,
    sb: f64,
    bb: f64,
}

impl Moments {
    fn add(&mut self, squared_weight: f64, s: f64, b: f64) {
        self.one += squared_weight;
        self.s += squared_weight * s;
        self.b += squared_weight * b;
        self.ss += squared_weight * s * s;
        self.sb += squared_weight * s * b;
        self.bb += squared_weight * b * b;
    }

    /// b becomes b + `gain`·s + `shift` in every row.
    fn shear(&mut self, gain: f64, shift: f64) {
        self.bb +=
            gain * (2.0 * self.sb + gain * self.ss) + shift * (2.0 * self.b + 2.0 * gain * self.s + shift * self.one);
        self.sb += gain * self.ss + shift * self.s;
        self.b += gain * self.s + shift * self.one;
    }

    /// s becomes `keep`·s + `shift` in every row.
    fn scale(&mut self, keep: f64, shift: f64) {
        self.ss = keep * keep * self.ss + shift * (2.0 * keep * self.s + shift * self.one);
        self.sb = keep * self.sb + shift * self.b;
        self.s = keep * self.s + shift * self.one;
    }
}

/// Cumulative sums from which the influence of a row still at risk follows, given their values at its entry.
#[derive(Debug, Clone, Copy, Default)]
struct Path {
    /// Σ d/(n(n − d)).
    c: f64,
    /// Σ S·gain.
    f: f64,
    /// Σ (S·c·gain + shift).
    g: f64,
}

/// The influences s = ∂S(t)/∂w and b = ∂B(t)/∂w of all rows, carried forward through time.
///
/// B is a second quantity driven by S (an incidence, an area) or by the hazard alone. A row that has not entered
/// has influence 0; rows at risk follow one common affine recursion; a row that has left keeps its own influence,
/// which S and B then scale for all alike. So sums of squares obey a recursion of their own. Per distinct time call
/// [`enter`](Self::enter), [`advance`](Self::advance), [`decay`](Self::decay) (when S takes part) and
/// [`exit`](Self::exit), in this order.
///
/// # Source
/// Efron 1982, *The Jackknife, the Bootstrap and Other Resampling Plans*, chapter 6; derivatives of the product-limit
/// and Aalen–Johansen estimators as in Andersen, Borgan, Gill & Keiding 1993, section IV.
#[derive(Debug)]
pub(super) struct Influence<'a> {
    table: &'a RiskTable,
    weights: Option<&'a [f64]>,
    survival: f64,
    path: Path,
    /// The path at each row's entry; empty without delayed entry.
    at_entry: Vec<Path>,
    n_entered: usize,
    at_risk: Moments,
    left: Moments,
}

impl<'a> Influence<'a> {
    pub(super) fn new(table: &'a RiskTable, weights: Option<&'a [f64]>) -> Self {
        let mut at_risk = Moments::default();
        if table.entries().is_empty() {
            for exit in table.exits() {
                at_risk.add(exit.weight * exit.weight, 0.0, 0.0);
            }
        }
        let at_entry = vec![Path::default(); table.entries().len()];
        Self {
            table,
            weights,
            survival: 1.0,
            path: Path::default(),
            at_entry,
            n_entered: 0,
            at_risk,
            left: Moments::default(),
        }
    }

    /// Takes in the rows that entered before time number `at`.
    pub(super) fn enter(&mut self, at: usize) {
        while let Some(&(entry, row)) = self.table.entries().get(self.n_entered)
            && entry < self.table.times[at]
        {
            let weight = self.weights.map_or(1.0, |weights| weights[row]);
            self.at_risk.add(weight * weight, 0.0, 0.0);
            self.at_entry[row] = self.path;
            self.n_entered += 1;
        }
    }

    /// b gains `gain`·s in every row and `shift` in the rows at risk.
    pub(super) fn advance(&mut self, gain: f64, shift: f64) {
        self.path.f += self.survival * gain;
        self.path.g += self.survival * self.path.c * gain + shift;
        self.at_risk.shear(gain, shift);
        self.left.shear(gain, 0.0);
    }

    /// S falls by the hazard of time number `at`.
    pub(super) fn decay(&mut self, at: usize) {
        let (hazard, n) = (self.table.hazard(at), self.table.n_at_risk[at]);
        let keep = 1.0 - hazard;
        self.at_risk.scale(keep, self.survival * hazard / n);
        self.left.scale(keep, 0.0);
        self.survival *= keep;
        if keep > 0.0 {
            self.path.c += self.table.greenwood_step(at);
        }
    }

    /// The rows that leave at time number `at` take their influence along, an event adding `jump(cause)` to (s, b).
    pub(super) fn exit(&mut self, at: usize, jump: impl Fn(u32) -> (f64, f64)) {
        for &Exit { row, cause, weight } in self.table.exits_at(at) {
            let start = self.at_entry.get(row).copied().unwrap_or_default();
            let s = self.survival * (self.path.c - start.c);
            let b = self.path.g - start.g - start.c * (self.path.f - start.f);
            self.at_risk.add(-weight * weight, s, b);
            let (jump_s, jump_b) = if cause == 0 { (0.0, 0.0) } else { jump(cause) };
            self.left.add(weight * weight, s + jump_s, b + jump_b);
        }
        if self.table.rows_at_risk[at] == self.table.exits_at(at).len() {
            self.at_risk = Moments::default();
        }
    }

    /// S after the last [`decay`](Self::decay).
    pub(super) fn survival(&self) -> f64 {
        self.survival
    }

    /// Σ (w s)², the variance of S; never below 0.
    pub(super) fn variance_of_survival(&self) -> f64 {
        (self.at_risk.ss + self.left.ss).max(0.0)
    }

    /// Σ (w b)², the variance of B; never below 0.
    pub(super) fn variance_of_second(&self) -> f64 {
        (self.at_risk.bb + self.left.bb).max(0.0)
    }

    /// Passes time number `at` of the survival curve alone; B, if any, was advanced before.
    pub(super) fn pass_survival(&mut self, at: usize) {
        let before = self.survival;
        self.decay(at);
        // Where everybody fails S stays 0 whatever the weights, and so does its derivative.
        let jump = if self.survival > 0.0 { -before / self.table.n_at_risk[at] } else { 0.0 };
        self.exit(at, |_| (jump, 0.0));
    }
}

#[cfg(test)]
mod tests {
    use crate::stats::risk_table::sample::{Point, Sample};
    use crate::stats::{AalenJohansen, CumulativeHazard, CurveOptions, HazardTies, KaplanMeier, Variance, rmst};

    /// Central differences with step 1e-5 leave 1e-10 of truncation and rounding each.
    const DIFFERENCES: f64 = 1e-7;

    fn with_jackknife(options: CurveOptions<'_>) -> CurveOptions<'_> {
        CurveOptions { variance: Some(Variance::InfinitesimalJackknife), ..options }
    }

    fn near(what: &str, found: &[f64], variance: &[f64]) {
        for (found, variance) in found.iter().zip(variance) {
            assert!((found - variance.sqrt()).abs() < DIFFERENCES, "{what}: {found} {}", variance.sqrt());
        }
    }

    #[test]
    fn every_variance_equals_that_of_numerical_derivatives() {
        let mut reached_zero = 0;
        for seed in 0..24 {
            let sample = Sample::new(seed, 4 + seed as usize);
            for options in sample.all_options().map(with_jackknife) {
                let data = sample.survival();
                let curve = KaplanMeier::fit(&data, &options).unwrap();
                let times = &curve.times;
                reached_zero += usize::from(curve.survival.contains(&0.0));
                let brute = |value: fn(&Point) -> f64| sample.jackknife(times, &options, value);
                let std_err: Vec<f64> = curve.std_err.iter().map(|se| se.unwrap()).collect();
                near("S", &std_err, &brute(|point| point.survival));
                let hazard = CumulativeHazard::fit(&data, &options, HazardTies::NelsonAalen).unwrap();
                near("H", &hazard.std_err, &brute(|point| point.cum_hazard));
                let risks = AalenJohansen::fit(&sample.competing(), &options).unwrap();
                near("F", &risks.incidence[0].std_err, &brute(|point| point.incidence));
                let areas: Vec<f64> = times.iter().map(|&tau| rmst(&data, &options, tau).unwrap().std_err).collect();
                near("area", &areas, &brute(|point| point.area));
            }
        }
        assert!(reached_zero > 10, "{reached_zero}");
    }
}
