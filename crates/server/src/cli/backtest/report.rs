//! What a backtest found, for people and as JSON.

use std::time::Duration;

use diagnosis::backtest::{Firing, History};
use model::{format_duration, format_float};
use serde::Serialize;

use super::{Outcome, Tested};
use crate::api::{LabelsJson, format_rfc3339};
use crate::cli::style::{Style, clean, counted, print};

/// Alerts of one rule that are listed for people; JSON has all.
const LISTED_MAX: usize = 20;

/// One rule of `pyrometer backtest --json`, which is a list of them (docs/rules.md).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleJson<'a> {
    /// The pack's id or the file's path.
    from: &'a str,
    group: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'a str>,
    /// How many alerts fired.
    fired: usize,
    /// Pending alerts that ended before they fired.
    cleared: usize,
    /// Seconds during which at least one alert fired.
    firing_seconds: f64,
    /// The same as a share of the whole time.
    firing_ratio: f64,
    firings: Vec<FiringJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_evaluable: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FiringJson<'a> {
    labels: LabelsJson<'a>,
    start: String,
    /// Absent while it fires at the end of the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    seconds: f64,
    /// As in the HTTP API a text, since JSON has no infinity.
    peak: String,
}

pub(super) fn print_all(tested: &[Tested], json: bool) {
    if json {
        let rules: Vec<_> = tested.iter().map(rule_json).collect();
        // These types have neither maps with odd keys nor numbers that JSON lacks.
        let text = serde_json::to_string_pretty(&rules).unwrap_or_default();
        print(&format!("{text}\n"));
        return;
    }
    let style = Style::of_stdout();
    for rule in tested {
        print(&shown(rule, style));
    }
}

fn rule_json(rule: &Tested) -> RuleJson<'_> {
    let empty: &[Firing] = &[];
    let history = match &rule.outcome {
        Outcome::Replayed(history) => Some(history),
        Outcome::NotEvaluable(_) | Outcome::Failed(_) => None,
    };
    let firings = history.map_or(empty, |history| &history.firings);
    RuleJson {
        from: &rule.from,
        group: &rule.group,
        name: &rule.name,
        severity: rule.severity.as_deref(),
        fired: firings.len(),
        cleared: history.map_or(0, |history| history.cleared),
        firing_seconds: history.map_or(0.0, |history| history.firing_for.as_secs_f64()),
        firing_ratio: history.map_or(0.0, |history| ratio(rule, history)),
        firings: firings
            .iter()
            .map(|firing| FiringJson {
                labels: LabelsJson(&firing.labels),
                start: format_rfc3339(firing.start),
                end: firing.end.map(format_rfc3339),
                seconds: firing.lasted(&rule.span).as_secs_f64(),
                peak: format_float(firing.peak),
            })
            .collect(),
        not_evaluable: match &rule.outcome {
            Outcome::NotEvaluable(why) => Some(why),
            Outcome::Replayed(_) | Outcome::Failed(_) => None,
        },
        error: match &rule.outcome {
            Outcome::Failed(why) => Some(why.clone()),
            Outcome::Replayed(history) => history.failed.as_ref().map(failed),
            Outcome::NotEvaluable(_) => None,
        },
    }
}

fn failed((steps, why): &(u64, String)) -> String {
    format!("{why} (at {steps} steps)")
}

fn ratio(rule: &Tested, history: &History) -> f64 {
    history.firing_for.as_secs_f64() / rule.span.to.since(rule.span.from).as_secs_f64()
}

fn shown(rule: &Tested, style: Style) -> String {
    let severity = rule
        .severity
        .as_ref()
        .map_or(String::new(), |s| format!(" ({s})"));
    let head = clean(&format!("{}: {}{severity}", rule.from, rule.name));
    let history = match &rule.outcome {
        Outcome::NotEvaluable(why) => {
            return format!(
                "{head}: {}\n",
                style.dim(&clean(&format!("not evaluable, {why}")))
            );
        }
        Outcome::Failed(why) => return format!("{head}: {}\n", style.bad(&clean(why))),
        Outcome::Replayed(history) => history,
    };
    let mut text = match history.firings.len() {
        0 => format!("{head}: {}", style.good("never fired")),
        n => format!(
            "{head}: fired {}, {} in all, {:.2} % of the time",
            style.bad(&counted(n, "time")),
            whole(history.firing_for),
            100.0 * ratio(rule, history)
        ),
    };
    if history.cleared > 0 {
        text.push_str(&format!(", {} pending and over", history.cleared));
    }
    text.push('\n');
    if let Some(found) = &history.failed {
        text.push_str(&format!("  {}\n", style.bad(&clean(&failed(found)))));
    }
    for firing in history.firings.iter().take(LISTED_MAX) {
        let end = firing.end.map_or("still firing".to_owned(), format_rfc3339);
        let labels = clean(&firing.labels.drop(&["alertname"]).to_string());
        text.push_str(&format!(
            "  {} – {end} ({}) {labels} peak {}\n",
            format_rfc3339(firing.start),
            whole(firing.lasted(&rule.span)),
            format_float(firing.peak)
        ));
    }
    if history.firings.len() > LISTED_MAX {
        let more = history.firings.len() - LISTED_MAX;
        text.push_str(&format!("  and {more} more, see --json\n"));
    }
    text
}

fn whole(span: Duration) -> String {
    format_duration(Duration::from_secs(span.as_secs()))
}
