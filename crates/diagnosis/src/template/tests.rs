//! The tables were written by promtool 2.42: a rule with these annotations, tested on these values.

use proptest::prelude::*;

use super::*;

fn check(template: &str, value: f64, expected: &str) {
    let labels = Labels::new([("job", "a"), ("instance", "h:80")]).unwrap();
    let data = TemplateData {
        labels: &labels,
        external_labels: &Labels::new([("site", "b")]).unwrap(),
        value,
    };
    assert_eq!(expand(template, &data).0, expected, "{template} of {value}");
}

#[test]
fn numbers_read_as_promtool_writes_them() {
    #[rustfmt::skip]
    let table = [
        // value, plain, humanize, humanize1024, humanizePercentage
        (0.0, "0", "0", "0", "0%"),
        (1.0, "1", "1", "1", "100%"),
        (0.24, "0.24", "240m", "0.24", "24%"),
        (1000000.0, "1e+06", "1M", "976.6ki", "1e+08%"),
        (1e+20, "1e+20", "100E", "86.74Ei", "1e+22%"),
        (1e+21, "1e+21", "1Z", "867.4Ei", "1e+23%"),
        (1e+22, "1e+22", "10Z", "8.47Zi", "1e+24%"),
        (123456789.0, "1.23456789e+08", "123.5M", "117.7Mi", "1.235e+10%"),
        (1e-05, "1e-05", "10u", "1e-05", "0.001%"),
        (0.0001, "0.0001", "100u", "0.0001", "0.01%"),
        (1234.5678, "1234.5678", "1.235k", "1.206ki", "1.235e+05%"),
        (-90061.0, "-90061", "-90.06k", "-87.95ki", "-9.006e+06%"),
        (90061.0, "90061", "90.06k", "87.95ki", "9.006e+06%"),
        (3661.0, "3661", "3.661k", "3.575ki", "3.661e+05%"),
        (59.5, "59.5", "59.5", "59.5", "5950%"),
        (0.001234, "0.001234", "1.234m", "0.001234", "0.1234%"),
        (1000000000.0, "1e+09", "1G", "953.7Mi", "1e+11%"),
        (1e-09, "1e-09", "1n", "1e-09", "1e-07%"),
        (1536.0, "1536", "1.536k", "1.5ki", "1.536e+05%"),
        (1099511627776.0, "1.099511627776e+12", "1.1T", "1Ti", "1.1e+14%"),
        (f64::NAN, "NaN", "NaN", "NaN", "NaN%"),
        (f64::INFINITY, "+Inf", "+Inf", "+Inf", "+Inf%"),
        (f64::NEG_INFINITY, "-Inf", "-Inf", "-Inf", "-Inf%"),
        (1700000000.0, "1.7e+09", "1.7G", "1.583Gi", "1.7e+11%"),
        (1700000000.5, "1.7000000005e+09", "1.7G", "1.583Gi", "1.7e+11%"),
        (1.2345678901234567e+19, "1.2345678901234567e+19", "12.35E", "10.71Ei", "1.235e+21%"),
        (999.99, "999.99", "1000", "1000", "1e+05%"),
        (999999.0, "999999", "1000k", "976.6ki", "1e+08%"),
    ];
    for (value, plain, humanized, binary, percentage) in table {
        check("{{ $value }}", value, plain);
        check("{{ humanize $value }}", value, humanized);
        check("{{ .Value | humanize1024 }}", value, binary);
        check("{{ $value | humanizePercentage }}", value, percentage);
    }
}

#[test]
fn durations_and_moments_read_as_promtool_writes_them() {
    #[rustfmt::skip]
    let table = [
        // value, humanizeDuration, humanizeTimestamp
        (0.0, "0s", "1970-01-01 00:00:00 +0000 UTC"),
        (1.0, "1s", "1970-01-01 00:00:01 +0000 UTC"),
        (0.24, "240ms", "1970-01-01 00:00:00.24 +0000 UTC"),
        (1000000.0, "11d 13h 46m 40s", "1970-01-12 13:46:40 +0000 UTC"),
        (123456789.0, "1428d 21h 33m 9s", "1973-11-29 21:33:09 +0000 UTC"),
        (1e-05, "10us", "1970-01-01 00:00:00 +0000 UTC"),
        (0.0001, "100us", "1970-01-01 00:00:00 +0000 UTC"),
        (1234.5678, "20m 34s", "1970-01-01 00:20:34.567 +0000 UTC"),
        (-90061.0, "-1d 1h 1m 1s", "1969-12-30 22:58:59 +0000 UTC"),
        (90061.0, "1d 1h 1m 1s", "1970-01-02 01:01:01 +0000 UTC"),
        (3661.0, "1h 1m 1s", "1970-01-01 01:01:01 +0000 UTC"),
        (59.5, "59.5s", "1970-01-01 00:00:59.5 +0000 UTC"),
        (0.001234, "1.234ms", "1970-01-01 00:00:00.001 +0000 UTC"),
        (1000000000.0, "11574d 1h 46m 40s", "2001-09-09 01:46:40 +0000 UTC"),
        (1e-09, "1ns", "1970-01-01 00:00:00 +0000 UTC"),
        (1536.0, "25m 36s", "1970-01-01 00:25:36 +0000 UTC"),
        (f64::NAN, "NaN", "NaN"),
        (f64::INFINITY, "+Inf", "+Inf"),
        (f64::NEG_INFINITY, "-Inf", "-Inf"),
        (1700000000.0, "19675d 22h 13m 20s", "2023-11-14 22:13:20 +0000 UTC"),
        (1700000000.5, "19675d 22h 13m 20s", "2023-11-14 22:13:20.5 +0000 UTC"),
        (999.99, "16m 39s", "1970-01-01 00:16:39.99 +0000 UTC"),
        (999999.0, "11d 13h 46m 39s", "1970-01-12 13:46:39 +0000 UTC"),
    ];
    for (value, duration, timestamp) in table {
        check("{{ $value | humanizeDuration }}", value, duration);
        check("{{ $value | humanizeTimestamp }}", value, timestamp);
    }
    let expected = "<error expanding template: humanizeTimestamp cannot take 1e+20>";
    check("{{ $value | humanizeTimestamp }}", 1e20, expected);
}

#[test]
fn printf_knows_the_common_verbs() {
    let template = r#"{{ printf "%.2f|%5.1f|%-6.1f|%e|%g|%v|%d|%s|%q" $value $value $value $value $value $value $value "a" "b" }}"#;
    for (value, expected) in [
        (
            0.0,
            r#"0.00|  0.0|0.0   |0.000000e+00|0|0|%!d(float64=0)|a|"b""#,
        ),
        (
            1e6,
            r#"1000000.00|1000000.0|1000000.0|1.000000e+06|1e+06|1e+06|%!d(float64=1e+06)|a|"b""#,
        ),
        (
            59.5,
            r#"59.50| 59.5|59.5  |5.950000e+01|59.5|59.5|%!d(float64=59.5)|a|"b""#,
        ),
        (
            f64::NAN,
            r#"NaN|  NaN|NaN   |NaN|NaN|NaN|%!d(float64=NaN)|a|"b""#,
        ),
    ] {
        check(template, value, expected);
    }
    check(
        r#"{{ printf "%06.2f %+.1f %% %t" -1.5 2.0 true }}"#,
        0.0,
        "-01.50 +2.0 % true",
    );
    check(
        r#"{{ printf "%s" }}{{ printf "x" 1 }}"#,
        0.0,
        "%!s(MISSING)x%!(EXTRA float64=1)",
    );
    check(
        r#"{{ printf "%999999999s" "a" | print | len }}"#,
        0.0,
        r#"<error expanding template: function "len" not defined>"#,
    );
}

#[test]
fn labels_are_read_and_absent_ones_are_empty() {
    check(
        "{{ $labels.job }}|{{ .Labels.instance }}|{{ $labels.nope }}",
        1.0,
        "a|h:80|",
    );
    check("{{ $externalLabels.site }}", 1.0, "b");
    check("{{ $labels.instance | stripPort | toUpper }}", 1.0, "H");
    check(
        "{{ \"hello world\" | title }} {{ $labels.job | toUpper | printf \"%s!\" }}",
        1.0,
        "Hello World A!",
    );
    check("{{ $labels }}", 1.0, "map[instance:h:80 job:a]");
}

#[test]
fn conditions_choose_a_branch() {
    let template =
        r#"{{ if eq $labels.job "b" }}b{{ else if gt $value 5.0 }}big{{ else }}no{{ end }}"#;
    check(template, 6.0, "big");
    check(template, 5.0, "no");
    check(
        r#"{{ if and $labels.nope (gt $value 1.0) }}x{{ end }}y"#,
        6.0,
        "y",
    );
    check(r#"{{ if or $labels.nope "z" }}x{{ end }}"#, 6.0, "x");
    check(
        r#"{{ if not (eq $labels.job "a" "b") }}x{{else}}{{if true}}in{{end}}{{ end }}"#,
        6.0,
        "in",
    );
}

#[test]
fn white_space_is_trimmed_where_asked() {
    check("a {{- $value -}} b", 1.0, "a1b");
    check("a {{ -1.0 }} b", 1.0, "a -1 b");
    check("{{/* }} */}}x{{ \"}}\" }}", 1.0, "x}}");
}

#[test]
fn what_is_not_known_is_told_in_the_text() {
    for (template, error) in [
        (
            "{{ query \"up\" }}",
            "\"query\" is not supported in alert templates yet",
        ),
        (
            "{{ range $labels }}{{ end }}",
            "\"range\" is not supported in alert templates yet",
        ),
        (
            "{{ $x := 1 }}",
            "\"variables of one's own\" is not supported in alert templates yet",
        ),
        ("{{ nope $value }}", "function \"nope\" not defined"),
        ("{{ $nope }}", "undefined variable \"$nope\""),
        ("{{ .Nope }}", "can't evaluate field Nope of the alert"),
        ("{{ $value", "unclosed action at byte 2"),
        ("{{ if true }}", "an if without end at byte 13"),
        ("{{ end }}", "else or end without if at byte 2"),
        ("{{ \"a\" | humanize }}", "humanize cannot take a"),
        ("{{ }}", "missing value for command at byte 2"),
    ] {
        check(
            template,
            1.0,
            &format!("<error expanding template: {error}>"),
        );
    }
}

#[test]
fn labels_are_never_read_as_templates() {
    let labels = Labels::new([("job", "{{ $value }}${x}")]).unwrap();
    let data = TemplateData {
        labels: &labels,
        external_labels: &Labels::empty(),
        value: 1.0,
    };
    assert_eq!(expand("{{ $labels.job }}", &data).0, "{{ $value }}${x}");
}

proptest! {
    #[test]
    fn no_template_makes_the_expander_panic(text in r#"(\{\{|\}\}|if|end|else|\$value|[ -~\n]|é|printf "%[0-9.a-z]*"){0,30}"#) {
        let labels = Labels::empty();
        let data = TemplateData { labels: &labels, external_labels: &labels, value: 1.5 };
        let (expanded, _) = expand(&text, &data);
        prop_assert!(expanded.len() <= text.len() * 2 + EXPANDED_BYTES_MAX);
    }
}
