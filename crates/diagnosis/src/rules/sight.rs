//! Whether somebody watches what an alert speaks of.
//!
//! When a scrape fails its series end, and an expression over them yields nothing. That is no
//! sign that all is well: an alert ends only when a target of it was seen. After a gap a function
//! like `rate` yields nothing until its window holds two scrapes; that is no sign either.

use std::time::Duration;

use model::{Labels, Matcher, Timestamp};
use promql::{EvalError, Evaluated, Expr, Value};

use super::Rule;

/// The labels of a target.
const TARGET_LABELS: [&str; 2] = ["job", "instance"];

/// The targets that a rule may speak of, and which of them are watched.
#[derive(Debug, Default)]
pub(super) struct Sight {
    targets: Vec<(Labels, bool)>,
}

impl Sight {
    /// Asks `up`. What cannot be asked hides nothing.
    pub(super) fn look(
        rule: &Rule,
        at: Timestamp,
        query: &mut dyn FnMut(&Expr, Timestamp) -> Result<Evaluated, EvalError>,
    ) -> Self {
        let mut ask = |text: &str| {
            let evaluated = promql::parse(text).ok().map(|expr| query(&expr, at));
            match evaluated {
                Some(Ok(Evaluated {
                    value: Value::Vector(series),
                    ..
                })) => series,
                Some(Ok(_) | Err(_)) | None => Vec::new(),
            }
        };
        let up = ask("up");
        let twice = rule.expr.windows_of_two().min();
        let twice = twice.filter(|_| !up.is_empty()).map(|window| {
            let window = model::format_duration(window.max(Duration::from_millis(1)));
            ask(&format!("sum_over_time(up[{window}]) >= 2"))
        });
        let is_of = |labels: &Labels| {
            let mut selectors = rule.expr.selectors().peekable();
            selectors.peek().is_none()
                || selectors.any(|selector| {
                    let mut matchers = selector.matchers.iter();
                    matchers.all(|matcher| agrees(matcher, labels))
                })
        };
        let targets = up.into_iter().filter(|series| is_of(&series.labels));
        let targets = targets.map(|series| {
            let labels = series.labels.without_metric_name();
            let is_twice = twice.as_ref().is_none_or(|twice| {
                let mut twice = twice.iter();
                twice.any(|found| found.labels.without_metric_name() == labels)
            });
            let is_watched = series.sample.value == 1.0 && is_twice;
            (labels, is_watched)
        });
        Self {
            targets: targets.collect(),
        }
    }

    /// Whether a target that an alert may speak of is watched. An alert of no target at all is
    /// not a matter of scrapes, and one whose target was taken away is over.
    pub(super) fn sees(&self, alert: &Labels) -> bool {
        let is_of = |target: &Labels| {
            let mut names = TARGET_LABELS.iter();
            names.all(|name| {
                let named = alert.get(name);
                named.is_none() || named == target.get(name)
            })
        };
        let mut targets = self
            .targets
            .iter()
            .filter(|(target, _)| is_of(target))
            .peekable();
        targets.peek().is_none() || targets.any(|(_, is_watched)| *is_watched)
    }
}

/// Whether a selector's condition lets a target through; conditions on other labels say nothing.
fn agrees(matcher: &Matcher, target: &Labels) -> bool {
    !TARGET_LABELS.contains(&matcher.name())
        || matcher.matches(target.get(matcher.name()).unwrap_or_default())
}
