//! Classical estimates on any table: the questions of `regimen stats`, each a plain function of a request.
//!
//! A request names a table and its columns; the result has the JSON keys of the command line. Columns are checked
//! when they are read: a value against the rules is an error with its row, a missing value in a column used leaves the
//! row out, counted in [`RowCount`]. Deliberately absent: the estimators themselves (`stats`), and plots (`report`).

mod brier;
mod calibration;
mod cox;
mod discrimination;
mod follow_up;
mod incidence;
mod kaplan_meier;
mod logrank;
mod net_benefit;
mod table;

pub use self::brier::{BrierRequest, BrierResult, SurvivalColumn, brier};
pub use self::calibration::{
    CalibrationFigures, CalibrationOutcome, CalibrationRequest, CalibrationResult, calibration,
};
pub use self::cox::{
    BaselineResult, CoxRequest, CoxResult, CoxTermResult, FitConcordance, ProportionalResult, ProportionalTerm,
    Reference, cox,
};
pub use self::discrimination::{
    AucOutcome, AucRequest, AucResult, ConcordanceRequest, ConcordanceResult, Resampling, ScoreAuc, ScoreConcordance,
    ScoreDifference, UnoConcordance, auc, concordance,
};
pub use self::follow_up::FollowUpColumns;
pub use self::incidence::{IncidenceGroup, IncidenceRequest, IncidenceResult, cumulative_incidence};
pub use self::kaplan_meier::{
    KaplanMeierGroup, KaplanMeierRequest, KaplanMeierResult, SurvivalAt, TestSummary, kaplan_meier,
};
pub use self::logrank::{LogrankGroupResult, LogrankRequest, LogrankResult, logrank};
pub use self::net_benefit::{DecisionCurve, NetBenefitOutcome, NetBenefitRequest, NetBenefitResult, net_benefit};
pub use self::table::RowCount;
pub use crate::stats::ConfType;
pub use crate::stats::cox::{Ties, TimeTransform};
pub use crate::stats::decision_curve::NetBenefit;
