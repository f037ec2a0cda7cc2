//! `pyrometer doctor`: what is missing in the graph, which rule looked for it, what it found.

use std::process::ExitCode;

use serde_json::Value;

use super::ServerArgs;
use super::client::ask;
use super::style::{Style, clean, complain, counted, print};

/// 0 when nothing is missing or odd, 1 when something is, 2 when the server does not tell.
pub(super) fn run(server: &ServerArgs, all: bool) -> ExitCode {
    let (data, raw) = match ask(&server.server, "/api/v1/doctor", &[]) {
        Ok(answer) => answer,
        Err(error) => {
            complain(&clean(&error.to_string()));
            return ExitCode::from(2);
        }
    };
    if server.json {
        print(&format!("{raw}\n"));
    } else {
        print(&report(&data, all, Style::of_stdout()));
    }
    if data["time"].is_null() {
        return ExitCode::from(2);
    }
    if data["well"] == true {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

fn report(data: &Value, all: bool, style: Style) -> String {
    if data["time"].is_null() {
        return "the server has not derived a graph yet; ask again in a quarter of a minute\n"
            .to_owned();
    }
    let checks = data["checks"].as_array().map_or(&[][..], Vec::as_slice);
    let of = |state: &'static str| checks.iter().filter(move |check| check["state"] == state);
    let mut text = String::new();
    for check in of("missing").chain(of("warning")) {
        text.push_str(&finding(check, style));
    }
    for check in of("hint").filter(|_| all) {
        text.push_str(&finding(check, style));
    }
    for check in of("good").filter(|_| all) {
        let (subject, found) = (word(check, "subject"), word(check, "found"));
        text.push_str(&format!("{} {found} {subject}\n", style.good("good")));
    }
    let hints = of("hint").count();
    let mut summary = format!(
        "{} missing, {}, {}",
        of("missing").count(),
        counted(of("warning").count(), "warning"),
        counted(hints, "hint"),
    );
    if hints > 0 && !all {
        summary.push_str(" (--all shows hints)");
    }
    text.push_str(&summary);
    text.push('\n');
    text
}

fn finding(check: &Value, style: Style) -> String {
    let state = word(check, "state");
    let state = if state == "missing" {
        style.bad(&state)
    } else {
        style.dim(&state)
    };
    let mut text = format!("{state} {}\n", word(check, "subject"));
    for (name, field) in [
        ("rule", "rule"),
        ("looked for", "looked_for"),
        ("found", "found"),
        ("do", "advice"),
    ] {
        let value = word(check, field);
        if !value.is_empty() {
            text.push_str(&format!("  {name:<11}{value}\n"));
        }
    }
    text
}

fn word(check: &Value, field: &str) -> String {
    clean(check[field].as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_finding_says_who_looked_for_what_and_what_it_found() {
        let data = json!({"time": "2026-01-01T00:00:00Z", "well": false, "checks": [
            {"state": "missing", "subject": "service/cart: routes",
             "rule": "packs/flask/pack.yaml line 36", "looked_for": "count(x)",
             "found": "no series", "advice": "ask\u{7}"},
            {"state": "hint", "subject": "external/a:1", "rule": "r", "looked_for": "l",
             "found": "f", "advice": ""},
            {"state": "good", "subject": "service", "rule": "", "looked_for": "",
             "found": "3", "advice": ""},
        ]});
        let finding = "missing service/cart: routes
  rule       packs/flask/pack.yaml line 36
  looked for count(x)
  found      no series
  do         ask\u{fffd}
";
        assert_eq!(
            report(&data, false, Style::Plain),
            format!("{finding}1 missing, 0 warnings, 1 hint (--all shows hints)\n")
        );
        let all = "hint external/a:1
  rule       r
  looked for l
  found      f
good 3 service
1 missing, 0 warnings, 1 hint
";
        assert_eq!(report(&data, true, Style::Plain), format!("{finding}{all}"));
        assert!(report(&json!({"checks": []}), true, Style::Plain).contains("not derived"));
    }
}
