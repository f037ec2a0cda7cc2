//! Drives the real binary over HTTP, as its users do.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics"
)]

mod api;
mod dashboards;
mod durability;
mod graph;
mod harness;
mod hostile;
mod notify;
mod promtool;
mod rules;
mod run;
mod scraping;
mod start;
mod tls;
