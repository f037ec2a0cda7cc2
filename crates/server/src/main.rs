//! The `pyrometer` binary.

mod clock;
mod config;
mod relabel;

fn main() -> anyhow::Result<()> {
    anyhow::bail!("nothing here yet")
}
