use super::*;

/// Minutes as `bad/total*count` one after the other; `_*count` is a gap. The last one is now.
fn ledger(script: &str) -> (Ledger, Timestamp) {
    let mut minutes = Vec::new();
    let mut at = 0;
    for word in script.split_whitespace() {
        let (what, count) = word.split_once('*').unwrap_or((word, "1"));
        for _ in 0..count.parse::<i64>().unwrap() {
            at += 1;
            if let Some((bad, total)) = what.split_once('/') {
                minutes.push(Minute {
                    at: at_minute(at),
                    bad: bad.parse().unwrap(),
                    total: total.parse().unwrap(),
                });
            }
        }
    }
    (Ledger::new(minutes), at_minute(at))
}

/// The alerts that burn, each with how many minutes ago it began.
fn burning(objective: &Objective, script: &str) -> String {
    let (ledger, now) = ledger(script);
    let standing = Standing::of(objective, &ledger, now);
    let alerts = standing.alerts.iter().filter_map(|alert| {
        let ago = now.since(alert.since?).as_secs() / 60;
        Some(format!("{}@-{ago}", alert.policy.name))
    });
    alerts.collect::<Vec<_>>().join(" ")
}

fn check_burning(objective: &Objective, script: &str, expected: &str) {
    assert_eq!(burning(objective, script), expected, "{script}");
}

/// The worked table by minutes: how many bad minutes a day are allowed, and how many within an
/// hour are too many.
#[test]
fn bad_minutes_burn_as_in_the_worked_table() {
    for (target, tolerated) in [(0.9965, 3), (0.9583, 36)] {
        let objective = by_minutes(target);
        // The newest minutes are the bad ones, so that the short window always burns.
        let script = |bad: usize| format!("0/1*4400 1/1*{bad}");
        check_burning(&objective, &script(tolerated), "");
        let found = burning(&objective, &script(tolerated + 1));
        assert!(found.starts_with("fast@-0"), "{target}: {found}");
    }
    // Of the last five minutes it takes one for the first target and four for the second.
    check_burning(&by_minutes(0.9965), "0/1*4400 1/1*4 0/1*4", "fast@-4");
    check_burning(&by_minutes(0.9965), "0/1*4400 1/1*4 0/1*5", "");
    check_burning(&by_minutes(0.9583), "0/1*4400 1/1*40 0/1*1", "fast@-4");
    check_burning(&by_minutes(0.9583), "0/1*4400 1/1*40 0/1*2", "");
}

#[test]
fn a_burn_begins_and_ends_at_the_minute() {
    // 30 % of the requests fail, 1 % may: of an hour it takes 29 minutes, 8.7 of 60 percent.
    let objective = objective(0.99);
    check_burning(&objective, "0/100*4320 30/100*28", "");
    check_burning(&objective, "0/100*4320 30/100*29", "fast@-0");
    check_burning(&objective, "0/100*4320 30/100*40", "fast@-11");
    // Over: 14.4 % of five minutes are 72, so with two bad minutes left it is no more.
    check_burning(&objective, "0/100*4320 30/100*40 0/100*2", "fast@-13");
    check_burning(&objective, "0/100*4320 30/100*40 0/100*3", "");
    // 6 % over six hours and half an hour.
    check_burning(&objective, "0/100*4320 7/100*308", "");
    check_burning(&objective, "0/100*4320 7/100*309", "slow@-0");
    // 1 % over three days and six hours.
    check_burning(&objective, "0/100*4320 2/100*2160", "");
    check_burning(&objective, "0/100*4320 2/100*2161", "steady@-0");
}

#[test]
fn few_events_are_no_burn() {
    let objective = objective(0.99);
    check_burning(&objective, "0/1*4320 1/1*10", "");
    check_burning(&objective, "0/1*4320 1/1*11", "fast@-0");
    check_burning(&by_minutes(0.999), "0/1*4320 1/1", "");
}

#[test]
fn the_first_minutes_do_not_speak_for_days() {
    let objective = objective(0.999);
    // An hour at twice the budget is no three days of it, and no six hours of six times as much.
    check_burning(&objective, "2/1000*60", "");
    check_burning(&objective, "50/1000*6", "");
    // All fails from the start: that is a fast burn whatever was before.
    check_burning(&objective, "1000/1000*2", "fast@-1");
    // After a gap likewise.
    check_burning(&objective, "0/1000*4000 _*2000 2/1000*60", "");
}

/// State and sentence.
fn check(objective: &Objective, script: &str, expected: &str) {
    let (ledger, now) = ledger(script);
    let standing = Standing::of(objective, &ledger, now);
    let shown = format!("{}: {}", standing.state.name(), standing.sentence);
    assert_eq!(shown, expected, "{script}");
}

#[test]
fn it_says_how_it_stands_in_one_sentence() {
    let objective = objective(0.99);
    check(&objective, "", "unknown: Nothing was measured yet.");
    check(
        &objective,
        "0/100*4",
        "unknown: Measured for less than five minutes: too early to say.",
    );
    check(
        &objective,
        "0/0*100",
        "unknown: Nothing happened that could be counted.",
    );
    check(
        &objective,
        "0/100*43200",
        "good: 100 % of the error budget is left.",
    );
    check(
        &objective,
        "0/100*21600 1/100*21600",
        "good: 50 % of the error budget is left.",
    );
    check(
        &objective,
        "0/100*43200 30/100*40",
        "critical: Burns 20.0 times as fast as it may over 1h.",
    );
    check(
        &objective,
        "2/100*30000 0/100*13200",
        "critical: Missed: 98.61 % were good, 99 % should be.",
    );
    check(
        &objective,
        "0/100*1440",
        "good: 100 % of the error budget is left. Measured are 24 h of 30 d.",
    );
    check(
        &objective,
        "0/100*43000 _*200",
        "unknown: 100 % of the error budget is left.",
    );
    // Three failures of four are no miss: too few.
    check(
        &objective,
        "0/0*43190 3/4 0/0*9",
        "good: 0 % of the error budget is left.",
    );
}

/// The budget's left share in percent, and since which minute it is missed.
fn check_budget(objective: &Objective, script: &str, left: f64, missed_at: Option<i64>) {
    let (ledger, now) = ledger(script);
    let standing = Standing::of(objective, &ledger, now);
    let budget = standing.budget.unwrap();
    assert!(
        (budget.left_ratio * 100.0 - left).abs() < 0.01,
        "{script}: {} % left, not {left}",
        budget.left_ratio * 100.0
    );
    let missed = standing.since.filter(|_| budget.left() < 0.0);
    assert_eq!(missed, missed_at.map(at_minute), "{script}");
    let line = standing.burn_down(&ledger, 10);
    assert_eq!(line.len(), 11);
    assert_eq!(line[0].1, 1.0);
    assert!((line[10].1 - budget.left_ratio).abs() < 1e-9);
    assert!(line.is_sorted_by(|a, b| a.1 >= b.1), "{line:?}");
}

#[test]
fn the_budget_of_a_rolling_window_comes_back_as_time_goes_by() {
    let objective = objective(0.99);
    // 43,200 minutes of 100 requests allow 43,200 failures.
    check_budget(&objective, "50/100*432 0/100*42768", 50.0, None);
    check_budget(&objective, "50/100*864 0/100*42336", 0.0, None);
    check_budget(&objective, "50/100*865 0/100*42335", -0.116, Some(865));
    // The bad hours have left the window.
    check_budget(&objective, "50/100*864 0/100*43200", 100.0, None);
    // A gap and a young history: what was not measured counts as good.
    check_budget(
        &objective,
        "0/100*1000 _*20000 50/100*432 0/100*8",
        50.0,
        None,
    );
    check_budget(&objective, "100/100*10 0/100*50", 97.685, None);
}

#[test]
fn the_budget_of_a_calendar_window_is_that_of_the_whole_period() {
    let month = Objective {
        window: calendar(Calendar::Month, "UTC"),
        ..objective(0.99)
    };
    // January has 44,640 minutes; ten days of it went by.
    check_budget(&month, "0/100*14000 100/100*223 0/100*177", 50.04, None);
    check_budget(
        &month,
        "0/100*14000 100/100*447 0/100*1",
        -0.134,
        Some(14447),
    );
    // February begins with a whole budget again.
    check_budget(&month, "100/100*500 0/100*44150", 100.0, None);
}

#[test]
fn the_budget_is_told_in_events_and_in_time() {
    let (ledger, now) = ledger("0/100*43140 30/100*60");
    let standing = Standing::of(&objective(0.99), &ledger, now);
    let budget = standing.budget.unwrap();
    assert_eq!((budget.events.round(), budget.spent), (43_200.0, 1_800.0));
    assert_eq!(budget.time, Duration::from_secs(432 * 60));
    // 30 times as fast as it may: the rest of 30 days lasts less than one.
    let hours = budget.exhausted_in.unwrap().as_secs_f64() / 3600.0;
    assert!((hours - 23.0).abs() < 0.1, "{hours}");
    let rates: Vec<_> = standing
        .burns
        .iter()
        .map(|burn| burn.rate.unwrap())
        .collect();
    for (found, expected) in rates.iter().zip([30.0, 30.0, 30.0, 5.0, 0.4167]) {
        assert!((found - expected).abs() < 0.001, "{rates:?}");
    }
}
