//! The whole chain over recorded history: judge, relate, explain.
//!
//! Pure: KPIs of the past and a graph go in, incidents with ranked suspects come out. Time is what
//! the samples say, so a day takes seconds.

mod judge;
mod recording;

use std::collections::BTreeSet;
use std::time::Duration;

use model::Timestamp;

use crate::assertion::Assertion;
use crate::graph::{EntityKey, Graph};
use crate::incident::{
    Evidence, Explanation, Incident, IncidentOptions, Incidents, Scene, Transition, Window,
    explain_scene, words,
};
use crate::kpi::{KpiKind, KpiSeries};

pub use recording::{RecordedSeries, Recording, RecordingError, RecordingReader};

/// Evaluations of one replay; a year at 15 s has two million.
const STEPS_MAX: u64 = 5_000_000;

/// After its end an incident's samples say nothing of it.
const AFTERWARDS_STEPS: u32 = 2;

#[derive(Clone, Copy, Debug)]
pub struct ReplayOptions {
    pub from: Timestamp,
    pub to: Timestamp,
    /// What is before is the usual and is not judged; `None` learns what is usual on the way.
    pub normal_until: Option<Timestamp>,
    /// Between two samples; see [`step_of`].
    pub step: Duration,
    /// What each sample of a rate or ratio looks back over: the window of a query, else a step.
    pub window: Duration,
    pub incidents: IncidentOptions,
}

/// One incident of the past.
#[derive(Clone, Debug)]
pub struct Replayed {
    pub incident: Incident,
    pub title: String,
    pub explanation: Explanation,
    pub timeline: Vec<Moment>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    pub at: Timestamp,
    pub kind: MomentKind,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum MomentKind {
    /// Something was not as it should be.
    Assertion(Box<Assertion>),
    /// And was so no more.
    End(Box<Assertion>),
    /// The incident was opened, grew or was over.
    State,
}

/// Runs over the KPIs. `told` are assertions from elsewhere: alerts of rules, changes. Entities of
/// KPIs that the graph does not know are added to it.
pub fn replay(
    graph: &mut Graph,
    kpis: &[KpiSeries],
    told: &[Assertion],
    options: &ReplayOptions,
) -> Vec<Replayed> {
    for series in kpis {
        graph.add(series.key.entity.clone());
    }
    for assertion in told {
        graph.add(assertion.key.entity.clone());
    }
    let mut assertions = judge::judge(kpis, options);
    assertions.extend(told.iter().cloned());
    assertions.sort_by_key(|assertion| (assertion.since, assertion.onset));
    let patient = at_step(options.incidents, options.step);
    let mut incidents = correlate(graph, &assertions, options, patient);
    let is_any = !incidents.all().is_empty();
    if !is_any && options.normal_until.is_some() {
        // Somebody says that it was not normal: then the least sign of it will do.
        let all = IncidentOptions {
            opens_by_anomaly: true,
            ..patient
        };
        incidents = correlate(graph, &assertions, options, all);
    }
    let found = incidents.all().to_vec();
    found
        .into_iter()
        .map(|incident| replayed(incident, graph, kpis, &assertions, options))
        .collect()
}

/// Where samples lie far apart, evaluations do too: that is no gap, and calm takes some of them.
fn at_step(options: IncidentOptions, step: Duration) -> IncidentOptions {
    IncidentOptions {
        gap: options.gap.max(step * 3),
        calm: options.calm.max(step * 2),
        flapping: options.flapping.max(step * 3),
        together: options.together.max(step * 3),
        ..options
    }
}

/// Walks through time from step to step.
fn correlate(
    graph: &Graph,
    assertions: &[Assertion],
    options: &ReplayOptions,
    incident_options: IncidentOptions,
) -> Incidents {
    let mut incidents = Incidents::new(incident_options);
    let mut next = 0;
    let mut active: Vec<Assertion> = Vec::new();
    let mut now = options.from;
    for _ in 0..STEPS_MAX {
        while let Some(begun) = assertions.get(next).filter(|begun| begun.since <= now) {
            active.push(begun.clone());
            next += 1;
        }
        active.retain(|assertion| assertion.end.is_none_or(|end| now < end));
        let holding: Vec<Assertion> = active
            .iter()
            .map(|assertion| Assertion {
                end: None,
                ..assertion.clone()
            })
            .collect();
        let transitions: Vec<Transition> = incidents.observe(now, &holding, graph);
        drop(transitions);
        if options.to <= now {
            break;
        }
        now = now.plus(options.step).min(options.to);
    }
    incidents
}

fn replayed(
    incident: Incident,
    graph: &Graph,
    kpis: &[KpiSeries],
    assertions: &[Assertion],
    options: &ReplayOptions,
) -> Replayed {
    // The first to turn may have turned a moment before the first that was believed.
    let before = incident.start.minus(options.step * 2);
    let window = Window {
        normal_until: options
            .normal_until
            .map_or(before, |until| until.min(before).max(until)),
        to: incident
            .end
            .map_or(options.to, |end| end.plus(options.step * AFTERWARDS_STEPS))
            .min(options.to),
        step: options.step,
    };
    let within: Vec<Assertion> = assertions
        .iter()
        .filter(|assertion| {
            assertion.since <= window.to
                && assertion
                    .end
                    .is_none_or(|end| before.minus(Duration::from_secs(3600)) < end)
        })
        .cloned()
        .collect();
    let members = incident.entities();
    let explanation = explain_scene(&Scene {
        graph,
        kpis,
        assertions: &within,
        window,
        members: &members,
    });
    Replayed {
        title: title(&incident, &explanation),
        timeline: timeline(&incident),
        explanation,
        incident,
    }
}

/// "payments: errors 70 %, usually 0 %; hits cart and storefront".
pub fn title(incident: &Incident, explanation: &Explanation) -> String {
    if incident.is_monitoring_gap {
        return format!(
            "Monitoring lost sight of {} entities at once",
            incident.entities().len()
        );
    }
    let Some(suspect) = explanation.suspects.first() else {
        let first = incident.members.values().min_by_key(|member| member.onset);
        return first.map_or_else(String::new, |first| {
            format!("{}: {}", first.key.entity.name, first.sentence)
        });
    };
    let members = incident.entities();
    let others = members.iter().filter(|entity| **entity != suspect.entity);
    // Whoever is hit as a whole says more than its parts.
    let is_whole = |entity: &&EntityKey| !matches!(entity.kind.name(), "route" | "instance");
    let others: BTreeSet<String> = others
        .filter(is_whole)
        .map(|entity| entity.name.to_string())
        .collect();
    let others: Vec<String> = others.into_iter().collect();
    // What users feel comes before what rules count.
    let is_felt = |evidence: &&Evidence| evidence.kpi == Some(KpiKind::ErrorRatio);
    let felt = suspect.evidence.iter().find(is_felt);
    let evidence = felt.or(suspect.evidence.first());
    let evidence = evidence.map_or("", |evidence| evidence.sentence.as_str());
    if others.is_empty() {
        format!("{}: {evidence}", suspect.entity.name)
    } else {
        format!(
            "{}: {evidence}; hits {}",
            suspect.entity.name,
            words::list(&others, 3)
        )
    }
}

fn timeline(incident: &Incident) -> Vec<Moment> {
    let mut timeline = vec![Moment {
        at: incident.opened,
        kind: MomentKind::State,
        text: "Incident opened".to_owned(),
    }];
    for member in incident.members.values() {
        let text = format!("{}: {}", member.key.entity.name, member.sentence);
        if let Some(end) = member.end {
            timeline.push(Moment {
                at: end,
                kind: MomentKind::End(Box::new(member.clone())),
                text: format!("{}: over", member.key.entity.name),
            });
        }
        timeline.push(Moment {
            at: member.onset,
            kind: MomentKind::Assertion(Box::new(member.clone())),
            text,
        });
    }
    if let Some(end) = incident.end {
        timeline.push(Moment {
            at: end,
            kind: MomentKind::State,
            text: "Incident resolved".to_owned(),
        });
    }
    timeline.sort_by_key(|moment| moment.at);
    timeline
}

/// The usual distance of two samples: the median of all series' distances. A minute when there
/// are too few samples to tell.
pub fn step_of(kpis: &[KpiSeries]) -> Duration {
    let mut distances: Vec<Duration> = kpis
        .iter()
        .flat_map(|series| {
            let pairs = series.samples.windows(2).take(1000);
            pairs.map(|pair| pair[1].0.since(pair[0].0))
        })
        .collect();
    distances.sort_unstable();
    let median = distances.get(distances.len() / 2).copied();
    median
        .filter(|step| !step.is_zero())
        .unwrap_or(Duration::from_secs(60))
}

#[cfg(test)]
mod tests;
