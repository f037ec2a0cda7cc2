//! What every service is expected to have: instances, a host, routes, somebody it calls.

use super::{Check, CheckState, DoctorScope};
use crate::graph::{EntityId, Graph, RelationKind, RuleReport};

pub(super) fn examine(scope: &DoctorScope<'_>, checks: &mut Vec<Check>) {
    let graph = scope.graph;
    for (id, entity) in graph.entities() {
        if entity.key.kind.name() != "service" {
            continue;
        }
        let job = &*entity.key.name;
        let instances = neighbours(graph, id, RelationKind::InstanceOf);
        if instances == 0 {
            checks.push(without_instance(job));
        }
        let Some(framework) = scope.frameworks.get(job) else {
            continue;
        };
        if neighbours_of_kind(graph, id, "route") == 0 {
            checks.push(without_routes(scope, job, framework));
        }
        let calls = graph.touching(id).filter(|relation| {
            let out = [
                RelationKind::Calls,
                RelationKind::ReadsFrom,
                RelationKind::WritesTo,
                RelationKind::ProducesTo,
            ];
            relation.from == id && out.contains(&relation.kind)
        });
        if calls.count() == 0 {
            checks.push(without_calls(scope, job));
        }
    }
}

fn neighbours(graph: &Graph, id: EntityId, kind: RelationKind) -> usize {
    let own = graph.touching(id);
    own.filter(|relation| relation.kind == kind && relation.to == id)
        .count()
}

fn neighbours_of_kind(graph: &Graph, id: EntityId, kind: &str) -> usize {
    let own = graph.touching(id);
    own.filter(|r| r.to == id && graph.entity(r.from).key.kind.name() == kind)
        .count()
}

fn without_instance(job: &str) -> Check {
    Check {
        subject: format!("service/{job}: instances"),
        state: CheckState::Hint,
        rule: crate::graph::RuleSource::BuiltIn.to_string(),
        looked_for: format!("the label instance on up{{job={job:?}}}"),
        found: "no series; only others speak of it".to_owned(),
        advice: "scrape it under this name, or name its job as others call it".to_owned(),
    }
}

fn without_routes(scope: &DoctorScope<'_>, job: &str, framework: &str) -> Check {
    let of_job = |report: &&RuleReport| {
        report.makes == "route" && report.jobs.iter().any(|other| other == job)
    };
    let reports: Vec<&RuleReport> = scope.reports.iter().filter(of_job).collect();
    Check {
        subject: format!("service/{job}: routes"),
        state: if reports.is_empty() {
            CheckState::Hint
        } else {
            CheckState::Missing
        },
        rule: joined(&reports, |report| &report.place),
        looked_for: joined(&reports, |report| &report.query),
        found: format!("no series of job {job} with a route"),
        advice: format!(
            "routes appear with the first request; if {framework} serves some already, its \
             exporter groups requests by something else"
        ),
    }
}

/// Rules of what is measured where a call begins.
fn without_calls(scope: &DoctorScope<'_>, job: &str) -> Check {
    let out = ["calls", "reads_from", "writes_to", "produces_to"];
    let about = |report: &&RuleReport| {
        let speaks = report.jobs.is_empty() || report.jobs.iter().any(|other| other == job);
        out.contains(&report.makes.as_str()) && speaks
    };
    let reports: Vec<&RuleReport> = scope.reports.iter().filter(about).collect();
    let is_measured = reports.iter().any(|report| !report.jobs.is_empty());
    let looked_for = if is_measured {
        joined(&reports, |report| &report.query)
    } else {
        format!(
            "http_client_request_duration_seconds_count, \
             db_client_operation_duration_seconds_count, \
             messaging_client_operation_duration_seconds_count or \
             rpc_client_call_duration_seconds_count of job {job:?}; \
             traces_service_graph_request_total with client={job:?}"
        )
    };
    Check {
        subject: format!("service/{job}: outgoing calls"),
        state: CheckState::Hint,
        rule: if is_measured {
            joined(&reports, |report| &report.place)
        } else {
            "packs/outgoing/pack.yaml, the built-in rules".to_owned()
        },
        looked_for,
        found: "no series".to_owned(),
        advice: "if it calls others: start it by `pyrometer run`, or call \
            pyrometer.outgoing.instrument() early, and restart it"
            .to_owned(),
    }
}

/// A few, each once.
fn joined(reports: &[&RuleReport], text: impl Fn(&RuleReport) -> &String) -> String {
    let mut texts: Vec<&str> = Vec::new();
    for report in reports {
        let text = text(report).as_str();
        if !texts.contains(&text) && texts.len() < 4 {
            texts.push(text);
        }
    }
    texts.join("; ")
}
