//! A test file's text to tests.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use model::{Labels, Timestamp};

use super::values::{parse_labels, parse_values};
use super::{AlertTest, ExpectedAlert, ExprTest, INPUT_VALUES_MAX};
use super::{InputSeries, UnitTest, UnitTestFile};
use crate::reader::{Fields, Mistake, Problem, Reader, read_document};
use crate::yaml::Node;

const FILE_FIELDS: [&str; 5] = [
    "rule_files",
    "evaluation_interval",
    "group_eval_order",
    "fuzzy_compare",
    "tests",
];
const TEST_FIELDS: [&str; 8] = [
    "name",
    "interval",
    "input_series",
    "alert_rule_test",
    "promql_expr_test",
    "external_labels",
    "external_url",
    "start_timestamp",
];

/// promtool's own default.
const EVALUATION_INTERVAL: Duration = Duration::from_secs(60);

/// Reads a test file as promtool does, but tells every problem, not the first.
///
/// # Errors
/// All problems, in the order of the file.
pub fn parse_unit_test_file(text: &str) -> Result<UnitTestFile, Vec<Problem>> {
    let root = read_document(text).map_err(|problem| vec![problem])?;
    let mut reader = Reader::default();
    let mut file = UnitTestFile {
        rule_files: Vec::new(),
        evaluation_interval: EVALUATION_INTERVAL,
        group_eval_order: Vec::new(),
        fuzzy_compare: false,
        tests: Vec::new(),
    };
    if let Some(fields) = reader.fields(&root, "a test file", &FILE_FIELDS) {
        file.rule_files = reader.texts(&fields, "rule_files");
        let interval = reader.duration(&fields, "evaluation_interval");
        let interval = interval.filter(|interval| !interval.is_zero());
        file.evaluation_interval = interval.unwrap_or(EVALUATION_INTERVAL);
        file.group_eval_order = reader.texts(&fields, "group_eval_order");
        file.fuzzy_compare = reader.flag(&fields, "fuzzy_compare").unwrap_or(false);
        check_order(&mut reader, &fields, &file.group_eval_order);
        let mut values_left = INPUT_VALUES_MAX;
        for node in reader.list(&fields, "tests") {
            let interval = file.evaluation_interval;
            let test = read_test(&mut reader, node, interval, &mut values_left);
            file.tests.extend(test);
        }
    }
    if reader.problems.is_empty() {
        return Ok(file);
    }
    reader.problems.sort_by_key(|problem| problem.line);
    Err(reader.problems)
}

fn check_order(reader: &mut Reader, fields: &Fields<'_>, names: &[String]) {
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            let mistake = Mistake::Twice {
                what: "in group_eval_order",
                name: name.clone(),
            };
            let line = fields
                .get("group_eval_order")
                .map_or(fields.line, |node| node.line);
            reader.report(line, mistake);
        }
    }
}

fn read_test(
    reader: &mut Reader,
    node: &Node,
    evaluation_interval: Duration,
    values_left: &mut usize,
) -> Option<UnitTest> {
    let fields = reader.fields(node, "a test", &TEST_FIELDS)?;
    let interval = reader.duration(&fields, "interval");
    let input_series = read_input(reader, &fields, values_left);
    let mut alert_tests = Vec::new();
    for node in reader.list(&fields, "alert_rule_test") {
        alert_tests.extend(read_alert_test(reader, node));
    }
    let mut expr_tests = Vec::new();
    for node in reader.list(&fields, "promql_expr_test") {
        expr_tests.extend(read_expr_test(reader, node));
    }
    let start = reader.parsed(
        &fields,
        "start_timestamp",
        "seconds since 1970 or a moment such as 2026-01-02T15:04:05Z",
        parse_moment,
    );
    Some(UnitTest {
        line: node.line,
        name: reader.text(&fields, "name"),
        interval: interval
            .filter(|interval| !interval.is_zero())
            .unwrap_or(evaluation_interval),
        start: start.unwrap_or_default(),
        input_series,
        external_labels: {
            let pairs = read_pairs(reader, &fields, "external_labels");
            // Names of a YAML map are unique.
            Labels::new(pairs).unwrap_or_else(|_| Labels::empty())
        },
        external_url: reader.text(&fields, "external_url").unwrap_or_default(),
        alert_tests,
        expr_tests,
    })
}

/// As in promtool the later of two series with the same labels stands for both.
fn read_input(
    reader: &mut Reader,
    fields: &Fields<'_>,
    values_left: &mut usize,
) -> Vec<InputSeries> {
    let mut input: Vec<InputSeries> = Vec::new();
    let mut places: HashMap<Labels, usize> = HashMap::new();
    for node in reader.list(fields, "input_series") {
        let Some(series) = read_series(reader, node, values_left) else {
            continue;
        };
        match places.get(&series.labels) {
            Some(place) => input[*place] = series,
            None => {
                places.insert(series.labels.clone(), input.len());
                input.push(series);
            }
        }
    }
    input
}

fn read_pairs(reader: &mut Reader, fields: &Fields<'_>, name: &str) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    for field in reader.entries(fields, name) {
        // Nothing behind the colon is the empty text.
        let text = match &field.value.value {
            crate::yaml::Value::Null => Some(""),
            _ => reader.scalar(&field.value, &field.name),
        };
        pairs.extend(text.map(|text| (field.name.clone(), text.to_owned())));
    }
    pairs
}

fn read_series(reader: &mut Reader, node: &Node, values_left: &mut usize) -> Option<InputSeries> {
    let fields = reader.fields(node, "an input series", &["series", "values"])?;
    let series = reader.required_text(&fields, "series")?;
    let values = reader.text(&fields, "values").unwrap_or_default();
    let mut bad = |field: &str, found: &str, reason: String| {
        let mistake = Mistake::BadValue {
            field: field.to_owned(),
            found: shortened(found),
            expected: format!("a series as promtool reads it: {reason}"),
        };
        reader.report(node.line, mistake);
    };
    let labels = parse_labels(&series);
    let labels = labels.map_err(|reason| bad("series", &series, reason)).ok();
    let parsed = parse_values(&values, *values_left);
    let values = parsed
        .map_err(|reason| bad("values", &values, reason))
        .ok()?;
    *values_left -= values.len();
    Some(InputSeries {
        labels: labels?,
        values,
    })
}

/// The beginning of a text: values of a series can be long.
fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn read_alert_test(reader: &mut Reader, node: &Node) -> Option<AlertTest> {
    let known = ["eval_time", "alertname", "exp_alerts"];
    let fields = reader.fields(node, "an alert test", &known)?;
    let alertname = reader.required_text(&fields, "alertname")?;
    let eval_time = reader.duration(&fields, "eval_time").unwrap_or_default();
    let mut expected = Vec::new();
    for node in reader.list(&fields, "exp_alerts") {
        let known = ["exp_labels", "exp_annotations"];
        let Some(fields) = reader.fields(node, "an expected alert", &known) else {
            continue;
        };
        let mut labels = read_pairs(reader, &fields, "exp_labels");
        labels.insert("alertname".to_owned(), alertname.clone());
        expected.push(ExpectedAlert {
            labels,
            annotations: read_pairs(reader, &fields, "exp_annotations"),
        });
    }
    Some(AlertTest {
        line: node.line,
        eval_time,
        alertname,
        expected,
    })
}

fn read_expr_test(reader: &mut Reader, node: &Node) -> Option<ExprTest> {
    let known = ["expr", "eval_time", "exp_samples"];
    let fields = reader.fields(node, "an expression test", &known)?;
    let eval_time = reader.duration(&fields, "eval_time").unwrap_or_default();
    let expr_text = reader.required_text(&fields, "expr")?;
    let expr = match promql::parse(&expr_text) {
        Ok(expr) => Some(expr),
        Err(error) => {
            let mistake = Mistake::Expr {
                name: expr_text.clone(),
                message: error.to_string(),
            };
            reader.report(node.line, mistake);
            None
        }
    };
    let mut expected = Vec::new();
    for node in reader.list(&fields, "exp_samples") {
        expected.extend(read_sample(reader, node));
    }
    Some(ExprTest {
        line: node.line,
        eval_time,
        expr: expr?,
        expr_text,
        expected,
    })
}

fn read_sample(reader: &mut Reader, node: &Node) -> Option<(Labels, f64)> {
    let known = ["labels", "value", "histogram"];
    let fields = reader.fields(node, "an expected sample", &known)?;
    if fields.get("histogram").is_some() {
        let text = "native histograms are not supported";
        reader.report(node.line, Mistake::Contradiction { text });
    }
    let text = reader.text(&fields, "labels").unwrap_or_default();
    let value = reader.parsed(&fields, "value", "a number", parse_yaml_number);
    match parse_labels(&text) {
        Ok(labels) => Some((labels, value.unwrap_or_default())),
        Err(reason) => {
            let mistake = Mistake::BadValue {
                field: "labels".to_owned(),
                found: text,
                expected: format!("a series as promtool reads it: {reason}"),
            };
            reader.report(node.line, mistake);
            None
        }
    }
}

/// A float as YAML writes it: `.inf`, `.nan`, `1_000`, `0x10` too.
fn parse_yaml_number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let magnitude = match unsigned.to_ascii_lowercase().as_str() {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        lower if lower.starts_with("0x") => i64::from_str_radix(&lower[2..], 16).ok()? as f64,
        lower if lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            lower.replace('_', "").parse().ok()?
        }
        _ => return None,
    };
    Some(if text.starts_with('-') {
        -magnitude
    } else {
        magnitude
    })
}

/// Seconds since 1970, or RFC 3339.
fn parse_moment(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<f64>() {
        let is_sane = seconds.is_finite() && seconds.abs() < 1e11;
        return is_sane.then(|| Timestamp::from_secs_f64(seconds));
    }
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = time.split_at(zone);
    let date: Vec<i64> = date
        .split('-')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let &[year, month, day] = date.as_slice() else {
        return None;
    };
    let mut parts = time.splitn(3, ':');
    let hour: i64 = parts.next()?.parse().ok()?;
    let minute: i64 = parts.next()?.parse().ok()?;
    let second: f64 = parts.next()?.parse().ok()?;
    let in_range = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..=9999).contains(&year)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0.0..60.0).contains(&second);
    if !in_range {
        return None;
    }
    let offset = match zone {
        "Z" | "z" => 0,
        zone => {
            let (hours, minutes) = zone[1..].split_once(':')?;
            let minutes =
                hours.parse::<i64>().ok()?.checked_mul(60)? + minutes.parse::<i64>().ok()?;
            if zone.starts_with('-') {
                -minutes
            } else {
                minutes
            }
        }
    };
    let minutes = model::day_of_date(year, month, day) * 1440 + hour * 60 + minute - offset;
    let seconds = Timestamp::from_secs_f64(second);
    Some(seconds.plus_millis(minutes * 60_000))
}
