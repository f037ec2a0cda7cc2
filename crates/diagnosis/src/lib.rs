//! What the measurements mean: packs, rule groups, alerts, KPIs, and who is told of them.
//!
//! Pure: the results of queries and `now` go in, samples and transitions come out. No clock, no
//! disk, no network.

pub mod assertion;
pub mod backtest;
pub mod graph;
pub mod incident;
pub mod kpi;
pub mod notify;
pub mod objective;
pub mod pack;
mod places;
mod reader;
pub mod replay;
pub mod rules;
pub mod template;
pub mod unit_test;
pub mod yaml;

pub use reader::{Mistake, Problem, YAML_BYTES_MAX};
