//! Which entity the labels of an alert or a series speak of.

use std::collections::BTreeMap;

use model::Labels;

use super::{EntityKey, EntityKind, Graph, RuleSource, SourcedRules, TextChoice};

/// The ways in which labels name entities, the most specific first.
///
/// ```
/// use diagnosis::graph::{EntityKey, Graph, Lookup, RuleSource, SourcedRules, built_in_rules};
/// use model::Labels;
///
/// let rules = SourcedRules { source: RuleSource::BuiltIn, rules: built_in_rules() };
/// let lookup = Lookup::new(&[rules], &|_, _| Vec::new());
/// let mut graph = Graph::default();
/// let cart = graph.add(EntityKey::new("service", "cart"));
/// let alert = Labels::new([("alertname", "Slow"), ("job", "cart")]).expect("two names");
/// assert_eq!(lookup.entity(&graph, &alert), Some(cart));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    ways: Vec<Way>,
}

#[derive(Clone, Debug, PartialEq)]
struct Way {
    kind: EntityKind,
    name: TextChoice,
    scope: Vec<(String, TextChoice)>,
}

impl Lookup {
    /// Of all entity rules. `labels_of` tells, for a pack's id and the name of a variant, which
    /// labels the variant may be.
    pub fn new(sources: &[SourcedRules], labels_of: &dyn Fn(&str, &str) -> Vec<String>) -> Self {
        let mut ways: Vec<Way> = Vec::new();
        for sourced in sources {
            let pack = match &sourced.source {
                RuleSource::Pack(id) => id.as_str(),
                RuleSource::File(_) | RuleSource::BuiltIn => "",
            };
            let plain = |choice: &TextChoice| {
                let labels = choice
                    .0
                    .iter()
                    .flat_map(|name| match name.strip_prefix('$') {
                        Some(variant) => labels_of(pack, variant),
                        None => vec![name.clone()],
                    });
                TextChoice(labels.collect())
            };
            let plain_scope = |scope: &[(String, TextChoice)]| {
                let names = scope.iter();
                names
                    .map(|(name, choice)| (name.clone(), plain(choice)))
                    .collect::<Vec<_>>()
            };
            for rule in &sourced.rules.entities {
                let own = std::iter::once((&rule.name, &rule.scope));
                let more = rule.lookup.iter().map(|(name, scope)| (name, scope));
                for (name, scope) in own.chain(more) {
                    let way = Way {
                        kind: rule.kind.clone(),
                        name: plain(name),
                        scope: plain_scope(scope),
                    };
                    if !ways.contains(&way) {
                        ways.push(way);
                    }
                }
            }
        }
        // Whoever needs more labels means something smaller.
        ways.sort_by_key(|way| std::cmp::Reverse(way.scope.len()));
        Self { ways }
    }

    /// The smallest entity of the graph that the labels name: a queue before its service, an
    /// instance before its host. `None` when they name none that is there.
    pub fn entity(&self, graph: &Graph, labels: &Labels) -> Option<super::EntityId> {
        self.keys(labels).find_map(|key| graph.id(&key))
    }

    /// All entities of the graph that the labels name, the smallest first.
    pub fn entities(&self, graph: &Graph, labels: &Labels) -> Vec<super::EntityId> {
        let mut found = Vec::new();
        for id in self.keys(labels).filter_map(|key| graph.id(&key)) {
            if !found.contains(&id) {
                found.push(id);
            }
        }
        found
    }

    fn keys<'a>(&'a self, labels: &'a Labels) -> impl Iterator<Item = EntityKey> + 'a {
        self.ways.iter().filter_map(|way| way.key(labels))
    }
}

impl Way {
    fn key(&self, labels: &Labels) -> Option<EntityKey> {
        let text = |choice: &TextChoice| {
            let found = choice.of(|name| labels.get(name));
            found.map(str::to_owned)
        };
        let name = text(&self.name)?;
        let mut scope = BTreeMap::new();
        for (part, choice) in &self.scope {
            if let Some(value) = text(choice) {
                scope.insert(part.clone(), value);
            }
        }
        let key = EntityKey {
            kind: self.kind.clone(),
            name: name.into(),
            scope: Labels::new(scope).ok()?,
        };
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{built_in_rules, parse_model_file};

    /// The entities `job=…` labels name in a graph of `known`, by id.
    /// Kind, name and scope.
    type Known<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

    fn check(known: &[Known<'_>], labels: &[(&str, &str)], expected: &[&str]) {
        let own = "entities: [{ type: queue, name: [queue, queue_name], scope: { service: [job] },
            lookup: [{ name: [destination], scope: { service: [application] } }] }]";
        let sources = [
            (
                RuleSource::File("m".to_owned()),
                parse_model_file(own).unwrap(),
            ),
            (RuleSource::BuiltIn, built_in_rules()),
        ];
        let sources = sources.map(|(source, rules)| SourcedRules { source, rules });
        let lookup = Lookup::new(&sources, &|_, _| Vec::new());
        let mut graph = Graph::default();
        for (kind, name, scope) in known {
            let scope = Labels::new(scope.iter().copied()).unwrap();
            graph.add(EntityKey::new(kind, name).scoped(scope));
        }
        let labels = Labels::new(labels.iter().copied()).unwrap();
        let found = lookup.entities(&graph, &labels);
        let shown = found.iter().map(|id| graph.entity(*id).key.to_string());
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{labels}");
        assert_eq!(lookup.entity(&graph, &labels), found.first().copied());
    }

    #[test]
    fn the_smallest_thing_that_the_labels_name_is_meant() {
        let known: &[Known<'_>] = &[
            ("service", "cart", &[]),
            ("instance", "h:1", &[("job", "cart")]),
            ("queue", "mails", &[("service", "cart")]),
        ];
        let job = ("job", "cart");
        check(known, &[job], &["service/cart"]);
        check(
            known,
            &[job, ("instance", "h:1")],
            &["instance/h:1{job=\"cart\"}", "service/cart"],
        );
        check(known, &[job, ("instance", "h:2")], &["service/cart"]);
        check(
            known,
            &[job, ("queue_name", "mails")],
            &["queue/mails{service=\"cart\"}", "service/cart"],
        );
        check(
            known,
            &[("destination", "mails"), ("application", "cart")],
            &["queue/mails{service=\"cart\"}"],
        );
        check(known, &[("job", "other")], &[]);
        check(known, &[], &[]);
    }
}
