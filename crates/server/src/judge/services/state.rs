//! How a service is, in one word and one sentence.

use std::collections::BTreeMap;
use std::time::Duration;

use diagnosis::rules::{Alert, AlertState};
use model::{Timestamp, format_duration};

use super::{KpiReport, TargetFacts};

/// The gravest first: Home is sorted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ServiceState {
    Critical,
    Warning,
    /// Nothing fires, but the numbers that would show a fault are missing; the note says why.
    Unknown,
    Good,
}

impl ServiceState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Good => "good",
        }
    }
}

/// What is known of a service.
pub(super) struct Situation<'a, F> {
    pub(super) name: &'a str,
    pub(super) now: Timestamp,
    pub(super) window: Duration,
    /// Of this service, the gravest first.
    pub(super) alerts: &'a [Alert],
    pub(super) kpis: &'a BTreeMap<String, KpiReport>,
    pub(super) targets: &'a [&'a TargetFacts],
    /// Whether a pack knows more of it than that it is scraped.
    pub(super) has_pack: bool,
    /// Asked only when no instance answers.
    pub(super) down_since: F,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) state: ServiceState,
    pub(super) sentence: Option<String>,
    pub(super) since: Option<Timestamp>,
    pub(super) note: Option<String>,
}

/// 0 is the gravest. What is pending comes after what fires. Users' own rules may have any
/// severity or none: what is not plainly more or less is a warning.
pub(super) fn urgency(alert: &Alert) -> u8 {
    let severity = match alert.labels.get("severity") {
        Some("critical" | "page") => 0,
        Some("info" | "none") => 2,
        Some(_) | None => 1,
    };
    match alert.state {
        AlertState::Firing { .. } => severity,
        AlertState::Pending { .. } | AlertState::Inactive => severity + 3,
    }
}

pub(super) fn judge<F>(situation: &Situation<'_, F>) -> Judged
where
    F: Fn() -> Option<Timestamp>,
{
    let note = note(situation);
    let firing = situation.alerts.first().filter(|alert| urgency(alert) <= 1);
    if let Some(alert) = firing {
        return Judged {
            state: if urgency(alert) == 0 {
                ServiceState::Critical
            } else {
                ServiceState::Warning
            },
            sentence: sentence(alert, situation.name),
            since: alert.state.active_at(),
            note,
        };
    }
    Judged {
        state: if note.is_none() {
            ServiceState::Good
        } else {
            ServiceState::Unknown
        },
        sentence: None,
        since: None,
        note,
    }
}

/// The annotation made for this place, else the summary without the service's name.
fn sentence(alert: &Alert, service: &str) -> Option<String> {
    let annotation = |wanted: &str| {
        let found = alert.annotations.iter().find(|(name, _)| name == wanted);
        found.map(|(_, text)| text.clone())
    };
    annotation("sentence").or_else(|| {
        let summary =
            annotation("summary").or_else(|| alert.labels.get("alertname").map(str::to_owned))?;
        let bare = summary
            .strip_prefix(service)
            .and_then(|rest| rest.strip_prefix(": "));
        Some(bare.map_or(summary.clone(), str::to_owned))
    })
}

/// Why there are no numbers; `None` when there are.
fn note<F>(situation: &Situation<'_, F>) -> Option<String>
where
    F: Fn() -> Option<Timestamp>,
{
    let targets = situation.targets;
    if targets.is_empty() {
        return Some(
            "no target any more: it ended, or it was taken out of the configuration".into(),
        );
    }
    let ago =
        |at: Timestamp| format_duration(Duration::from_secs(situation.now.since(at).as_secs()));
    if targets.iter().all(|target| target.health == "down") {
        let error = targets
            .iter()
            .find_map(|target| target.last_error.as_deref());
        let error = error.unwrap_or("no answer");
        return Some(match (situation.down_since)() {
            Some(since) => format!("down for {}: {error}", ago(since)),
            None => format!("down: {error}"),
        });
    }
    let scraped = targets.iter().filter(|target| target.health == "up");
    let last_scrape = scraped
        .clone()
        .filter_map(|target| target.last_scrape)
        .max();
    let Some(last_scrape) = last_scrape else {
        return Some("not scraped yet".to_owned());
    };
    let n_series: usize = scraped.map(|target| target.samples).sum();
    let scraped = format!("scraped {} ago ({n_series} series)", ago(last_scrape));
    if !situation.has_pack {
        return Some(format!("{scraped}; no pack knows these metrics yet"));
    }
    // A pack without KPIs has nothing that could be missing.
    let rate = situation.kpis.get("rate").map(|kpi| kpi.now);
    match rate {
        Some(None | Some(0.0)) => {
            let window = format_duration(situation.window);
            Some(format!("no requests in the last {window}; {scraped}"))
        }
        Some(Some(_)) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use diagnosis::pack::Unit;
    use model::Labels;

    use super::*;

    fn secs(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    /// `severity` and whether it fires; a summary unless the text says otherwise.
    fn alert(severity: &str, fires: bool, annotation: (&str, &str)) -> Alert {
        let labels = [("alertname", "A"), ("job", "shop"), ("severity", severity)];
        Alert {
            labels: Labels::new(labels).unwrap(),
            annotations: vec![(annotation.0.to_owned(), annotation.1.to_owned())],
            state: if fires {
                AlertState::Firing {
                    active_at: secs(40),
                    fired_at: secs(70),
                    clear_since: None,
                }
            } else {
                AlertState::Pending {
                    active_at: secs(40),
                }
            },
            value: 1.0,
        }
    }

    fn target(health: &'static str) -> TargetFacts {
        TargetFacts {
            job: "shop".to_owned(),
            health,
            last_scrape: (health != "unknown").then(|| secs(97)),
            last_error: (health == "down").then(|| "connection refused".to_owned()),
            samples: 43,
            ..TargetFacts::default()
        }
    }

    fn check(alerts: &[Alert], targets: &[TargetFacts], rate: Option<f64>, expected: &str) {
        let kpi = KpiReport {
            unit: Unit::RequestsPerSecond,
            now: rate,
            values: None,
        };
        let judged = judge(&Situation {
            name: "shop",
            now: secs(100),
            window: Duration::from_secs(120),
            alerts,
            kpis: &[("rate".to_owned(), kpi)].into(),
            targets: &targets.iter().collect::<Vec<_>>(),
            has_pack: true,
            down_since: || Some(secs(38)),
        });
        let Judged {
            state,
            sentence,
            note,
            ..
        } = judged;
        let told = sentence.or(note).unwrap_or_default();
        assert_eq!(format!("{}: {told}", state.as_str()), expected);
    }

    #[test]
    fn the_gravest_alert_that_fires_speaks() {
        let up = [target("up")];
        let with = |severity, fires, text| alert(severity, fires, ("summary", text));
        check(
            &[with("critical", true, "shop: bad")],
            &up,
            Some(1.0),
            "critical: bad",
        );
        check(
            &[with("warning", true, "slow")],
            &up,
            Some(1.0),
            "warning: slow",
        );
        let made = alert("critical", true, ("sentence", "Errors 24%"));
        check(&[made], &up, None, "critical: Errors 24%");
        check(
            &[with("info", true, "x"), with("critical", false, "y")],
            &up,
            Some(1.0),
            "good: ",
        );
        check(
            &[alert("critical", true, ("x", "y"))],
            &up,
            Some(1.0),
            "critical: A",
        );
    }

    #[test]
    fn what_has_no_numbers_says_why() {
        let (up, down) = ([target("up")], [target("down"), target("down")]);
        check(&[], &up, Some(1.0), "good: ");
        let idle = "unknown: no requests in the last 2m; scraped 3s ago (43 series)";
        check(&[], &up, Some(0.0), idle);
        check(&[], &up, None, idle);
        check(
            &[],
            &down,
            None,
            "unknown: down for 1m2s: connection refused",
        );
        check(&[], &[target("unknown")], None, "unknown: not scraped yet");
        let gone =
            "unknown: no target any more: it ended, or it was taken out of the configuration";
        check(&[], &[], None, gone);
        check(&[], &[target("up"), target("down")], Some(2.0), "good: ");
    }
}
