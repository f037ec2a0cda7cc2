//! Answers to a graph. Pure; see docs/graph.md for what the rules mean.
//!
//! Order: entities that are defined, what enriches them, relations by series, relations by equal
//! properties. So a rule may speak of what any other rule made.

mod joined;
mod peers;
mod row;
mod targets;
mod traffic;

use std::collections::HashMap;

use model::Labels;

use self::peers::Peers;
use self::row::Row;
use self::traffic::Edges;
use super::{
    EntityId, EntityKey, EntityKind, EntityQuery, Graph, Locality, ModelRules, Note, Question,
    RelationRule, RelationWay, Role, RuleReport, RuleSource, SourcedRules,
};

/// The rows of one query, or why there are none.
pub type Answer = Result<Vec<(Labels, f64)>, String>;

/// What a graph may cost. Beyond, the rest is left out and a note says so.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A hundred services with a hundred routes each.
    pub entities_max: usize,
    pub relations_max: usize,
    /// Of one answer.
    pub rows_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entities_max: 10_000,
            relations_max: 40_000,
            rows_max: 40_000,
        }
    }
}

/// Values of one property that are told: a deploy under way shows two versions.
const VALUES_SHOWN: usize = 3;

/// A property's bytes; it becomes a label.
const PROPERTY_BYTES_MAX: usize = 256;

/// Series that are remembered to explain one entity.
const WHY_MAX: usize = 4;

/// What was derived.
#[derive(Clone, Debug, Default)]
pub struct Derivation {
    pub graph: Graph,
    pub notes: Vec<Note>,
    /// One for each question, in their order.
    pub reports: Vec<RuleReport>,
    /// By entity, the place of a rule and the series that made it.
    pub why: HashMap<EntityId, Vec<(String, Labels)>>,
}

/// Makes the graph of `answers`, which are as many as `questions`. `known` is the graph before:
/// who listened at an address a moment ago is still meant by it.
pub fn derive(
    sources: &[SourcedRules],
    questions: &[Question],
    answers: &[Answer],
    known: &Graph,
    locality: &Locality,
    limits: Limits,
) -> Derivation {
    let mut deriver = Deriver {
        sources,
        locality,
        limits,
        out: Derivation::default(),
        many: HashMap::new(),
    };
    let asked = || questions.iter().zip(answers).enumerate();
    deriver.out.reports = questions
        .iter()
        .map(|question| blank_report(sources, question))
        .collect();
    for defines in [true, false] {
        for (place, (question, answer)) in asked() {
            match question.role {
                Role::Defines { rule, query } if defines => {
                    let rule = &sources[question.source].rules.entities[rule];
                    let (kind, query) = (&rule.kind, &rule.defined_by[query]);
                    deriver.entities(place, question, answer, (kind, query), true);
                }
                Role::Enriches { rule, query } if !defines => {
                    let rule = &sources[question.source].rules.entities[rule];
                    let (kind, query) = (&rule.kind, &rule.enriched_by[query]);
                    deriver.entities(place, question, answer, (kind, query), false);
                }
                Role::Defines { .. } | Role::Enriches { .. } | Role::Relates { .. } => {}
            }
        }
    }
    deriver.settle_properties();
    let peers = Peers::of(&deriver.out.graph, known, &mut deriver.out.notes);
    let mut edges = Edges::default();
    for (place, (question, answer)) in asked() {
        if let Role::Relates { rule, measure } = question.role {
            let rule = &sources[question.source].rules.relations[rule];
            let order = (question.source, measure);
            deriver.relations(place, question, answer, (rule, order), &peers, &mut edges);
        }
    }
    edges.add_to(&mut deriver.out, limits.relations_max);
    for sourced in sources {
        joined::add(&sourced.rules, &mut deriver.out, limits.relations_max);
    }
    if let Some(targets) = targets::rows(sources, questions, answers) {
        targets::note_labels(targets, &mut deriver.out.notes);
    }
    deriver.out
}

fn blank_report(sources: &[SourcedRules], question: &Question) -> RuleReport {
    let rules: &ModelRules = &sources[question.source].rules;
    RuleReport {
        place: question.place.clone(),
        makes: match question.role {
            Role::Defines { rule, .. } | Role::Enriches { rule, .. } => {
                rules.entities[rule].kind.name().to_owned()
            }
            Role::Relates { rule, .. } => rules.relations[rule].kind.name().to_owned(),
        },
        query: question.text.clone(),
        jobs: question.jobs.clone(),
        ..RuleReport::default()
    }
}

struct Deriver<'a> {
    sources: &'a [SourcedRules],
    locality: &'a Locality,
    limits: Limits,
    out: Derivation,
    /// Properties of which several series tell: entity, name, values.
    many: HashMap<(EntityId, String), Vec<String>>,
}

impl Deriver<'_> {
    /// The rows of an answer, within the limit.
    fn rows<'r>(
        &mut self,
        place: usize,
        question: &Question,
        answer: &'r Answer,
    ) -> &'r [(Labels, f64)] {
        let report = &mut self.out.reports[place];
        match answer {
            Err(reason) => {
                report.error = Some(reason.clone());
                self.out.notes.push(Note::QueryFailed {
                    place: question.place.clone(),
                    query: question.text.clone(),
                    reason: reason.clone(),
                });
                &[]
            }
            Ok(rows) => {
                report.rows = rows.len();
                if rows.len() > self.limits.rows_max {
                    self.note_limit("rows of one query", self.limits.rows_max);
                }
                &rows[..rows.len().min(self.limits.rows_max)]
            }
        }
    }

    fn note_limit(&mut self, what: &'static str, limit: usize) {
        let note = Note::LimitHit { what, limit };
        if !self.out.notes.contains(&note) {
            self.out.notes.push(note);
        }
    }

    fn entities(
        &mut self,
        place: usize,
        question: &Question,
        answer: &Answer,
        (kind, query): (&EntityKind, &EntityQuery),
        defines: bool,
    ) {
        let (Role::Defines { rule, .. } | Role::Enriches { rule, .. }) = question.role else {
            return;
        };
        let rule = &self.sources[question.source].rules.entities[rule];
        for (labels, value) in self.rows(place, question, answer) {
            let row = Row::new(
                labels,
                &question.variants,
                (&query.address, &query.host),
                self.locality,
            );
            let key = row.key(kind, &rule.name, &rule.scope);
            let report = &mut self.out.reports[place];
            let key = match key {
                Ok(key) => key,
                Err(lacking) => {
                    report.lacks(lacking);
                    continue;
                }
            };
            let id = match self.out.graph.id(&key) {
                Some(id) => id,
                None if !defines => {
                    report.lacks(format!("an entity {} to tell more of", key.short()));
                    continue;
                }
                None if self.out.graph.len() >= self.limits.entities_max => {
                    self.note_limit("entities", self.limits.entities_max);
                    continue;
                }
                None => self.out.graph.add(key),
            };
            report.used += 1;
            report
                .used_jobs
                .extend(labels.get("job").map(str::to_owned));
            if defines {
                let why = self.out.why.entry(id).or_default();
                if why.len() < WHY_MAX {
                    why.push((question.place.clone(), labels.clone()));
                }
            }
            self.properties(id, query, &row, *value);
        }
    }

    fn properties(&mut self, id: EntityId, query: &EntityQuery, row: &Row<'_>, value: f64) {
        for (name, choice) in &query.properties {
            if let Some(text) = row.text(choice) {
                let values = self.many.entry((id, name.clone())).or_default();
                if values.len() <= VALUES_SHOWN && !values.iter().any(|known| known == text) {
                    values.push(text.to_owned());
                }
            }
        }
        for (name, text) in &query.literals {
            let values = self.many.entry((id, name.clone())).or_default();
            if values.is_empty() {
                values.push(text.clone());
            }
        }
        if let Some(name) = query.value.as_ref().filter(|_| value.is_finite()) {
            self.out.graph.set_measure(id, name, value);
        }
    }

    /// Several values of one property are told together, in an order that does not change.
    fn settle_properties(&mut self) {
        for ((id, name), mut values) in std::mem::take(&mut self.many) {
            values.sort();
            let more = values.len() > VALUES_SHOWN;
            values.truncate(VALUES_SHOWN);
            let mut text = values.join(", ");
            if more {
                text.push_str(", …");
            }
            self.out
                .graph
                .set_property(id, &name, cut(&text, PROPERTY_BYTES_MAX));
        }
    }

    fn relations(
        &mut self,
        place: usize,
        question: &Question,
        answer: &Answer,
        (rule, order): (&RelationRule, (usize, super::Measure)),
        peers: &Peers,
        edges: &mut Edges,
    ) {
        let RelationWay::Series { address, host, .. } = &rule.way else {
            return;
        };
        if answer.is_ok() && order.1 == super::Measure::Errors {
            edges.counts_errors(order.0, rule.kind);
        }
        for (labels, value) in self.rows(place, question, answer) {
            let row = Row::new(labels, &question.variants, (address, host), self.locality);
            let mut end = |end| self.end(end, &row, peers, &question.place);
            let ends = end(&rule.from).and_then(|from| Ok((from, end(&rule.to)?)));
            let report = &mut self.out.reports[place];
            match ends {
                Ok(ends) => {
                    report.used += 1;
                    report
                        .used_jobs
                        .extend(labels.get("job").map(str::to_owned));
                    edges.measured(rule.kind, ends, order, *value, &question.place);
                }
                Err(lacking) => report.lacks(lacking),
            }
        }
    }

    /// The entity at one end, made when it is not there yet.
    fn end(
        &mut self,
        rule: &super::EndRule,
        row: &Row<'_>,
        peers: &Peers,
        place: &str,
    ) -> Result<EntityId, String> {
        let resolved = row.address().filter(|_| rule.resolve);
        let resolved = resolved.and_then(|address| peers.at(address, &self.out.graph));
        let is_resolved = resolved.is_some();
        let key: EntityKey = match resolved {
            Some(key) => key,
            None => row.key(&rule.kind, &rule.name, &rule.scope)?,
        };
        let id = match self.out.graph.id(&key) {
            Some(id) => id,
            None if rule.known => return Err(format!("an entity {}", key.short())),
            None if self.out.graph.len() >= self.limits.entities_max => {
                self.note_limit("entities", self.limits.entities_max);
                return Err("room for another entity".to_owned());
            }
            None => {
                let id = self.out.graph.add(key);
                let why = (place.to_owned(), row.labels.clone());
                self.out.why.insert(id, vec![why]);
                id
            }
        };
        if !is_resolved {
            for (name, choice) in &rule.properties {
                if let Some(text) = row.text(choice) {
                    let text = cut(text, PROPERTY_BYTES_MAX);
                    self.out.graph.set_property(id, name, text);
                }
            }
        }
        Ok(id)
    }
}

/// At most so many bytes, whole characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let end = (0..=bytes_max).rev().find(|&at| text.is_char_boundary(at));
    &text[..end.unwrap_or(0)]
}

impl RuleSource {
    fn is_built_in(&self) -> bool {
        matches!(self, Self::BuiltIn)
    }
}

#[cfg(test)]
mod tests;
