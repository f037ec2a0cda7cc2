//! The `pyrometer` binary.

fn main() -> anyhow::Result<()> {
    anyhow::bail!("nothing here yet")
}
