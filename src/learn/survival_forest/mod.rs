//! Random survival forest: trees grown by the log-rank statistic on bootstrap samples.
//!
//! Lives here: the training rows in time order (`columns`), the log-rank view of a node (`risk`), the statistic of a
//! growing group (`group`), the search for a cut (`split`), the growing of a tree (`grow`), the tree and its arrays
//! (`tree`), the ensemble (`forest`) and its predictions of its own training rows (`out_of_bag`).
//! May import `terms` and `stats`. Deliberately absent: delayed entry, competing risks, and case weights.

mod columns;
mod forest;
mod group;
mod grow;
mod out_of_bag;
mod params;
mod risk;
mod split;
#[cfg(test)]
mod tests;
mod tree;

pub use forest::SurvivalForest;
pub use out_of_bag::OutOfBag;
pub use params::{ForestParams, Sample, SplitRule};
