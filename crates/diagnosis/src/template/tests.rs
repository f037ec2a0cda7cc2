//! The tables were written by promtool 2.42: a rule with these annotations, tested on these values.

use proptest::prelude::*;

use super::*;

fn check(template: &str, value: f64, expected: &str) {
    let labels = Labels::new([("job", "a"), ("instance", "h:80")]).unwrap();
    let external_labels = Labels::new([("site", "b")]).unwrap();
    let data = TemplateData::new(&labels, &external_labels, value);
    assert_eq!(expand(template, &data).0, expected, "{template} of {value}");
}

/// An alert of `x{i="a"}` with the value 7.5; `query` finds it and `x{i="b"}` with 2,000.
fn check_alert(template: &str, expected: &str) {
    let sample = |i: &str, value| TemplateSample {
        labels: Labels::new([("__name__", "x"), ("i", i)]).unwrap(),
        value,
    };
    let query = |expr: &str| match expr {
        "x" => Ok(vec![sample("b", 2000.0), sample("a", 7.5)]),
        "x{i=\"b\"}" => Ok(vec![sample("b", 2000.0)]),
        "nope" => Ok(Vec::new()),
        other => Err(format!("cannot evaluate {other}")),
    };
    let labels = sample("a", 7.5).labels;
    let external_labels = Labels::new([("site", "s")]).unwrap();
    let data = TemplateData {
        external_url: "http://h:1/p/q",
        query: Some(&query),
        ..TemplateData::new(&labels, &external_labels, 7.5)
    };
    assert_eq!(expand(template, &data).0, expected, "{template}");
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
        "%!s(MISSING)x%!(EXTRA int=1)",
    );
    check(
        r#"{{ printf "%999999999s" "a" | print | len }}"#,
        0.0,
        "1024",
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
        "{{ \"hello wide-open o'clock a_b\" | title }} {{ $labels.job | toUpper | printf \"%s!\" }}",
        1.0,
        "Hello Wide-Open O'clock A_b A!",
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
fn query_results_are_looped_over_and_picked_apart() {
    for (template, expected) in [
        (
            r#"{{ range query "x" | sortByLabel "i" }}{{ .Labels.i }}={{ .Value }};{{ end }}"#,
            "a=7.5;b=2000;",
        ),
        (
            r#"{{ range $i, $s := query "x" | sortByLabel "i" }}{{ $i }}:{{ $s.Labels.i }} {{ end }}"#,
            "0:a 1:b ",
        ),
        (
            r#"{{ with query "x{i=\"b\"}" }}{{ . | first | value | humanize }}{{ end }}"#,
            "2k",
        ),
        (
            r#"{{ with query "nope" }}yes{{ else }}none{{ end }}"#,
            "none",
        ),
        (
            r#"{{ query "x" | first | label "i" }}|{{ (query "x" | sortByLabel "i" | first).Labels.i }}"#,
            "b|a",
        ),
        (
            r#"{{ range query "x" }}{{ if eq .Labels.i "b" }}{{ continue }}{{ end }}{{ .Labels.i }}{{ break }}{{ end }}"#,
            "a",
        ),
        (r#"{{ query "x" | len }} {{ args "a" | len }}"#, "2 1"),
        (
            r#"{{ range query "nope" }}x{{ else }}nothing{{ end }}"#,
            "nothing",
        ),
        (
            "{{ range $k, $v := $labels }}{{ $k }}={{ $v }},{{ end }}",
            "__name__=x,i=a,",
        ),
        ("{{ range $i := 3 }}{{ $i }}{{ end }}", "012"),
    ] {
        check_alert(template, expected);
    }
}

#[test]
fn variables_and_named_templates_have_gos_scopes() {
    for (template, expected) in [
        (
            "{{ $a := 1 }}{{ if true }}{{ $a = 2 }}{{ $b := 3 }}{{ $b }}{{ end }}{{ $a }}",
            "32",
        ),
        (
            "{{ $a := 1 }}{{ if true }}{{ $a := 2 }}{{ $a }}{{ end }}{{ $a }}",
            "21",
        ),
        (
            r#"{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" $labels.i }}{{ template "t" }}"#,
            "<a><<no value>>",
        ),
        (
            r#"{{ define "t" }}{{ .arg0 }}-{{ .arg1 }}-{{ .arg2 }}{{ end }}{{ template "t" (args "a" 2) }}"#,
            "a-2-<no value>",
        ),
        (r#"{{ block "b" . }}[{{ .Value }}]{{ end }}"#, "[7.5]"),
        (r#"{{ with $x := "v" }}{{ $x }}{{ . }}{{ end }}"#, "vv"),
        (
            r#"{{ with $labels.nope }}x{{ else with $labels.i }}{{ . }}{{ end }}"#,
            "a",
        ),
    ] {
        check_alert(template, expected);
    }
}

#[test]
fn functions_answer_as_promtool_does() {
    for (template, expected) in [
        (
            r#"{{ reReplaceAll "(.*)-(\\d+)" "$2:${1}" "web-12" }} {{ match "^a.*z$" "abz" }}"#,
            "12:web true",
        ),
        (
            r#"{{ "web.example.com:80" | stripDomain }} {{ "10.0.0.1:80" | stripDomain }} {{ "a.b" | stripDomain }} {{ "[::1]:9" | stripPort }}"#,
            "web:80 10.0.0.1:80 a ::1",
        ),
        (
            r#"{{ $value | toTime }} {{ ($value | toTime).Year }} {{ (1.5 | toTime).Format "2006-01-02T15:04:05Z07:00" }}"#,
            "1970-01-01 00:00:07.5 +0000 UTC 1970 1970-01-01T00:00:01Z",
        ),
        (
            r#"{{ parseDuration "1h30m" }} {{ parseDuration "5m" | humanizeDuration }}"#,
            "5400 5m 0s",
        ),
        (
            "{{ externalURL }} {{ pathPrefix }} {{ $externalURL }}",
            "http://h:1/p/q /p/q http://h:1/p/q",
        ),
        (
            r#"{{ graphLink "up{a=\"b\"}" }} {{ tableLink "sum(x) > 1" }}"#,
            "/graph?g0.expr=up%7Ba%3D%22b%22%7D&g0.tab=0 /graph?g0.expr=sum%28x%29+%3E+1&g0.tab=1",
        ),
        (
            r#"{{ len $labels }} {{ index $labels "i" }} {{ len "abc" }} {{ slice "abcdef" 1 3 }}"#,
            "2 a 3 bc",
        ),
        (
            r#"{{ eq 1 1 }} {{ ne "a" "b" }} {{ and 1 0 }} {{ or 0 "x" }} {{ not true }}"#,
            "true true 0 x false",
        ),
        (
            r#"{{ printf "%d %5d|%-5d|%05d %x %c %q %T" 3 4 5 6 255 65 "q" 1.5 }}"#,
            r#"3     4|5    |00006 ff A "q" float64"#,
        ),
        (
            r#"{{ print 1 2 "a" 3 }} {{ println "a" 1 }}"#,
            "1 2a3 a 1\n",
        ),
        (
            r#"{{ html "<a>&" }} {{ urlquery "a b&c" }} {{ js "it's <b>" }}"#,
            r"&lt;a&gt;&amp; a+b%26c it\'s \u003Cb\u003E",
        ),
        (
            "{{ .Labels.i }} {{ .ExternalLabels.site }} {{ .ExternalURL }} {{ .Value }}",
            "a s http://h:1/p/q 7.5",
        ),
        (
            "{{ . }}",
            "{map[__name__:x i:a] map[site:s] http://h:1/p/q 7.5}",
        ),
        (
            r#"{{ "a" | printf "%s-%s" "b" }} {{ $value | printf "%.1f" }}"#,
            "b-a 7.5",
        ),
        (
            r#"{{ humanize "1234.5" }} {{ humanizePercentage "0.5" }} {{ humanize 5 }}"#,
            "1.234k 50% 5",
        ),
        (
            r#"{{ $labels.nope }}|{{ (args "a").nope }}|"#,
            "|<no value>|",
        ),
        (
            "{{ true }} {{ 1.0 }} {{ 10000000 }} {{ 1e21 }} {{ 123456789.5 }} {{ 'a' }} {{ 0x10 }}",
            "true 1 10000000 1e+21 1.234567895e+08 97 16",
        ),
        (r#"a {{- /* c */ -}} b {{- " x " -}} c"#, "ab x c"),
        (
            "{{ if or true (gt $value 5) }}not reached{{ end }}",
            "not reached",
        ),
        (r#"{{ "\x41é\n" }}{{ 90.5 | toDuration }}"#, "Aé\n1m30.5s"),
    ] {
        check_alert(template, expected);
    }
}

#[test]
fn what_is_wrong_is_told_in_the_text() {
    for (template, error) in [
        ("{{ nope $value }}", "function \"nope\" not defined"),
        ("{{ $nope }}", "undefined variable \"$nope\""),
        ("{{ $x = 1 }}", "undefined variable \"$x\""),
        (
            "{{ define \"t\" }}{{ $labels }}{{ end }}",
            "undefined variable \"$labels\"",
        ),
        ("{{ .Nope }}", "can't evaluate field Nope in type struct"),
        ("{{ $value", "unclosed action at byte 2"),
        (
            "{{ if true }}",
            "unexpected EOF: a block without end at byte 13",
        ),
        ("{{ end }}", "unexpected {{end}} at byte 3"),
        ("{{ break }}", "{{break}} outside {{range}} at byte 3"),
        ("{{ \"a\" | humanize }}", "humanize cannot take a"),
        ("{{ }}", "missing value for command at byte 2"),
        (
            "{{ 1 | 2 }}",
            "non executable command in pipeline after a pipe at byte 7",
        ),
        (
            "{{ $value 1 }}",
            "can't give arguments to what is no function",
        ),
        ("{{ nil }}", "nil is not a command"),
        (
            "{{ gt $value 5 }}",
            "error calling gt: incompatible types for comparison: float64 and int",
        ),
        (
            "{{ query \"nope\" | first }}",
            "error calling first: first() called on vector with no elements",
        ),
        (
            "{{ query \"1 +\" }}",
            "error calling query: cannot evaluate 1 +",
        ),
        ("{{ template \"t\" }}", "template \"t\" not defined"),
        (
            "{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}",
            "templates call each other too deep",
        ),
        (
            "{{ range 1000000 }}x{{ end }}",
            "the template takes more than 50000 steps",
        ),
        (
            "{{ range 1000 }}{{ range 1000 }}{{ end }}{{ end }}",
            "the template takes more than 50000 steps",
        ),
        (
            "{{ range 1000 }}{{ printf \"%1000s\" \"x\" }}{{ end }}",
            "the text is longer than 65536 bytes",
        ),
        (
            "{{ $x := printf \"%1000s\" \"x\" }}{{ range 40 }}{{ $x = print $x $x }}{{ end }}",
            "the text is longer than 65536 bytes",
        ),
        (
            "{{ match \"(\" \"a\" }}",
            "match cannot take the regular expression \"(\"",
        ),
    ] {
        check_alert(template, &format!("<error expanding template: {error}>"));
    }
    let deep = format!("{}{}", "{{ if true }}".repeat(40), "{{ end }}".repeat(40));
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(40), ")".repeat(40));
    for text in [deep, parens] {
        let error = Template::parse(&text).unwrap_err().to_string();
        assert!(error.contains("inside each other"), "{error}");
    }
}

#[test]
fn labels_are_never_read_as_templates() {
    let labels = Labels::new([("job", "{{ $value }}${x}")]).unwrap();
    let external_labels = Labels::empty();
    let data = TemplateData::new(&labels, &external_labels, 1.0);
    assert_eq!(expand("{{ $labels.job }}", &data).0, "{{ $value }}${x}");
}

proptest! {
    #[test]
    fn no_template_makes_the_expander_panic(text in r#"(\{\{-?|-?\}\}|if|end|else|range|with|define "a"|template "a"|block|break|\$x :=|\$x|, \$y|\$labels|\$value|\.Value|query "x"|\(|\)|\||first|len|index|slice|printf "%[0-9.a-z*]*"|[ -~\n]|é){0,40}"#) {
        let labels = Labels::empty();
        let found = |_: &str| Ok(vec![TemplateSample { labels: Labels::empty(), value: 1.0 }]);
        let data = TemplateData { query: Some(&found), ..TemplateData::new(&labels, &labels, 1.5) };
        let (expanded, error) = expand(&text, &data);
        // A text may end with one value beyond the limit, never with many.
        prop_assert!(expanded.len() <= text.len() * 4 + 2 * EXPANDED_BYTES_MAX, "{error:?}");
    }
}
