//! What each option would do for this patient.
//!
//! Lives here: the options as data ([`OptionSet`]), the rates observed in comparable patients ([`Evidence`]) and
//! the gate that says when a model does not apply ([`Reference`]). May import F0 to F4. Deliberately absent:
//! ranking of options, and wording for people.

mod applicability;
pub mod baseline;
mod error;
mod evidence;
mod hazards;
mod options;
pub mod predict_breast;
mod record;

pub use applicability::{Gate, Reference};
pub use error::Error;
pub use evidence::{Cell, Evidence, MIN_COMPARABLE};
pub use hazards::{CauseHazards, Fates};
pub use options::{OptionSet, TreatmentOption};
pub use record::{ClinicalRecord, Her2, Menopause, Received, Receptor};
