use super::*;
use crate::config::relabel_rules_from;

/// Applies the YAML rules to `name=value` pairs; the result is sorted, `dropped` when dropped.
fn check(rules: &str, labels: &str, expected: &str) {
    let rules = relabel_rules_from(rules).unwrap_or_else(|problems| panic!("{problems:?}"));
    let mut builder = LabelsBuilder::new();
    for pair in labels.split_whitespace() {
        let (name, value) = pair.split_once('=').unwrap();
        builder.set(name, value.replace("\\n", "\n"));
    }
    let result = if relabel(&mut builder, &rules) {
        let labels = builder.build();
        let pairs: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join(" ")
    } else {
        "dropped".to_owned()
    };
    assert_eq!(result, expected, "{rules:?} on {labels}");
}

#[test]
fn replace_writes_the_target_from_the_captures() {
    check(
        "[{source_labels: [a], target_label: d, regex: 'f(.*)', replacement: 'ch${1}-ch${1}'}]",
        "a=foo b=bar",
        "a=foo b=bar d=choo-choo",
    );
    check(
        "[{source_labels: [a, b], target_label: d, separator: '-'}]",
        "a=foo b=bar",
        "a=foo b=bar d=foo-bar",
    );
}

#[test]
fn replace_without_a_match_changes_nothing() {
    check(
        "[{source_labels: [a], target_label: d, regex: 'o'}]",
        "a=foo d=x",
        "a=foo d=x",
    );
}

#[test]
fn replace_with_an_empty_result_removes_the_target() {
    check(
        "[{source_labels: [a], target_label: a, regex: 'f.*', replacement: ''}]",
        "a=foo b=1",
        "b=1",
    );
    check("[{target_label: a, replacement: ''}]", "a=foo b=1", "b=1");
}

#[test]
fn replace_names_its_target_from_the_captures_too() {
    check(
        "[{source_labels: [a], regex: '(\\w+):(\\w+)', target_label: '__${1}', replacement: '${2}'}]",
        "a=some:value",
        "__some=value a=some:value",
    );
    check(
        "[{source_labels: [a], regex: '(x?)foo', target_label: '${1}'}]",
        "a=foo",
        "a=foo",
    );
}

#[test]
fn dots_match_newlines_as_in_prometheus_3() {
    check(
        "[{source_labels: [a], regex: 'x.y', target_label: b, replacement: ok}]",
        "a=x\\ny",
        "a=x\ny b=ok",
    );
}

#[test]
fn keep_and_drop_ask_the_whole_value() {
    check(
        "[{source_labels: [a], regex: fo, action: keep}]",
        "a=foo",
        "dropped",
    );
    check(
        "[{source_labels: [a], regex: fo+, action: keep}]",
        "a=foo",
        "a=foo",
    );
    check(
        "[{source_labels: [a], regex: fo, action: drop}]",
        "a=foo",
        "a=foo",
    );
    check(
        "[{source_labels: [a], regex: '.*o.*', action: Drop}]",
        "a=foo",
        "dropped",
    );
    // An absent label is the empty value.
    check(
        "[{source_labels: [zz], regex: '', action: drop}]",
        "a=foo",
        "dropped",
    );
}

#[test]
fn a_drop_ends_the_rules() {
    check(
        "[{source_labels: [a], regex: foo, action: drop}, {target_label: b, replacement: x}]",
        "a=foo",
        "dropped",
    );
}

#[test]
fn keepequal_and_dropequal_compare_with_the_target() {
    check(
        "[{source_labels: [a], target_label: b, action: keepequal}]",
        "a=1 b=1",
        "a=1 b=1",
    );
    check(
        "[{source_labels: [a], target_label: b, action: keepequal}]",
        "a=1 b=2",
        "dropped",
    );
    check(
        "[{source_labels: [a], target_label: b, action: dropequal}]",
        "a=1 b=1",
        "dropped",
    );
    check(
        "[{source_labels: [a], target_label: b, action: dropequal}]",
        "a=1 b=2",
        "a=1 b=2",
    );
}

#[test]
fn hashmod_agrees_with_prometheus() {
    // The numbers are those of Prometheus's own tests.
    check(
        "[{source_labels: [c], target_label: d, modulus: 1000, action: hashmod}]",
        "c=baz",
        "c=baz d=976",
    );
    check(
        "[{source_labels: [a], target_label: d, modulus: 1000, action: hashmod}]",
        "a=foo\\nbar",
        "a=foo\nbar d=734",
    );
    check(
        "[{source_labels: [a, b, c], target_label: d, modulus: 1000, action: hashmod}]",
        "a=foo b=bar c=baz",
        "a=foo b=bar c=baz d=719",
    );
}

#[test]
fn labelmap_copies_labels_under_new_names() {
    check(
        "[{regex: 'my_(.*)', replacement: 'new_$1', action: labelmap}]",
        "my_a=1 my_b=2 x=3",
        "my_a=1 my_b=2 new_a=1 new_b=2 x=3",
    );
    check(
        "[{regex: '__meta_(.+)', action: labelmap}]",
        "__meta_zone=eu",
        "__meta_zone=eu zone=eu",
    );
}

#[test]
fn labeldrop_and_labelkeep_look_at_names() {
    check("[{regex: 'a.*', action: labeldrop}]", "a=1 ab=2 b=3", "b=3");
    check(
        "[{regex: 'a.*', action: labelkeep}]",
        "a=1 ab=2 b=3",
        "a=1 ab=2",
    );
}

#[test]
fn case_changes_go_to_the_target() {
    check(
        "[{source_labels: [a], target_label: u, action: uppercase}, {source_labels: [a], target_label: l, action: lowercase}]",
        "a=bAr",
        "a=bAr l=bar u=BAR",
    );
}
