//! What each option would do for this patient.
//!
//! Lives here: the options as data ([`OptionSet`], [`options`]), the rates observed in comparable patients ([`Evidence`]) and
//! the gate that says when a model does not apply ([`Reference`]). What published effects would change for a patient
//! ([`benefit`]), the way from response to survival ([`chain`]), unclear receptors ([`branches`]), impossible records
//! ([`review`]), and three sources side by side ([`sources`]). May import F0 to F4. Deliberately absent: ranking of
//! options, and wording for people.

mod applicability;
pub mod benefit;
pub mod branches;
pub mod chain;
mod error;
mod evidence;
mod hazards;
pub mod options;
mod record;
pub mod review;
pub mod sources;

pub use applicability::{Gate, Reference};
pub use error::Error;
pub use evidence::{Cell, Evidence, MIN_COMPARABLE};
pub use hazards::{CauseHazards, Fates};
pub use options::{OptionSet, TreatmentOption};
pub use record::{ClinicalRecord, Her2, Menopause, Received, Receptor};
