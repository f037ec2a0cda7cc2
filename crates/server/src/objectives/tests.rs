use diagnosis::objective::{Period, Standing};
use model::{Labels, Timestamp};
use store::{Store, StoreOptions};

use super::*;

const SLO: &str = "apiVersion: openslo/v1\nkind: SLO\nmetadata: { name: web }\nspec:\n  service: \
    web\n  indicator:\n    spec:\n      ratioMetric:\n        counter: true\n        bad: { \
    metricSource: { type: Prometheus, spec: { query: bad_total } } }\n        total: { \
    metricSource: { type: Prometheus, spec: { query: all_total } } }\n  timeWindow: [{ duration: \
    30d, isRolling: true }]\n  budgetingMethod: Occurrences\n  objectives: [{ target: 0.99 }]\n";

fn objective(name: &str) -> Objective {
    let found = read_text(&SLO.replace("name: web", &format!("name: {name}")));
    assert_eq!(found.remarks, []);
    found.objectives.into_iter().next().unwrap()
}

fn ids(objectives: &Objectives) -> Vec<String> {
    let all = objectives.all();
    all.iter()
        .map(|held| held.objective.id.to_string())
        .collect()
}

#[test]
fn what_users_made_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let objectives = Objectives::new(dir.path(), Vec::new());
    objectives.create(objective("b")).unwrap();
    objectives.create(objective("a")).unwrap();
    assert_eq!(ids(&objectives), ["a", "b"]);
    let taken = objectives.create(objective("a")).unwrap_err();
    assert!(matches!(taken, ChangeError::Taken(_)));
    let renamed = Objective {
        title: "Other".to_owned(),
        ..objective("a")
    };
    objectives.replace(renamed.clone()).unwrap();
    objectives.remove("b").unwrap();
    assert!(matches!(
        objectives.remove("b"),
        Err(ChangeError::Missing(_))
    ));
    assert!(matches!(
        objectives.remove("../../x"),
        Err(ChangeError::Missing(_))
    ));
    let missing = objectives.replace(objective("c")).unwrap_err();
    assert!(matches!(missing, ChangeError::Missing(_)));
    // A file that is damaged, and one whose name is another's, cost themselves.
    let folder = dir.path().join("objectives");
    std::fs::write(folder.join("broken.yaml"), "a: [").unwrap();
    std::fs::write(folder.join("stranger.yaml"), SLO).unwrap();
    std::fs::write(folder.join("notes.txt"), "a").unwrap();
    let again = Objectives::new(dir.path(), Vec::new());
    let found = again.load();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].objective, renamed);
}

#[test]
fn what_files_hold_is_changed_only_there() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("slo");
    std::fs::create_dir(&folder).unwrap();
    let two = format!("{SLO}---\n{}", SLO.replace("name: web", "name: mail"));
    std::fs::write(folder.join("one.yaml"), two).unwrap();
    std::fs::write(folder.join("two.yml"), SLO).unwrap();
    std::fs::write(folder.join("README.md"), "# no objective").unwrap();
    let files = vec![folder, dir.path().join("missing.yaml")];
    let objectives = Objectives::new(&dir.path().join("data"), files);
    *objectives.held.write().unwrap() = Arc::new(objectives.load());
    // Whoever came first keeps its name; a file that is missing costs itself.
    assert_eq!(ids(&objectives), ["mail", "web"]);
    for refused in [
        objectives.replace(objective("web")),
        objectives.remove("web"),
    ] {
        let error = refused.unwrap_err();
        assert!(error.to_string().contains("one.yaml"), "{error}");
    }
}

/// Scrapes of 15 s from `from` to `to` minutes, so many requests a minute of which so many fail.
fn scrape(store: &Store, from: i64, to: i64, all: f64, bad: f64, start: (f64, f64)) -> (f64, f64) {
    let group = store.group("web");
    let id = |name: &str| {
        let labels = Labels::new([("__name__", name), ("job", "web")]).unwrap();
        store.resolve(group, &labels).unwrap()
    };
    let (total_id, bad_id) = (id("all_total"), id("bad_total"));
    let (mut total, mut failed) = start;
    for step in from * 4..to * 4 {
        store
            .append(group, at(step * 15), &[(total_id, total), (bad_id, failed)])
            .unwrap();
        total += all / 4.0;
        failed += bad / 4.0;
    }
    (total, failed)
}

/// Seconds after the first of January 2026.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000 + seconds * 1000)
}

const DAY: i64 = 24 * 60;

#[test]
fn the_past_of_a_month_with_gaps_and_resets_is_recorded_once() {
    let store = Store::in_memory();
    let objective = objective("web");
    let end = 4 * DAY;
    let counts = scrape(&store, 0, DAY, 60.0, 0.0, (1e6, 1e3));
    // An hour of failures, a gap of half a day, a new process that counts from zero.
    let counts = scrape(&store, DAY, DAY + 60, 60.0, 30.0, counts);
    scrape(&store, DAY + 60, 2 * DAY, 60.0, 0.0, counts);
    scrape(&store, 2 * DAY + 720, end, 60.0, 0.0, (0.0, 0.0));
    let now = at(end * 60);
    let cancel = CancellationToken::new();
    let record = |from: i64| {
        let (snapshot, window) = (store.snapshot(), diagnosis::objective::STEP);
        let start = at(from * 60);
        fill(&store, &snapshot, &objective, window, start, now, &cancel).unwrap()
    };
    let minutes = record(0);
    let measured = usize::try_from(end - 720).unwrap();
    assert!(minutes.abs_diff(measured) < 10, "{minutes} of {measured}");
    let snapshot = store.snapshot();
    let ledger = ledger(&snapshot, &objective, at(0), now).unwrap();
    let whole = Period {
        start: at(0),
        end: now,
    };
    let sums = ledger.sum(whole);
    assert!((sums.bad - 1800.0).abs() < 40.0, "{sums:?}");
    let expected = 60.0 * f64::from(sums.minutes);
    assert!((sums.total / expected - 1.0).abs() < 0.01, "{sums:?}");
    let standing = Standing::of(&objective, &ledger, now);
    // 30 days of 60 a minute allow 25,920 failures.
    let left = standing.budget.unwrap().left_ratio;
    assert!((left - (1.0 - 1800.0 / 25_920.0)).abs() < 0.01, "{left}");
    // A second time, and from the middle, nothing is counted twice.
    record(0);
    record(DAY);
    let again = super::ledger(&store.snapshot(), &objective, at(0), now).unwrap();
    assert_eq!(again.sum(whole), sums);
}

#[test]
fn the_past_goes_to_a_store_on_disk_and_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let now = at(10 * DAY * 60);
    let objective = objective("web");
    let open = || {
        Store::open(dir.path(), StoreOptions::default(), now)
            .unwrap()
            .0
    };
    let store = open();
    scrape(&store, 8 * DAY, 10 * DAY, 60.0, 3.0, (0.0, 0.0));
    store.maintain(now).unwrap();
    let cancel = CancellationToken::new();
    let window = diagnosis::objective::STEP;
    let from = at(8 * DAY * 60);
    let snapshot = store.snapshot();
    fill(&store, &snapshot, &objective, window, from, now, &cancel).unwrap();
    store.maintain(now).unwrap();
    let sums = |store: &Store| {
        let ledger = ledger(&store.snapshot(), &objective, from, now).unwrap();
        ledger.sum(Period {
            start: from,
            end: now,
        })
    };
    let before = sums(&store);
    assert!(
        (before.bad / before.total - 0.05).abs() < 0.001,
        "{before:?}"
    );
    store.close().unwrap();
    drop(store);
    assert_eq!(sums(&open()), before);
}

#[test]
fn a_window_holds_four_scrapes_and_no_less_than_a_minute() {
    for (scrape, expected) in [(5, 60), (15, 60), (16, 64), (60, 240)] {
        let window = window_of(Duration::from_secs(scrape));
        assert_eq!(window, Duration::from_secs(expected));
    }
}
