use model::Timestamp;

use super::*;
use crate::assertion::{AssertionKey, Category, Severity};
use crate::graph::{EntityKey, Relation, RelationKind, Traffic};

fn graph() -> Graph {
    let mut graph = Graph::default();
    let cart = graph.add(EntityKey::new("service", "cart"));
    graph.set_property(cart, "framework", "flask");
    graph.set_property(cart, "version", "1.10");
    graph.set_measure(cart, "memory_bytes", 6e8);
    let payments = graph.add(EntityKey::new("service", "payments"));
    graph.set_measure(payments, "memory_bytes", 2e8);
    let orders = graph.add(EntityKey::new("database", "orders"));
    graph.add(EntityKey::new("external", "127.0.0.1:6379"));
    for (from, to) in [(cart, payments), (cart, orders)] {
        let (kind, traffic) = (RelationKind::Calls, Traffic::default());
        graph.relate(Relation {
            kind,
            from,
            to,
            traffic,
        });
    }
    graph
}

fn check(text: &str, expected: &str, understood: &str) {
    let graph = graph();
    let assertion = Assertion {
        key: AssertionKey {
            entity: EntityKey::new("service", "payments"),
            name: "ErrorRatio".to_owned(),
            kpi: None,
        },
        category: Category::Error,
        severity: Severity::Critical,
        since: Timestamp::from_millis(0),
        onset: Timestamp::from_millis(0),
        end: None,
        compared: None,
        sentence: String::new(),
    };
    let assertions = [assertion];
    let payments = graph.id(&EntityKey::new("service", "payments"));
    let standing = |id: EntityId| -> &[Assertion] {
        if Some(id) == payments {
            &assertions
        } else {
            &[]
        }
    };
    let found = search(&graph, text, &standing, 10);
    let names = found.entities.iter();
    let names: Vec<&str> = names.map(|id| &*graph.entity(*id).key.name).collect();
    assert_eq!(names.join(" "), expected, "{text}");
    assert_eq!(found.understood.join("; "), understood, "{text}");
}

#[test]
fn entities_are_found_by_words() {
    for (text, expected, understood) in [
        ("", "orders 127.0.0.1:6379 cart payments", ""),
        ("cart", "cart", "the name contains \"cart\""),
        ("Show all services", "cart payments", "the type is service"),
        ("type:database", "orders", "the type is database"),
        ("memory > 500MB", "cart", "memory is above 500mb"),
        ("memory>=200MB", "cart payments", "memory is at least 200mb"),
        ("memory < 0.5GB", "payments", "memory is below 0.5gb"),
        ("framework = flask", "cart", "framework is flask"),
        ("framework ~ las", "cart", "framework contains las"),
        ("version = 1.10", "cart", "version is 1.10"),
        ("connected to cart", "orders payments", "connected to cart"),
        ("connected to databases", "cart", "connected to databases"),
        (
            "services connected to service/cart",
            "payments",
            "the type is service; connected to service/cart",
        ),
        ("having assertion", "payments", "having any assertion"),
        (
            "having assertion critical",
            "payments",
            "having an assertion critical",
        ),
        (
            "having assertion warning",
            "",
            "having an assertion warning",
        ),
        (
            "services having assertion error and connected to cart",
            "payments",
            "the type is service; having an assertion error; connected to cart",
        ),
        (
            "127.0.0.1:6379",
            "127.0.0.1:6379",
            "the name contains \"127.0.0.1:6379\"",
        ),
        ("\"services\"", "", "the name contains \"services\""),
        ("connected to", "orders 127.0.0.1:6379 cart payments", ""),
        (
            "> 5 \"",
            "",
            "the name contains \"5\"; the name contains \"\"",
        ),
        ("memory > lots", "", "memory is above lots"),
    ] {
        check(text, expected, understood);
    }
}

proptest::proptest! {
    #[test]
    fn no_search_makes_it_panic(text in "\\PC{0,60}|[a-z<>=!~:\" ,]{0,40}") {
        search(&graph(), &text, &|_| &[], 10);
    }
}
