//! The `pyrometer` binary.

mod clock;
mod config;
mod discovery;
mod metadata;
mod relabel;
mod scrape;
mod targets;

fn main() -> anyhow::Result<()> {
    anyhow::bail!("nothing here yet")
}
