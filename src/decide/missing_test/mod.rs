//! What a test that she did not have could change: her estimate, its interval, and which option comes first.
//!
//! Lives here: the joint distribution of a model's inputs in aggregate ([`TestPrior`]) and the value of each absent test
//! ([`MissingTests::values`]). Possible results are drawn for patients like her (what is known of her, her receptor
//! subtype), the model is asked again with each, and the answers are summed up. Deliberately absent: costs and harms of
//! the test itself.

mod draw;
mod prior;
mod value;

pub use prior::{PriorBasis, TestPrior};
pub use value::{MissingTests, MonteCarlo, OptionValue, TestSettings, TestValue};

#[cfg(test)]
mod tests;
