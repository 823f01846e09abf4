//! The one integration-test binary: every test file is a module here, so that there is one link.

mod bad_input;
mod fusion;
mod house;
mod path;
mod stats_parity;
mod support;
