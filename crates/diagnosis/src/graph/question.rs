//! Which queries must be asked for a graph: each rule's once for all jobs that it is about.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use promql::Expr;

use super::ModelRules;
use crate::pack::{QueryScope, QueryText};

/// Where rules come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleSource {
    /// A user's file, by its path.
    File(String),
    /// By its id.
    Pack(String),
    BuiltIn,
}

/// Rules with where they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct SourcedRules {
    pub source: RuleSource,
    pub rules: ModelRules,
}

/// Jobs that a pack fits and in which the pack's variants are resolved alike.
#[derive(Clone, Debug, PartialEq)]
pub struct PackJobs {
    pub pack: String,
    /// Matchers for these jobs, as [`QueryScope::sel`].
    pub sel: String,
    pub jobs: Vec<String>,
    pub variants: BTreeMap<String, String>,
}

/// What a number of a relation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Nothing but that it is there.
    Presence,
    Rate,
    Errors,
    Seconds,
}

/// What the rows of an answer are for. Numbers are places in the [`ModelRules`] of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Defines { rule: usize, query: usize },
    Enriches { rule: usize, query: usize },
    Relates { rule: usize, measure: Measure },
}

/// One query.
#[derive(Clone, Debug)]
pub struct Question {
    /// Its place in the list of sources.
    pub source: usize,
    pub role: Role,
    /// `packs/flask/pack.yaml line 12`.
    pub place: String,
    pub variants: BTreeMap<String, String>,
    /// The jobs that it is about; empty for all.
    pub jobs: Vec<String>,
    /// As it is asked.
    pub text: String,
    /// `None` when the query is no PromQL once filled: a variant is not told yet.
    pub expr: Option<Expr>,
}

/// What every job has, for rules that are about no jobs in particular.
const ANY_JOB: &str = "job=~\".+\"";

impl fmt::Display for RuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(path),
            Self::Pack(id) => write!(f, "packs/{id}/pack.yaml"),
            Self::BuiltIn => f.write_str("the built-in rules"),
        }
    }
}

/// All queries of all rules. A pack's rules are asked for the jobs that it fits; `window` is for
/// `rate` and its like.
pub fn questions(sources: &[SourcedRules], packs: &[PackJobs], window: Duration) -> Vec<Question> {
    let any = PackJobs {
        pack: String::new(),
        sel: ANY_JOB.to_owned(),
        jobs: Vec::new(),
        variants: BTreeMap::new(),
    };
    let mut all = Vec::new();
    for (source, sourced) in sources.iter().enumerate() {
        let mut ask_of = |jobs: &PackJobs| {
            let mut ask = |role, line, query: &QueryText| {
                let scope = QueryScope {
                    sel: &jobs.sel,
                    window,
                    variants: &jobs.variants,
                };
                all.push(Question {
                    source,
                    role,
                    place: format!("{} line {line}", sourced.source),
                    variants: jobs.variants.clone(),
                    jobs: jobs.jobs.clone(),
                    text: query.filled(&scope),
                    expr: query.expr(&scope).ok(),
                });
            };
            ask_all(&sourced.rules, &mut ask);
        };
        match &sourced.source {
            RuleSource::Pack(id) => packs.iter().filter(|p| p.pack == *id).for_each(ask_of),
            RuleSource::File(_) | RuleSource::BuiltIn => ask_of(&any),
        }
    }
    all
}

fn ask_all(rules: &ModelRules, ask: &mut impl FnMut(Role, usize, &QueryText)) {
    for (rule, entity) in rules.entities.iter().enumerate() {
        for (query, defined) in entity.defined_by.iter().enumerate() {
            ask(Role::Defines { rule, query }, defined.line, &defined.query);
        }
        for (query, enriched) in entity.enriched_by.iter().enumerate() {
            let role = Role::Enriches { rule, query };
            ask(role, enriched.line, &enriched.query);
        }
    }
    for (rule, relation) in rules.relations.iter().enumerate() {
        for (measure, query) in relation.queries() {
            ask(Role::Relates { rule, measure }, relation.line, query);
        }
    }
}
