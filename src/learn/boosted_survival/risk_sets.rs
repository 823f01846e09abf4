use hessboost::objective::GradPair;

use crate::stats::Survival;

/// The distinct times of a sample with their tied rows, made once for all boosting rounds.
///
/// hessboost's own `survival:cox` (as XGBoost's) adds tied events to the running sums one by one, so that rows of one
/// time get different gradients by the order of the rows. Bootstrap samples are full of ties; here they follow Efron.
#[derive(Debug, Clone)]
pub(super) struct RiskSets {
    /// Rows by ascending time, events first within a time.
    order: Vec<usize>,
    /// Per distinct time.
    ties: Vec<Ties>,
    event: Vec<bool>,
}

/// The rows of one time, as a range of the order.
#[derive(Debug, Clone, Copy)]
struct Ties {
    start: usize,
    end: usize,
    n_events: usize,
}

/// The sum of exp(margin) at risk from a time on, and of its events alone.
#[derive(Clone, Copy, Default)]
struct Sums {
    at_risk: f64,
    events: f64,
}

impl RiskSets {
    pub(super) fn new(data: &Survival) -> Self {
        let order = data.order();
        let (time, event) = (data.event_time(), data.event());
        let mut ties = Vec::new();
        let mut start = 0;
        for tied in order.chunk_by(|&a, &b| time[a] == time[b]) {
            let n_events = tied.iter().filter(|&&row| event[row]).count();
            ties.push(Ties { start, end: start + tied.len(), n_events });
            start += tied.len();
        }
        Self { order, ties, event: event.to_vec() }
    }

    /// Writes gradient and diagonal Hessian of minus the Efron log partial likelihood with respect to the margins.
    ///
    /// With e = exp(f), R and E the sums of e at risk and over the d tied events, and l = 0 … d − 1: row i gets
    /// eᵢ·Σ wₗ/(R − l·E/d) − eventᵢ over the times up to its own, where wₗ is 1 − l/d at the row's own event and 1
    /// elsewhere; the Hessian subtracts eᵢ²·Σ wₗ²/(R − l·E/d)².
    pub(super) fn gradient(&self, margins: &[f32], out: &mut [GradPair]) {
        let largest = margins.iter().fold(f32::NEG_INFINITY, |most, &margin| most.max(margin));
        let hazards: Vec<f64> = margins.iter().map(|&margin| (f64::from(margin) - f64::from(largest)).exp()).collect();
        let sums = self.sums(&hazards);
        let (mut first, mut second) = (0.0, 0.0);
        for (tied, sums) in self.ties.iter().zip(&sums) {
            let n_events = tied.n_events as f64;
            let (mut own_first, mut own_second) = (first, second);
            for step in 0..tied.n_events {
                let share = step as f64 / n_events;
                let inverse = 1.0 / (sums.at_risk - share * sums.events);
                first += inverse;
                second += inverse * inverse;
                own_first += (1.0 - share) * inverse;
                own_second += ((1.0 - share) * inverse).powi(2);
            }
            for &row in &self.order[tied.start..tied.end] {
                let hazard = hazards[row];
                let (event, a, b) = if self.event[row] { (1.0, own_first, own_second) } else { (0.0, first, second) };
                let hessian = (hazard * a - hazard * hazard * b).max(f64::from(f32::MIN_POSITIVE));
                out[row] = GradPair::new((hazard * a - event) as f32, hessian as f32);
            }
        }
    }

    /// The Efron log partial likelihood of the log-hazard `beta`·z with its first two derivatives in `beta`.
    pub(super) fn log_likelihood(&self, z: &[f64], beta: f64) -> [f64; 3] {
        let largest = z.iter().fold(f64::NEG_INFINITY, |most, value| most.max(beta * value));
        let hazards: Vec<f64> = z.iter().map(|value| (beta * value - largest).exp()).collect();
        let weighted: Vec<f64> = hazards.iter().zip(z).map(|(h, z)| h * z).collect();
        let squared: Vec<f64> = weighted.iter().zip(z).map(|(w, z)| w * z).collect();
        let sums = [self.sums(&hazards), self.sums(&weighted), self.sums(&squared)];
        let mut total = [0.0; 3];
        for (at, tied) in self.ties.iter().enumerate() {
            for (step, &row) in self.order[tied.start..tied.start + tied.n_events].iter().enumerate() {
                let share = step as f64 / tied.n_events as f64;
                let [s0, s1, s2] = [0, 1, 2].map(|power| {
                    let Sums { at_risk, events } = sums[power][at];
                    at_risk - share * events
                });
                let mean = s1 / s0;
                total[0] += beta * z[row] - largest - s0.ln();
                total[1] += z[row] - mean;
                total[2] -= s2 / s0 - mean * mean;
            }
        }
        total
    }

    /// Efron's increments of the baseline cumulative hazard, per distinct time: Σ 1/(R − l·E/d).
    pub(super) fn hazard_increments(&self, log_hazard: &[f64]) -> Vec<f64> {
        let hazards: Vec<f64> = log_hazard.iter().map(|value| value.exp()).collect();
        let increment = |(tied, sums): (&Ties, Sums)| {
            (0..tied.n_events).map(|step| 1.0 / (sums.at_risk - step as f64 / tied.n_events as f64 * sums.events)).sum()
        };
        self.ties.iter().zip(self.sums(&hazards)).map(increment).collect()
    }

    /// The first row of every distinct time, in order of time.
    pub(super) fn first_rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.ties.iter().filter_map(|tied| self.order.get(tied.start).copied())
    }

    /// Sums from each distinct time on, added up from the last, so that nothing cancels.
    fn sums(&self, values: &[f64]) -> Vec<Sums> {
        let mut at_risk = 0.0;
        let mut sums: Vec<Sums> = self
            .ties
            .iter()
            .rev()
            .map(|tied| {
                at_risk += self.order[tied.start..tied.end].iter().map(|&row| values[row]).sum::<f64>();
                let events = &self.order[tied.start..tied.start + tied.n_events];
                Sums { at_risk, events: events.iter().map(|&row| values[row]).sum() }
            })
            .collect();
        sums.reverse();
        sums
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn sample(seed: u64, n: usize, n_times: u32) -> (Survival, Vec<f32>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let time = (0..n).map(|_| f64::from(rng.random_range(0..n_times))).collect();
        let event = (0..n).map(|row| row == 0 || rng.random_bool(0.6)).collect();
        let margins = (0..n).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect();
        (Survival::new(time, event).unwrap(), margins)
    }

    /// Efron's log partial likelihood by its definition, O(n²).
    fn brute(data: &Survival, f: &[f64]) -> f64 {
        let (time, event) = (data.event_time(), data.event());
        let mut times: Vec<f64> = time.to_vec();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let mut total = 0.0;
        for t in times {
            let rows: Vec<usize> = (0..f.len()).filter(|&i| event[i] && time[i] == t).collect();
            let at_risk: f64 = (0..f.len()).filter(|&i| time[i] >= t).map(|i| f[i].exp()).sum();
            let tied: f64 = rows.iter().map(|&i| f[i].exp()).sum();
            for (l, &i) in rows.iter().enumerate() {
                total += f[i] - (at_risk - l as f64 / rows.len() as f64 * tied).ln();
            }
        }
        total
    }

    #[test]
    fn gradients_are_those_of_efrons_likelihood_with_many_ties() {
        for seed in 0..12 {
            let (data, margins) = sample(seed, 30, if seed % 2 == 0 { 6 } else { 1000 });
            let f: Vec<f64> = margins.iter().map(|&m| f64::from(m)).collect();
            let mut out = vec![GradPair::default(); f.len()];
            RiskSets::new(&data).gradient(&margins, &mut out);
            for row in 0..f.len() {
                let moved = |step: f64| {
                    let mut f = f.clone();
                    f[row] += step;
                    -brute(&data, &f)
                };
                let h = 1e-4;
                let first = (moved(h) - moved(-h)) / (2.0 * h);
                let second = (moved(h) - 2.0 * moved(0.0) + moved(-h)) / (h * h);
                // Single precision of the pair; central differences lose half the digits of the second derivative.
                assert!((f64::from(out[row].grad) - first).abs() < 1e-6, "{seed} {row}: {} {first}", out[row].grad);
                assert!((f64::from(out[row].hess) - second).abs() < 1e-5, "{seed} {row}: {} {second}", out[row].hess);
            }
            let sum: f64 = out.iter().map(|pair| f64::from(pair.grad)).sum();
            assert!(sum.abs() < 1e-5);
        }
    }

    #[test]
    fn likelihood_and_its_derivatives_agree_with_the_definition() {
        for seed in 0..6 {
            let (data, margins) = sample(seed, 40, 7);
            let z: Vec<f64> = margins.iter().map(|&m| f64::from(m)).collect();
            let along = |b: f64| brute(&data, &z.iter().map(|v| b * v).collect::<Vec<_>>());
            let (beta, h) = (0.7, 1e-4);
            let [value, first, second] = RiskSets::new(&data).log_likelihood(&z, beta);
            assert!((value - along(beta)).abs() < 1e-10);
            assert!((first - (along(beta + h) - along(beta - h)) / (2.0 * h)).abs() < 1e-6);
            assert!((second - (along(beta + h) - 2.0 * along(beta) + along(beta - h)) / (h * h)).abs() < 1e-4);
        }
    }

    #[test]
    fn row_order_does_not_matter_even_with_ties() {
        let (data, margins) = sample(3, 25, 5);
        let reversed: Vec<usize> = (0..25).rev().collect();
        let mut out = vec![GradPair::default(); 25];
        RiskSets::new(&data).gradient(&margins, &mut out);
        let mut turned = vec![GradPair::default(); 25];
        let other: Vec<f32> = margins.iter().rev().copied().collect();
        RiskSets::new(&data.select(&reversed).unwrap()).gradient(&other, &mut turned);
        for (a, b) in out.iter().zip(turned.iter().rev()) {
            assert!((a.grad - b.grad).abs() < 1e-6 && (a.hess - b.hess).abs() < 1e-6);
        }
    }
}
