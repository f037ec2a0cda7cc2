//! `pyrometer slo`, `check slo` and `export objectives`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use diagnosis::objective::{Objective, OpenSlo, inhibit_file, rule_file};
use serde_json::Value;

use super::client::{AskError, ask, fetch_text, send_yaml};
use super::style::{Style, clean, complain, counted, print};
use super::{ServerArgs, SloWhat};
use crate::config::read_file;
use crate::objectives::{read_files, window_of};
use crate::scrape::error_chain;

pub(super) fn run(what: &SloWhat) -> ExitCode {
    let done = match what {
        SloWhat::List { server } => list(server),
        SloWhat::Import {
            files,
            replace,
            server,
        } => import(server, files, *replace),
        SloWhat::Export { id, server } => export(server, id.as_deref()),
    };
    done.unwrap_or_else(|error| {
        complain(&error_chain(&error));
        ExitCode::from(2)
    })
}

/// 1 when a file holds something that cannot be used, 2 when one cannot be read.
pub(super) fn check(paths: &[PathBuf]) -> ExitCode {
    let read = read_files(paths);
    if read.is_empty() {
        complain("there is no OpenSLO file (*.yaml, *.yml) there");
        return ExitCode::from(2);
    }
    let mut refused = false;
    for (path, found) in &read {
        refused |= tell(path, found);
    }
    ExitCode::from(u8::from(refused))
}

/// Whether something cannot be used.
fn tell(path: &Path, found: &OpenSlo) -> bool {
    let style = Style::of_stdout();
    let refused = found.remarks.iter().filter(|remark| remark.refuses).count();
    let mark = if refused > 0 {
        style.bad("failed")
    } else {
        style.good("ok")
    };
    let objectives = counted(found.objectives.len(), "objective");
    print(&format!("{mark} {}: {objectives}\n", path.display()));
    for remark in &found.remarks {
        let kind = if remark.refuses {
            "refused"
        } else {
            "left out"
        };
        print(&format!("  {kind}, {}\n", clean(&remark.to_string())));
    }
    for objective in &found.objectives {
        print(&format!("  {}\n", clean(&line_of(objective))));
    }
    refused > 0
}

/// `web-availability: 99.5 % over the last 30 days, service/web`.
fn line_of(objective: &Objective) -> String {
    format!(
        "{}: {} % in {}, {}",
        objective.id,
        (objective.target.ratio() * 1e8).round() / 1e6,
        objective.window.words(),
        objective.entity
    )
}

pub(super) fn export_rules(folder: &Path, paths: &[PathBuf], scrape: Duration) -> ExitCode {
    let read = read_files(paths);
    for (path, found) in &read {
        for remark in &found.remarks {
            complain(&format!("{}, {remark}", path.display()));
        }
    }
    let objectives: Vec<&Objective> = read
        .iter()
        .flat_map(|(_, found)| &found.objectives)
        .collect();
    if objectives.is_empty() {
        complain("there is no objective to write rules of");
        return ExitCode::from(1);
    }
    let texts = [
        ("objectives.yml", rule_file(&objectives, window_of(scrape))),
        ("inhibit.yml", inhibit_file()),
    ];
    for (name, text) in texts {
        let path = folder.join(name);
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
        if let Err(error) = written {
            complain(&format!("cannot write {}: {error}", path.display()));
            return ExitCode::from(2);
        }
    }
    let refused = read.iter().flat_map(|(_, found)| &found.remarks);
    let refused = refused.filter(|remark| remark.refuses).count();
    print(&format!(
        "wrote the rules of {} to {}\n",
        counted(objectives.len(), "objective"),
        folder.display()
    ));
    ExitCode::from(u8::from(refused > 0))
}

fn list(server: &ServerArgs) -> Result<ExitCode, AskError> {
    let (data, raw) = ask(&server.server, "/api/v1/objectives", &[])?;
    if server.json {
        print(&format!("{raw}\n"));
    }
    let none = Vec::new();
    let objectives = data["objectives"].as_array().unwrap_or(&none);
    let mut critical = false;
    for objective in objectives {
        let standing = &objective["standing"];
        critical |= standing["state"] == "critical";
        if !server.json {
            print(&row(objective, standing));
        }
    }
    if objectives.is_empty() && !server.json {
        print("There are no objectives yet; the page Objectives suggests some.\n");
    }
    Ok(ExitCode::from(u8::from(critical)))
}

fn row(objective: &Value, standing: &Value) -> String {
    let style = Style::of_stdout();
    let text = |value: &Value| clean(value.as_str().unwrap_or_default());
    let state = text(&standing["state"]);
    let mark = match state.as_str() {
        "good" => style.good("●"),
        "unknown" => style.dim("◇"),
        "warning" => style.bad("▲"),
        _ => style.bad("■"),
    };
    let percent = |value: &Value| {
        value.as_f64().map_or_else(
            || "-".to_owned(),
            |ratio| format!("{} %", (ratio * 1e5).floor() / 1e3),
        )
    };
    format!(
        "{mark} {}  now {}, target {} in {}. {}\n",
        text(&objective["id"]),
        percent(&standing["good_ratio"]),
        percent(&objective["target"]),
        text(&objective["window_words"]),
        text(&standing["sentence"])
    )
}

fn import(server: &ServerArgs, paths: &[PathBuf], replace: bool) -> Result<ExitCode, AskError> {
    let mut refused = false;
    for (path, _) in read_files(paths) {
        let Ok(text) = read_file(&path) else {
            complain(&format!("{} cannot be read", path.display()));
            refused = true;
            continue;
        };
        let query = if replace { "?replace=true" } else { "" };
        let to = format!("/api/v1/objectives{query}");
        let data = send_yaml(&server.server, &to, &text)?;
        if server.json {
            print(&format!("{data}\n"));
        }
        let none = Vec::new();
        let remarks = data["remarks"].as_array().unwrap_or(&none);
        refused |= remarks.iter().any(|remark| remark["refuses"] == true);
        if !server.json {
            tell_import(&path, &data, remarks);
        }
    }
    Ok(ExitCode::from(u8::from(refused)))
}

fn tell_import(path: &Path, data: &Value, remarks: &[Value]) {
    let count = |name: &str| data[name].as_array().map_or(0, Vec::len);
    print(&format!(
        "{}: {} made, {} replaced\n",
        path.display(),
        counted(count("made"), "objective"),
        count("replaced")
    ));
    for remark in remarks {
        let kind = if remark["refuses"] == true {
            "refused"
        } else {
            "left out"
        };
        let text = clean(remark["text"].as_str().unwrap_or_default());
        print(&format!("  {kind}, line {}: {text}\n", remark["line"]));
    }
}

fn export(server: &ServerArgs, id: Option<&str>) -> Result<ExitCode, AskError> {
    let path = match id {
        Some(id) => format!(
            "/api/v1/objectives/{}?format=openslo",
            crate::discovery::encode(id, "")
        ),
        None => "/api/v1/objectives?format=openslo".to_owned(),
    };
    print(&fetch_text(&server.server, &path)?);
    Ok(ExitCode::SUCCESS)
}
