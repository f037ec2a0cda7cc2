//! The `pyrometer` binary: finds, scrapes, stores, queries, judges and shows.
//!
//! The only crate with tokio, HTTP and a clock. Reading order: what is typed ([`cli`]), what runs
//! ([`up`]), what is shared ([`app`]); then the way of the data: [`config`], [`discovery`],
//! [`scrape`], [`query`], [`judge`], [`assertions`], [`notify`], [`objectives`], [`api`], [`ui`].

mod api;
mod app;
mod assertions;
mod cli;
mod clock;
mod config;
mod discovery;
mod edits;
mod exchange;
mod incidents;
mod judge;
mod kpis;
mod metadata;
mod notify;
mod objectives;
mod query;
mod relabel;
mod relate;
mod scrape;
mod self_metrics;
mod targets;
mod ui;
mod up;

fn main() -> std::process::ExitCode {
    cli::run()
}
