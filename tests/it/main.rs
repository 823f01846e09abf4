//! The one integration-test binary: every test file is a module here, so that there is one link.

mod accounts;
mod bad_input;
mod board_faults;
mod calibrate_parity;
mod compare;
mod conformal_coverage;
mod cox_parity;
mod decision;
mod elastic_net_parity;
mod encoders_parity;
mod fusion;
mod gate;
mod house;
mod imaging;
mod json_schema;
mod nasty;
mod nonparametric_parity;
mod path;
mod policy;
mod predict_breast;
mod stats_cli;
mod stats_parity;
mod support;
mod survival_forest;
mod survival_metrics_parity;
mod trees_parity;
