//! Estimators on a [`DesignMatrix`].
//!
//! Lives here: boosted trees (hessboost), as a bag of bootstrap refits that yields an estimate, its interval and
//! its contributions, and principal components (linfa-linalg). May import `terms` and `stats`; hessboost and linfa
//! enter only here. Deliberately absent: frames, files and the meaning of columns. Elastic nets, forests, stacking and
//! calibrators come with the models that use them.

mod boosted;
mod error;
mod matrix;
mod principal;

pub use boosted::{BoostedBag, BoostedParams, Margin, MissingGroups};
pub use error::Error;
pub use matrix::DesignMatrix;
pub use principal::PrincipalComponents;
