//! Estimators on a [`DesignMatrix`].
//!
//! For binary outcomes ([`BinaryModel`]): logistic regression, elastic net, boosted trees as a bag of bootstrap refits,
//! random forest, support vector machine; for the arms of a trial a [`hierarchical`] logistic model. For right-censored
//! times ([`SurvivalModel`]): Cox regression, elastic net, boosted trees (proportional hazards, accelerated failure
//! time) and the random survival forest; cause-specific models of [`competing_risks`]. Around them: smooth terms
//! ([`SplineBasis`]), principal components, [`stack`]ing, calibration out of fold ([`calibrate`]) and at a site
//! ([`recalibrate`]), [`conformal`] sets and bounds, and what a model does in words and numbers ([`explain`],
//! [`surrogate`]).
//!
//! May import `terms` and `stats`; hessboost, smartcore and linfa enter only here. Deliberately absent: frames, files and
//! the meaning of columns, and the choice between models (`study::compare`).

mod boosted;
mod boosted_survival;
pub mod calibrate;
pub mod competing_risks;
pub mod conformal;
pub mod elastic_net;
mod error;
pub mod explain;
mod forest;
pub mod hierarchical;
mod matrix;
mod predictor;
mod principal;
pub mod recalibrate;
mod regression;
mod spline_basis;
pub mod stack;
mod support_vector;
pub mod surrogate;
pub mod survival_forest;

pub use boosted::{BoostedBag, BoostedParams, Direction, Margin, MissingGroups};
pub use boosted_survival::{BoostedAft, BoostedAftParams, BoostedCox, BoostedSurvivalParams, TimeDistribution};
pub use calibrate::{Calibrator, CalibratorKind};
pub use elastic_net::{
    CoxNet, CoxTies, ElasticNetParams, LambdaGrid, LogisticNet, cross_validate_cox, cross_validate_logistic,
};
pub use error::Error;
pub use forest::{Forest as RandomForest, ForestParams as RandomForestParams};
pub use hierarchical::{HierarchicalArms, HierarchicalSpec};
pub use matrix::DesignMatrix;
pub use predictor::{BinaryModel, SurvivalModel};
pub use principal::PrincipalComponents;
pub use regression::{CoxRegression, LogisticRegression};
pub use spline_basis::SplineBasis;
pub use stack::{StackObjective, pool_probabilities, pool_survival, stack_probabilities, stack_survival};
pub use support_vector::{SupportVectorMachine, SvmKernel, SvmParams};
pub use survival_forest::{ForestParams, OutOfBag, Sample, SplitRule, SurvivalForest};
