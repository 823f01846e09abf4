//! The words of the field, as types that cannot be confused.
//!
//! Lives here: patient identity, receptor subtype, modality, estimates and options. May import
//! only std, serde and thiserror. Deliberately absent: anything that computes.

mod error;
mod estimate;
mod ids;
mod modality;
mod tumour;

pub use error::Error;
pub use estimate::{Estimate, Probability};
pub use ids::{PatientId, Pseudonym};
pub use modality::{Laterality, MammogramView, Modality};
pub use tumour::Subtype;
