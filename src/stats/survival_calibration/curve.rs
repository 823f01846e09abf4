use super::super::Error;
use super::super::inputs::check_probabilities;
use super::super::ipcw::AtHorizon;
use super::super::spline::{four_knot_basis, four_knots};
use super::super::survival::Survival;
use super::hazard::Hazard;
use super::{is_constant, log_minus_log};

/// The smoothed observed risk at a horizon as a function of the predicted risk.
///
/// A Cox regression (Efron's ties) of the follow-up, cut off at the horizon, on a restricted cubic spline of ln(−ln(1 −
/// predicted risk)), knots at the 5th, 35th, 65th and 95th percentile. A straight line on that scale when knots coincide
/// or the spline has no finite maximum, and the Kaplan–Meier risk when all predictions are equal.
///
/// # Source
/// Austin, Harrell & van Klaveren 2020, *Statistics in Medicine* 39:2714; R `coxph(Surv(time, event) ~ rcs(...))`
/// with `survfit` at the horizon. McLernon et al. 2023 also cut the follow-up off, so that hazards that are proportional
/// only up to the horizon suffice.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationCurve(Shape);

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Flat(f64),
    Line(Hazard),
    Spline(Hazard, [f64; 4]),
}

impl CalibrationCurve {
    /// Fits the curve to predicted survival probabilities S(`horizon` | x).
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::TooFew`], [`Error::NotFinite`], [`Error::NotProbability`],
    /// [`Error::OutOfDomain`] for a bad horizon, [`Error::BeyondFollowUp`], [`Error::NoEvents`] by the horizon, and
    /// [`Error::MonotoneLikelihood`] or [`Error::NotConverged`] when even the line has no maximum.
    pub fn fit(data: &Survival, survival_prob: &[f64], horizon: f64) -> Result<Self, Error> {
        check_probabilities(data.event(), survival_prob)?;
        let km = AtHorizon::new(data, horizon)?;
        let x: Vec<f64> = survival_prob.iter().map(|survival| log_minus_log(1.0 - survival)).collect();
        if is_constant(&x) {
            return Ok(Self(Shape::Flat(1.0 - km.survival)));
        }
        if let Some(knots) = four_knots(&x)? {
            let basis: Vec<f64> = x.iter().flat_map(|&x| four_knot_basis(x, &knots)).collect();
            if let Ok(fit) = Hazard::fit(data, &basis, 3, horizon) {
                return Ok(Self(Shape::Spline(fit, knots)));
            }
        }
        Ok(Self(Shape::Line(Hazard::fit(data, &x, 1, horizon)?)))
    }

    /// The smoothed observed risk in \[0, 1\] of patients whose predicted risk is `risk` (taken into \[0, 1\]).
    #[must_use]
    pub fn observed_risk(&self, risk: f64) -> f64 {
        let x = log_minus_log(risk);
        match &self.0 {
            Shape::Flat(observed) => *observed,
            Shape::Line(fit) => fit.risk(&[x]),
            Shape::Spline(fit, knots) => fit.risk(&four_knot_basis(x, knots)),
        }
    }
}
