//! What the measurements mean: packs, rule groups, alerts, KPIs.
//!
//! Pure: the results of queries and `now` go in, samples and transitions come out. No clock, no
//! disk, no network.

mod template;
mod yaml;

pub use template::{EXPANDED_BYTES_MAX, Template, TemplateData, TemplateError};
pub use yaml::{Mistake, Problem, YAML_BYTES_MAX};
