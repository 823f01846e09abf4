//! The cumulative/dynamic area under the ROC curve: who has had the event by time t, who is still without it?

use serde::{Deserialize, Serialize};

use super::Error;
use super::inputs::{check_finite, check_length};
use super::ipcw::{CensorSurvival, check_grid, event_survival};
use super::survival::Survival;

/// The area under the time-dependent ROC curve on a grid of times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DynamicAuc {
    /// The grid, ascending.
    pub times: Vec<f64>,
    /// AUC(t) at each time, in \[0, 1\]; 0.5 is chance, higher is better.
    pub auc_t: Vec<f64>,
    /// The mean of AUC(t) over the grid, weighted by the events that the test set's Kaplan–Meier curve puts there.
    pub mean_auc: f64,
}

/// Returns the cumulative/dynamic AUC of one risk score at each of `times`, and its mean over them.
///
/// AUC(t) = Σᵢⱼ wᵢ 1{Tᵢ ≤ t, event} 1{Tⱼ > t} (1{rᵢ > rⱼ} + ½ 1{rᵢ = rⱼ}) / (Σᵢ wᵢ 1{Tᵢ ≤ t, event} Σⱼ 1{Tⱼ > t}),
/// wᵢ = 1 / G(Tᵢ) from `censor_survival` (training data). The mean is Σ AUC(tₖ) (S(tₖ₋₁) − S(tₖ)) / (1 − S(t_last)),
/// S being the Kaplan–Meier curve of `test`. One sort, then O(n) per time.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::TooFew`] without times, [`Error::OutOfDomain`] or
/// [`Error::TimesNotAscending`] for a bad grid, [`Error::BeyondFollowUp`] for a time that no test patient survives or
/// at which G is 0, and [`Error::OneClass`] for a time before the first event.
///
/// # Source
/// Uno et al. 2007; Lambert & Chevret 2016 (mean); scikit-survival `cumulative_dynamic_auc`.
pub fn dynamic_auc(
    censor_survival: &CensorSurvival,
    test: &Survival,
    risk_score: &[f64],
    times: &[f64],
) -> Result<DynamicAuc, Error> {
    let ranked = RankedCases::new(censor_survival, test, risk_score, check_grid(times)?)?;
    let auc_t: Vec<f64> = times.iter().map(|&time| ranked.area(time)).collect::<Result<_, _>>()?;
    let curve = event_survival(test);
    let (mut before, mut sum) = (1.0, 0.0);
    for (&time, area) in times.iter().zip(&auc_t) {
        let survival = curve.at(time);
        sum += area * (before - survival);
        before = survival;
    }
    // Each time has a case, so the curve has fallen below 1.
    Ok(DynamicAuc { times: times.to_vec(), mean_auc: sum / (1.0 - before), auc_t })
}

/// Returns the cumulative/dynamic AUC of a risk score at one `time`; the score may be made for that time.
///
/// # Errors
/// As [`dynamic_auc`].
///
/// # Source
/// As [`dynamic_auc`].
pub fn auc_t(censor_survival: &CensorSurvival, test: &Survival, risk_score: &[f64], time: f64) -> Result<f64, Error> {
    check_grid(&[time])?;
    RankedCases::new(censor_survival, test, risk_score, time)?.area(time)
}

/// Test rows by ascending risk.
struct RankedCases {
    rows: Vec<Row>,
    last: f64,
}

struct Row {
    risk: f64,
    time: f64,
    /// 1 / G(time) of an event, 0 for a censored row.
    weight: f64,
}

impl RankedCases {
    fn new(g: &CensorSurvival, test: &Survival, risk_score: &[f64], until: f64) -> Result<Self, Error> {
        check_length("risk scores", test.n_samples(), risk_score.len())?;
        check_finite(risk_score)?;
        let weights = g.event_weights(test, until)?;
        let rows = test.event_time().iter().zip(risk_score).zip(weights);
        let mut rows: Vec<Row> = rows.map(|((&time, &risk), weight)| Row { risk, time, weight }).collect();
        // Ties by time and weight too, so that sums do not depend on the order of rows.
        rows.sort_by(|a, b| {
            (a.risk + 0.0)
                .total_cmp(&(b.risk + 0.0))
                .then(a.time.total_cmp(&b.time))
                .then(a.weight.total_cmp(&b.weight))
        });
        let last = test.event_time().iter().copied().fold(0.0, f64::max);
        Ok(Self { rows, last })
    }

    fn area(&self, time: f64) -> Result<f64, Error> {
        let (mut n_controls, mut case_weight, mut area) = (0_usize, 0.0, 0.0);
        for tied in self.rows.chunk_by(|a, b| a.risk == b.risk) {
            let n_tied = tied.iter().filter(|row| row.time > time).count();
            let weight: f64 = tied.iter().filter(|row| row.time <= time).map(|row| row.weight).sum();
            area += weight * (n_controls as f64 + 0.5 * n_tied as f64);
            n_controls += n_tied;
            case_weight += weight;
        }
        if n_controls == 0 {
            return Err(Error::BeyondFollowUp { time, last: self.last });
        }
        if case_weight == 0.0 {
            return Err(Error::OneClass { n_samples: self.rows.len(), n_events: 0 });
        }
        Ok(area / (case_weight * n_controls as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (Survival, Vec<f64>) {
        let time: Vec<f64> = (0..70).map(|k| f64::from(1 + (k * 29) % 23)).collect();
        let event = (0..70).map(|k| (k * 13) % 5 < 3).collect();
        (Survival::new(time, event).unwrap(), (0..70).map(|k| f64::from((k * 17) % 11) - 4.0).collect())
    }

    #[test]
    fn one_pass_equals_all_pairs() {
        let (data, risk) = example();
        let g = CensorSurvival::fit(&data);
        for time in [1.0, 4.5, 11.0, 20.0] {
            let (mut good, mut all) = (0.0, 0.0);
            for i in (0..70).filter(|&i| data.event()[i] && data.event_time()[i] <= time) {
                for j in (0..70).filter(|&j| data.event_time()[j] > time) {
                    let weight = g.event_weight(data.event_time()[i]).unwrap();
                    good += weight * if risk[i] == risk[j] { 0.5 } else { f64::from(u8::from(risk[i] > risk[j])) };
                    all += weight;
                }
            }
            assert!((auc_t(&g, &data, &risk, time).unwrap() - good / all).abs() < 1e-14);
        }
    }

    #[test]
    fn without_censoring_it_is_the_roc_area() {
        let (data, risk) = example();
        let all = Survival::new(data.event_time().to_vec(), vec![true; 70]).unwrap();
        let by_nine: Vec<bool> = all.event_time().iter().map(|&time| time <= 9.0).collect();
        let expected = crate::stats::roc_auc_value(&by_nine, &risk).unwrap();
        assert!((auc_t(&CensorSurvival::fit(&all), &all, &risk, 9.0).unwrap() - expected).abs() < 1e-14);
    }

    #[test]
    fn increasing_maps_and_row_order_change_nothing() {
        let (data, risk) = example();
        let g = CensorSurvival::fit(&data);
        let times = [3.0, 8.0, 15.0];
        let found = dynamic_auc(&g, &data, &risk, &times).unwrap();
        let order: Vec<usize> = (0..70).rev().collect();
        let mapped: Vec<f64> = order.iter().map(|&row| risk[row].exp()).collect();
        assert_eq!(dynamic_auc(&g, &data.select(&order).unwrap(), &mapped, &times).unwrap(), found);
        assert!((0.0..=1.0).contains(&found.mean_auc));
    }

    #[test]
    fn bad_input_is_named() {
        let (data, risk) = example();
        let g = CensorSurvival::fit(&data);
        let at = |times: &[f64]| dynamic_auc(&g, &data, &risk, times);
        assert!(matches!(at(&[0.5]), Err(Error::OneClass { n_events: 0, .. })));
        assert!(matches!(at(&[23.0]), Err(Error::BeyondFollowUp { .. })));
        assert!(matches!(at(&[]), Err(Error::TooFew { .. })));
        assert_eq!(at(&[5.0, 5.0]), Err(Error::TimesNotAscending { index: 1 }));
        assert!(matches!(at(&[f64::NAN]), Err(Error::OutOfDomain { .. })));
        assert!(matches!(dynamic_auc(&g, &data, &risk[1..], &[5.0]), Err(Error::LengthMismatch { .. })));
        assert_eq!(auc_t(&g, &data, &[1.0; 70], 5.0), Ok(0.5));
    }
}
