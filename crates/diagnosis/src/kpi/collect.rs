//! What is asked of a store to have the KPIs of everything: packs' queries and users' mappings.
//!
//! Pure: it says which queries there are and turns answers into KPIs. Each query is asked once for
//! all jobs, so the cost grows with what was detected and not with the services.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{Labels, Matcher, Timestamp};
use promql::Expr;

use super::mapping::Mapping;
use super::{KpiKey, KpiKind, KpiSeries};
use crate::graph::{EntityKey, EntityKind};
use crate::pack::{Detection, Kpi, KpiOf, Pack, QueryScope};

/// Routes of one service whose KPIs are kept: those with the most requests. The others stay what
/// they are to their service, whose KPIs count them.
pub const ROUTES_MAX: usize = 100;

/// Entities whose KPIs are collected at all.
pub const ENTITIES_MAX: usize = 5_000;

/// The machine that has no other name than this one.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The packs that fit each job, the most specific first.
pub type DetectedPacks<'a> = BTreeMap<String, Vec<(&'a Pack, &'a Detection)>>;

/// One question to a store.
#[derive(Clone, Debug)]
pub struct KpiQuery {
    pub kind: KpiKind,
    pub expr: Expr,
    /// Where it comes from: the pack and its KPI, or the mapping.
    pub origin: String,
    reader: Reader,
    /// Where two queries answer for the same KPI the one with the lower rank is believed.
    rank: usize,
}

/// How an answer's labels name an entity.
#[derive(Clone, Debug)]
enum Reader {
    Pack {
        of: Option<KpiOf>,
        variants: BTreeMap<String, String>,
    },
    Mapping(Box<Mapping>),
}

/// What queries are made of.
#[derive(Clone, Copy, Debug)]
pub struct CollectScope<'a> {
    pub packs: &'a DetectedPacks<'a>,
    pub mappings: &'a [Mapping],
    /// For `rate` and its like.
    pub window: Duration,
    /// How far samples lie apart.
    pub step: Duration,
}

/// Every query there is. Users' mappings are believed first, then the packs that speak first for a
/// job. A query that does not parse is left out: its pack's gates refuse it.
pub fn queries(scope: &CollectScope<'_>) -> Vec<KpiQuery> {
    let mut queries = Vec::new();
    for mapping in scope.mappings {
        for mapped in mapping.queries(scope.window, scope.step) {
            if let Ok(expr) = promql::parse(&mapped.expr) {
                queries.push(KpiQuery {
                    kind: mapped.kind,
                    expr,
                    origin: format!("mapping {}", mapping.name),
                    reader: Reader::Mapping(Box::new(mapping.clone())),
                    rank: 0,
                });
            }
        }
    }
    for group in groups(scope.packs) {
        let kpis = group.pack.kpis.iter().chain(&group.pack.entity_kpis);
        for kpi in kpis {
            let Some(kind) = kpi.kind.clone() else {
                continue;
            };
            let query_scope = QueryScope {
                sel: &group.sel,
                window: scope.window,
                variants: group.variants,
            };
            if let Ok(expr) = kpi.query.expr(&query_scope) {
                queries.push(KpiQuery {
                    kind,
                    expr,
                    origin: format!("pack {}: {}", group.pack.id, kpi.name),
                    reader: Reader::Pack {
                        of: kpi.of.clone(),
                        variants: group.variants.clone(),
                    },
                    rank: group.rank + 1,
                });
            }
        }
    }
    queries
}

/// Jobs for which a pack's queries read alike.
struct JobGroup<'a> {
    pack: &'a Pack,
    variants: &'a BTreeMap<String, String>,
    sel: String,
    rank: usize,
}

fn groups<'a>(packs: &'a DetectedPacks<'a>) -> Vec<JobGroup<'a>> {
    type AlikeBy<'a> = BTreeMap<(&'a str, Vec<(&'a String, &'a String)>), Alike<'a>>;
    type Alike<'a> = (&'a Pack, &'a BTreeMap<String, String>, Vec<&'a str>, usize);
    let mut alike: AlikeBy<'a> = BTreeMap::new();
    for (job, found) in packs {
        for (rank, (pack, detection)) in found.iter().enumerate() {
            let key = (pack.id.as_str(), detection.variants.iter().collect());
            let entry = alike.entry(key);
            let entry = entry.or_insert((pack, &detection.variants, Vec::new(), rank));
            entry.2.push(job);
            // Of jobs that differ in what else they are the least specific place counts.
            entry.3 = entry.3.max(rank);
        }
    }
    let groups = alike.into_values();
    groups
        .map(|(pack, variants, jobs, rank)| JobGroup {
            pack,
            variants,
            sel: sel_of(&jobs),
            rank,
        })
        .collect()
}

/// PromQL matchers for some jobs.
fn sel_of(jobs: &[&str]) -> String {
    match jobs {
        [job] => Matcher::equal("job", *job).to_string(),
        jobs => {
            let names: Vec<String> = jobs.iter().map(|job| regex::escape(job)).collect();
            Matcher::new(model::MatchOp::Matches, "job", names.join("|"))
                .map_or_else(|_| "job=\"\"".to_owned(), |matcher| matcher.to_string())
        }
    }
}

impl Kpi {
    /// Whose number a series in the answer is; `machine` is what this machine is called.
    pub fn entity_of(
        &self,
        labels: &Labels,
        variants: &BTreeMap<String, String>,
        machine: &str,
    ) -> Option<EntityKey> {
        entity_of(self.of.as_ref(), labels, variants, machine)
    }
}

impl KpiOf {
    /// Whether a series has a label that names its entity.
    pub fn is_named(&self, labels: &Labels, variants: &BTreeMap<String, String>) -> bool {
        let mut names = self.name.iter().chain(&self.host);
        names.any(|label| filled(label, labels, variants).is_some())
    }
}

/// The value of a label, whose name may be a variant.
fn filled<'l>(
    label: &str,
    labels: &'l Labels,
    variants: &BTreeMap<String, String>,
) -> Option<&'l str> {
    match label.strip_prefix('$') {
        Some(variant) => variants.get(variant).and_then(|label| labels.get(label)),
        None => labels.get(label),
    }
}

fn entity_of(
    of: Option<&KpiOf>,
    labels: &Labels,
    variants: &BTreeMap<String, String>,
    machine: &str,
) -> Option<EntityKey> {
    let Some(of) = of else {
        return Some(EntityKey {
            kind: EntityKind::new("service"),
            name: labels.get("job")?.into(),
            scope: Labels::empty(),
        });
    };
    let filled = |label: &str| filled(label, labels, variants);
    let name = match &of.host {
        Some(label) => host_of(filled(label)?, machine),
        None => of.name.iter().find_map(|label| filled(label))?,
    };
    let scope = of.scope.iter();
    let scope = scope.filter_map(|(name, label)| Some((name, filled(label)?)));
    Some(EntityKey {
        kind: of.kind.clone(),
        name: name.into(),
        scope: Labels::new(scope).ok()?,
    })
}

/// The host of `10.0.0.5:9100`, `[::1]:80` or `box`; this machine's name for its loopback.
fn host_of<'a>(address: &'a str, machine: &'a str) -> &'a str {
    let host = match address
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((host, _)) => host,
        None => address.rsplit_once(':').map_or(address, |(host, _)| host),
    };
    match LOOPBACK.contains(&host) && !machine.is_empty() {
        true => machine,
        false => host,
    }
}

/// Gathers the answers to queries; of two for one KPI the lower rank's is kept.
#[derive(Debug, Default)]
pub struct Collected {
    kpis: BTreeMap<KpiKey, (usize, Vec<(Timestamp, f64)>)>,
    entities: BTreeSet<EntityKey>,
    /// Entities that found no room among [`ENTITIES_MAX`].
    pub refused: BTreeSet<EntityKey>,
}

impl Collected {
    /// Takes in one series of the answer to a query.
    pub fn add(
        &mut self,
        query: &KpiQuery,
        labels: &Labels,
        samples: impl IntoIterator<Item = (Timestamp, f64)>,
        machine: &str,
    ) {
        let entity = match &query.reader {
            Reader::Pack { of, variants } => entity_of(of.as_ref(), labels, variants, machine),
            Reader::Mapping(mapping) => mapping.entity_in(labels),
        };
        let Some(entity) = entity.filter(|entity| !entity.name.is_empty()) else {
            return;
        };
        let samples = samples.into_iter();
        let samples = samples.filter_map(|(at, value)| Some((at, query.kind.accepted(value)?)));
        let samples: Vec<(Timestamp, f64)> = samples.collect();
        if samples.is_empty() {
            return;
        }
        if !self.entities.contains(&entity) {
            if self.entities.len() >= ENTITIES_MAX {
                // Bounded as well: who is refused is counted, not kept for ever.
                if self.refused.len() < ENTITIES_MAX {
                    self.refused.insert(entity);
                }
                return;
            }
            self.entities.insert(entity.clone());
        }
        let kind = query.kind.clone();
        let key = KpiKey { entity, kind };
        let known = self.kpis.get(&key).map(|(rank, _)| *rank);
        if known.is_none_or(|rank| query.rank < rank) {
            self.kpis.insert(key, (query.rank, samples));
        }
    }

    /// All KPIs, by entity and kind, without the routes beyond [`ROUTES_MAX`] of a service.
    pub fn finish(self) -> Vec<KpiSeries> {
        let dropped = self.quiet_routes();
        let kpis = self.kpis.into_iter();
        let kept = kpis.filter(|(key, _)| !dropped.contains(&key.entity));
        kept.map(|(key, (_, samples))| KpiSeries { key, samples })
            .collect()
    }

    fn quiet_routes(&self) -> BTreeSet<EntityKey> {
        let mut routes: BTreeMap<&Labels, Vec<(f64, &EntityKey)>> = BTreeMap::new();
        for entity in self.entities.iter().filter(|e| e.kind.name() == "route") {
            let key = KpiKey {
                entity: entity.clone(),
                kind: KpiKind::RequestRate,
            };
            let samples = self.kpis.get(&key).map(|(_, samples)| samples);
            let total = samples.map_or(0.0, |s| s.iter().map(|(_, value)| value).sum());
            routes
                .entry(&entity.scope)
                .or_default()
                .push((total, entity));
        }
        let mut dropped = BTreeSet::new();
        for mut routes in routes.into_values() {
            routes.sort_by(|a, b| b.0.total_cmp(&a.0));
            dropped.extend(
                routes
                    .iter()
                    .skip(ROUTES_MAX)
                    .map(|(_, entity)| (*entity).clone()),
            );
        }
        dropped
    }
}

/// The name of the series in which KPIs are written.
pub const KPI_METRIC: &str = "pyrometer:kpi";

impl KpiKey {
    /// The labels of the series in which it is written: `kpi`, `entity_type`, `entity` and the
    /// scope's.
    pub fn labels(&self) -> Labels {
        let mut builder = self.entity.scope.builder();
        builder
            .set(model::METRIC_NAME, KPI_METRIC)
            .set("kpi", self.kind.name())
            .set("entity_type", self.entity.kind.name())
            .set("entity", &*self.entity.name);
        builder.build()
    }

    /// The KPI that a series with these labels holds.
    pub fn of_labels(labels: &Labels) -> Option<Self> {
        let own = [model::METRIC_NAME, "kpi", "entity_type", "entity"];
        Some(Self {
            kind: KpiKind::parse(labels.get("kpi")?)?,
            entity: EntityKey {
                kind: EntityKind::new(labels.get("entity_type")?),
                name: labels.get("entity")?.into(),
                scope: labels.drop(&own),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::mapping::read_mapping_file;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::new(pairs.iter().copied()).unwrap()
    }

    fn mapped(file: &str) -> Vec<KpiQuery> {
        let (mappings, problems) = read_mapping_file(file);
        assert_eq!(problems, []);
        let packs = DetectedPacks::new();
        queries(&CollectScope {
            packs: &packs,
            mappings: &mappings,
            window: Duration::from_secs(60),
            step: Duration::from_secs(15),
        })
    }

    const ROUTES: &str = "mappings: [{ entity: { type: route, label: r, scope: { service: job } },
        kpi: request_rate, metric: m, unit: per_second }]";

    #[test]
    fn only_the_busiest_routes_of_each_service_are_kept() {
        let query = mapped(ROUTES).remove(0);
        let mut collected = Collected::default();
        for route in 0..ROUTES_MAX + 7 {
            let labels = labels(&[("entity", &format!("/{route}")), ("service", "web")]);
            let value = route as f64;
            collected.add(&query, &labels, [(Timestamp::from_millis(0), value)], "");
        }
        let other = labels(&[("entity", "/0"), ("service", "api")]);
        collected.add(&query, &other, [(Timestamp::from_millis(0), 0.0)], "");
        let kept = collected.finish();
        assert_eq!(kept.len(), ROUTES_MAX + 1);
        assert!(
            kept.iter()
                .any(|kpi| kpi.samples[0].1 == (ROUTES_MAX + 6) as f64)
        );
    }

    #[test]
    fn entities_beyond_the_limit_are_counted_and_not_kept() {
        let file = "mappings: [{ entity: { type: queue, label: q }, kpi: resource,
            resource: queue, metric: m }]";
        let query = mapped(file).remove(0);
        let mut collected = Collected::default();
        for queue in 0..ENTITIES_MAX + 3 {
            let labels = labels(&[("entity", &queue.to_string())]);
            collected.add(&query, &labels, [(Timestamp::from_millis(0), 1.0)], "");
        }
        assert_eq!(collected.refused.len(), 3);
        assert_eq!(collected.finish().len(), ENTITIES_MAX);
    }

    #[test]
    fn what_is_no_number_or_has_no_name_is_no_kpi() {
        let query = mapped(ROUTES).remove(0);
        let mut collected = Collected::default();
        let at = Timestamp::from_millis(0);
        collected.add(&query, &labels(&[("entity", "/")]), [(at, f64::NAN)], "");
        collected.add(&query, &labels(&[("service", "web")]), [(at, 1.0)], "");
        assert_eq!(collected.finish(), []);
    }

    #[test]
    fn a_kpi_is_found_again_in_its_series() {
        let key = KpiKey {
            entity: EntityKey {
                kind: EntityKind::new("route"),
                name: "/a".into(),
                scope: labels(&[("service", "web")]),
            },
            kind: KpiKind::parse("latency_p95").unwrap(),
        };
        assert_eq!(
            key.labels().to_string(),
            "pyrometer:kpi{entity=\"/a\", entity_type=\"route\", kpi=\"latency_p95\", \
             service=\"web\"}"
        );
        assert_eq!(KpiKey::of_labels(&key.labels()), Some(key));
        assert_eq!(KpiKey::of_labels(&labels(&[("kpi", "up")])), None);
    }

    #[test]
    fn a_host_is_its_address_without_the_port() {
        for (address, host) in [
            ("10.0.0.5:9100", "10.0.0.5"),
            ("db.internal:9100", "db.internal"),
            ("box", "box"),
            ("127.0.0.1:9100", "here"),
            ("localhost:9100", "here"),
            ("[::1]:9100", "here"),
            ("[fd00::1]:80", "fd00::1"),
            ("", ""),
        ] {
            assert_eq!(host_of(address, "here"), host, "{address}");
        }
    }
}
