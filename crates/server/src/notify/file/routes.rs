//! Routes, inhibitions and time intervals.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use diagnosis::notify::{
    GroupBy, Inhibition, InvalidInterval, Route, TimeInterval, TimeRange, Zone, parse_matchers,
};
use diagnosis::yaml::{Node, Value};
use model::{MatchOp, Matcher};

use super::Receiver;
use crate::config::{Problems, Section};

/// Alertmanager's defaults.
pub(super) const GROUP_WAIT: Duration = Duration::from_secs(30);
pub(super) const GROUP_INTERVAL: Duration = Duration::from_secs(5 * 60);
pub(super) const REPEAT_INTERVAL: Duration = Duration::from_secs(4 * 3600);

/// Where Linux keeps the rules of time zones.
const ZONES: &str = "/usr/share/zoneinfo";

pub(super) type Intervals = BTreeMap<String, Vec<TimeInterval>>;

/// What routes may name.
struct Known<'a> {
    receivers: &'a [Receiver],
    intervals: &'a Intervals,
}

pub(super) fn read_root(
    node: &Node,
    receivers: &[Receiver],
    intervals: &Intervals,
    problems: &mut Problems,
) -> Option<Route> {
    let known = Known {
        receivers,
        intervals,
    };
    let above = Route {
        receiver: String::new(),
        group_by: GroupBy::Labels(Vec::new()),
        matchers: Vec::new(),
        continues: false,
        group_wait: GROUP_WAIT,
        group_interval: GROUP_INTERVAL,
        repeat_interval: REPEAT_INTERVAL,
        mute_in: Vec::new(),
        active_in: Vec::new(),
        routes: Vec::new(),
    };
    let root = read_route(node, &above, &known, true, problems)?;
    if root.receiver.is_empty() {
        problems.error(
            node.line,
            "the first route needs a receiver; it takes what no other does",
        );
    }
    if !root.matchers.is_empty() || !root.mute_in.is_empty() || !root.active_in.is_empty() {
        let text = "the first route takes every alert at any time; put matchers and time \
            intervals into the routes below it";
        problems.error(node.line, text);
    }
    Some(root)
}

fn read_route(
    node: &Node,
    above: &Route,
    known: &Known<'_>,
    is_root: bool,
    problems: &mut Problems,
) -> Option<Route> {
    let what = if is_root {
        "the first route"
    } else {
        "a route"
    };
    let mut section = Section::open(node, what, &[], problems)?;
    let receiver = section.text("receiver", problems);
    if let Some(name) = &receiver
        && !known
            .receivers
            .iter()
            .any(|receiver| receiver.name == *name)
    {
        let text = format!("receiver {name:?} is named here but defined nowhere");
        problems.error(section.line_of("receiver"), text);
    }
    let group_by = read_group_by(&mut section, problems);
    let matchers = read_matchers(&mut section, ["matchers", "match", "match_re"], problems);
    let continues = section.flag("continue", problems).unwrap_or(false);
    let group_wait = section.duration("group_wait", problems);
    let mut positive = |name: &'static str, problems: &mut Problems| {
        let span = section.duration(name, problems);
        if span.is_some_and(|span| span.is_zero()) {
            let text = format!("{name} of {what} must be longer than 0s");
            problems.error(section.line_of(name), text);
        }
        span
    };
    let group_interval = positive("group_interval", problems);
    let repeat_interval = positive("repeat_interval", problems);
    let mut names = |name: &'static str, problems: &mut Problems| {
        let mut names = Vec::new();
        for (line, interval) in section.texts(name, problems) {
            if known.intervals.contains_key(&interval) {
                names.push(interval);
            } else {
                let text = format!("time interval {interval:?} is named here but defined nowhere");
                problems.error(line, text);
            }
        }
        names
    };
    let mute_in = names("mute_time_intervals", problems);
    let active_in = names("active_time_intervals", problems);
    let mut route = Route {
        receiver: receiver.unwrap_or_else(|| above.receiver.clone()),
        group_by: group_by.unwrap_or_else(|| above.group_by.clone()),
        matchers,
        continues,
        group_wait: group_wait.unwrap_or(above.group_wait),
        group_interval: group_interval.unwrap_or(above.group_interval),
        repeat_interval: repeat_interval.unwrap_or(above.repeat_interval),
        mute_in,
        active_in,
        routes: Vec::new(),
    };
    // The parser limits nesting, so this recursion is bounded.
    let children = section.list("routes", problems).iter();
    let children = children.filter_map(|node| read_route(node, &route, known, false, problems));
    route.routes = children.collect();
    section.finish(problems);
    Some(route)
}

fn read_group_by(section: &mut Section<'_>, problems: &mut Problems) -> Option<GroupBy> {
    if !section.has("group_by") {
        return None;
    }
    let names = section.texts("group_by", problems);
    let names: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
    if names == ["..."] {
        return Some(GroupBy::All);
    }
    let line = section.line_of("group_by");
    if names.iter().any(|name| name == "...") {
        problems.error(
            line,
            "group_by: \"...\" means every label; it must stand alone",
        );
    }
    if let Some(twice) = (1..names.len()).find(|&n| names[..n].contains(&names[n])) {
        problems.error(line, format!("group_by names {:?} twice", names[twice]));
    }
    if names.iter().any(String::is_empty) {
        problems.error(line, "group_by holds an empty label name");
    }
    Some(GroupBy::Labels(names))
}

/// Matchers of a route or one side of an inhibition: `matchers`, `match` and `match_re`.
fn read_matchers(
    section: &mut Section<'_>,
    [list, equal, regex]: [&'static str; 3],
    problems: &mut Problems,
) -> Vec<Matcher> {
    let mut matchers = Vec::new();
    for (line, text) in section.texts(list, problems) {
        match parse_matchers(&text) {
            Ok(more) => matchers.extend(more),
            Err(error) => problems.error(line, format!("{list} of {}: {error}", section.what())),
        }
    }
    for (name, op) in [(equal, MatchOp::Equal), (regex, MatchOp::Matches)] {
        let Some(node) = section.take(name) else {
            continue;
        };
        let Some(fields) = node.fields() else {
            let text = format!("{name} of {} must be a map of labels", section.what());
            problems.error(node.line, text);
            continue;
        };
        for field in fields {
            let value = match &field.value.value {
                Value::Scalar(text) => text.clone(),
                Value::Null => String::new(),
                Value::List(_) | Value::Map(_) => {
                    problems.error(field.line, format!("{:?} must be a text", field.name));
                    continue;
                }
            };
            match Matcher::new(op, field.name.clone(), value) {
                Ok(matcher) => matchers.push(matcher),
                Err(error) => problems.error(field.line, error.to_string()),
            }
        }
    }
    matchers
}

pub(super) fn read_inhibition(node: &Node, problems: &mut Problems) -> Option<Inhibition> {
    let known: &[(&str, &str)] = &[("name", "inhibitions are told apart by their matchers")];
    let mut section = Section::open(node, "an inhibit rule", known, problems)?;
    let source = ["source_matchers", "source_match", "source_match_re"];
    let target = ["target_matchers", "target_match", "target_match_re"];
    let inhibition = Inhibition {
        source: read_matchers(&mut section, source, problems),
        target: read_matchers(&mut section, target, problems),
        equal: section
            .texts("equal", problems)
            .into_iter()
            .map(|(_, name)| name)
            .collect(),
    };
    section.finish(problems);
    Some(inhibition)
}

pub(super) fn read_intervals(
    nodes: &[Node],
    section_name: &str,
    intervals: &mut Intervals,
    problems: &mut Problems,
) {
    for node in nodes {
        let what = format!("an entry of {section_name}");
        let Some(mut section) = Section::open(node, what, &[], problems) else {
            continue;
        };
        let Some(name) = section.text("name", problems) else {
            problems.error(node.line, "a time interval needs a name");
            continue;
        };
        section.rename(format!("time interval {name:?}"));
        let parts = section.list("time_intervals", problems).iter();
        let parts: Vec<TimeInterval> = parts
            .filter_map(|part| read_interval(part, &name, problems))
            .collect();
        section.finish(problems);
        if intervals.insert(name.clone(), parts).is_some() {
            problems.error(node.line, format!("time interval {name:?} stands twice"));
        }
    }
}

type Add = fn(&mut TimeInterval, &str) -> Result<(), InvalidInterval>;

fn read_interval(node: &Node, name: &str, problems: &mut Problems) -> Option<TimeInterval> {
    let what = format!("time interval {name:?}");
    let mut section = Section::open(node, what.clone(), &[], problems)?;
    let mut interval = TimeInterval::default();
    for part in section.list("times", problems) {
        let Some(mut times) = Section::open(part, format!("times of {what}"), &[], problems) else {
            continue;
        };
        let start = times.text("start_time", problems).unwrap_or_default();
        let end = times.text("end_time", problems).unwrap_or_default();
        match TimeRange::parse(&start, &end) {
            Ok(range) => interval.add_time(range),
            Err(error) => problems.error(part.line, format!("times of {what}: {error}")),
        }
        times.finish(problems);
    }
    let parts: [(&'static str, Add); 4] = [
        ("weekdays", TimeInterval::add_weekdays),
        ("days_of_month", TimeInterval::add_days_of_month),
        ("months", TimeInterval::add_months),
        ("years", TimeInterval::add_years),
    ];
    for (field, add) in parts {
        for (line, text) in section.texts(field, problems) {
            if let Err(error) = add(&mut interval, &text) {
                problems.error(line, format!("{field} of {what}: {error}"));
            }
        }
    }
    if let Some(place) = section.text("location", problems) {
        match zone(&place) {
            Ok(zone) => interval.set_zone(zone),
            Err(reason) => {
                let text = format!("location of {what}: {reason}");
                problems.error(section.line_of("location"), text);
            }
        }
    }
    section.finish(problems);
    Some(interval)
}

/// A time zone of this machine by its name.
pub(crate) fn zone(name: &str) -> Result<Zone, String> {
    if matches!(name, "UTC" | "Etc/UTC") {
        return Ok(Zone::default());
    }
    let file = match name {
        "Local" => Path::new("/etc/localtime").to_owned(),
        // A name that leads out of the folder is no zone.
        _ if name.starts_with('/') || name.split('/').any(|part| part == "..") => {
            return Err(format!(
                "{name:?} is no time zone; write for example Europe/Berlin"
            ));
        }
        _ => Path::new(ZONES).join(name),
    };
    let bytes = match std::fs::read(&file) {
        Ok(bytes) => bytes,
        // A machine without a zone of its own runs on UTC.
        Err(_) if name == "Local" => return Ok(Zone::default()),
        Err(_) => {
            return Err(format!(
                "time zone {name:?} is not in {ZONES}; write for example Europe/Berlin"
            ));
        }
    };
    Zone::from_tzif(name, &bytes).map_err(|error| error.to_string())
}
