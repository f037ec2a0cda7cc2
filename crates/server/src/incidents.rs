//! Incidents: every round of KPIs is judged, related and explained (docs/incidents.md).
//!
//! One task, after each round of KPIs: the assertions that last go to the incidents, open ones are
//! explained anew, what changed is written to the database and told to the notifier. What people
//! do with an incident comes by the API and takes the same lock.

mod database;
mod postmortem;
mod record;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diagnosis::assertion::Assertion;
use diagnosis::graph::{EntityKey, Graph};
use diagnosis::incident::{
    Explanation, Impact, Incident, IncidentOptions, Incidents, Scene, Transition, Window,
    explain_scene, impact,
};
use diagnosis::kpi::{KpiKey, KpiSeries};
use diagnosis::replay::title;
use diagnosis::rules::PostableAlert;
use model::{Labels, METRIC_NAME, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

pub(crate) use self::postmortem::postmortem;
pub(crate) use self::record::{EntityJson, ImpactJson, Record, SuspectJson, entity_json};
use crate::app::App;
use crate::kpis::{KPI_INTERVAL, KpiRound, history, sources};
use crate::scrape::error_chain;

/// The past with which an incident is explained. One that lasts longer keeps the words that it had
/// while its beginning was in sight.
const PAST: Duration = Duration::from_secs(4 * 3600);

/// KPIs whose past is held; 15 KB each.
const SERIES_MAX: usize = 20_000;

/// How often an incident that is open is told again, and for how long an end is.
const RESEND: Duration = Duration::from_secs(60);
const END_TOLD_FOR: Duration = Duration::from_secs(15 * 60);

/// An incident that is not told again is over for the notifier.
const VALID_FOR: Duration = Duration::from_secs(240);

/// What people write.
pub(crate) const TEXT_MAX: usize = 10_000;

/// All that is known of incidents. Shared by the loop and the API.
#[derive(Debug)]
pub(crate) struct IncidentKeeper {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    incidents: Incidents,
    records: BTreeMap<String, Record>,
    samples: HashMap<KpiKey, VecDeque<(Timestamp, f64)>>,
    database: Option<database::Database>,
    told: BTreeMap<String, Timestamp>,
}

/// What a person does with an incident.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Acknowledge,
    Comment(String),
    Resolve,
    Merge { into: String },
    Split { members: BTreeSet<EntityKey> },
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ActError {
    #[error("there is no incident {0:?}")]
    Unknown(String),
    #[error("{0}")]
    Refused(&'static str),
}

impl IncidentKeeper {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self {
            path: data_dir.join("incidents.sqlite"),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All incidents that are kept, the newest first.
    pub(crate) fn all(&self) -> Vec<(Incident, Record)> {
        let state = self.lock();
        let known = state.incidents.all().iter().rev();
        known
            .map(|incident| {
                let record = state.records.get(&incident.id).cloned();
                (incident.clone(), record.unwrap_or_default())
            })
            .collect()
    }

    /// By its id, or that of an incident that became a part of it.
    pub(crate) fn get(&self, id: &str) -> Option<(Incident, Record)> {
        let state = self.lock();
        let incident = state.incidents.get(id)?.clone();
        let record = state.records.get(&incident.id).cloned();
        Some((incident, record.unwrap_or_default()))
    }

    /// Blocks on the database.
    ///
    /// # Errors
    /// When there is no such incident, or nothing to do with it.
    pub(crate) fn act(&self, id: &str, by: &str, act: Act, now: Timestamp) -> Result<(), ActError> {
        let mut state = self.lock();
        let known = state.incidents.get(id).map(|incident| incident.id.clone());
        let id = known.ok_or_else(|| ActError::Unknown(id.to_owned()))?;
        let mut changed = BTreeSet::from([id.clone()]);
        let mut kind = "state";
        let text = match act {
            Act::Acknowledge => {
                let record = state.records.entry(id.clone()).or_default();
                record.acknowledged_by = Some(by.to_owned());
                format!("{by} acknowledged it")
            }
            Act::Comment(text) => {
                kind = "comment";
                format!("{by}: {text}")
            }
            Act::Resolve => {
                state.incidents.resolve_by_hand(&id, now);
                format!("{by} resolved it")
            }
            Act::Merge { into } => {
                let merged = state.incidents.merge(&id, &into);
                let Some(Transition::Merged { id: gone, into }) = merged else {
                    return Err(ActError::Refused("name another incident as \"into\""));
                };
                state.absorb(&gone, &into);
                changed = BTreeSet::from([gone.clone(), into]);
                format!("{by} made {gone} a part of it")
            }
            Act::Split { members } => {
                let split = state.incidents.split(&id, &members, now);
                let Some(Transition::Opened { id: new }) = split else {
                    return Err(ActError::Refused(
                        "name some of the members, and not all of them",
                    ));
                };
                changed.insert(new.clone());
                format!("{by} made an incident of its own, {new}, of a part")
            }
        };
        let home = state
            .incidents
            .get(&id)
            .map_or(id, |found| found.id.clone());
        state.note(&home, now, kind, &text);
        changed.insert(home);
        state.save(changed.iter());
        Ok(())
    }

    /// Looks at each round of KPIs until `cancel`.
    pub(crate) async fn run(app: Arc<App>, cancel: CancellationToken) {
        let starting = Arc::clone(&app);
        let started = tokio::task::spawn_blocking(move || starting.incidents.start(&starting));
        if let Err(panicked) = started.await {
            error!(%panicked, "incidents begin anew");
        }
        let mut rounds = app.kpis.listen();
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = rounds.changed() => if changed.is_err() { return },
            }
            let round = Arc::clone(&rounds.borrow_and_update());
            let looking = Arc::clone(&app);
            let looked =
                tokio::task::spawn_blocking(move || looking.incidents.look(&looking, &round));
            if let Err(panicked) = looked.await {
                error!(%panicked, "a round of incidents ended");
            }
        }
    }

    /// Takes over what was known before a restart, and learns from the past.
    fn start(&self, app: &App) {
        let now = app.clock.now();
        let mut state = self.lock();
        match database::Database::open(&self.path, now) {
            Ok((database, kept)) => {
                let newest = kept.iter().map(|(_, record)| record.seen()).max();
                let mut incidents = Incidents::new(IncidentOptions::default());
                for (incident, record) in &kept {
                    state.records.insert(incident.id.clone(), record.clone());
                }
                let known = kept.into_iter().map(|(incident, _)| incident).collect();
                incidents.restore(known, newest.flatten().unwrap_or(now));
                state.incidents = incidents;
                state.database = Some(database);
            }
            Err(error) => warn!(error = %error_chain(&error), "incidents are not kept on disk"),
        }
        let sources = sources(app);
        let snapshot = app.store.snapshot();
        let past = history(&sources, &snapshot, now.minus(PAST), now, KPI_INTERVAL);
        for series in past {
            if SERIES_MAX <= state.samples.len() {
                break;
            }
            state
                .samples
                .insert(series.key, series.samples.into_iter().collect());
        }
    }

    /// One round. Blocks.
    fn look(&self, app: &App, round: &KpiRound) {
        let Some(now) = round.at else {
            return;
        };
        let related = app.relator.newest();
        let mut graph = related.graph.clone();
        let mut state = self.lock();
        state.keep(round, now);
        let active = app.asserter.newest().lasting.clone();
        for assertion in &active {
            graph.add(assertion.key.entity.clone());
        }
        let transitions = state.incidents.observe(now, &active, &graph);
        let mut changed = state.take(&transitions, now);
        let (open, kpis) = state.to_explain(now);
        // People who look at incidents or act on them do not wait for this.
        drop(state);
        let explained = explained(open, &kpis, graph, &active, now);
        let mut state = self.lock();
        for (id, title, explanation, hit) in explained {
            let record = state.records.entry(id.clone()).or_default();
            record.explain(title, &explanation, &hit, now);
            changed.insert(id);
        }
        state.save(changed.iter());
        let link = app.settings.external_url.clone();
        let told = state.tell(now, &link);
        drop(state);
        app.judge.tell_of("incidents", told);
    }
}

impl State {
    /// Adds the newest samples; forgets what is old.
    fn keep(&mut self, round: &KpiRound, now: Timestamp) {
        let oldest = now.minus(PAST);
        for series in &round.kpis {
            let Some(&newest) = series.samples.last() else {
                continue;
            };
            if !self.samples.contains_key(&series.key) && SERIES_MAX <= self.samples.len() {
                continue;
            }
            let samples = self.samples.entry(series.key.clone()).or_default();
            if samples.back().is_none_or(|&(last, _)| last < newest.0) {
                samples.push_back(newest);
            }
        }
        self.samples.retain(|_, samples| {
            while samples.front().is_some_and(|&(at, _)| at < oldest) {
                samples.pop_front();
            }
            !samples.is_empty()
        });
    }

    fn take(&mut self, transitions: &[Transition], now: Timestamp) -> BTreeSet<String> {
        let mut changed = BTreeSet::new();
        for transition in transitions {
            let id = match transition {
                Transition::Opened { id } => {
                    self.note(id, now, "state", "Incident opened");
                    id
                }
                Transition::Grew { id } => id,
                Transition::Merged { id, into } => {
                    self.absorb(id, into);
                    self.note(
                        into,
                        now,
                        "state",
                        &format!("{id} turned out to be the same"),
                    );
                    changed.insert(id.clone());
                    into
                }
                Transition::Resolved { id } => {
                    self.note(id, now, "state", "Incident resolved");
                    id
                }
                Transition::Reopened { id } => {
                    self.note(id, now, "state", "The same trouble came back");
                    id
                }
            };
            changed.insert(id.clone());
        }
        changed
    }

    /// The open incidents whose beginning is in sight, and the past of all KPIs if there are any.
    fn to_explain(&self, now: Timestamp) -> (Vec<Incident>, Vec<KpiSeries>) {
        let all = self.incidents.all().iter();
        let open: Vec<Incident> = all
            .filter(|incident| incident.is_open() && now.since(incident.start) < PAST / 2)
            .cloned()
            .collect();
        if open.is_empty() {
            return (open, Vec::new());
        }
        let kpis = self.samples.iter().map(|(key, samples)| KpiSeries {
            key: key.clone(),
            samples: samples.iter().copied().collect(),
        });
        (open, kpis.collect())
    }

    fn note(&mut self, id: &str, now: Timestamp, kind: &str, text: &str) {
        let record = self.records.entry(id.to_owned()).or_default();
        record.note(now, kind, text);
    }

    /// What was said of an incident is said of the one that it became a part of.
    fn absorb(&mut self, id: &str, into: &str) {
        if let Some(gone) = self.records.remove(id) {
            self.records
                .entry(into.to_owned())
                .or_default()
                .absorb(gone);
        }
    }

    fn save<'a>(&self, changed: impl Iterator<Item = &'a String>) {
        let Some(database) = &self.database else {
            return;
        };
        for id in changed {
            let found = self.incidents.all().iter().find(|known| known.id == *id);
            let saved = match (found, self.records.get(id)) {
                (Some(incident), Some(record)) => database.put(incident, record),
                (Some(incident), None) => database.put(incident, &Record::default()),
                (None, _) => database.remove(id),
            };
            if let Err(error) = saved {
                warn!(error = %error_chain(&error), "an incident is not saved");
            }
        }
    }

    /// One alert for each incident: the notifier makes one thread of messages of it.
    fn tell(&mut self, now: Timestamp, link: &str) -> Vec<PostableAlert> {
        let mut alerts = Vec::new();
        for incident in self.incidents.all() {
            let is_old = |end: Timestamp| END_TOLD_FOR < now.since(end);
            if incident.end.is_some_and(is_old) {
                self.told.remove(&incident.id);
                continue;
            }
            let told = self.told.get(&incident.id);
            if told.is_some_and(|told| now.since(*told) < RESEND) && incident.end.is_none() {
                continue;
            }
            self.told.insert(incident.id.clone(), now);
            let record = self.records.get(&incident.id);
            alerts.extend(alert(incident, record, now, link));
        }
        alerts
    }
}

/// What is to be said of each open incident: its id, title, suspects and impact.
fn explained(
    open: Vec<Incident>,
    kpis: &[KpiSeries],
    mut graph: Graph,
    active: &[Assertion],
    now: Timestamp,
) -> Vec<(String, String, Explanation, Impact)> {
    for series in kpis {
        graph.add(series.key.entity.clone());
    }
    let explain = |incident: Incident| {
        let window = Window {
            normal_until: incident.start.minus(KPI_INTERVAL * 2),
            to: now,
            step: KPI_INTERVAL,
        };
        let members = incident.entities();
        let explanation = explain_scene(&Scene {
            graph: &graph,
            kpis,
            assertions: active,
            window,
            members: &members,
        });
        let hit = impact(&graph, kpis, &members, &window);
        let title = title(&incident, &explanation);
        (incident.id, title, explanation, hit)
    };
    open.into_iter().map(explain).collect()
}

fn alert(
    incident: &Incident,
    record: Option<&Record>,
    now: Timestamp,
    link: &str,
) -> Option<PostableAlert> {
    let labels = [
        ("alertname", "Incident"),
        ("incident", incident.id.as_str()),
        ("severity", incident.severity().name()),
    ];
    let record = record?;
    Some(PostableAlert {
        labels: Labels::new(labels).ok()?,
        annotations: vec![
            ("summary".to_owned(), record.title.clone()),
            ("description".to_owned(), record.words()),
        ],
        starts_at: incident.start,
        ends_at: incident.end,
        valid_until: now.plus(VALID_FOR),
        updated_at: now,
        generator_url: format!("{}/incidents/{}", link.trim_end_matches('/'), incident.id),
        value: 1.0,
    })
}

/// The query that draws a KPI.
pub(crate) fn query_of(key: &KpiKey) -> String {
    let labels = key.labels();
    let matchers = labels
        .iter()
        .filter(|(name, _)| *name != METRIC_NAME)
        .map(|(name, value)| model::Matcher::equal(name, value).to_string());
    let matchers: Vec<String> = matchers.collect();
    format!(
        "{}{{{}}}",
        diagnosis::kpi::collect::KPI_METRIC,
        matchers.join(",")
    )
}
