//! How notification goes, in Alertmanager's words with our prefix where it has them.

use super::Page;
use crate::notify::{IntegrationGauges, NotifyGauges};

pub(super) fn render_notify(page: &mut Page, notify: &NotifyGauges) {
    page.one(
        "pyrometer_notify_alerts",
        "gauge",
        "Alerts that fire, by whether something keeps them quiet.",
        &[
            ("{state=\"active\"}".to_owned(), notify.alerts_active as f64),
            (
                "{state=\"suppressed\"}".to_owned(),
                notify.alerts_suppressed as f64,
            ),
        ],
    );
    page.one(
        "pyrometer_alerts_received_total",
        "counter",
        "Alerts taken in, from our rules and from others.",
        &[
            (
                "{status=\"firing\"}".to_owned(),
                notify.received_firing as f64,
            ),
            (
                "{status=\"resolved\"}".to_owned(),
                notify.received_resolved as f64,
            ),
        ],
    );
    let states = ["active", "pending", "expired"].iter().zip(notify.silences);
    let silences = states.map(|(state, n)| (format!("{{state=\"{state}\"}}"), n as f64));
    page.one(
        "pyrometer_silences",
        "gauge",
        "Silences.",
        &silences.collect::<Vec<_>>(),
    );
    page.plain(
        "pyrometer_dispatcher_aggregation_groups",
        "gauge",
        "Groups of alerts.",
        notify.groups as f64,
    );
    page.plain(
        "pyrometer_notification_store_failures_total",
        "counter",
        "Times that notifications could not be written to disk.",
        notify.stores_failed as f64,
    );
    let waiting = notify
        .waiting
        .iter()
        .map(|(id, n)| (label("integration", id), *n as f64));
    page.one(
        "pyrometer_notifications_waiting",
        "gauge",
        "Notifications decided and not delivered yet.",
        &waiting.collect::<Vec<_>>(),
    );
    render_integrations(page, notify);
    render_forward(page, notify);
}

fn render_integrations(page: &mut Page, notify: &NotifyGauges) {
    let mut each = |name: &str, help: &str, value: &dyn Fn(&IntegrationGauges) -> f64| {
        let rows = notify.integrations.iter();
        let rows = rows.map(|(id, gauges)| (label("integration", id), value(gauges)));
        page.one(name, "counter", help, &rows.collect::<Vec<_>>());
    };
    each(
        "pyrometer_notifications_total",
        "Notifications delivered.",
        &|gauges| gauges.sent as f64,
    );
    each(
        "pyrometer_notifications_failed_total",
        "Notifications a receiver refused for good.",
        &|gauges| gauges.failed as f64,
    );
    each(
        "pyrometer_notification_requests_total",
        "Attempts to deliver.",
        &|gauges| gauges.attempts as f64,
    );
    each(
        "pyrometer_notification_requests_failed_total",
        "Attempts to deliver that failed.",
        &|gauges| gauges.attempts_failed as f64,
    );
    each(
        "pyrometer_notification_latency_seconds_total",
        "Time from the decision to the receiver's answer, of all that was delivered.",
        &|gauges| gauges.latency_seconds,
    );
}

fn render_forward(page: &mut Page, notify: &NotifyGauges) {
    let mut each = |name: &str, help: &str, value: &dyn Fn(usize) -> u64| {
        let rows = notify.forward.iter().enumerate();
        let rows = rows.map(|(n, one)| (label("alertmanager", &one.url), value(n) as f64));
        page.one(name, "counter", help, &rows.collect::<Vec<_>>());
    };
    let forward = &notify.forward;
    each(
        "pyrometer_forwarded_alerts_total",
        "Alerts that an Alertmanager took.",
        &|n| forward[n].sent,
    );
    each(
        "pyrometer_forward_errors_total",
        "Requests to an Alertmanager that failed.",
        &|n| forward[n].errors,
    );
    each(
        "pyrometer_forward_dropped_total",
        "Alerts that an Alertmanager refused for good.",
        &|n| forward[n].dropped,
    );
}

fn label(name: &str, value: &str) -> String {
    let escaped = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("{{{name}=\"{escaped}\"}}")
}
