//! The routing tree: which receivers an alert goes to, and with which others in one message.

use std::time::Duration;

use model::{Labels, Matcher};

use super::matcher::{matches_all, show_matchers};

/// One node of the tree, with what it inherits already filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub receiver: String,
    pub group_by: GroupBy,
    pub matchers: Vec<Matcher>,
    /// Whether the siblings after it are asked too once it matched.
    pub continues: bool,
    /// How long a new group waits for more alerts.
    pub group_wait: Duration,
    /// How long a group that was told waits until it tells of changes.
    pub group_interval: Duration,
    /// How long it waits until it says the same again.
    pub repeat_interval: Duration,
    /// Names of time intervals in which it says nothing.
    pub mute_in: Vec<String>,
    /// Names of time intervals outside which it says nothing; none is always.
    pub active_in: Vec<String>,
    pub routes: Vec<Self>,
}

/// Alerts with the same values of these labels make one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// `...`: every alert is alone.
    All,
    Labels(Vec<String>),
}

/// A node's place in the tree: the root is 0, then in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub usize);

/// All routes, each with its place and its key.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteTree {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq)]
struct Node {
    route: Route,
    children: Vec<RouteId>,
    /// `{}/{team="a"}`, as Alertmanager names a route in a group's key.
    key: String,
}

impl GroupBy {
    /// The labels that make the group of an alert.
    pub fn group_labels(&self, labels: &Labels) -> Labels {
        match self {
            Self::All => labels.clone(),
            Self::Labels(names) => labels.keep(names),
        }
    }
}

impl RouteTree {
    /// `root.routes` become nodes of their own.
    pub fn new(root: Route) -> Self {
        let mut tree = Self { nodes: Vec::new() };
        tree.add(root, "");
        tree
    }

    /// The file's nesting is limited by the YAML parser, so this recursion is bounded.
    fn add(&mut self, mut route: Route, parent_key: &str) -> RouteId {
        let id = RouteId(self.nodes.len());
        let own = show_matchers(&route.matchers);
        let key = if parent_key.is_empty() {
            own
        } else {
            format!("{parent_key}/{own}")
        };
        let routes = std::mem::take(&mut route.routes);
        self.nodes.push(Node {
            route,
            children: Vec::new(),
            key: key.clone(),
        });
        let children = routes
            .into_iter()
            .map(|child| self.add(child, &key))
            .collect();
        self.nodes[id.0].children = children;
        id
    }

    pub fn get(&self, id: RouteId) -> &Route {
        &self.nodes[id.0].route
    }

    pub fn key(&self, id: RouteId) -> &str {
        &self.nodes[id.0].key
    }

    pub fn children(&self, id: RouteId) -> &[RouteId] {
        &self.nodes[id.0].children
    }

    pub fn ids(&self) -> impl Iterator<Item = RouteId> {
        (0..self.nodes.len()).map(RouteId)
    }

    /// The routes an alert takes: the deepest that match, and after one that continues also its
    /// siblings. The root takes what nobody else does.
    pub fn matching(&self, labels: &Labels) -> Vec<RouteId> {
        let mut found = Vec::new();
        self.collect(RouteId(0), labels, &mut found);
        found
    }

    fn collect(&self, id: RouteId, labels: &Labels, found: &mut Vec<RouteId>) -> bool {
        let node = &self.nodes[id.0];
        if !matches_all(&node.route.matchers, labels) {
            return false;
        }
        let before = found.len();
        for &child in &node.children {
            if self.collect(child, labels, found) && !self.nodes[child.0].route.continues {
                break;
            }
        }
        if found.len() == before {
            found.push(id);
        }
        true
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::notify::parse_matchers;

    pub(in crate::notify) fn route(receiver: &str, matchers: &str, routes: Vec<Route>) -> Route {
        Route {
            receiver: receiver.to_owned(),
            group_by: GroupBy::Labels(vec!["alertname".to_owned()]),
            matchers: parse_matchers(matchers).unwrap(),
            continues: false,
            group_wait: Duration::from_secs(30),
            group_interval: Duration::from_secs(300),
            repeat_interval: Duration::from_secs(4 * 3600),
            mute_in: Vec::new(),
            active_in: Vec::new(),
            routes,
        }
    }

    fn tree() -> RouteTree {
        let mut audit = route("audit", "severity=critical", Vec::new());
        audit.continues = true;
        let db = route(
            "db",
            "team=db",
            vec![route("db-page", "severity=critical", vec![])],
        );
        let web = route("web", "team=~\"web|api\"", vec![]);
        RouteTree::new(route("default", "", vec![audit, db, web]))
    }

    fn check(labels: &str, expected: &str) {
        let labels = Labels::new(labels.split(',').filter_map(|pair| pair.split_once('=')));
        let tree = tree();
        let found = tree.matching(&labels.unwrap());
        let names: Vec<&str> = found
            .iter()
            .map(|&id| tree.get(id).receiver.as_str())
            .collect();
        assert_eq!(names.join(" "), expected);
    }

    #[test]
    fn an_alert_takes_the_deepest_route_that_matches() {
        check("team=db", "db");
        check("team=db,severity=critical", "audit db-page");
        check("team=api", "web");
        check("team=apis", "default");
        check("severity=critical", "audit");
        check("", "default");
    }

    #[test]
    fn a_route_is_named_by_the_matchers_above_it() {
        let tree = tree();
        let keys: Vec<&str> = tree.ids().map(|id| tree.key(id)).collect();
        let expected = [
            "{}",
            "{}/{severity=\"critical\"}",
            "{}/{team=\"db\"}",
            "{}/{team=\"db\"}/{severity=\"critical\"}",
            "{}/{team=~\"web|api\"}",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_group_is_made_by_the_labels_it_names() {
        let labels = Labels::new([("alertname", "A"), ("x", "1")]).unwrap();
        let by = GroupBy::Labels(vec!["alertname".into(), "absent".into()]);
        assert_eq!(by.group_labels(&labels).to_string(), "{alertname=\"A\"}");
        assert_eq!(GroupBy::All.group_labels(&labels), labels);
    }
}
