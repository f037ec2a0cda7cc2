//! An objective as Prometheus rules: what every other tool of the field can evaluate too.

use std::time::Duration;

use super::{Objective, Recorded, STEP};
use crate::assertion::{Category, Severity};
use crate::rules::{RuleGroup, parse_rule_file};

/// The events of a minute.
pub const EVENTS_SERIES: &str = "pyrometer:objective_events";

/// Those of them that were bad.
pub const BAD_EVENTS_SERIES: &str = "pyrometer:objective_bad_events";

/// How fast the budget may burn before somebody is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurnPolicy {
    pub alert: &'static str,
    /// As people call it.
    pub name: &'static str,
    /// How many times as fast as the budget allows.
    pub factor: f64,
    /// What counts.
    pub long: Duration,
    /// Whether it still goes on.
    pub short: Duration,
    pub severity: Severity,
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// The SRE workbook's: 2 % of 30 days' budget in an hour, 5 % in six, 10 % in three days.
pub const BURNS: [BurnPolicy; 3] = [
    BurnPolicy {
        alert: "ObjectiveFastBurn",
        name: "fast",
        factor: 14.4,
        long: minutes(60),
        short: minutes(5),
        severity: Severity::Critical,
    },
    BurnPolicy {
        alert: "ObjectiveSlowBurn",
        name: "slow",
        factor: 6.0,
        long: minutes(360),
        short: minutes(30),
        severity: Severity::Warning,
    },
    BurnPolicy {
        alert: "ObjectiveSteadyBurn",
        name: "steady",
        factor: 1.0,
        long: minutes(3 * 24 * 60),
        short: minutes(360),
        severity: Severity::Warning,
    },
];

/// An alert goes on so long after the short window calmed down, so that a fault that comes and
/// goes is one alert.
const KEEP_FIRING: Duration = minutes(5);

/// Labels that the rules set themselves; a scope cannot take their place.
const OWN_LABELS: [&str; 7] = [
    "objective",
    "indicator",
    "category",
    "severity",
    "entity_type",
    "entity",
    "alertname",
];

impl BurnPolicy {
    /// Whether it can fire at all: burning may not need more than all events to be bad.
    pub fn can_fire(&self, objective: &Objective) -> bool {
        self.factor * objective.target.budget() < 1.0
    }
}

impl Objective {
    /// The group of rules. `window` is that of the queries, see [`Objective::recorded`].
    pub fn rule_group(&self, window: Duration) -> RuleGroup {
        let groups = parse_rule_file(&rule_file(&[self], window));
        let mut groups = groups.expect("what is written here is a rule file");
        groups.remove(0)
    }

    pub fn group_name(&self) -> String {
        format!("objective-{}", self.id)
    }

    /// What selects the recorded series of this objective: `objective="…",indicator="…"`.
    pub fn selector(&self) -> String {
        format!(
            "objective=\"{}\",indicator=\"{}\"",
            self.id,
            self.indicator_hash()
        )
    }

    /// PromQL of how many times as fast as it may the budget burns over a window.
    ///
    /// Time that was not recorded counts as good, with as many events as there usually are: a
    /// young objective, or one after a gap, must not judge three days by its first minute.
    pub fn burn_query(&self, window: Duration) -> String {
        let (sel, span) = (self.selector(), model::format_duration(window));
        let minutes = window.as_secs() / STEP.as_secs();
        let budget = self.target.budget();
        format!(
            "sum_over_time({BAD_EVENTS_SERIES}{{{sel}}}[{span}]) \
             / (avg_over_time({EVENTS_SERIES}{{{sel}}}[{span}]) * {minutes}) / {budget}"
        )
    }

    /// PromQL that yields something while a burn is to be told.
    pub fn alert_query(&self, burn: &BurnPolicy) -> String {
        let (sel, long) = (self.selector(), model::format_duration(burn.long));
        format!(
            "{} > {factor}\nand\n{} > {factor}\nand\n\
             sum_over_time({BAD_EVENTS_SERIES}{{{sel}}}[{long}]) > {floor}",
            self.burn_query(burn.long),
            self.burn_query(burn.short),
            factor = burn.factor,
            floor = self.floor,
        )
    }

    /// Entity and scope, by which alerts and series find their place in the graph.
    fn entity_labels(&self) -> Vec<(&str, &str)> {
        let mut labels = vec![
            ("entity_type", self.entity.kind.name()),
            ("entity", &*self.entity.name),
        ];
        let scope = self.entity.scope.iter();
        labels.extend(scope.filter(|(name, _)| !OWN_LABELS.contains(name)));
        labels
    }
}

/// A rule file with one group for each objective.
pub fn rule_file(objectives: &[&Objective], window: Duration) -> String {
    let mut text = String::from("groups:\n");
    for objective in objectives {
        write_group(&mut text, objective, window);
    }
    text
}

/// Which burn keeps which quiet, as Alertmanager's `inhibit_rules`: the faster one says it all.
pub fn inhibit_file() -> String {
    let mut text = String::from("inhibit_rules:\n");
    for (index, burn) in BURNS.iter().enumerate() {
        let slower: Vec<&str> = BURNS[index + 1..].iter().map(|burn| burn.alert).collect();
        if !slower.is_empty() {
            text.push_str(&format!(
                "  - source_matchers: ['alertname = \"{}\"']\n    \
                 target_matchers: ['alertname =~ \"{}\"']\n    equal: [objective]\n",
                burn.alert,
                slower.join("|")
            ));
        }
    }
    text
}

fn write_group(text: &mut String, objective: &Objective, window: Duration) {
    let Recorded { total, bad } = objective.recorded(window);
    let mut out = |line: String| {
        // A String takes everything.
        text.push_str(&line);
        text.push('\n');
    };
    out(format!("  - name: {}", objective.group_name()));
    out(format!("    interval: {}", model::format_duration(STEP)));
    out("    rules:".to_owned());
    for (record, expr) in [(EVENTS_SERIES, total), (BAD_EVENTS_SERIES, bad)] {
        out(format!("      - record: {record}"));
        out(format!("        expr: {}", quoted(&expr)));
        out("        labels:".to_owned());
        let hash = objective.indicator_hash();
        let own = [("objective", objective.id.as_str()), ("indicator", &hash)];
        for (name, value) in own.into_iter().chain(objective.entity_labels()) {
            out(format!("          {}: {}", quoted(name), quoted(value)));
        }
    }
    for burn in &BURNS {
        out(format!("      - alert: {}", burn.alert));
        out(format!(
            "        expr: {}",
            quoted(&objective.alert_query(burn))
        ));
        out(format!(
            "        keep_firing_for: {}",
            model::format_duration(KEEP_FIRING)
        ));
        out("        labels:".to_owned());
        // Two objectives of one service would else have the same rule twice, for a linter's eye.
        out(format!("          objective: {}", objective.id));
        out(format!("          category: {}", Category::Error.name()));
        out(format!("          severity: {}", burn.severity.name()));
        if let Some(service) = objective.service() {
            out(format!("          job: {}", quoted(&as_template(service))));
        }
        out("        annotations:".to_owned());
        for (name, value) in annotations(objective, burn) {
            out(format!("          {name}: {}", quoted(&value)));
        }
    }
}

fn annotations(objective: &Objective, burn: &BurnPolicy) -> [(&'static str, String); 2] {
    let title = as_template(&objective.title);
    let (target, window) = (percent(objective.target.ratio()), objective.window.words());
    let over = model::format_duration(burn.long);
    let sentence = format!(
        "Over {over} the error budget burns {{{{ $value | printf \"%.1f\" }}}} times as fast as \
         {target} in {window} allows."
    );
    [
        (
            "summary",
            format!(
                "{title}: {}{}",
                sentence[..1].to_lowercase(),
                &sentence[1..]
            ),
        ),
        ("sentence", sentence),
    ]
}

/// `99.5 %`, without digits that are not there.
pub(super) fn percent(ratio: f64) -> String {
    let rounded = (ratio * 1e8).round() / 1e6;
    format!("{rounded} %")
}

/// A text that a template shows as it is.
fn as_template(text: &str) -> String {
    text.replace("{{", "{{\"{{\"}}")
}

/// A text as YAML's double-quoted scalar, which takes JSON's escapes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // Also what YAML takes for the end of a line, or does not print.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
