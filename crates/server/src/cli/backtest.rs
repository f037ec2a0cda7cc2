//! `pyrometer backtest`: what rules would have done over stored history.

mod report;
mod source;

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use diagnosis::backtest::{History, Span, replay};
use diagnosis::pack::{Pack, embedded};
use diagnosis::rules::{GroupOptions, Rule, RuleGroup, parse_rule_file};
use model::{Labels, Sample, Timestamp};
use promql::{Expr, RangeSeries};

use self::source::Source;
use super::style::{clean, complain};
use crate::api::parse_time;
use crate::clock::Clock;
use crate::config::read_file;
use crate::scrape::error_chain;

/// Options of `pyrometer backtest`.
#[derive(Debug, Args)]
pub(crate) struct BacktestArgs {
    /// The beginning: Unix seconds, RFC 3339, or how long ago, such as 7d
    #[arg(long, value_name = "TIME")]
    from: String,
    /// The end [default: now]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// A rule file; may stand several times. Without rules or packs every pack is taken.
    #[arg(long, value_name = "FILE")]
    rules: Vec<PathBuf>,
    /// A curated pack; may stand several times.
    #[arg(long, value_name = "ID")]
    pack: Vec<String>,
    /// The data folder of a server that does not run, in place of a server.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// A running Pyrometer or Prometheus.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:9095",
        env = "PYROMETER_SERVER"
    )]
    url: String,
    /// Between evaluations [default: the interval of the rule's group, or 1m]
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    step: Option<Duration>,
    /// Print JSON with every alert.
    #[arg(long)]
    json: bool,
}

/// Between evaluations of groups that name no interval: Prometheus's default.
const STEP_DEFAULT: Duration = Duration::from_secs(60);

/// Steps of one query: Prometheus refuses more than 11,000.
const QUERY_STEPS_MAX: u64 = 10_000;

/// Steps of one rule: two years at a minute.
const STEPS_MAX: u64 = 1_100_000;

/// Values of one rule's expression that are held at once: 1 GB.
const VALUES_MAX: usize = 60_000_000;

/// Rules of a pack or of a file.
struct Rules {
    /// The pack's id or the file's path.
    from: String,
    groups: Vec<RuleGroup>,
}

/// One alerting rule and what became of it.
struct Tested {
    from: String,
    group: String,
    name: String,
    severity: Option<String>,
    span: Span,
    outcome: Outcome,
}

enum Outcome {
    Replayed(History),
    /// Metrics that it needs were never there.
    NotEvaluable(String),
    Failed(String),
}

pub(super) fn run(args: &BacktestArgs) -> ExitCode {
    match tested(args) {
        Ok(tested) => {
            report::print_all(&tested, args.json);
            let failed = tested.iter().any(|rule| match &rule.outcome {
                Outcome::Failed(_) => true,
                Outcome::Replayed(history) => history.failed.is_some(),
                Outcome::NotEvaluable(_) => false,
            });
            ExitCode::from(u8::from(failed))
        }
        Err(reason) => {
            complain(&clean(&reason));
            ExitCode::from(2)
        }
    }
}

fn tested(args: &BacktestArgs) -> Result<Vec<Tested>, String> {
    let now = Clock.now();
    let to = match &args.to {
        Some(text) => moment(text, now)?,
        None => now,
    };
    let from = moment(&args.from, now)?;
    if from >= to {
        return Err("--from must lie before --to".to_owned());
    }
    let rules = load(args)?;
    let mut source = match &args.data {
        Some(folder) => Source::open(folder, now)?,
        None => Source::server(&args.url),
    };
    let alerting = |group: &RuleGroup| {
        let rules = group.rules.iter().filter(|rule| rule.alerting().is_some());
        rules.count()
    };
    let n_rules: usize = rules
        .iter()
        .flat_map(|rules| &rules.groups)
        .map(alerting)
        .sum();
    let mut all = Vec::with_capacity(n_rules);
    for rules in &rules {
        for group in &rules.groups {
            let step = args.step.or(group.interval).unwrap_or(STEP_DEFAULT);
            let span = Span { from, to, step };
            if span.steps() > STEPS_MAX {
                return Err(format!(
                    "{} steps are more than the limit of {STEPS_MAX}; take a longer --step",
                    span.steps()
                ));
            }
            for rule in group.rules.iter().filter(|rule| rule.alerting().is_some()) {
                progress(all.len() + 1, n_rules, rule.name());
                all.push(Tested {
                    from: rules.from.clone(),
                    group: group.name.clone(),
                    name: rule.name().to_owned(),
                    severity: rule.label("severity").map(str::to_owned),
                    span,
                    outcome: test(&mut source, group, rule, &span)?,
                });
            }
        }
    }
    Ok(all)
}

/// Seconds since the epoch, RFC 3339, or how long before `now`.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Some(at) = parse_time(text) {
        return Ok(at);
    }
    let ago = model::parse_duration(text).map_err(|_| {
        format!("{text:?} is no time; write for example 7d, 2026-01-02T15:04:05Z or 1767366245")
    })?;
    Ok(now.minus(ago))
}

fn load(args: &BacktestArgs) -> Result<Vec<Rules>, String> {
    let mut rules = Vec::new();
    for path in &args.rules {
        let shown = path.display().to_string();
        let text = read_file(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        let groups = parse_rule_file(&text).map_err(|problems| {
            let problems = problems.iter().map(|problem| error_chain(problem));
            format!("{shown}: {}", problems.collect::<Vec<_>>().join("; "))
        })?;
        rules.push(Rules {
            from: shown,
            groups,
        });
    }
    let all_packs = args.rules.is_empty() && args.pack.is_empty();
    let mut known = Vec::new();
    for files in embedded() {
        known.push(files.id.to_owned());
        if all_packs || args.pack.iter().any(|id| id == files.id) {
            let pack = Pack::load(&files).expect("the packs' gate test loads each of them");
            rules.push(Rules {
                from: pack.id,
                groups: pack.groups,
            });
        }
    }
    match args.pack.iter().find(|id| !known.contains(id)) {
        Some(id) => Err(format!(
            "there is no pack {id:?}; there are {}",
            known.join(", ")
        )),
        None => Ok(rules),
    }
}

fn progress(done: usize, of: usize, name: &str) {
    let mut err = std::io::stderr().lock();
    let text = if err.is_terminal() {
        let end = if done == of { "\r\x1b[K" } else { "" };
        format!("\r\x1b[K{done} of {of}: {name}{end}")
    } else {
        format!("{done} of {of}: {name}\n")
    };
    // Whoever closed it does not want it.
    drop(err.write_all(text.as_bytes()).and_then(|()| err.flush()));
}

/// The error is what keeps every rule from being tested.
fn test(
    source: &mut Source,
    group: &RuleGroup,
    rule: &Rule,
    span: &Span,
) -> Result<Outcome, String> {
    let mut there = Vec::new();
    for name in rule.metrics() {
        if source.has_metric(name, span)? {
            there.push(name);
        }
    }
    let exists = |name: &str| there.contains(&name);
    let recorded = |name: &str| group.rules.iter().any(|other| other.name() == name);
    let missing = rule.expr.missing_metrics(&exists);
    if let Some(name) = missing.first() {
        let why = if recorded(name) {
            "is recorded by this file, and history has no series of it"
        } else {
            "is missing in this time"
        };
        return Ok(Outcome::NotEvaluable(format!("metric {name} {why}")));
    }
    let offset = group.query_offset;
    let series = match matrix(source, &rule.expr, span, offset) {
        Ok(series) => series,
        Err(reason) => return Ok(Outcome::Failed(reason)),
    };
    let mut query = |expr: &Expr, at: Timestamp| source.instant(expr, at);
    let options = GroupOptions::default();
    Ok(Outcome::Replayed(replay(
        group, rule, &options, span, &series, &mut query,
    )))
}

/// The values of an expression at all steps, asked for in parts.
fn matrix(
    source: &Source,
    expr: &Expr,
    span: &Span,
    offset: Duration,
) -> Result<Vec<RangeSeries>, String> {
    let mut whole: BTreeMap<Labels, Vec<Sample>> = BTreeMap::new();
    let mut values = 0;
    let mut from = span.from;
    while from <= span.to {
        let steps = u32::try_from(QUERY_STEPS_MAX - 1).unwrap_or(u32::MAX);
        let to = from.plus(span.step.saturating_mul(steps)).min(span.to);
        for series in source.range(expr, from.minus(offset), to.minus(offset), span.step)? {
            values += series.samples.len();
            let samples = series.samples.into_iter().map(|sample| Sample {
                timestamp: sample.timestamp.plus(offset),
                value: sample.value,
            });
            whole.entry(series.labels).or_default().extend(samples);
        }
        if values > VALUES_MAX {
            return Err(format!(
                "more than {VALUES_MAX} values; take a longer --step or a shorter time"
            ));
        }
        from = from.plus(span.step.saturating_mul(steps.saturating_add(1)));
    }
    let series = whole.into_iter();
    Ok(series
        .map(|(labels, samples)| RangeSeries { labels, samples })
        .collect())
}
