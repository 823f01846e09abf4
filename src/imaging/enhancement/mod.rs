//! What contrast agent does in a dynamic breast MRI: enhancement maps, functional tumour volume, extent, segmentation from the
//! enhancement alone, background enhancement.
//!
//! Lives here: measures on registered volumes of one lattice. May import [`crate::imaging`]'s lattice, errors and intensity
//! statistics only. Deliberately absent: registration, motion correction, pharmacokinetic models, finding the breast.

mod background;
mod components;
mod maps;
#[cfg(test)]
mod on_patients;
mod segment;
#[cfg(test)]
mod synthetic;
mod tumour_volume;

pub use background::{BackgroundEnhancement, BackgroundOptions, BackgroundSide, background_enhancement};
pub use components::{components, longest_diameter_mm};
pub use maps::DcePhases;
pub use segment::{LesionSegment, SegmentOptions, segment_lesion};
pub use tumour_volume::{FtvOptions, FunctionalTumour, functional_tumour};
