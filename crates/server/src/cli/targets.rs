//! `pyrometer targets`: who is scraped and how it goes.

use std::process::ExitCode;

use serde_json::Value;

use super::ServerArgs;
use super::client::ask;
use super::style::{Style, clean, complain, print};

pub(super) fn run(server: &ServerArgs) -> ExitCode {
    match ask(&server.server, "/api/v1/targets?state=active", &[]) {
        Ok((_, raw)) if server.json => {
            print(&format!("{raw}\n"));
            ExitCode::SUCCESS
        }
        Ok((data, _)) => {
            print(&table(&data, Style::of_stdout()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&clean(&error.to_string()));
            ExitCode::from(1)
        }
    }
}

fn table(data: &Value, style: Style) -> String {
    let targets = data["activeTargets"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if targets.is_empty() {
        return "no targets yet: start a service that uses the pyrometer package, or name targets \
            in a file for --config\n"
            .to_owned();
    }
    let rows: Vec<[String; 5]> = targets
        .iter()
        .map(|target| {
            let text = |value: &Value| clean(value.as_str().unwrap_or_default());
            [
                text(&target["health"]),
                text(&target["service"]),
                text(&target["labels"]["instance"]),
                format!("{} samples", target["lastSamples"].as_u64().unwrap_or(0)),
                text(&target["lastError"]),
            ]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..4).map(|column| width(column).unwrap_or(0)).collect();
    let mut lines = String::new();
    for row in &rows {
        let health = format!("{:<1$}", row[0], widths[0]);
        let health = match row[0].as_str() {
            "up" => style.good(&health),
            "down" => style.bad(&health),
            _ => style.dim(&health),
        };
        let line = format!(
            "{health}  {:<2$}  {:<3$}  {samples:>samples_width$}  {error}",
            row[1],
            row[2],
            widths[1],
            widths[2],
            samples = row[3],
            samples_width = widths[3],
            error = row[4],
        );
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn targets_stand_in_columns() {
        let data = json!({"activeTargets": [
            {"health": "up", "service": "shop", "labels": {"instance": "127.0.0.1:80"},
             "lastSamples": 12, "lastError": ""},
            {"health": "down", "service": "db", "labels": {"instance": "h:1"},
             "lastSamples": 0, "lastError": "connection refused"},
        ]});
        let expected = "\
up    shop  127.0.0.1:80  12 samples
down  db    h:1            0 samples  connection refused
";
        assert_eq!(table(&data, Style::Plain), expected);
    }
}
