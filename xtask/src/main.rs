//! `cargo xtask COMMAND`.

fn main() -> anyhow::Result<()> {
    anyhow::bail!("nothing here yet")
}
