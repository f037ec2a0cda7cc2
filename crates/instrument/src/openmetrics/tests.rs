use std::sync::Arc;

use super::*;

fn check(family: &FamilyReading, with_native: bool, asked: Option<&[&str]>, expected: &str) {
    let mut writer = OpenMetricsWriter::new(Escaping::AllowUtf8, true, with_native);
    let asked = asked.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    writer.family(family, asked.as_ref());
    assert_eq!(writer.finish(), format!("{expected}# EOF\n"));
}

fn of_row(
    kind: FamilyKind,
    name: &str,
    label_names: &[&str],
    labels: &[&str],
    value: Value,
) -> FamilyReading {
    let row = [(labels.to_vec(), value)];
    let mut family = FamilyReading::of_rows((kind, name, "He\"lp\\\n"), label_names, row);
    family.unit = "s".into();
    family
}

fn exemplar(cell: u16, labels: &[(&str, &str)], value: f64, time: Option<f64>) -> Exemplar {
    let labels = labels.iter();
    Exemplar {
        cell,
        labels: labels
            .map(|(name, value)| (Arc::from(*name), Arc::from(*value)))
            .collect(),
        value,
        time,
    }
}

const HEAD: &str = "He\\\"lp\\\\\\n";

#[test]
fn a_counter_has_its_exemplar_and_its_beginning_beside_it() {
    let value = Value::Counter {
        total: 2e6,
        created: Some(1.5e9),
    };
    let mut family = of_row(FamilyKind::Counter, "c", &["b", "a"], &["x\"", "ü"], value);
    let labels = [("trace", "a\"b"), ("é", "")];
    family.series[0].exemplars = vec![exemplar(0, &labels, 1e6, Some(1_700_000_000.25))];
    let series = "{a=\"ü\",b=\"x\\\"\"}";
    let head = format!("# HELP c {HEAD}\n# TYPE c counter\n");
    let total =
        format!("c_total{series} 2e+06 # {{trace=\"a\\\"b\",é=\"\"}} 1e+06 1700000000.25\n");
    let created = format!("c_created{series} 1.5e+09\n");
    check(
        &family,
        false,
        None,
        &format!("{head}# UNIT c s\n{total}{created}"),
    );
    check(
        &family,
        false,
        Some(&["c_created"]),
        &format!("{head}{created}"),
    );
    check(&family, false, Some(&["c", "c_bucket"]), "");
}

#[test]
fn a_quoted_name_stands_inside_the_braces() {
    let family = of_row(FamilyKind::Gauge, "a.b", &[], &[], Value::Gauge(f64::NAN));
    let head = format!("# HELP \"a.b\" {HEAD}\n# TYPE \"a.b\" gauge\n# UNIT \"a.b\" s\n");
    check(&family, false, None, &format!("{head}{{\"a.b\"}} NaN\n"));
}

#[test]
fn a_native_histogram_is_written_from_version_2_on() {
    let native = NativeReading {
        schema: 3,
        zero_threshold: 1e-5,
        zero_count: 1.0,
        count: 9.0,
        positive: vec![(-3, 2.0), (-2, 1.0), (4, 4.0)],
        negative: vec![(0, 1.0)],
    };
    let value = Value::Histogram {
        buckets: Vec::new(),
        sum: f64::INFINITY,
        created: None,
        native: Some(Box::new(native)),
    };
    let family = of_row(FamilyKind::Histogram, "h", &["l"], &["x"], value);
    let head = format!("# HELP h {HEAD}\n# TYPE h histogram\n");
    let classic = "h_bucket{l=\"x\",le=\"+Inf\"} 9.0\nh_count{l=\"x\"} 9.0\nh_sum{l=\"x\"} +Inf\n";
    let native = "h{l=\"x\"} {count:9,sum:inf,schema:3,zero_threshold:1e-05,zero_count:1,\
                  negative_spans:[0:1],negative_deltas:[1],\
                  positive_spans:[-3:2,5:1],positive_deltas:[2,-1,3]}\n";
    let unit = "# UNIT h s\n";
    check(&family, false, None, &format!("{head}{unit}{classic}"));
    check(
        &family,
        true,
        None,
        &format!("{head}{unit}{classic}{native}"),
    );
    check(&family, true, Some(&["h"]), &format!("{head}{native}"));
    check(&family, false, Some(&["h"]), &head);
}

#[test]
fn an_exemplar_of_a_bucket_that_is_not_there_is_left_out() {
    let value = Value::Histogram {
        buckets: vec![(1.0, 1.0), (f64::INFINITY, 0.0)],
        sum: 0.5,
        created: None,
        native: None,
    };
    let mut family = of_row(FamilyKind::Histogram, "h", &[], &[], value);
    family.unit = "".into();
    family.series[0].exemplars = vec![
        exemplar(0, &[], 9.0, None),
        exemplar(1, &[], 0.5, None),
        exemplar(9, &[], 9.0, None),
    ];
    let head = format!("# HELP h {HEAD}\n# TYPE h histogram\n");
    let lines = "h_bucket{le=\"1.0\"} 1.0 # {} 0.5\nh_bucket{le=\"+Inf\"} 1.0\nh_count 1.0\n";
    check(&family, false, None, &format!("{head}{lines}h_sum 0.5\n"));
}
