use proptest::prelude::*;

use super::*;
use crate::METRIC_NAME;

/// Series, value and timestamp of each sample, then `!line reason` of each rejected line.
fn check_format(body: &[u8], format: Format, expected: &[&str]) {
    let exposition = parse(body, format);
    let mut actual: Vec<String> = exposition
        .samples
        .iter()
        .map(|(labels, value, timestamp)| match timestamp {
            Some(timestamp) => format!("{labels} {value} @{}", timestamp.as_millis()),
            None => format!("{labels} {value}"),
        })
        .collect();
    actual.extend(
        exposition
            .rejected
            .iter()
            .map(|r| format!("!{} {}", r.line, r.reason)),
    );
    assert_eq!(actual, expected, "{}", String::from_utf8_lossy(body));
}

fn check(body: &str, expected: &[&str]) {
    check_format(body.as_bytes(), Format::Text, expected);
}

#[test]
fn a_sample_is_a_name_labels_a_value_and_perhaps_a_time() {
    check("up 1\n", &["up 1"]);
    check("up{} 1", &["up 1"]);
    check("up{job=\"a\",} 1 1500\n", &["up{job=\"a\"} 1 @1500"]);
    check(
        "  up\t{ job = \"a\" , x=\"y\" }  +Inf  ",
        &["up{job=\"a\", x=\"y\"} inf"],
    );
    check(
        "a{b=\"c d}e\\\"f\"} -2.5e3\r\n",
        &["a{b=\"c d}e\\\"f\"} -2500"],
    );
    check("a{b=\"\"} NaN", &["a NaN"]);
    check(
        "{\"my.metric\",\"a b\"=\"c\"} 3",
        &["{__name__=\"my.metric\", \"a b\"=\"c\"} 3"],
    );
}

#[test]
fn escapes_in_label_values_are_resolved() {
    let exposition = parse(b"a{b=\"x\\\\y\\n\\\"z\\q\"} 1", Format::Text);
    assert_eq!(exposition.samples[0].0.get("b"), Some("x\\y\n\"z\\q"));
}

#[test]
fn a_bad_line_costs_itself_only() {
    check(
        "ok 1\nbad\nok{a=\"b\" 2\nok 3\nok{a=\"b} 4\nok x\nok 1 x\nok 1 2 3\nok 4",
        &[
            "ok 1",
            "ok 3",
            "ok 4",
            "!2 a sample needs a value behind its name",
            "!3 the labels are not closed by }",
            "!5 a label value is not closed by a quote",
            "!6 \"x\" is not a number",
            "!7 \"x\" is not a timestamp",
            "!8 \"3\" does not belong behind a sample",
        ],
    );
    check_format(
        b"ok 1\nbad{a=\"\xff\"} 2\nok 3",
        Format::Text,
        &["ok 1", "ok 3", "!2 not valid UTF-8"],
    );
}

#[test]
fn names_and_labels_are_checked() {
    check(
        "1a 1",
        &["!1 \"1a\" is not a metric name; quote it if it is meant"],
    );
    check("{a=\"b\"} 1", &["!1 the sample has no metric name"]);
    check(
        "m{a-b=\"c\"} 1",
        &["!1 \"a-b\" is not a label name; quote it if it is meant"],
    );
    check("m{a=\"1\",a=\"2\"} 1", &["!1 label \"a\" stands twice"]);
    check(
        "m{__name__=\"n\"} 1",
        &["!1 label \"__name__\" stands twice"],
    );
    check("m{a=1} 1", &["!1 label \"a\" needs = and a quoted value"]);
    check(
        "m{a=\"1\"b=\"2\"} 1",
        &["!1 expected , or } before \"b=\\\"2\\\"\""],
    );
    check(
        "m{,} 1",
        &["!1 \",\" is not a label name; quote it if it is meant"],
    );
}

#[test]
fn openmetrics_has_seconds_exemplars_and_an_end() {
    check_format(
        b"# TYPE a counter\na_total{x=\"y\"} 5 1.5 # {trace_id=\"t\"} 0.5\n# EOF\nb 1\n",
        Format::OpenMetrics,
        &["a_total{x=\"y\"} 5 @1500"],
    );
    let exemplar = Lines::new(b"a_total 5 # {t=\"x\"} 1", Format::OpenMetrics).next();
    let Some(Line::Sample(sample)) = exemplar else {
        panic!("{exemplar:?}")
    };
    assert_eq!(sample.exemplar, Some("{t=\"x\"} 1"));
}

#[test]
fn families_say_type_help_and_unit() {
    let body = b"# HELP a_seconds Two\\nlines\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n\
                 # just a comment\n# TYPE b untyped\n# TYPE c rubbish\n";
    let exposition = parse(body, Format::OpenMetrics);
    assert_eq!(
        exposition.families,
        [
            MetricFamily {
                name: "a_seconds".to_owned(),
                kind: MetricType::Gauge,
                help: "Two\nlines".to_owned(),
                unit: "seconds".to_owned(),
            },
            MetricFamily {
                name: "b".to_owned(),
                kind: MetricType::Unknown,
                help: String::new(),
                unit: String::new(),
            },
        ]
    );
    assert_eq!(
        exposition.rejected[0].reason,
        Reason::BadType("rubbish".to_owned())
    );
}

#[test]
fn a_content_type_names_the_format() {
    for (content_type, format) in [
        ("text/plain; version=0.0.4", Format::Text),
        (
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::OpenMetrics,
        ),
        ("", Format::Text),
        ("text/html", Format::Text),
    ] {
        assert_eq!(
            Format::of_content_type(content_type),
            format,
            "{content_type}"
        );
    }
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        for format in [Format::Text, Format::OpenMetrics] {
            let _ = parse(&body, format);
        }
    }

    #[test]
    fn no_near_miss_makes_it_panic(body in "[a{}=\",\\\\ #0-9.\n\tTYPEHLé-]{0,80}") {
        for format in [Format::Text, Format::OpenMetrics] {
            let _ = parse(body.as_bytes(), format);
        }
    }

    #[test]
    fn what_is_written_is_read_back(
        pairs in proptest::collection::btree_map("[a-z]{1,5}", ".{1,8}", 0..4),
        value in any::<f64>(),
    ) {
        let escaped = |v: &str| v.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let inner: Vec<_> =
            pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let body = format!("m{{{}}} {}", inner.join(","), crate::format_float(value));
        let exposition = parse(body.as_bytes(), Format::Text);
        prop_assert_eq!(&exposition.rejected, &[]);
        let (labels, read, _) = &exposition.samples[0];
        prop_assert!(read.to_bits() == value.to_bits() || value.is_nan() && read.is_nan());
        let mut expected: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        expected.push((METRIC_NAME, "m"));
        prop_assert_eq!(labels, &Labels::new(expected).unwrap());
    }
}
