//! Values and KPIs as a person says them.

use std::time::Duration;

use crate::kpi::KpiKind;
use crate::pack::Unit;

/// How a KPI begins a sentence.
pub(super) fn subject(kind: &KpiKind) -> String {
    match kind {
        KpiKind::RequestRate => "Requests".to_owned(),
        KpiKind::ErrorRatio => "Errors".to_owned(),
        KpiKind::ClientErrorRatio => "Client errors".to_owned(),
        KpiKind::LatencyAverage => "Average latency".to_owned(),
        KpiKind::LatencyQuantile(percent) => format!("p{percent}"),
        KpiKind::Saturation(resource) | KpiKind::Resource(resource) => {
            let mut words = resource.replace(['_', ':'], " ");
            if let Some(first) = words.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            words
        }
        KpiKind::Up => "Instances that answer".to_owned(),
    }
}

/// Two significant digits and the unit.
pub(super) fn value(kind: &KpiKind, value: f64) -> String {
    match kind.unit() {
        Unit::Ratio => format!("{} %", digits(value * 100.0)),
        Unit::Seconds if value.abs() < 1.0 => format!("{} ms", digits(value * 1000.0)),
        Unit::Seconds => format!("{} s", digits(value)),
        Unit::RequestsPerSecond | Unit::OperationsPerSecond => format!("{}/s", digits(value)),
        Unit::Bytes | Unit::BytesPerSecond | Unit::Cores | Unit::Short => digits(value),
    }
}

pub(super) fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds if seconds < 2 * 3600 => format!("{} min", seconds / 60),
        seconds if seconds < 48 * 3600 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn digits(value: f64) -> String {
    let size = value.abs();
    if size >= 1e15 {
        return format!("{value:.1e}");
    }
    for (least, factor, suffix) in [
        (1e12, 1e12, " T"),
        (1e9, 1e9, " G"),
        (1e6, 1e6, " M"),
        (1e4, 1e3, " k"),
    ] {
        if size >= least {
            return format!("{}{suffix}", digits(value / factor));
        }
    }
    let text = match size {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        size if size >= 0.01 || size == 0.0 => format!("{value:.3}"),
        _ => return format!("{value:.1e}"),
    };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
