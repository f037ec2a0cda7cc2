use super::*;
use crate::number::format_value;

#[test]
fn values_are_written_as_prometheus_client_writes_them() {
    for (value, text) in [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.5, "1.5"),
        (123_456.0, "123456.0"),
        (999_999.5, "999999.5"),
        (1_000_000.0, "1e+06"),
        (1_234_567.25, "1.23456725e+06"),
        (12_345_678.0, "1.2345678e+07"),
        (10_000_000_000.0, "1e+10"),
        (1e15, "1e+15"),
        (1e16, "1e+16"),
        (1.5e16, "1.5e+16"),
        (1e100, "1e+100"),
        (-1_234_567.0, "-1234567.0"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1.5e-7, "1.5e-07"),
        (5e-324, "5e-324"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (f64::NAN, "NaN"),
    ] {
        assert_eq!(format_value(value), text);
    }
}

fn check(escaping: Escaping, name: &str, label: &str, expected: &str) {
    let mut writer = TextWriter::new(escaping, false);
    let sample = PlainSample {
        name: name.to_owned(),
        labels: vec![(label.to_owned(), "a\"b\\c\nd".to_owned())],
        value: 1.0,
        timestamp_ms: Some(-5),
    };
    writer.plain_family(name, "h\\e\nlp", "gauge", &[sample]);
    assert_eq!(writer.finish(), expected);
}

#[test]
fn names_are_escaped_as_the_scheme_says() {
    let value = r#""a\"b\\c\nd""#;
    check(
        Escaping::Underscores,
        "a.b_c",
        "l.m",
        &format!("# HELP a_b_c h\\\\e\\nlp\n# TYPE a_b_c gauge\na_b_c{{l_m={value}}} 1.0 -5\n"),
    );
    check(
        Escaping::AllowUtf8,
        "a.b_c",
        "l.m",
        &format!(
            "# HELP \"a.b_c\" h\\\\e\\nlp\n# TYPE \"a.b_c\" gauge\n\
             {{\"a.b_c\",\"l.m\"={value}}} 1.0 -5\n"
        ),
    );
    check(
        Escaping::Dots,
        "a.b_c",
        "l",
        &format!(
            "# HELP a_dot_b__c h\\\\e\\nlp\n# TYPE a_dot_b__c gauge\n\
             a_dot_b__c{{l={value}}} 1.0 -5\n"
        ),
    );
    check(
        Escaping::Values,
        "a.b_c",
        "l",
        &format!(
            "# HELP U__a_2e_b__c h\\\\e\\nlp\n# TYPE U__a_2e_b__c gauge\n\
             U__a_2e_b__c{{l={value}}} 1.0 -5\n"
        ),
    );
}

fn family(kind: FamilyKind, name: &str, labels: &[(&str, &str)], value: Value) -> FamilyReading {
    let (names, values): (Vec<&str>, Vec<&str>) = labels.iter().copied().unzip();
    match kind {
        FamilyKind::Info => {
            let texts = labels.iter().flat_map(|(name, value)| [*name, *value]);
            FamilyReading::of_rows((kind, name, "H"), &[], [(texts.collect(), value)])
        }
        _ => FamilyReading::of_rows((kind, name, "H"), &names, [(values, value)]),
    }
}

#[test]
fn a_histogram_is_cumulative_and_its_bound_stands_in_order() {
    let mut writer = TextWriter::new(Escaping::Underscores, true);
    let value = Value::Histogram {
        buckets: vec![(0.5, 1.0), (f64::INFINITY, 2.0)],
        sum: 4.5,
        created: Some(7.0),
        native: None,
    };
    let labels = [("z", "1"), ("a", "2")];
    writer.family(&family(FamilyKind::Histogram, "h", &labels, value), None);
    assert_eq!(
        writer.finish(),
        "# HELP h H\n# TYPE h histogram\n\
         h_bucket{a=\"2\",le=\"0.5\",z=\"1\"} 1.0\n\
         h_bucket{a=\"2\",le=\"+Inf\",z=\"1\"} 3.0\n\
         h_count{a=\"2\",z=\"1\"} 3.0\nh_sum{a=\"2\",z=\"1\"} 4.5\n\
         # HELP h_created H\n# TYPE h_created gauge\nh_created{a=\"2\",z=\"1\"} 7.0\n"
    );
}

#[test]
fn a_histogram_with_negative_bounds_has_no_sum() {
    let mut writer = TextWriter::new(Escaping::Underscores, false);
    let value = Value::Histogram {
        buckets: vec![(-1.0, 1.0), (f64::INFINITY, 0.0)],
        sum: -4.5,
        created: None,
        native: None,
    };
    writer.family(&family(FamilyKind::Histogram, "h", &[], value), None);
    assert!(!writer.finish().contains("h_sum"));
}

#[test]
fn infos_and_states_are_gauges() {
    let mut writer = TextWriter::new(Escaping::Underscores, false);
    writer.family(
        &family(FamilyKind::Info, "i", &[("v", "1")], Value::Info),
        None,
    );
    let states = Value::StateSet(vec![("on".into(), true), ("off".into(), false)]);
    writer.family(&family(FamilyKind::StateSet, "s", &[], states), None);
    assert_eq!(
        writer.finish(),
        "# HELP i_info H\n# TYPE i_info gauge\ni_info{v=\"1\"} 1.0\n\
         # HELP s H\n# TYPE s gauge\ns{s=\"on\"} 1.0\ns{s=\"off\"} 0.0\n"
    );
}

#[test]
fn a_state_takes_the_place_of_a_label_of_its_name() {
    let mut writer = TextWriter::new(Escaping::Underscores, false);
    let states = Value::StateSet(vec![("on".into(), true)]);
    let labels = [("b", "1"), ("s", "x"), ("z", "2")];
    writer.family(&family(FamilyKind::StateSet, "s", &labels, states), None);
    assert!(
        writer
            .finish()
            .ends_with("\ns{b=\"1\",s=\"on\",z=\"2\"} 1.0\n")
    );
}

#[test]
fn only_samples_that_are_asked_for_are_written() {
    let written = |names: &[&str]| {
        let mut writer = TextWriter::new(Escaping::Underscores, true);
        let value = Value::Counter {
            total: 1.0,
            created: Some(7.0),
        };
        let asked = names.iter().map(|name| (*name).to_owned()).collect();
        let counter = family(FamilyKind::Counter, "c", &[], value);
        writer.family(&counter, Some(&asked));
        writer.finish()
    };
    let head = "# HELP c_total H\n# TYPE c_total counter\n";
    let created = "# HELP c_created H\n# TYPE c_created gauge\nc_created 7.0\n";
    assert_eq!(written(&["c_total"]), format!("{head}c_total 1.0\n"));
    assert_eq!(written(&["c_created"]), format!("{head}{created}"));
    assert_eq!(written(&["c", "other"]), "");
}
