use proptest::prelude::*;

use super::*;

const HEAD: &str = "\
apiVersion: openslo/v1
kind: SLO
metadata: { name: web }
spec:
  service: shop
  indicator:
    spec:
      ratioMetric:
        counter: true
        bad: { metricSource: { type: Prometheus, spec: { query: 'e{job=\"a\"}' } } }
        total: { metricSource: { type: Prometheus, spec: { query: 't{job=\"a\"}' } } }
";

const WINDOW: &str = "  timeWindow: [{ duration: 28d, isRolling: true }]\n";
const METHOD: &str = "  budgetingMethod: Occurrences\n";
const OBJECTIVES: &str = "  objectives: [{ target: 0.99 }]\n";

/// One line for each objective and remark: `id target counting window floor`, `line? text` for
/// what is left out and `line! text` for what is refused.
fn shown(text: &str) -> String {
    let found = read_openslo(text, &zone);
    let objectives = found.objectives.iter().map(|objective| {
        let counting = match objective.counting {
            Counting::Requests => "requests".to_owned(),
            Counting::Minutes { good_from } => format!("minutes from {good_from}"),
        };
        format!(
            "{} {} of {} by {counting} in {}",
            objective.id,
            objective.target.ratio(),
            objective.entity,
            objective.window.words(),
        )
    });
    let remarks = found.remarks.iter().map(|remark| {
        let mark = if remark.refuses { '!' } else { '?' };
        format!("{}{mark} {}", remark.line, remark.text)
    });
    objectives.chain(remarks).collect::<Vec<_>>().join("\n")
}

fn check(text: &str, expected: &[&str]) {
    let found = shown(text);
    assert_eq!(found.lines().count(), expected.len(), "{text}\n{found}");
    for (line, expected) in found.lines().zip(expected) {
        assert!(line.contains(expected), "{text}\n{line}\n{expected}");
    }
}

fn with(window: &str, method: &str, objectives: &str) -> String {
    format!("{HEAD}{window}{method}{objectives}")
}

#[test]
fn a_document_becomes_an_objective() {
    let web = "web 0.99 of service/shop by requests in the last 28 days";
    check(&with(WINDOW, METHOD, OBJECTIVES), &[web]);
    // The window is optional in OpenSLO, and so is the method in older files.
    check(
        &with("", "", OBJECTIVES),
        &["in the last 30 days", "timeWindow is missing"],
    );
    check(
        &with(
            WINDOW,
            METHOD,
            "  objectives: [{ targetPercent: 99.95, displayName: x }]\n",
        ),
        &["web 0.9995 of"],
    );
    check(
        &with(
            WINDOW,
            "  budgetingMethod: Timeslices\n",
            "  objectives: [{ target: 0.9, timeSliceTarget: 0.8, timeSliceWindow: 1m }]\n",
        ),
        &["by minutes from 0.8"],
    );
    let berlin = "  timeWindow:\n  - duration: 1M\n    calendar: { startTime: 2022-01-01 00:00:00, \
                  timeZone: Europe/Berlin }\n    isRolling: false\n";
    check(&with(berlin, METHOD, OBJECTIVES), &["in this month"]);
    check(
        &with(
            WINDOW,
            METHOD,
            "  objectives: [{ target: 0.99 }, { target: 0.999 }]\n",
        ),
        &["web 0.99 of", "web-2 0.999 of"],
    );
}

#[test]
fn what_has_no_counterpart_is_told_with_its_line() {
    for (window, method, objectives, expected) in [
        (
            WINDOW,
            METHOD,
            "  objectives: []\n",
            "5! an SLO needs \"objectives\"",
        ),
        (
            WINDOW,
            METHOD,
            "  objectives: [{ target: 99 }]\n",
            "14! the target must lie between",
        ),
        (
            WINDOW,
            METHOD,
            "  objectives: [{ target: x }]\n",
            "14! the target must be a number",
        ),
        (
            WINDOW,
            METHOD,
            "  objectives: [{}]\n",
            "14! an objective needs target",
        ),
        (
            WINDOW,
            METHOD,
            "  objectives: [{ target: 0.9, targetPercent: 90 }]\n",
            "14! an objective has either",
        ),
        (
            WINDOW,
            "  budgetingMethod: RatioTimeslices\n",
            OBJECTIVES,
            "13! budgetingMethod \"RatioTimeslices\"",
        ),
        (
            WINDOW,
            "  budgetingMethod: Timeslices\n",
            "  objectives: [{ target: 0.9, timeSliceTarget: 0.9, timeSliceWindow: 5m }]\n",
            "14! timeSliceWindow must be 1m",
        ),
        (
            "  timeWindow: [{ duration: 1M, isRolling: true }]\n",
            METHOD,
            OBJECTIVES,
            "12! a rolling window of \"1M\"",
        ),
        (
            "  timeWindow: [{ duration: 1Y, calendar: {} }]\n",
            METHOD,
            OBJECTIVES,
            "12! a calendar window of \"1Y\"",
        ),
        (
            "  timeWindow: [{ duration: 1M, calendar: { timeZone: Middle/Earth } }]\n",
            METHOD,
            OBJECTIVES,
            "12! ",
        ),
        (
            "  timeWindow: []\n",
            METHOD,
            OBJECTIVES,
            "12! timeWindow is a list of exactly one",
        ),
    ] {
        check(&with(window, method, objectives), &[expected]);
    }
    let noon = "  timeWindow: [{ duration: 1w, calendar: { startTime: 2022-01-01 12:00:00, \
                timeZone: UTC } }]\n";
    check(
        &with(noon, METHOD, OBJECTIVES),
        &[
            "in this week",
            "12? startTime is left out: a week begins on Monday",
        ],
    );
    let more = "  alertPolicies: [{ alertPolicyRef: x }]\n  composite: 1\n";
    check(
        &with(WINDOW, METHOD, &format!("{OBJECTIVES}{more}")),
        &[
            "web 0.99",
            "15? alertPolicies are left out",
            "16? spec.composite is not known",
        ],
    );
}

#[test]
fn metrics_that_cannot_be_asked_are_refused() {
    let of = |metric: &str| {
        format!(
            "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{ name: web }}\nspec:\n  service: shop\n  \
             indicator:\n    spec:\n      {metric}\n{WINDOW}{METHOD}{OBJECTIVES}"
        )
    };
    let source = |kind: &str, query: &str| {
        format!("{{ metricSource: {{ type: {kind}, spec: {{ query: '{query}' }} }} }}")
    };
    let good = source("Prometheus", "t");
    for (metric, expected) in [
        (
            format!("ratioMetric: {{ good: {good} }}"),
            "8! a ratioMetric needs total",
        ),
        (
            format!("ratioMetric: {{ total: {good} }}"),
            "8! a ratioMetric needs good or bad",
        ),
        (
            format!("ratioMetric: {{ good: {good}, bad: {good}, total: {good} }}"),
            "8! a ratioMetric has either",
        ),
        (
            format!("ratioMetric: {{ raw: {good}, rawType: success }}"),
            "8! raw ratios are not read",
        ),
        (
            format!(
                "ratioMetric: {{ good: {}, total: {good} }}",
                source("Datadog", "sum:x")
            ),
            "8! a source of type \"datadog\"",
        ),
        (
            format!(
                "ratioMetric: {{ good: {}, total: {good} }}",
                source("Prometheus", "sum(")
            ),
            "8! the query cannot be parsed",
        ),
        (
            format!("ratioMetric: {{ good: {{}}, total: {good} }}"),
            "8! a metric needs metricSource",
        ),
        (
            format!("thresholdMetric: {good}"),
            "11! an objective of a thresholdMetric needs op",
        ),
        ("{}".to_owned(), "an indicator needs ratioMetric"),
    ] {
        check(&of(&metric), &[expected]);
    }
}

#[test]
fn documents_refer_to_each_other_and_cost_only_themselves() {
    let sli = "apiVersion: openslo/v1\nkind: SLI\nmetadata: { name: age }\nspec:\n  \
               thresholdMetric:\n    metricSource: { metricSourceRef: prom, spec: { query: age } }\n";
    let source = "apiVersion: openslo/v1\nkind: DataSource\nmetadata: { name: prom }\nspec: { type: \
                  Prometheus }\n";
    let slo = "apiVersion: openslo/v1\nkind: SLO\nmetadata: { name: queue }\nspec:\n  service: \
               jobs\n  indicatorRef: age\n  timeWindow: [{ duration: 4w, isRolling: true }]\n  \
               budgetingMethod: Timeslices\n  objectives: [{ target: 0.95, op: lte, value: 30, \
               timeSliceWindow: 1, timeSliceTarget: 1 }]\n";
    let queue = "queue 0.95 of service/jobs by minutes from 1 in the last 28 days";
    check(&format!("{slo}---\n{sli}---\n{source}"), &[queue]);
    let listed = |text: &str| format!("- {}", text.trim_end().replace('\n', "\n  "));
    check(&format!("{}\n{}\n", listed(sli), listed(slo)), &[queue]);
    check(slo, &["6! indicatorRef names \"age\""]);
    let policy = "apiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: { name: p }\n";
    check(
        &format!("{slo}---\n{sli}---\n{policy}"),
        &[queue, "? AlertPolicy is left out"],
    );
    check(
        &format!("{slo}---\n{sli}---\n{slo}"),
        &[queue, "! the name queue stands twice"],
    );
    check(
        &format!("{slo}---\n{sli}---\na: [\n"),
        &[queue, "! no YAML from here on"],
    );
    let old = "apiVersion: openslo/v1alpha\nkind: SLO\nmetadata: { name: old }\n";
    check(
        &format!("{old}---\n{slo}---\n{sli}"),
        &[queue, "1! apiVersion is"],
    );
    check("hello", &["1! an OpenSLO object is a set of fields"]);
    check("", &[]);
    check(
        "kind: SLO\napiVersion: openslo/v1\n",
        &["1! an SLO needs the field \"spec\""],
    );
}

#[test]
fn windows_of_other_tools_are_ours() {
    let text = with(WINDOW, METHOD, OBJECTIVES);
    for window in ["{{.window}}", "$__rate_interval", "${window}", "5m"] {
        let text = text.replace("e{job=\"a\"}", &format!("sum(rate(e[{window}]))"));
        let found = read_openslo(&text, &zone);
        assert_eq!(found.remarks, []);
        let (part, _) = found.objectives[0].indicator.events().unwrap();
        let expected = if window == "5m" {
            "sum(rate(e[5m]))"
        } else {
            "sum(rate(e[$w]))"
        };
        assert_eq!(part.query().text(), expected);
    }
}

fn check_round_trip(objective: &Objective) {
    let text = write_openslo([objective]);
    let found = read_openslo(&text, &zone);
    assert_eq!(found.remarks, [], "{text}");
    assert_eq!(found.objectives, std::slice::from_ref(objective), "{text}");
}

#[test]
fn what_is_written_reads_back() {
    let query = |text| EventQuery::new(text, true).unwrap();
    let hostile = "a: \"b\" # c\n- d\t{{ x }} 'e' \\ ä \u{2028}";
    check_round_trip(&objective(0.995));
    check_round_trip(&Objective {
        title: hostile.to_owned(),
        description: hostile.to_owned(),
        entity: EntityKey {
            scope: model::Labels::new([("service", hostile), ("namespace", "x")]).unwrap(),
            ..EntityKey::new("route", hostile)
        },
        indicator: Indicator::Latency {
            limit: 0.25,
            part: Part::Good(query("a_bucket{le=\"0.25\"}")),
            total: query("a_bucket{le=\"+Inf\"}"),
        },
        floor: 3.5,
        window: calendar(Calendar::Week, "America/New_York"),
        ..objective(0.99)
    });
    for unit in Calendar::ALL {
        check_round_trip(&Objective {
            window: calendar(unit, "UTC"),
            indicator: Indicator::Availability {
                part: Part::Bad(query("a")),
                total: query("b"),
            },
            ..by_minutes(0.9)
        });
    }
    for good in Comparison::ALL {
        check_round_trip(&Objective {
            indicator: Indicator::Threshold {
                query: ValueQuery::new("max(age) - min(age)").unwrap(),
                good,
                limit: -1.5e-7,
            },
            ..by_minutes(0.9)
        });
    }
    let two = write_openslo([
        &objective(0.9),
        &Objective {
            id: ObjectiveId::new("other").unwrap(),
            ..objective(0.8)
        },
    ]);
    assert_eq!(read_openslo(&two, &zone).objectives.len(), 2);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        cut in 0_usize..900,
        inserted in "[-a:&*<\\[\\]{}\"'|>#!$ \n\t0-9é]{0,30}",
    ) {
        let mut text = with(WINDOW, METHOD, OBJECTIVES);
        let at = cut.min(text.len());
        text.insert_str(at, &inserted);
        for objective in read_openslo(&text, &zone).objectives {
            objective.rule_group(STEP);
        }
    }
}
