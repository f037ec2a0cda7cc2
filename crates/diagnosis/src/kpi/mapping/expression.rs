//! Formulas as PromQL: one series for each entity, labelled `entity` and with its scope.

use std::time::Duration;

use model::{Labels, MatchOp, Matcher};

use super::{Fold, Formula, Mapping, MetricName, NameFrom, Reading, Term};
use crate::graph::EntityKey;
use crate::kpi::KpiKind;

/// The label in which the series of a [`MappedQuery`] name their entity.
const ENTITY: &str = "entity";

/// A KPI of a mapping as a question to a store.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedQuery {
    pub kind: KpiKind,
    /// PromQL; [`Mapping::entity_in`] reads the labels of what it answers.
    pub expr: String,
}

impl Mapping {
    /// A query for each KPI. Rates are taken over `window`; `step` is how far samples lie apart,
    /// for values per step of a mapping that does not say it.
    pub fn queries(&self, window: Duration, step: Duration) -> Vec<MappedQuery> {
        let writer = Writer {
            mapping: self,
            window,
            step,
        };
        self.formulas()
            .into_iter()
            .map(|(kind, formula)| MappedQuery {
                kind,
                expr: writer.formula(&formula),
            })
            .collect()
    }

    /// Whose KPI a series in the answer to a query is.
    pub fn entity_in(&self, labels: &Labels) -> Option<EntityKey> {
        let name = match &self.entity.name {
            NameFrom::Fixed(name) => name,
            NameFrom::Labels(_) | NameFrom::Metric => labels.get(ENTITY)?,
        };
        let scope = self.entity.scope.iter();
        let scope = scope.filter_map(|(name, _)| Some((name, labels.get(name)?)));
        Some(EntityKey {
            kind: self.entity.kind.clone(),
            name: name.into(),
            scope: Labels::new(scope).ok()?,
        })
    }
}

struct Writer<'a> {
    mapping: &'a Mapping,
    window: Duration,
    step: Duration,
}

impl Writer<'_> {
    fn formula(&self, formula: &Formula) -> String {
        let expr = match formula {
            Formula::Value(term) => self.term(term, &[]),
            Formula::Complement(term) => format!("1 - {}", self.term(term, &[])),
            Formula::Ratio { part, all } => self.ratio(part, all),
            Formula::ComplementOfRatio { part, all } => {
                format!("1 - {}", self.ratio(part, all))
            }
            Formula::Quantile { quantile, buckets } => {
                let quantile_text = model::format_float(*quantile);
                let mut in_unit = buckets.clone();
                in_unit.divisor = 1.0;
                let rates = self.term(&in_unit, &["le"]);
                let expr = format!("histogram_quantile({quantile_text}, {rates})");
                divided(expr, buckets.divisor)
            }
        };
        self.named(expr)
    }

    fn ratio(&self, part: &Term, all: &Term) -> String {
        let in_its_unit = |term: &Term| {
            let mut term = term.clone();
            term.divisor = 1.0;
            let expr = self.term(&term, &[]);
            match term.reading {
                Reading::PerStep(_) => format!("({expr})"),
                Reading::Value | Reading::Rate => expr,
            }
        };
        let (in_part, whole) = (in_its_unit(part), in_its_unit(all));
        let expr = format!("({in_part} or 0 * {whole}) / {whole}");
        divided(expr, part.divisor / all.divisor)
    }

    /// `sum by (service) (rate(requests_total[1m]))`.
    fn term(&self, term: &Term, more_labels: &[&str]) -> String {
        let selector = self.selector(term);
        let (read, divisor) = match term.reading {
            Reading::Value => (selector, term.divisor),
            Reading::Rate => {
                let window = model::format_duration(self.window);
                (format!("rate({selector}[{window}])"), term.divisor)
            }
            Reading::PerStep(step) => {
                let step = step.unwrap_or(self.step).as_secs_f64();
                (selector, term.divisor * step)
            }
        };
        let fold = match term.fold {
            Fold::Sum => "sum",
            Fold::Mean => "avg",
            Fold::Max => "max",
        };
        let mut labels = self.identity();
        labels.extend(more_labels.iter().map(|name| (*name).to_owned()));
        let labels: Vec<String> = labels.iter().map(|name| label(name)).collect();
        let by = match labels.is_empty() {
            true => String::new(),
            false => format!(" by ({})", labels.join(", ")),
        };
        divided(format!("{fold}{by} ({})", self.prepared(read)), divisor)
    }

    /// Labels of the metric, or such that [`Self::prepared`] made, by which series are grouped.
    fn identity(&self) -> Vec<String> {
        let entity = &self.mapping.entity;
        let mut labels: Vec<String> = match &entity.name {
            NameFrom::Labels(names) if names.len() == 1 => names.clone(),
            NameFrom::Labels(_) | NameFrom::Metric => vec![ENTITY.to_owned()],
            NameFrom::Fixed(_) => Vec::new(),
        };
        for (_, from) in &entity.scope {
            if !labels.contains(from) {
                labels.push(from.clone());
            }
        }
        labels
    }

    /// With a label `entity` where more than one label may hold its name.
    fn prepared(&self, read: String) -> String {
        match &self.mapping.entity.name {
            NameFrom::Fixed(_) => read,
            NameFrom::Labels(names) if names.len() == 1 => read,
            NameFrom::Labels(names) => {
                let is_own = names.iter().any(|name| name == ENTITY);
                // A label `entity` that is not asked for its name must not give it.
                let start = if is_own {
                    read
                } else {
                    relabelled(&read, ENTITY, "", "", "")
                };
                names.iter().rev().fold(start, |expr, name| {
                    relabelled(&expr, ENTITY, "$1", name, "(.+)")
                })
            }
            NameFrom::Metric => {
                let pattern = self.mapping.name_pattern();
                relabelled(&read, ENTITY, "$1", model::METRIC_NAME, &pattern)
            }
        }
    }

    /// With the labels that [`Mapping::entity_in`] reads.
    fn named(&self, expr: String) -> String {
        let entity = &self.mapping.entity;
        let expr = match &entity.name {
            NameFrom::Labels(names) if names.len() == 1 && names[0] != ENTITY => {
                relabelled(&expr, ENTITY, "$1", &names[0], "(.*)")
            }
            NameFrom::Labels(_) | NameFrom::Metric | NameFrom::Fixed(_) => expr,
        };
        let renamed = entity.scope.iter().filter(|(name, from)| name != from);
        renamed.fold(expr, |expr, (name, from)| {
            relabelled(&expr, name, "$1", from, "(.*)")
        })
    }

    fn selector(&self, term: &Term) -> String {
        let mut matchers = Vec::new();
        let mut name = String::new();
        match term.metrics.as_slice() {
            [metric] if !metric.names_entity() && is_metric_name(&metric.prefix) => {
                name.clone_from(&metric.prefix);
            }
            [metric] if !metric.names_entity() => matchers.push(quoted(&metric.prefix)),
            metrics => {
                let patterns: Vec<String> = metrics.iter().map(|m| pattern(m, ".+")).collect();
                matchers.push(format!("__name__=~{}", quoted(&patterns.join("|"))));
            }
        }
        if let NameFrom::Labels(names) = &self.mapping.entity.name
            && let [only] = names.as_slice()
        {
            matchers.push(format!("{}!=\"\"", label(only)));
        }
        let filters = self.mapping.filters.iter().chain(&term.matchers);
        matchers.extend(filters.map(matcher));
        match matchers.is_empty() {
            true => name,
            false => format!("{name}{{{}}}", matchers.join(",")),
        }
    }
}

impl Mapping {
    /// What captures the entity's name in the names of all metrics that have it.
    fn name_pattern(&self) -> String {
        let sources = self.sources();
        let metrics = sources.iter().flat_map(|source| &source.metrics);
        let mut patterns: Vec<String> = metrics.map(|metric| pattern(metric, "(.+)")).collect();
        patterns.sort();
        patterns.dedup();
        patterns.join("|")
    }
}

fn pattern(metric: &MetricName, entity: &str) -> String {
    let prefix = regex::escape(&metric.prefix);
    match &metric.suffix {
        None => prefix,
        Some(suffix) => format!("{prefix}{entity}{}", regex::escape(suffix)),
    }
}

fn matcher(matcher: &Matcher) -> String {
    let op = match matcher.op() {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Matches => "=~",
        MatchOp::NotMatches => "!~",
    };
    format!("{}{op}{}", label(matcher.name()), quoted(matcher.value()))
}

fn relabelled(expr: &str, to: &str, value: &str, from: &str, pattern: &str) -> String {
    let [to, value, from, pattern] = [to, value, from, pattern].map(quoted);
    format!("label_replace({expr}, {to}, {value}, {from}, {pattern})")
}

fn divided(expr: String, divisor: f64) -> String {
    if divisor == 1.0 {
        return expr;
    }
    let (sign, number) = if divisor < 1.0 && (1.0 / divisor).fract() == 0.0 {
        ('*', 1.0 / divisor)
    } else {
        ('/', divisor)
    };
    format!("{expr} {sign} {}", model::format_float(number))
}

fn label(name: &str) -> String {
    if is_label_name(name) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// Whether a label's name needs no quotes.
fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':')
}

/// Whether a metric's name needs no quotes. Words of PromQL itself do.
fn is_metric_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let begins = name.starts_with(|c: char| legal(c) && !c.is_ascii_digit());
    begins && name.chars().all(legal) && promql::parse(&format!("{name}{{a=\"b\"}}")).is_ok()
}

/// A text as PromQL writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
