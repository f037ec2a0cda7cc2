//! Embeds `ui/dist` when it is there. Never builds it: `cargo build` must not need npm.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let manifest_dir = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let ui = manifest_dir.join("../../ui");
    let dist = ui.join("dist");
    // A path that is missing would make cargo build this crate anew every time. So the nearest
    // folder that is there is watched; `ui` as a whole only until it was built once, since cargo
    // looks at every file in it.
    let root = manifest_dir.join("../..");
    let watched = [
        dist.as_path(),
        ui.as_path(),
        root.join("Cargo.toml").as_path(),
    ]
    .into_iter()
    .find(|path| path.exists())
    .map(Path::to_owned);
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(path) = watched {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let mut files = Vec::new();
    collect(&dist, &mut files);
    files.sort();
    let out_dir = PathBuf::from(std::env::var("OUT_DIR").expect("set by cargo"));
    fs::write(out_dir.join("assets.rs"), table(&dist, &files)).expect("OUT_DIR can be written");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn table(dist: &Path, files: &[PathBuf]) -> String {
    let mut assets: Vec<(String, String)> = Vec::new();
    for file in files {
        let name = file
            .strip_prefix(dist)
            .expect("found below dist")
            .to_string_lossy();
        if name.ends_with(".map") || is_twin(file, files) {
            continue;
        }
        let twin = PathBuf::from(format!("{}.gz", file.display()));
        let gzip = if files.contains(&twin) {
            format!("Some(include_bytes!({:?}))", twin.display().to_string())
        } else {
            "None".to_owned()
        };
        let hash = fnv1a(&fs::read(file).expect("a file just listed can be read"));
        let mut row = String::new();
        write!(
            row,
            "    Asset {{\n        path: {name:?},\n        content_type: {kind:?},\n        \
             etag: {etag:?},\n        immutable: {immutable},\n        \
             bytes: include_bytes!({path:?}),\n        gzip: {gzip},\n    }},\n",
            kind = content_type(&name),
            etag = format!("\"{hash:016x}\""),
            immutable = name.starts_with("assets/"),
            path = file.display().to_string(),
        )
        .expect("writing to a String does not fail");
        assets.push((name.into_owned(), row));
    }
    assets.sort();
    let rows: String = assets.into_iter().map(|(_, row)| row).collect();
    format!("static ASSETS: &[Asset] = &[\n{rows}];\n")
}

/// `app.js.gz` beside `app.js`.
fn is_twin(file: &Path, files: &[PathBuf]) -> bool {
    file.extension().is_some_and(|extension| extension == "gz")
        && files.contains(&file.with_extension(""))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
