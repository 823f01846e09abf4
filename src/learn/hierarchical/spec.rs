use serde::{Deserialize, Serialize};

use super::VarianceSearch;

/// What the hierarchical model of arms does with the columns of its design.
///
/// A column that is named nowhere has a main effect in the clinical group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HierarchicalSpec {
    /// Prefix of the indicator columns of the arms.
    pub arm_prefix: String,
    /// Boolean columns whose combinations are the subtypes; at most 3, always known in training.
    pub subtype: Vec<String>,
    /// Those of `subtype` on which the drugs given beside the agent depend: an arm has an effect for each combination.
    pub backbone: Vec<String>,
    /// Columns whose main effects form the biomarker group.
    pub biomarkers: Vec<String>,
    /// Columns whose slope may differ by arm.
    pub arm_biomarkers: Vec<String>,
    /// Columns whose slope may differ by subtype.
    pub subtype_biomarkers: Vec<String>,
    /// Columns taken as asinh(x), which is ln 2x from a few units on.
    pub log: Vec<String>,
    /// Standardised values are cut off at this many standard deviations.
    pub clip: f64,
    /// How the variances of the groups are found.
    pub search: VarianceSearch,
}

impl Default for HierarchicalSpec {
    fn default() -> Self {
        Self {
            arm_prefix: "arm=".to_owned(),
            subtype: vec!["hr".to_owned(), "her2".to_owned()],
            backbone: vec!["her2".to_owned()],
            biomarkers: Vec::new(),
            arm_biomarkers: Vec::new(),
            subtype_biomarkers: Vec::new(),
            log: Vec::new(),
            clip: 4.0,
            search: VarianceSearch::default(),
        }
    }
}
