use diagnosis::rules::AlertState;

use super::schedule::due_after;
use super::world::{NOW, OWN_RULES, World};
use super::*;

#[test]
fn a_fault_fires_within_a_minute_of_its_begin() {
    let world = World::new();
    let alerts = world.alerts();
    let found = alerts
        .iter()
        .find(|a| a.labels.get("alertname") == Some("FlaskErrorRatioHigh"));
    let AlertState::Firing { fired_at, .. } = found.unwrap().state else {
        panic!("{found:?}")
    };
    let fault = NOW.minus(Duration::from_secs(240));
    assert!(
        fired_at.since(fault) <= Duration::from_secs(75),
        "{:?}",
        fired_at.since(fault)
    );
}

#[test]
fn a_restart_goes_on_with_alerts_and_ends_what_is_over() {
    let world = World::new();
    let later = NOW.plus(Duration::from_secs(15));
    let find = |text: &str| {
        let expr = promql::parse(text).unwrap();
        let options = EvalOptions::default();
        let evaluated = promql::eval_instant(&world.store.snapshot(), &expr, later, &options);
        let promql::Value::Vector(series) = evaluated.unwrap().value else {
            panic!("{text}")
        };
        series
            .iter()
            .map(|s| format!("{} {}", s.labels, s.sample.value))
            .collect::<Vec<_>>()
    };
    let since = "ALERTS_FOR_STATE{alertname=\"FlaskErrorRatioHigh\"}";
    let before = find(since);
    assert_eq!(before.len(), 1, "{before:?}");
    let own = |group: &&Arc<JudgedGroup>| group.pack.as_deref() == Some("flask");
    let old = world.groups.iter().find(own).unwrap();
    let loaded = load::pack_groups(&world.judge.packs()).into_iter();
    let loaded = loaded
        .into_iter()
        .find(|g| g.pack.as_deref() == Some("flask"))
        .unwrap();
    let options = GroupOptions {
        interval: old.interval,
        ..GroupOptions::default()
    };
    let restarted = JudgedGroup::new(loaded, options);
    restarted.restore(&world.store, later, &EvalOptions::default());
    restarted.evaluate(&world.store, later, &EvalOptions::default());
    assert_eq!(find(since), before, "it holds since the same moment");
    let alerts = restarted.report().rules.clone();
    let state = |rules: &[RuleReport]| {
        let mut alerts = rules.iter().flat_map(|rule| rule.alerts.clone());
        alerts
            .find(|a| a.labels.get("alertname") == Some("FlaskErrorRatioHigh"))
            .unwrap()
            .state
    };
    assert_eq!(
        state(&alerts).active_at(),
        state(&old.report().rules).active_at()
    );
}

#[test]
fn what_a_group_writes_can_be_queried_and_ends_with_its_cause() {
    let world = World::new();
    let query = |text: &str, at: Timestamp| {
        let expr = promql::parse(text).unwrap();
        let options = EvalOptions::default();
        let evaluated = promql::eval_instant(&world.store.snapshot(), &expr, at, &options);
        let promql::Value::Vector(series) = evaluated.unwrap().value else {
            panic!("{text}")
        };
        series.len()
    };
    assert_eq!(query("job:requests:rate1m{team=\"shop\"}", NOW), 2);
    assert_eq!(
        query("ALERTS{alertstate=\"firing\",job=\"storefront\"}", NOW),
        1
    );
    // Twice: keep_firing_for runs from the first evaluation that finds nothing.
    let later = NOW.plus(Duration::from_secs(660));
    for at in [NOW.plus(Duration::from_secs(600)), later] {
        world
            .groups
            .iter()
            .for_each(|g| drop(g.evaluate(&world.store, at, &EvalOptions::default())));
    }
    assert_eq!(
        query("ALERTS{job=\"storefront\"}", later),
        0,
        "nothing is known any more"
    );
    assert_eq!(query("ALERTS{alertname=\"Deadman\"}", later), 1);
}

#[test]
fn groups_are_due_at_their_own_moments_whenever_the_server_started() {
    let at = |millis: i64| Timestamp::from_millis(millis);
    let every = Duration::from_secs(15);
    for (now, shift, expected) in [
        (0, 0, 15_000),
        (14_999, 0, 15_000),
        (15_000, 0, 30_000),
        (0, 4_000, 4_000),
        (4_000, 4_000, 19_000),
        (5_000, 19_000, 19_000),
        (-1, 0, 0),
    ] {
        assert_eq!(
            due_after(at(now), every, shift),
            at(expected),
            "{now} {shift}"
        );
    }
}

#[test]
fn a_group_counts_its_rules_its_failures_and_the_rounds_it_missed() {
    let file = "groups: [{ name: g, rules: [{ record: a, expr: vector(1) }, { record: b, \
        expr: 'label_replace(vector(1), \"job\", \"x\", \"\", \"(\")' }] }]";
    let loaded = LoadedGroup {
        file: "g.yml".to_owned(),
        pack: None,
        group: diagnosis::rules::parse_rule_file(file).unwrap().remove(0),
    };
    let options = GroupOptions {
        interval: Duration::from_secs(15),
        ..GroupOptions::default()
    };
    let group = JudgedGroup::new(loaded, options);
    let store = store::Store::in_memory();
    for (seconds, expected) in [(0, (2, 1, 0)), (15, (4, 2, 0)), (61, (6, 3, 2))] {
        let at = NOW.plus(Duration::from_secs(seconds));
        group.evaluate(&store, at, &EvalOptions::default());
        let counted = group.gauges();
        let found = (counted.evaluations, counted.failures, counted.missed);
        assert_eq!(found, expected, "after {seconds} s");
        assert_eq!(counted.evaluated_at, Some(at));
    }
}

#[test]
fn a_bad_rule_file_costs_itself_only() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.yml", OWN_RULES);
    write(
        "b.yml",
        "groups:\n  - name: b\n    rules: [{ alert: B, expr: 'up ==' }]\n",
    );
    let missing = folder.path().join("c.yml");
    let loaded = load::rule_files(&[folder.path().join("*.yml"), missing]);
    assert_eq!(loaded.groups.len(), 1);
    let reasons: Vec<_> = loaded
        .problems
        .iter()
        .map(|problem| problem.reason.as_str())
        .collect();
    assert!(
        reasons[0].starts_with("line 3: the expression of \"B\""),
        "{reasons:?}"
    );
    assert_eq!(reasons.len(), 2, "{reasons:?}");
}

#[test]
fn what_fires_reaches_whoever_listens_and_a_slow_listener_holds_nothing_up() {
    let world = World::new();
    let own = |group: &&Arc<JudgedGroup>| group.pack.as_deref() == Some("flask");
    let group = world.groups.iter().find(own).unwrap();
    let resend = NOW.plus(Duration::from_secs(75));
    let alerts = group.evaluate(&world.store, resend, &EvalOptions::default());
    let named: Vec<_> = alerts
        .iter()
        .filter_map(|a| a.labels.get("alertname"))
        .collect();
    assert_eq!(named, ["FlaskErrorRatioHigh"]);
    assert!(
        alerts[0].generator_url.starts_with("/graph?g0.expr="),
        "{alerts:?}"
    );
    // Nobody listens yet.
    world.judge.tell(group, alerts.clone());
    let mut heard = world.judge.listen();
    world.judge.tell(group, Vec::new());
    assert!(
        heard.try_recv().is_err(),
        "an evaluation without news says nothing"
    );
    for _ in 0..=POSTABLE_MAX {
        world.judge.tell(group, alerts.clone());
    }
    let mut n_heard = 0;
    while let Ok(told) = heard.try_recv() {
        assert_eq!(told, alerts);
        n_heard += 1;
    }
    assert_eq!(n_heard, POSTABLE_MAX);
}
