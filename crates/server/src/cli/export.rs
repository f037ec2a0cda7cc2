//! `pyrometer export`: the curated library as files for other tools.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diagnosis::pack::{Pack, PackFiles, embedded};
use serde_json::Value;

use super::style::{complain, counted, print};
use crate::exchange::{grafana_dashboard, perses_dashboard};
use crate::scrape::error_chain;

/// Files of a pack that other tools read, once its parameters are filled in.
const RULES: [&str; 3] = ["alerts.yml", "records.yml", "inhibit.yml"];

#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("there is no pack {wanted:?}; there are {known}")]
    NoSuchPack { wanted: String, known: String },
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Writes `FOLDER/<pack>/…`: rules, runbooks, and dashboards for Grafana and Perses. Files of the
/// same names are replaced, others stay.
pub(super) fn packs(folder: &Path, only: &[String]) -> ExitCode {
    match write_packs(folder, only) {
        Ok((n_packs, n_files)) => {
            print(&format!(
                "wrote {} in {} to {}\n",
                counted(n_files, "file"),
                counted(n_packs, "pack"),
                folder.display()
            ));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error_chain(&error));
            ExitCode::from(2)
        }
    }
}

fn write_packs(folder: &Path, only: &[String]) -> Result<(usize, usize), ExportError> {
    let all = embedded();
    if let Some(wanted) = only
        .iter()
        .find(|id| all.iter().all(|pack| pack.id != **id))
    {
        let known: Vec<&str> = all.iter().map(|pack| pack.id).collect();
        return Err(ExportError::NoSuchPack {
            wanted: wanted.clone(),
            known: known.join(", "),
        });
    }
    let chosen = all
        .iter()
        .filter(|pack| only.is_empty() || only.iter().any(|id| pack.id == id));
    let (mut n_packs, mut n_files) = (0, 0);
    for files in chosen {
        n_packs += 1;
        for (path, text) in exported(files) {
            n_files += 1;
            write(&folder.join(files.id).join(path), &text)?;
        }
    }
    Ok((n_packs, n_files))
}

/// Paths below the pack's folder, and texts.
fn exported(files: &PackFiles<'_>) -> Vec<(String, String)> {
    let pack = Pack::load(files).expect("the packs' gate test loads each of them");
    let mut exported: Vec<(String, String)> = Vec::new();
    for (path, text) in &files.files {
        if RULES.contains(path) {
            exported.push(((*path).to_owned(), pack.with_defaults(text)));
        } else if path.starts_with("runbooks/") {
            exported.push(((*path).to_owned(), (*text).to_owned()));
        }
    }
    for dashboard in &pack.dashboards {
        let id = &dashboard.id;
        exported.push((
            format!("grafana/{id}.json"),
            pretty(&grafana_dashboard(&pack, dashboard)),
        ));
        exported.push((
            format!("perses/{id}.json"),
            pretty(&perses_dashboard(&pack, dashboard)),
        ));
    }
    exported
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn write(path: &Path, text: &str) -> Result<(), ExportError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    written.map_err(|source| ExportError::Write {
        path: path.to_owned(),
        source,
    })
}
