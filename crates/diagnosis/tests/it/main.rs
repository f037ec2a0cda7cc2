//! The gate of the packs: nothing in `packs/` lands that does not work.

mod packs;
mod promtool;
