//! `pyrometer check dashboards` and `pyrometer import`: dashboards of Grafana.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use super::client::send_json;
use super::style::{Style, clean, complain, counted, print};
use crate::config::read_file;
use crate::exchange::{ImportReport, read_grafana};
use crate::scrape::error_chain;

/// Tells what of each file can be shown.
pub(super) fn check(files: &[PathBuf]) -> ExitCode {
    let (mut worst, mut panels, mut shown) = (0, 0, 0);
    for path in files {
        match looked_at(path) {
            Ok((_, report)) => {
                panels += report.panels;
                shown += report.shown;
                tell(path, &report);
            }
            Err((code, message)) => {
                worst = worst.max(code);
                complain(&message);
            }
        }
    }
    if 1 < files.len() {
        print(&format!("{shown} of {} in all\n", counted(panels, "panel")));
    }
    ExitCode::from(worst)
}

/// Gives each file to a running server.
pub(super) fn import(server: &str, files: &[PathBuf]) -> ExitCode {
    let mut worst = 0;
    for path in files {
        let (text, report) = match looked_at(path) {
            Ok(looked_at) => looked_at,
            Err((code, message)) => {
                worst = worst.max(code);
                complain(&message);
                continue;
            }
        };
        match send_json(server, "/api/v1/dashboards", &text) {
            Ok(answer) => {
                tell(path, &report);
                let uid = answer["uid"].as_str().unwrap_or_default();
                let how = match answer["replaced"] {
                    Value::Bool(true) => "replaces the one there was",
                    _ => "is new",
                };
                let address = format!("{}/dashboards/{uid}", server.trim_end_matches('/'));
                print(&format!("  {how}: {}\n", clean(&address)));
            }
            Err(error) => {
                worst = 2;
                complain(&error_chain(&error));
            }
        }
    }
    ExitCode::from(worst)
}

/// The text and what can be shown of it, or an exit code and the reason.
fn looked_at(path: &Path) -> Result<(String, ImportReport), (u8, String)> {
    let text =
        read_file(path).map_err(|error| (2, format!("cannot read {}: {error}", path.display())))?;
    match read_grafana(&text) {
        Ok(imported) => {
            let report = ImportReport::of(&imported);
            Ok((text, report))
        }
        Err(error) => {
            let message = format!("{}: {}", path.display(), error_chain(&error));
            Err((1, message))
        }
    }
}

fn tell(path: &Path, report: &ImportReport) {
    let style = Style::of_stdout();
    let verdict = match report.shown == report.panels {
        true => style.good("ok"),
        false => style.bad("part"),
    };
    print(&format!(
        "{verdict} {}: {} of {} with the same queries\n",
        path.display(),
        report.shown,
        counted(report.panels, "panel")
    ));
    for one in &report.left_out {
        let line = format!("  {} {:?} is left out: {}", one.what, one.name, one.reason);
        print(&format!("{}\n", clean(&line)));
    }
    for remark in &report.remarks {
        let line = format!("  panel {:?}: {}", remark.panel, remark.text);
        print(&format!("{}\n", clean(&line)));
    }
}
