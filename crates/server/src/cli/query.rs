//! `pyrometer query`: PromQL on the command line, printed as promtool prints it.

use std::process::ExitCode;

use serde_json::Value;

use super::ServerArgs;
use super::client::ask;
use super::style::{clean, complain, print};
use crate::api::parse_time;
use crate::clock::Clock;

pub(super) struct RangeArgs {
    pub(super) start: Option<String>,
    pub(super) end: Option<String>,
    pub(super) step: Option<String>,
}

pub(super) fn instant(server: &ServerArgs, expression: &str, time: Option<&str>) -> ExitCode {
    let mut form = vec![("query", expression)];
    form.extend(time.map(|time| ("time", time)));
    run(server, "/api/v1/query", &form)
}

/// An hour, as in promtool, at the width of a terminal's chart.
const RANGE_DEFAULT_SECS: f64 = 3600.0;
const STEPS_DEFAULT: f64 = 250.0;

pub(super) fn range(server: &ServerArgs, expression: &str, range: &RangeArgs) -> ExitCode {
    // What is no time is sent as it is: the server says what is wrong with it.
    let time_of = |text: &Option<String>, default: f64| {
        let given = text.as_deref().and_then(parse_time);
        given.map_or(default, |at| at.as_secs_f64())
    };
    let end = time_of(&range.end, Clock.now().as_secs_f64());
    let start = time_of(&range.start, end - RANGE_DEFAULT_SECS);
    let step = ((end - start) / STEPS_DEFAULT).floor().max(1.0);
    let text_or =
        |text: &Option<String>, default: f64| text.clone().unwrap_or_else(|| default.to_string());
    let (start, end) = (text_or(&range.start, start), text_or(&range.end, end));
    let step = text_or(&range.step, step);
    let form = [
        ("query", expression),
        ("start", &start),
        ("end", &end),
        ("step", &step),
    ];
    run(server, "/api/v1/query_range", &form)
}

fn run(server: &ServerArgs, path: &str, form: &[(&str, &str)]) -> ExitCode {
    match ask(&server.server, path, form) {
        Ok((_, raw)) if server.json => {
            print(&format!("{raw}\n"));
            ExitCode::SUCCESS
        }
        Ok((data, _)) => {
            print(&shown(&data));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&clean(&error.to_string()));
            ExitCode::from(1)
        }
    }
}

/// `up{job="api"} => 1 @[1435781451.781]`, one line a series and one a sample.
fn shown(data: &Value) -> String {
    let mut text = String::new();
    match data["resultType"].as_str() {
        Some("scalar") => text.push_str(&format!("scalar: {}\n", sample(&data["result"]))),
        Some("string") => text.push_str(&format!("string: {}\n", sample(&data["result"]))),
        Some("vector") => {
            for series in items(&data["result"]) {
                let (name, sample) = (series_name(&series["metric"]), sample(&series["value"]));
                text.push_str(&format!("{name} => {sample}\n"));
            }
        }
        _ => {
            for series in items(&data["result"]) {
                text.push_str(&format!("{} =>\n", series_name(&series["metric"])));
                for value in items(&series["values"]) {
                    text.push_str(&format!("{}\n", sample(value)));
                }
            }
        }
    }
    text
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn sample(pair: &Value) -> String {
    format!(
        "{} @[{}]",
        clean(pair[1].as_str().unwrap_or_default()),
        pair[0]
    )
}

fn series_name(metric: &Value) -> String {
    let pairs = metric.as_object().into_iter().flatten();
    let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()));
    let labels = model::Labels::new(pairs).unwrap_or_default();
    clean(&labels.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_are_printed_as_promtool_does() {
        for (data, expected) in [
            (
                json!({"resultType": "scalar", "result": [1.5, "2"]}),
                "scalar: 2 @[1.5]\n",
            ),
            (
                json!({"resultType": "vector", "result": [
                    {"metric": {"__name__": "up", "job": "a\u{1b}"}, "value": [1, "1"]}]}),
                "up{job=\"a\\x1b\"} => 1 @[1]\n",
            ),
            (
                json!({"resultType": "matrix", "result": [
                    {"metric": {"__name__": "up"}, "values": [[1, "1"], [2, "0"]]}]}),
                "up =>\n1 @[1]\n0 @[2]\n",
            ),
        ] {
            assert_eq!(shown(&data), expected);
        }
    }
}
