//! Alerts in, notifications out, on a clock of the test's own.

use std::time::Duration;

use model::parse_duration;

use super::*;
use crate::notify::route::tests::route;
use crate::notify::{GroupBy, Route, SilenceWish, TimeRange, parse_matchers};

/// What a test varies; the rest is Alertmanager's defaults.
struct Scene {
    root: Route,
    inhibitions: Vec<Inhibition>,
    intervals: BTreeMap<String, Vec<TimeInterval>>,
    send_resolved: bool,
    silences: Silences,
    log: Vec<(LogKey, LogEntry)>,
}

fn scene() -> Scene {
    Scene {
        root: route("r", "", Vec::new()),
        inhibitions: Vec::new(),
        intervals: BTreeMap::new(),
        send_resolved: true,
        silences: Silences::default(),
        log: Vec::new(),
    }
}

fn millis(text: &str) -> i64 {
    i64::try_from(parse_duration(text).unwrap().as_millis()).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_millis(millis(text))
}

fn labels(text: &str) -> Labels {
    Labels::new(text.split(',').filter_map(|pair| pair.split_once('='))).unwrap()
}

/// An alert that begins, and ends if an end is given.
fn alert(text: &str, starts: &str, ends: Option<&str>, now: &str) -> Alert {
    Alert {
        labels: labels(text),
        annotations: Vec::new(),
        starts_at: at(starts),
        ends_at: ends.map_or(Timestamp::MAX, at),
        updated_at: at(now),
        is_timeout: ends.is_none(),
        generator_url: String::new(),
    }
}

impl Scene {
    fn policy(&self) -> Policy {
        let tree = RouteTree::new(self.root.clone());
        let receivers = tree.ids().map(|id| {
            let name = tree.get(id).receiver.clone();
            let plan = ReceiverPlan {
                integration: format!("{name}[0]"),
                send_resolved: self.send_resolved,
            };
            (name, vec![plan])
        });
        Policy {
            receivers: receivers.collect(),
            inhibitions: self.inhibitions.clone(),
            intervals: self.intervals.clone(),
            tree,
        }
    }

    /// Plays a script, one event a line: `TIME fire LABELS`, `TIME end LABELS`, `TIME nothing`.
    /// An alert starts when it is first said to fire.
    fn play(&self, script: &str) -> Vec<String> {
        let limits = SourceLimits {
            alerts_max: 4,
            told_max: 3,
        };
        let mut dispatcher = Dispatcher::new(self.policy(), limits, self.log.clone());
        let mut told = Vec::new();
        let mut started: HashMap<&str, &str> = HashMap::new();
        for line in script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let parts: Vec<&str> = line.split(' ').collect();
            let now = parts[0];
            self.run_until(&mut dispatcher, at(now), &mut told);
            match parts[1] {
                "fire" => {
                    let start = started.entry(parts[2]).or_insert(now);
                    let taken = dispatcher.take(alert(parts[2], start, None, now), at(now));
                    if taken == Taken::Full {
                        told.push(format!("{now} full"));
                    }
                }
                "end" => {
                    let start = started.remove(parts[2]).unwrap();
                    dispatcher.take(alert(parts[2], start, Some(now), now), at(now));
                }
                "restore" => {
                    let ended = alert(parts[2], parts[3], Some(parts[4]), parts[4]);
                    dispatcher.restore(ended, at(now));
                }
                "nothing" => {}
                other => panic!("{other}"),
            }
        }
        told
    }

    fn run_until(&self, dispatcher: &mut Dispatcher, end: Timestamp, told: &mut Vec<String>) {
        while let Some(due) = dispatcher.next_due().filter(|&due| due <= end) {
            for due in dispatcher.flush(due, &self.silences).due {
                told.push(show(&due));
            }
        }
    }
}

fn show(due: &Due) -> String {
    let notification = &due.notification;
    let name = |told: &Told| {
        let end = if told.is_firing() { "" } else { "!" };
        format!("{}{end}", told.labels.get("n").unwrap_or("?"))
    };
    let names: Vec<String> = notification.alerts.iter().map(name).collect();
    let at = model::format_duration(notification.at.since(Timestamp::from_millis(0)));
    let reason = notification.reason.name();
    let kept = if due.send { "" } else { " (kept)" };
    format!(
        "{at} {} {reason} {}{kept}",
        due.integration,
        names.join(" ")
    )
}

fn check(scene: &Scene, script: &str, expected: &[&str]) {
    assert_eq!(scene.play(script), expected, "{script}");
}

#[test]
fn a_group_waits_tells_changes_repeats_and_ends() {
    check(
        &scene(),
        "0 fire n=a
         10s fire n=b
         40s fire n=c
         6m end n=a
         12m nothing
         5h end n=b
         5h end n=c
         10h nothing",
        &[
            "30s r[0] new a b",
            "5m30s r[0] changed a b c",
            "10m30s r[0] changed b c a!",
            "4h10m30s r[0] repeat b c",
            "5h30s r[0] resolved b! c!",
        ],
    );
}

#[test]
fn what_is_over_within_the_wait_is_not_told() {
    check(&scene(), "0 fire n=a\n10s end n=a\n1h nothing", &[]);
}

#[test]
fn an_alert_that_comes_back_is_told_anew() {
    check(
        &scene(),
        "0 fire n=a\n1m end n=a\n10m fire n=a\n11m nothing",
        &[
            "30s r[0] new a",
            "5m30s r[0] resolved a!",
            "10m30s r[0] new a",
        ],
    );
}

#[test]
fn a_receiver_without_ends_is_not_sent_them_but_what_waits_knows() {
    let mut scene = scene();
    scene.send_resolved = false;
    check(
        &scene,
        "0 fire n=a\n0 fire n=b\n1m end n=a\n6m end n=b\n1h nothing",
        &["30s r[0] new a b", "10m30s r[0] resolved b! (kept)"],
    );
}

#[test]
fn labels_of_group_by_keep_messages_apart() {
    let mut scene = scene();
    scene.root.group_by = GroupBy::All;
    check(
        &scene,
        "0 fire n=a\n5s fire n=b\n1m nothing",
        &["30s r[0] new a", "35s r[0] new b"],
    );
}

#[test]
fn each_route_tells_its_receiver() {
    let mut scene = scene();
    let mut audit = route("audit", "n=~\"a|b\"", Vec::new());
    audit.continues = true;
    audit.group_wait = Duration::ZERO;
    scene.root.routes = vec![audit, route("db", "n=b", Vec::new())];
    check(
        &scene,
        "0 fire n=a\n0 fire n=b\n0 fire n=c\n1m nothing",
        &["0s audit[0] new a", "30s db[0] new b", "30s r[0] new c"],
    );
}

#[test]
fn an_old_alert_does_not_wait_again() {
    check(
        &scene(),
        "10m restore n=a 1m 20m\n11m nothing",
        &["10m r[0] new a"],
    );
}

#[test]
fn what_began_and_ended_while_we_were_down_is_told() {
    check(
        &scene(),
        "10m restore n=a 1m 5m\n11m nothing",
        &["10m r[0] missed a!"],
    );
    check(&scene(), "10m restore n=a 1m 1m10s\n11m nothing", &[]);
}

#[test]
fn what_was_told_before_a_restart_is_not_told_again() {
    let mut scene = scene();
    let key = LogKey {
        integration: "r[0]".into(),
        group_key: "{}:{}".into(),
    };
    let entry = |firing: &[&str], at_text: &str| LogEntry {
        firing: firing
            .iter()
            .map(|text| labels(text).fingerprint().0)
            .collect(),
        resolved: Vec::new(),
        at: at(at_text),
    };
    scene.log = vec![(key.clone(), entry(&["n=a"], "9m"))];
    let restored = "10m restore n=a 1m 20m";
    check(&scene, &format!("{restored}\n13m nothing"), &[]);
    // The end comes at the group's own pace.
    let all = ["24m r[0] resolved a!"];
    check(&scene, &format!("{restored}\n30m nothing"), &all);
    // What ended long before, when nothing was told as firing any more, stays told.
    scene.log = vec![(key, entry(&[], "6m"))];
    check(&scene, "10m restore n=a 1m 5m\n11m nothing", &[]);
}

#[test]
fn a_cause_keeps_its_consequence_quiet_until_it_ends() {
    let mut scene = scene();
    scene.root.group_by = GroupBy::All;
    scene.inhibitions = vec![Inhibition {
        source: parse_matchers("n=cause").unwrap(),
        target: parse_matchers("n=effect").unwrap(),
        equal: vec!["job".into()],
    }];
    check(
        &scene,
        "0 fire n=cause,job=x
         0 fire n=effect,job=x
         0 fire n=effect,job=y
         3m end n=cause,job=x
         20m nothing",
        &[
            "30s r[0] new cause",
            "30s r[0] new effect",
            "5m30s r[0] resolved cause!",
            "5m30s r[0] new effect",
        ],
    );
}

#[test]
fn a_silence_keeps_quiet_until_it_ends() {
    let mut scene = scene();
    let wish = SilenceWish {
        id: None,
        matchers: parse_matchers("n=a").unwrap(),
        starts_at: at("0"),
        ends_at: at("7m"),
        created_by: String::new(),
        comment: String::new(),
    };
    let made = Silences::default().wish(wish, "s", at("0")).unwrap();
    scene.silences = Silences::new(made);
    check(
        &scene,
        "0 fire n=a\n0 fire n=b\n12m nothing",
        &["30s r[0] new b", "10m30s r[0] changed a b"],
    );
}

#[test]
fn time_intervals_keep_quiet() {
    let mut early = TimeInterval::default();
    early.add_time(TimeRange::parse("00:00", "00:07").unwrap());
    let mut muted = scene();
    muted.intervals.insert("early".into(), vec![early]);
    muted.root.mute_in = vec!["early".into()];
    check(&muted, "0 fire n=a\n15m nothing", &["10m30s r[0] new a"]);
    muted.root.active_in = std::mem::take(&mut muted.root.mute_in);
    check(&muted, "0 fire n=a\n15m nothing", &["30s r[0] new a"]);
    check(&muted, "8m fire n=a\n15m nothing", &[]);
}

#[test]
fn no_more_alerts_are_held_than_may_be() {
    let script = "0 fire n=a\n0 fire n=b\n0 fire n=c\n0 fire n=d\n0 fire n=e\n1m nothing";
    check(&scene(), script, &["0 full", "30s r[0] new a b c"]);
}

#[test]
fn twelve_hours_of_flapping_stay_within_the_group_interval() {
    let mut script = String::new();
    for minute in 0..12 * 60 {
        let what = if minute % 2 == 0 { "fire" } else { "end" };
        script.push_str(&format!("{minute}m {what} n=a\n"));
    }
    let told = scene().play(&script);
    assert!(
        told.len() <= 12 * 60 / 5 * 2 && told.len() > 10,
        "{}",
        told.len()
    );
}

#[test]
fn a_new_policy_regroups_and_keeps_what_was_told() {
    let first = scene();
    let limits = SourceLimits {
        alerts_max: 9,
        told_max: 9,
    };
    let mut dispatcher = Dispatcher::new(first.policy(), limits, []);
    dispatcher.take(alert("n=a", "0", None, "0"), at("0"));
    let mut told = Vec::new();
    first.run_until(&mut dispatcher, at("1m"), &mut told);
    dispatcher.set_policy(first.policy(), at("1m"));
    first.run_until(&mut dispatcher, at("1h"), &mut told);
    assert_eq!(told, ["30s r[0] new a"]);
    let mut other = scene();
    other.root.receiver = "q".into();
    dispatcher.set_policy(other.policy(), at("1h"));
    other.run_until(&mut dispatcher, at("2h"), &mut told);
    assert_eq!(told[1..], ["1h q[0] new a"]);
    let states = dispatcher.alerts(at("2h"), &Silences::default());
    assert_eq!(
        (states.len(), states[0].receivers.as_slice()),
        (1, &["q".to_owned()][..])
    );
    assert_eq!(dispatcher.groups()[0].key, "{}:{}");
    assert_eq!(dispatcher.forget_log(at("2h")).len(), 0);
}
