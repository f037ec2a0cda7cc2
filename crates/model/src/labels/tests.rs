use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().copied()).unwrap()
}

#[test]
fn labels_are_sorted_and_empty_values_are_dropped() {
    let set = labels(&[("b", "2"), ("a", "1"), ("c", "")]);
    assert_eq!(set.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
}

#[test]
fn a_name_that_stands_twice_is_refused() {
    let error = Labels::new([("a", "1"), ("a", "2")]).unwrap_err();
    assert_eq!(
        error,
        DuplicateLabel {
            name: "a".to_owned()
        }
    );
}

#[test]
fn parts_cannot_run_together() {
    assert_ne!(labels(&[("a", "bc")]), labels(&[("ab", "c")]));
    assert_ne!(
        labels(&[("a", "bc")]).fingerprint(),
        labels(&[("ab", "c")]).fingerprint()
    );
}

#[test]
fn order_is_by_name_then_value_then_length() {
    let mut sets = [
        labels(&[("b", "1")]),
        labels(&[("a", "1"), ("b", "1")]),
        labels(&[("a", "1")]),
    ];
    sets.sort();
    assert_eq!(sets[0], labels(&[("a", "1")]));
    assert_eq!(sets[2], labels(&[("b", "1")]));
    assert!(Labels::empty() < sets[0]);
}

#[test]
fn a_series_is_written_as_prometheus_writes_it() {
    for (pairs, text) in [
        (&[("__name__", "up")][..], "up"),
        (&[("__name__", "up"), ("job", "a\"b")], "up{job=\"a\\\"b\"}"),
        (&[("job", "x"), ("a", "y")], "{a=\"y\", job=\"x\"}"),
        (&[], "{}"),
        (&[("__name__", "my.metric")], "{__name__=\"my.metric\"}"),
    ] {
        assert_eq!(labels(pairs).to_string(), text);
    }
}

#[test]
fn keep_and_drop_are_each_others_rest() {
    let set = labels(&[("a", "1"), ("b", "2"), ("c", "3")]);
    assert_eq!(set.keep(&["a", "c"]), labels(&[("a", "1"), ("c", "3")]));
    assert_eq!(set.drop(&["a", "c"]), labels(&[("b", "2")]));
    assert_eq!(
        labels(&[("__name__", "m"), ("a", "1")]).without_metric_name(),
        labels(&[("a", "1")])
    );
}

#[test]
fn a_builder_replaces_and_removes() {
    let mut builder = labels(&[("a", "1"), ("b", "2")]).builder();
    builder.set("a", "9").remove("b").set("c", "3");
    assert_eq!(builder.build(), labels(&[("a", "9"), ("c", "3")]));
}
