//! Lists the files of `packs/` that the binary carries: what is loaded at run time, neither the
//! fixtures nor the tests.
#![allow(
    clippy::print_stdout,
    reason = "cargo reads a build script's directives from standard output"
)]

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let packs = manifest.join("../../packs");
    println!("cargo::rerun-if-changed={}", packs.display());
    let mut text = String::from("const EMBEDDED: &[(&str, &[(&str, &str)])] = &[\n");
    for pack in sorted_entries(&packs)?
        .into_iter()
        .filter(|path| path.is_dir())
    {
        let id = name_of(&pack);
        text.push_str(&format!("    ({id:?}, &[\n"));
        let mut files: Vec<PathBuf> = sorted_entries(&pack)?;
        let runbooks = pack.join("runbooks");
        if runbooks.is_dir() {
            files.extend(sorted_entries(&runbooks)?);
        }
        for file in files.into_iter().filter(|path| path.is_file()) {
            let relative = file.strip_prefix(&pack).expect("the file is in the pack");
            let relative = relative.to_string_lossy().replace('\\', "/");
            let path = file.canonicalize()?;
            text.push_str(&format!(
                "        ({relative:?}, include_str!({path:?})),\n"
            ));
        }
        text.push_str("    ]),\n");
    }
    text.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("embedded_packs.rs"), text)
}

fn sorted_entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !name_of(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
