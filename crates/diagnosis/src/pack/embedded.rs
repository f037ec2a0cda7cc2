//! The packs that the binary carries, written into it by `build.rs` from `packs/`.

use super::PackFiles;

include!(concat!(env!("OUT_DIR"), "/embedded_packs.rs"));

/// The files of every embedded pack, by id.
pub fn embedded() -> Vec<PackFiles<'static>> {
    let packs = EMBEDDED.iter();
    packs
        .map(|&(id, files)| PackFiles {
            id,
            files: files.to_vec(),
        })
        .collect()
}
