//! `pyrometer test rules`: promtool's unit tests, with promtool's verdicts and exit codes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diagnosis::rules::{RuleGroup, parse_rule_file};
use diagnosis::unit_test::{Bench, UnitTest, UnitTestFile, parse_unit_test_file, run};
use model::{Labels, Timestamp};
use promql::{EvalOptions, Expr};
use regex::Regex;
use store::Store;

use super::style::{Style, clean, complain, counted, print};
use crate::config::{expand_pattern, read_file};
use crate::scrape::error_chain;

/// One test file and what came of it.
struct Report {
    path: PathBuf,
    /// Each test that ran, with what did not come true.
    tests: Vec<(String, Vec<String>)>,
    /// What kept the file from being run.
    problems: Vec<String>,
    /// Worth telling, and no failure.
    remarks: Vec<String>,
}

impl Report {
    fn failed(&self) -> usize {
        let tests = self.tests.iter().map(|(_, failures)| failures.len());
        self.problems.len() + tests.sum::<usize>()
    }
}

pub(super) fn rules(files: &[PathBuf], names: &[Regex], junit: Option<&Path>) -> ExitCode {
    let mut reports = Vec::with_capacity(files.len());
    for path in files {
        let report = test_file(path, names);
        tell(&report);
        reports.push(report);
    }
    if let Some(path) = junit
        && let Err(error) = std::fs::write(path, junit_xml(&reports))
    {
        complain(&format!("cannot write {}: {error}", path.display()));
        return ExitCode::from(2);
    }
    let failed = reports.iter().any(|report| report.failed() > 0);
    ExitCode::from(u8::from(failed))
}

fn tell(report: &Report) {
    let style = Style::of_stdout();
    let path = report.path.display();
    match report.failed() {
        0 => print(&format!(
            "{} {path}: {}\n",
            style.good("ok"),
            counted(report.tests.len(), "test")
        )),
        failed => print(&format!(
            "{} {path}: {}\n",
            style.bad("failed"),
            counted(failed, "problem")
        )),
    }
    let failures = report.tests.iter().flat_map(|(_, failures)| failures);
    let lines = report
        .remarks
        .iter()
        .chain(&report.problems)
        .chain(failures);
    for text in lines.flat_map(|text| text.lines()) {
        print(&format!("  {}\n", clean(text)));
    }
}

fn test_file(path: &Path, names: &[Regex]) -> Report {
    let mut report = Report {
        path: path.to_owned(),
        tests: Vec::new(),
        problems: Vec::new(),
        remarks: Vec::new(),
    };
    let text = match read_file(path) {
        Ok(text) => text,
        Err(error) => {
            report.problems.push(format!("cannot be read: {error}"));
            return report;
        }
    };
    let file = match parse_unit_test_file(&text) {
        Ok(file) => file,
        Err(problems) => {
            report.problems = problems
                .iter()
                .map(|problem| error_chain(problem))
                .collect();
            return report;
        }
    };
    let groups = load_groups(path, &file, &mut report);
    if !report.problems.is_empty() {
        return report;
    }
    for (index, test) in file.tests.iter().enumerate() {
        let name = test.name.clone().unwrap_or_default();
        if !names.is_empty() && !names.iter().any(|wanted| wanted.is_match(&name)) {
            continue;
        }
        let name = if name.is_empty() {
            format!("test {}", index + 1)
        } else {
            name
        };
        let failures = run_test(&file, test, &groups);
        report.tests.push((name, failures));
    }
    report
}

/// The groups of all rule files, whose paths are relative to the test file.
fn load_groups(path: &Path, file: &UnitTestFile, report: &mut Report) -> Vec<RuleGroup> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut groups = Vec::new();
    for pattern in &file.rule_files {
        let mut found = expand_pattern(&folder.join(pattern));
        // As in promtool a file that is not there is no failure.
        found.retain(|rules| rules.exists());
        if found.is_empty() {
            report.remarks.push(format!("no file matches {pattern:?}"));
        }
        for rules in found {
            let shown = rules.display();
            let parsed = read_file(&rules).map(|text| parse_rule_file(&text));
            match parsed {
                Ok(Ok(found)) => groups.extend(found),
                Ok(Err(problems)) => {
                    let problems = problems
                        .iter()
                        .map(|p| format!("{shown}: {}", error_chain(p)));
                    report.problems.extend(problems);
                }
                Err(error) => {
                    let problem = format!("cannot read rule file {shown}: {error}");
                    report.problems.push(problem);
                }
            }
        }
    }
    groups
}

fn run_test(file: &UnitTestFile, test: &UnitTest, groups: &[RuleGroup]) -> Vec<String> {
    let store = Store::in_memory();
    let group = store.group("test");
    let mut append = |at: Timestamp, samples: &[(Labels, f64)]| {
        let resolve =
            |(labels, value): &(Labels, f64)| store.resolve(group, labels).map(|id| (id, *value));
        let batch: Result<Vec<_>, _> = samples.iter().map(resolve).collect();
        let appended = batch.and_then(|batch| store.append(group, at, &batch));
        appended.map(drop).map_err(|error| error_chain(&error))
    };
    let options = EvalOptions {
        subquery_step: file.evaluation_interval,
        ..EvalOptions::default()
    };
    let mut query =
        |expr: &Expr, at: Timestamp| promql::eval_instant(&store.snapshot(), expr, at, &options);
    let mut bench = Bench {
        append: &mut append,
        query: &mut query,
    };
    let failures = run(file, test, groups, &mut bench);
    failures.iter().map(ToString::to_string).collect()
}

/// What CI servers read: a suite for each file, a case for each test.
fn junit_xml(reports: &[Report]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for report in reports {
        let failed = report
            .tests
            .iter()
            .filter(|(_, failures)| !failures.is_empty());
        xml.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n",
            escaped(&report.path.display().to_string()),
            report.tests.len(),
            failed.count(),
            report.problems.len()
        ));
        for problem in &report.problems {
            let problem = escaped(problem);
            xml.push_str(&format!(
                "    <testcase name=\"file\"><error>{problem}</error></testcase>\n"
            ));
        }
        for (name, failures) in &report.tests {
            xml.push_str(&format!("    <testcase name=\"{}\">", escaped(name)));
            for failure in failures {
                xml.push_str(&format!("<failure>{}</failure>", escaped(failure)));
            }
            xml.push_str("</testcase>\n");
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// Text for XML; characters that XML cannot hold are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}
