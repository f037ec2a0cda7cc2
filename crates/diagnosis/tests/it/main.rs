//! The gate of the packs: nothing in `packs/` lands that does not work.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy's leave for tests does not reach the functions that tests share"
)]

mod fixture;
mod graph;
mod library;
mod mutants;
mod objectives;
mod packs;
mod promtool;
mod researched;
mod scenario;
