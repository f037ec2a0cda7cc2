//! Query results as Prometheus writes them: `[1435781451.781,"1"]`, values as texts.

use std::io::{self, Write};

use model::{Labels, Sample, format_float};
use promql::Value;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// Writes `{"resultType":…,"result":…}` with at most `limit` series; true when it cut some.
pub(crate) fn write_value(out: &mut impl Write, value: &Value, limit: usize) -> io::Result<bool> {
    match value {
        Value::Scalar(sample) => {
            out.write_all(b"{\"resultType\":\"scalar\",\"result\":")?;
            write_sample(out, sample)?;
            out.write_all(b"}")?;
            Ok(false)
        }
        Value::String { at, text } => {
            write!(out, "{{\"resultType\":\"string\",\"result\":[{at},")?;
            serde_json::to_writer(&mut *out, &**text)?;
            out.write_all(b"]}")?;
            Ok(false)
        }
        Value::Vector(series) => {
            out.write_all(b"{\"resultType\":\"vector\",\"result\":[")?;
            for (index, one) in series.iter().take(limit).enumerate() {
                write_head(out, index, &one.labels)?;
                out.write_all(b"\"value\":")?;
                write_sample(out, &one.sample)?;
                out.write_all(b"}")?;
            }
            out.write_all(b"]}")?;
            Ok(series.len() > limit)
        }
        Value::Matrix(series) => {
            out.write_all(b"{\"resultType\":\"matrix\",\"result\":[")?;
            for (index, one) in series.iter().take(limit).enumerate() {
                write_head(out, index, &one.labels)?;
                out.write_all(b"\"values\":[")?;
                for (index, sample) in one.samples.iter().enumerate() {
                    if index > 0 {
                        out.write_all(b",")?;
                    }
                    write_sample(out, sample)?;
                }
                out.write_all(b"]}")?;
            }
            out.write_all(b"]}")?;
            Ok(series.len() > limit)
        }
    }
}

fn write_head(out: &mut impl Write, index: usize, labels: &Labels) -> io::Result<()> {
    if index > 0 {
        out.write_all(b",")?;
    }
    out.write_all(b"{\"metric\":")?;
    serde_json::to_writer(&mut *out, &LabelsJson(labels))?;
    out.write_all(b",")
}

fn write_sample(out: &mut impl Write, sample: &Sample) -> io::Result<()> {
    write!(
        out,
        "[{},\"{}\"]",
        sample.timestamp,
        format_float(sample.value)
    )
}

/// Labels as a JSON object, sorted by name.
pub(crate) struct LabelsJson<'a>(pub(crate) &'a Labels);

impl Serialize for LabelsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use promql::{InstantSeries, RangeSeries};

    use super::*;

    fn check(value: &Value, limit: usize, expected: &str, expected_cut: bool) {
        let mut out = Vec::new();
        let cut = write_value(&mut out, value, limit).unwrap();
        assert_eq!(
            (String::from_utf8(out).unwrap().as_str(), cut),
            (expected, expected_cut)
        );
    }

    fn sample(millis: i64, value: f64) -> Sample {
        Sample {
            timestamp: Timestamp::from_millis(millis),
            value,
        }
    }

    #[test]
    fn results_are_written_as_in_prometheus() {
        let labels = Labels::new([("__name__", "a"), ("b", "\"x\"\n")]).unwrap();
        check(
            &Value::Scalar(sample(1500, 1.0)),
            9,
            r#"{"resultType":"scalar","result":[1.5,"1"]}"#,
            false,
        );
        check(
            &Value::String {
                at: Timestamp::from_millis(0),
                text: "a\"b".into(),
            },
            9,
            r#"{"resultType":"string","result":[0,"a\"b"]}"#,
            false,
        );
        let one = InstantSeries {
            labels: labels.clone(),
            sample: sample(1000, f64::NAN),
        };
        check(
            &Value::Vector(vec![one.clone(), one]),
            1,
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"a","b":"\"x\"\n"},"value":[1,"NaN"]}]}"#,
            true,
        );
        let samples = vec![sample(1000, f64::INFINITY), sample(2250, -0.5)];
        check(
            &Value::Matrix(vec![RangeSeries {
                labels: Labels::empty(),
                samples,
            }]),
            9,
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"+Inf"],[2.25,"-0.5"]]}]}"#,
            false,
        );
        check(
            &Value::Vector(vec![]),
            9,
            r#"{"resultType":"vector","result":[]}"#,
            false,
        );
    }
}
