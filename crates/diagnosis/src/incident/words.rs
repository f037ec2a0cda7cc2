//! Numbers and KPIs as a person says them.

use std::time::Duration;

use crate::kpi::KpiKind;
use crate::pack::Unit;

/// `4.2 %`, `340 ms`, `1.2 k/s`.
pub fn number(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Ratio => format!("{} %", short(value * 100.0)),
        Unit::Seconds => seconds(value),
        Unit::RequestsPerSecond | Unit::OperationsPerSecond => format!("{}/s", scaled(value)),
        Unit::Bytes => format!("{}B", scaled(value)),
        Unit::BytesPerSecond => format!("{}B/s", scaled(value)),
        Unit::Cores => format!("{} cores", short(value)),
        Unit::Short => scaled(value).trim_end().to_owned(),
    }
}

/// What a KPI is called at the start of a sentence.
pub fn subject(kind: &KpiKind) -> String {
    match kind {
        KpiKind::RequestRate => "Requests".to_owned(),
        KpiKind::ErrorRatio => "Errors".to_owned(),
        KpiKind::ClientErrorRatio => "Client errors".to_owned(),
        KpiKind::LatencyAverage => "Average latency".to_owned(),
        KpiKind::LatencyQuantile(percent) => format!("p{percent}"),
        KpiKind::Saturation(resource) => capitalised(&format!("{} use", plain(resource))),
        KpiKind::Resource(resource) => capitalised(&plain(resource)),
        KpiKind::Up => "Instances up".to_owned(),
    }
}

/// "Errors 24 %, usually 0.1 %".
pub fn compared(kind: &KpiKind, value: f64, usual: f64) -> String {
    let unit = kind.unit();
    let (value, usual) = (number(unit, value), number(unit, usual));
    format!("{} {value}, usually {usual}", subject(kind))
}

/// `45 s`, `12 min`, `3 h`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// `a`, `a and b`, `a, b and 3 more`.
pub fn list(names: &[String], shown_max: usize) -> String {
    let (last, rest) = match names {
        [] => return String::new(),
        [one] => return one.clone(),
        _ if shown_max < names.len() => {
            let more = format!("{} more", names.len() - shown_max);
            (more, &names[..shown_max])
        }
        [rest @ .., last] => (last.clone(), rest),
    };
    format!("{} and {last}", rest.join(", "))
}

fn plain(name: &str) -> String {
    name.replace('_', " ")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn seconds(value: f64) -> String {
    let size = value.abs();
    if size < 1e-3 {
        format!("{} µs", short(value * 1e6))
    } else if size < 1.0 {
        format!("{} ms", short(value * 1e3))
    } else if size < 120.0 {
        format!("{} s", short(value))
    } else {
        format!("{} min", short(value / 60.0))
    }
}

fn scaled(value: f64) -> String {
    let size = value.abs();
    for (from, letter) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if from <= size {
            return format!("{} {letter}", short(value / from));
        }
    }
    short(value)
}

/// Two digits that count, more only before the point.
fn short(value: f64) -> String {
    let size = value.abs();
    let text = if size == 0.0 || 10.0 <= size {
        format!("{value:.0}")
    } else if 1.0 <= size {
        format!("{value:.1}")
    } else if 0.1 <= size {
        format!("{value:.2}")
    } else if 0.001 <= size {
        format!("{value:.3}")
    } else {
        format!("{value:.0e}")
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_people_say_them() {
        for (unit, value, expected) in [
            (Unit::Ratio, 0.242, "24 %"),
            (Unit::Ratio, 0.001, "0.1 %"),
            (Unit::Ratio, 0.0, "0 %"),
            (Unit::Seconds, 0.34, "340 ms"),
            (Unit::Seconds, 1.25, "1.2 s"),
            (Unit::Seconds, 0.00025, "250 µs"),
            (Unit::RequestsPerSecond, 1234.0, "1.2 k/s"),
            (Unit::RequestsPerSecond, 12.0, "12/s"),
            (Unit::Short, 7.0, "7"),
        ] {
            assert_eq!(number(unit, value), expected, "{value}");
        }
    }

    #[test]
    fn long_lists_say_how_many_more() {
        let names: Vec<String> = "abcd".chars().map(String::from).collect();
        assert_eq!(list(&names[..1], 2), "a");
        assert_eq!(list(&names[..2], 2), "a and b");
        assert_eq!(list(&names, 2), "a, b and 2 more");
    }
}
