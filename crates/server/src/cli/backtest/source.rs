//! Where history comes from: a data folder, or a server's HTTP API.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use diagnosis::backtest::Span;
use model::{Labels, METRIC_NAME, Matcher, Sample, Timestamp, format_duration, parse_float};
use promql::{EvalError, EvalOptions, Evaluated, Expr, Range, RangeSeries, Value};
use serde_json::Value as Json;
use store::{Store, StoreOptions};

use crate::cli::client::ask;
use crate::scrape::error_chain;

/// Nothing of a folder that is only looked at may be deleted for its age: a thousand years.
const KEEP_ALL: Duration = Duration::from_secs(1000 * 365 * 24 * 3600);

pub(super) struct Source {
    kind: Kind,
    metrics: HashMap<String, bool>,
}

enum Kind {
    Folder(Store),
    Server(String),
}

impl Source {
    /// Opens the data folder of a server that does not run.
    pub(super) fn open(folder: &Path, now: Timestamp) -> Result<Self, String> {
        let shown = folder.display();
        if !folder.is_dir() {
            return Err(format!("there is no data folder {shown}"));
        }
        let options = StoreOptions {
            retention: KEEP_ALL,
            ..StoreOptions::default()
        };
        let (store, _) = Store::open(folder, options, now).map_err(|error| {
            let reason = error_chain(&error);
            format!("cannot open {shown}: {reason}; ask a server that runs there with --url")
        })?;
        Ok(Self::of(Kind::Folder(store)))
    }

    pub(super) fn server(url: &str) -> Self {
        Self::of(Kind::Server(url.to_owned()))
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            metrics: HashMap::new(),
        }
    }

    /// Whether a metric has a sample in the span.
    pub(super) fn has_metric(&mut self, name: &str, span: &Span) -> Result<bool, String> {
        if let Some(there) = self.metrics.get(name) {
            return Ok(*there);
        }
        let there = match &self.kind {
            Kind::Folder(store) => {
                let matchers = [Matcher::equal(METRIC_NAME, name)];
                let listed = store.snapshot().series(&matchers, span.from, span.to, 1);
                !listed
                    .map_err(|error| error_chain(&error))?
                    .items
                    .is_empty()
            }
            Kind::Server(url) => {
                let form = [
                    ("match[]", format!("{{__name__={name:?}}}")),
                    ("start", seconds(span.from)),
                    ("end", seconds(span.to)),
                    ("limit", "1".to_owned()),
                ];
                let data = asked(url, "/api/v1/series", &form)?;
                data.as_array().is_some_and(|series| !series.is_empty())
            }
        };
        self.metrics.insert(name.to_owned(), there);
        Ok(there)
    }

    pub(super) fn range(
        &self,
        expr: &Expr,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> Result<Vec<RangeSeries>, String> {
        match &self.kind {
            Kind::Folder(store) => {
                let range = Range {
                    start: from,
                    end: to,
                    step,
                };
                let options = EvalOptions::default();
                let found = promql::eval_range(&store.snapshot(), expr, range, &options);
                match found.map_err(|error| error_chain(&error))?.value {
                    Value::Matrix(series) => Ok(series),
                    Value::Scalar(_) | Value::String { .. } | Value::Vector(_) => Ok(Vec::new()),
                }
            }
            Kind::Server(url) => {
                let form = [
                    ("query", expr.to_string()),
                    ("start", seconds(from)),
                    ("end", seconds(to)),
                    ("step", format_duration(step)),
                ];
                let data = asked(url, "/api/v1/query_range", &form)?;
                read_matrix(&data)
            }
        }
    }

    /// For `query` in label templates, which a server is not asked for at every step.
    pub(super) fn instant(&self, expr: &Expr, at: Timestamp) -> Result<Evaluated, EvalError> {
        match &self.kind {
            Kind::Folder(store) => {
                promql::eval_instant(&store.snapshot(), expr, at, &EvalOptions::default())
            }
            Kind::Server(_) => Err(EvalError::Cancelled),
        }
    }
}

fn asked(url: &str, path: &str, form: &[(&str, String)]) -> Result<Json, String> {
    let form: Vec<_> = form
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (data, _) = ask(url, path, &form).map_err(|error| error.to_string())?;
    Ok(data)
}

fn seconds(at: Timestamp) -> String {
    format!("{:.3}", at.as_secs_f64())
}

/// The answer of `query_range`. What is not as it should be is refused as a whole: half a
/// history would look like a quiet one.
fn read_matrix(data: &Json) -> Result<Vec<RangeSeries>, String> {
    let broken = || "the server's answer is no matrix".to_owned();
    let result = data["result"].as_array().ok_or_else(broken)?;
    let read_series = |series: &Json| {
        let metric = series["metric"].as_object()?;
        let pairs = metric
            .iter()
            .map(|(name, value)| Some((name.as_str(), value.as_str()?)));
        let labels = Labels::new(pairs.collect::<Option<Vec<_>>>()?).ok()?;
        let values = series["values"].as_array()?;
        let samples = values.iter().map(|pair| {
            Some(Sample {
                timestamp: Timestamp::from_secs_f64(pair[0].as_f64()?),
                value: parse_float(pair[1].as_str()?)?,
            })
        });
        Some(RangeSeries {
            labels,
            samples: samples.collect::<Option<Vec<_>>>()?,
        })
    };
    let series = result.iter().map(read_series);
    series.collect::<Option<Vec<_>>>().ok_or_else(broken)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_matrix_is_read_whole_or_refused() {
        let data = json!({"resultType": "matrix", "result": [
            {"metric": {"job": "a"}, "values": [[1.5, "2"], [2, "NaN"], [3.25, "+Inf"]]}]});
        let series = read_matrix(&data).unwrap();
        let shown: Vec<_> = series[0]
            .samples
            .iter()
            .map(|s| format!("{}@{}", s.value, s.timestamp.as_millis()))
            .collect();
        assert_eq!(shown.join(" "), "2@1500 NaN@2000 inf@3250");
        for bad in [
            json!({}),
            json!({"result": 5}),
            json!({"result": [{"metric": {"a": 1}, "values": []}]}),
            json!({"result": [{"metric": {}, "values": [[1]]}]}),
            json!({"result": [{"metric": {}, "values": [[1, "x"]]}]}),
            json!({"result": [{"metric": {}, "histograms": []}]}),
        ] {
            assert!(read_matrix(&bad).is_err(), "{bad}");
        }
    }
}
