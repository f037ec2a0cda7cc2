//! What is odd about the series that a graph was made of, for whoever wonders.

use std::fmt;

/// Something to know about a graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// Something calls itself: several things share its name.
    SelfLoop {
        entity: String,
        relation: &'static str,
        /// Per second, where it is known.
        rate: Option<f64>,
        place: String,
    },
    /// One job's targets differ in a label that tells apart where things run.
    NameShared {
        job: String,
        label: String,
        values: Vec<String>,
    },
    /// Some targets carry such a label and others do not.
    LabelMissing {
        label: String,
        jobs: Vec<String>,
        /// How many jobs have it.
        others: usize,
    },
    /// Two services are said to listen at one address.
    AddressShared {
        address: String,
        entities: Vec<String>,
    },
    LimitHit {
        what: &'static str,
        limit: usize,
    },
    QueryFailed {
        place: String,
        query: String,
        reason: String,
    },
}

/// Names listed in one sentence.
const LISTED_MAX: usize = 5;

impl Note {
    /// What it is about, in a word or two.
    pub fn subject(&self) -> String {
        match self {
            Self::SelfLoop { entity, .. } => entity.clone(),
            Self::NameShared { job, .. } => format!("service/{job}"),
            Self::LabelMissing { label, .. } => format!("label {label}"),
            Self::AddressShared { address, .. } => address.clone(),
            Self::LimitHit { what, .. } => (*what).to_owned(),
            Self::QueryFailed { place, .. } => place.clone(),
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::SelfLoop { .. } => {
                "give the things that share this name jobs (service names) of their own; a \
                 service that really calls itself needs nothing"
            }
            Self::NameShared { .. } => {
                "name the jobs apart, or scrape one environment with one server; until then \
                 their numbers are added up as those of one service"
            }
            Self::LabelMissing { .. } => {
                "give the label to all targets, for example under `labels:` of static_configs"
            }
            Self::AddressShared { .. } => {
                "scrape each process under one job only, or take the wrong one's address away by \
                 relabelling its instance"
            }
            Self::LimitHit { .. } => {
                "a label with many values makes too many things; leave it out of the rule"
            }
            Self::QueryFailed { .. } => "mend the query; `pyrometer check model` reads the file",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfLoop {
                entity,
                relation,
                rate,
                place,
            } => {
                let of = relation.replace('_', " ");
                write!(f, "{entity} {of} itself")?;
                if let Some(rate) = rate {
                    write!(f, ", {rate:.3} times a second")?;
                }
                write!(f, " ({place})")
            }
            Self::NameShared { job, label, values } => {
                let (n, values) = (values.len(), listed(values));
                write!(
                    f,
                    "the targets of job {job} have {n} values of {label}: {values}"
                )
            }
            Self::LabelMissing {
                label,
                jobs,
                others,
            } => {
                let (jobs, noun) = (listed(jobs), if *others == 1 { "job" } else { "jobs" });
                write!(
                    f,
                    "targets of {others} {noun} have the label {label}, those of {jobs} have none"
                )
            }
            Self::AddressShared { address, entities } => {
                let entities = listed(entities);
                write!(f, "{entities} are all said to listen at {address}")
            }
            Self::LimitHit { what, limit } => {
                write!(f, "more than {limit} {what}; the rest is left out")
            }
            Self::QueryFailed {
                query,
                reason,
                place,
            } => {
                write!(f, "{query} of {place} has no answer: {reason}")
            }
        }
    }
}

fn listed(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED_MAX).map(String::as_str).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
