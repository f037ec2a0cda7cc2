use super::*;
use crate::graph::{EntityKey, Relation, RelationKind, Traffic};
use crate::kpi::{KpiKey, KpiKind};

/// `cart error_ratio 0x60 0.5x20` a line, a sample a minute, with a little noise. The first 60
/// minutes are normal. `a>b` lines are calls.
fn check(script: &str, expected: &str) {
    let mut graph = Graph::default();
    let mut kpis = Vec::new();
    let mut end = 0;
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        if let Some((from, to)) = line.split_once('>') {
            let from = graph.add(EntityKey::new("service", from.trim()));
            let to = graph.add(EntityKey::new("service", to.trim()));
            graph.relate(Relation {
                kind: RelationKind::Calls,
                from,
                to,
                traffic: Traffic::default(),
            });
            continue;
        }
        let mut words = line.split_whitespace();
        let entity = words.next().expect("an entity");
        let kind = KpiKind::parse(words.next().expect("a KPI")).expect("a known KPI");
        let mut samples = Vec::new();
        let mut minute = 0;
        for part in words {
            let (value, times) = part.split_once('x').expect("a value and how often");
            for k in 0..times.parse::<i64>().expect("a count") {
                if let Ok(value) = value.parse::<f64>() {
                    let noise = 1.0 + 0.01 * f64::from(i32::try_from(k % 5).expect("small") - 2);
                    samples.push((Timestamp::from_millis(minute * 60_000), value * noise));
                }
                minute += 1;
            }
        }
        end = end.max(minute);
        kpis.push(KpiSeries {
            key: KpiKey {
                entity: EntityKey::new("service", entity),
                kind,
            },
            samples,
        });
    }
    let options = ReplayOptions {
        from: Timestamp::from_millis(0),
        to: Timestamp::from_millis((end - 1) * 60_000),
        normal_until: Some(Timestamp::from_millis(60 * 60_000)),
        step: step_of(&kpis),
        window: step_of(&kpis),
        incidents: IncidentOptions::default(),
    };
    let mut found = String::new();
    for replayed in replay(&mut graph, &kpis, &[], &options) {
        let minute = |at: Timestamp| at.as_millis() / 60_000;
        found += &minute(replayed.incident.start).to_string();
        if let Some(end) = replayed.incident.end {
            found += &format!("-{}", minute(end));
        }
        let suspects = replayed.explanation.suspects.iter();
        let suspects: Vec<&str> = suspects.map(|s| &*s.entity.name).take(3).collect();
        found += &format!(" {}; ", suspects.join(" "));
    }
    assert_eq!(found.trim_end().trim_end_matches(';'), expected);
}

#[test]
fn the_deepest_that_fails_is_suspected_first() {
    check(
        "
        web > cart
        cart > payments
        web error_ratio 0x60 0.2x20 0x20
        cart error_ratio 0x60 0.25x20 0x20
        payments error_ratio 0x60 0.7x20 0x20
        web request_rate 20x100
        cart request_rate 18x100
        payments request_rate 4x100
        ",
        "60-80 payments cart web",
    );
}

#[test]
fn a_slow_callee_explains_its_callers() {
    check(
        "
        web > cart
        web > search
        cart > db
        search > db
        web latency_average 0.2x60 0.7x10 0.2x20
        cart latency_average 0.1x60 0.6x10 0.1x20
        search latency_average 0.05x60 0.55x10 0.05x20
        db latency_average 0.01x60 0.5x10 0.01x20
        ",
        "60-70 db cart search",
    );
}

#[test]
fn a_callee_without_numbers_is_suspected_when_all_its_callers_suffer() {
    check(
        "
        web > cart
        web > search
        cart > db
        search > db
        web latency_average 0.2x60 0.7x10
        cart latency_average 0.1x60 0.6x10
        search latency_average 0.05x60 0.55x10
        ",
        "60 db search cart",
    );
}

#[test]
fn lost_traffic_of_a_callee_comes_from_its_caller() {
    check(
        "
        web > cart
        cart > payments
        web error_ratio 0x60 0.9x10
        cart error_ratio 0x60 0.95x10
        web request_rate 20x70
        cart request_rate 18x70
        payments request_rate 4x60 0.1x10
        ",
        "60 cart payments web",
    );
}

#[test]
fn a_healthy_day_has_no_incident() {
    check(
        "
        web > cart
        web error_ratio 0.001x120
        web latency_average 0.2x120
        cart latency_average 0.1x90 0.3x1 0.1x29
        web request_rate 20x60 25x60
        ",
        "",
    );
}

#[test]
fn two_unrelated_faults_are_two_incidents() {
    check(
        "
        web > cart
        batch > lake
        web error_ratio 0x60 0.5x20
        cart error_ratio 0x60 0.9x20
        batch error_ratio 0x60 0.5x20
        lake error_ratio 0x60 0.9x20
        ",
        "60 cart web; 60 lake batch",
    );
}

#[test]
fn who_falls_silent_is_suspected() {
    check(
        "
        web > cart
        web error_ratio 0x60 0.5x20
        web request_rate 20x80
        cart error_ratio 0x60 _x20
        cart request_rate 20x60 _x20
        ",
        "60 cart web",
    );
}
