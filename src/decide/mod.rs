//! What each option would do for this patient.
//!
//! Lives here: the record of one patient ([`ClinicalRecord`]), the options as data ([`OptionSet`]), the rates observed in
//! comparable patients ([`Evidence`]), PREDICT Breast ([`predict_breast`]), what a rule for choosing options would have
//! achieved ([`policy`]), the gate that says when a model does not apply ([`Reference`], [`Facts::applicability`]), and how
//! much a missing test could change ([`MissingTests`]). May import F0 to F4. Deliberately absent: ranking of options, and
//! pages for people.
//! Lives here: the options as data ([`OptionSet`], [`options`]), the rates observed in comparable patients ([`Evidence`]) and
//! the gate that says when a model does not apply ([`Reference`]). What published effects would change for a patient
//! ([`benefit`]), the way from response to survival ([`chain`]), unclear receptors ([`branches`]), impossible records
//! ([`review`]), and three sources side by side ([`sources`]). May import F0 to F4. Deliberately absent: ranking of
//! options, and wording for people.

mod applicability;
pub mod baseline;
pub mod benefit;
pub mod branches;
pub mod chain;
mod column_scale;
mod error;
mod evidence;
mod hazards;
mod missing_test;
pub mod options;
pub mod policy;
pub mod predict_breast;
mod record;
pub mod review;
pub mod sources;

pub use applicability::{
    Applicability, ColumnShift, Contradiction, Criterion, Facts, Gate, GroupGate, ImageFinding, PopulationRule,
    PopulationRules, Position, Reason, Reference, Severity, Subgroup, Verdict,
};
pub use column_scale::ColumnScale;
pub use error::Error;
pub use evidence::{Cell, Evidence, MIN_COMPARABLE};
pub use hazards::{CauseHazards, Fates};
pub use missing_test::{MissingTests, MonteCarlo, OptionValue, PriorBasis, TestPrior, TestSettings, TestValue};
pub use options::{OptionSet, TreatmentOption};
pub use record::{ClinicalRecord, Her2, Menopause, Received, Receptor};
