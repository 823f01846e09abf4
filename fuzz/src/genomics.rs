//! The part of `genomics` that the readers need.

#[path = "../../src/genomics/error.rs"]
mod error;
#[path = "../../src/genomics/maf.rs"]
mod maf;
#[path = "../../src/genomics/symbols.rs"]
mod symbols;
#[path = "../../src/genomics/variants.rs"]
mod variants;
pub use error::{Error, Rule, Violation};
pub use variants::{HRD_GENES, Variants};

/// Stands in for `genomics::ExpressionScale`, which an error names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpressionScale {
    /// As in the crate.
    Log2,
}

impl std::fmt::Display for ExpressionScale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("log2")
    }
}
