//! Who is there: announced local process groups, targets of the configuration, targets in files.

mod announced;
mod build;
mod file;
mod listen;

pub(crate) use announced::{Announced, Instance};
pub(crate) use build::{Built, build_target, encode};
pub(crate) use file::TargetFiles;
pub(crate) use listen::{holder_of_port, lowest_port};
