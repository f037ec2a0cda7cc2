//! Why something is not in the graph: which rule looked for what, and what it found.

mod services;

use std::collections::{BTreeMap, BTreeSet};

use super::{Address, Entity, Graph, Note, RelationKind, RuleReport, RuleSource};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it is about: `service/cart: outgoing calls`.
    pub subject: String,
    pub state: CheckState,
    /// The rules' places; empty when no rule knows of such a thing.
    pub rule: String,
    /// The label, and the series on which it is looked for.
    pub looked_for: String,
    pub found: String,
    /// What to do; empty when all is well.
    pub advice: String,
}

/// The gravest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckState {
    Good,
    /// It may be as it should: not every service calls others.
    Hint,
    /// Something is there, but not as it should.
    Warning,
    Missing,
}

/// What is examined.
#[derive(Clone, Copy, Debug)]
pub struct DoctorScope<'a> {
    pub graph: &'a Graph,
    pub reports: &'a [RuleReport],
    pub notes: &'a [Note],
    /// Of the rules.
    pub sources: &'a [RuleSource],
    /// Jobs whose pack knows their requests, by what the pack is called.
    pub frameworks: &'a BTreeMap<String, String>,
}

/// Checks listed; a thousand unknown peers are one finding.
const CHECKS_MAX: usize = 500;

impl CheckState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Hint => "hint",
            Self::Warning => "warning",
            Self::Missing => "missing",
        }
    }
}

/// All checks, the gravest first.
pub fn examine(scope: &DoctorScope<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    if scope.graph.is_empty() {
        checks.push(nothing());
    }
    checks.extend(scope.notes.iter().map(of_note));
    services::examine(scope, &mut checks);
    peers(scope, &mut checks);
    rows_without_labels(scope, &mut checks);
    own_rules(scope, &mut checks);
    kinds(scope, &mut checks);
    checks.sort_by(|a, b| {
        b.state
            .cmp(&a.state)
            .then_with(|| a.subject.cmp(&b.subject))
    });
    checks.truncate(CHECKS_MAX);
    checks
}

fn nothing() -> Check {
    Check {
        subject: "graph".to_owned(),
        state: CheckState::Missing,
        rule: RuleSource::BuiltIn.to_string(),
        looked_for: "the label job on up".to_owned(),
        found: "no series: nothing is scraped, or nothing was scraped in the last five minutes"
            .to_owned(),
        advice: "start a service that uses the pyrometer package, or name targets in a file for \
            --config; `pyrometer targets` lists them"
            .to_owned(),
    }
}

fn of_note(note: &Note) -> Check {
    let rule = match note {
        Note::SelfLoop { place, .. } | Note::QueryFailed { place, .. } => place.clone(),
        Note::NameShared { .. }
        | Note::LabelMissing { .. }
        | Note::AddressShared { .. }
        | Note::LimitHit { .. } => RuleSource::BuiltIn.to_string(),
    };
    let looked_for = match note {
        Note::NameShared { label, .. } | Note::LabelMissing { label, .. } => {
            format!("the label {label} on up")
        }
        Note::AddressShared { .. } => "the label instance on up".to_owned(),
        Note::QueryFailed { query, .. } => query.clone(),
        Note::SelfLoop { relation, .. } => format!("both ends of {relation}"),
        Note::LimitHit { what, .. } => (*what).to_owned(),
    };
    Check {
        subject: note.subject(),
        state: CheckState::Warning,
        rule,
        looked_for,
        found: note.to_string(),
        advice: note.advice().to_owned(),
    }
}

/// Peers that are called and nobody knows, and servers of data that nobody watches.
fn peers(scope: &DoctorScope<'_>, checks: &mut Vec<Check>) {
    let graph = scope.graph;
    for (id, entity) in graph.entities() {
        let callers = graph.touching(id).filter(|relation| relation.to == id);
        let callers: Vec<String> = callers
            .map(|relation| graph.entity(relation.from).key.short())
            .collect();
        let Some(first) = callers.first() else {
            continue;
        };
        let address = place_of(entity);
        match entity.key.kind.name() {
            "external" => {
                let is_near = address.as_ref().is_some_and(is_near);
                checks.push(Check {
                    subject: entity.key.to_string(),
                    state: if is_near {
                        CheckState::Missing
                    } else {
                        CheckState::Hint
                    },
                    rule: RuleSource::BuiltIn.to_string(),
                    looked_for: format!(
                        "an instance on up, or an entity with the property address, at {}",
                        entity.key.name
                    ),
                    found: format!("none; {first} calls it"),
                    advice: unknown_peer(is_near).to_owned(),
                });
            }
            "database" | "cache" | "queue" | "topic" if address.is_some() => {
                let is_watched = |kind| {
                    let mut own = graph.touching(id);
                    own.any(|relation| relation.from == id && relation.kind == kind)
                };
                if !is_watched(RelationKind::RunsOn) && !is_watched(RelationKind::PartOf) {
                    checks.push(unwatched(entity, address.as_ref(), first));
                }
            }
            _ => {}
        }
    }
}

fn place_of(entity: &Entity) -> Option<Address> {
    let server = entity.key.scope.get("server");
    let text = server.unwrap_or(&entity.key.name);
    Address::parse(text).filter(|address| server.is_some() || address.port.is_some())
}

/// Whether the peer is of one's own: on this machine, or with an address that is routed nowhere.
fn is_near(address: &Address) -> bool {
    use std::net::IpAddr;
    match address.host.parse() {
        Ok(IpAddr::V4(ip)) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Err(_) => !address.host.contains('.'),
    }
}

fn unknown_peer(is_near: bool) -> &'static str {
    if is_near {
        "it looks like one of yours: scrape what listens there, or say in a model file which \
         entity has this address"
    } else {
        "nothing, if it belongs to somebody else"
    }
}

fn unwatched(entity: &Entity, address: Option<&Address>, caller: &str) -> Check {
    let system = entity.properties.get("system").map_or("", String::as_str);
    let at = address.map(ToString::to_string).unwrap_or_default();
    Check {
        subject: entity.key.to_string(),
        state: CheckState::Hint,
        rule: format!("runs_on rules of the packs that know {system}"),
        looked_for: format!("a target that is, or tells of, the server at {at}"),
        found: format!("none; {caller} uses it"),
        advice: format!(
            "scrape an exporter of it ({system}), or say in a model file which target stands \
             for {at}; docs/graph.md shows how"
        ),
    }
}

/// Series that a rule could not use for want of a label.
fn rows_without_labels(scope: &DoctorScope<'_>, checks: &mut Vec<Check>) {
    for report in scope.reports {
        for (lacking, rows) in &report.lacking {
            // A series that tells more of something that is not there is no loss.
            if lacking.starts_with("an entity") {
                continue;
            }
            checks.push(Check {
                subject: report.makes.clone(),
                state: CheckState::Warning,
                rule: report.place.clone(),
                looked_for: format!("{lacking} on {}", report.query),
                found: format!("{rows} of {} series lack it", report.rows),
                advice: "keep the label when series are relabelled, or name another one in a \
                    model file"
                    .to_owned(),
            });
        }
    }
}

/// Whoever writes a rule expects it to find something.
fn own_rules(scope: &DoctorScope<'_>, checks: &mut Vec<Check>) {
    for report in scope.reports {
        let is_own = scope.sources.iter().any(|source| match source {
            RuleSource::File(path) => report.place.starts_with(path),
            RuleSource::Pack(_) | RuleSource::BuiltIn => false,
        });
        if is_own && report.rows == 0 && report.error.is_none() {
            checks.push(Check {
                subject: report.makes.clone(),
                state: CheckState::Missing,
                rule: report.place.clone(),
                looked_for: report.query.clone(),
                found: "no series".to_owned(),
                advice: "look whether its metric is there: `pyrometer query instant` takes the \
                    query as it is"
                    .to_owned(),
            });
        }
    }
}

/// What is there, so that a reader sees what was looked at.
fn kinds(scope: &DoctorScope<'_>, checks: &mut Vec<Check>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, entity) in scope.graph.entities() {
        *counts.entry(entity.key.kind.name()).or_default() += 1;
    }
    for relation in scope.graph.relations() {
        *counts.entry(relation.kind.name()).or_default() += 1;
    }
    for (kind, count) in counts {
        let used = scope
            .reports
            .iter()
            .filter(|r| r.makes == kind && r.used > 0);
        let places: BTreeSet<&str> = used.map(|report| report.place.as_str()).collect();
        let places: Vec<&str> = places.into_iter().collect();
        let queries = scope.reports.iter().filter(|r| r.makes == kind);
        let looked_for = match queries.count() {
            // Some things are only ever named by a relation.
            0 => "ends of relations".to_owned(),
            1 => "1 query".to_owned(),
            n => format!("{n} queries"),
        };
        checks.push(Check {
            subject: kind.to_owned(),
            state: CheckState::Good,
            rule: places.join(", "),
            looked_for,
            found: format!("{count}"),
            advice: String::new(),
        });
    }
}
