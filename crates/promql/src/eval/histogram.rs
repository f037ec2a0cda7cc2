//! `histogram_quantile` and its kin over rows of buckets.

use model::{format_float, parse_float};

use super::aggregate::Groups;
use super::bucket::{Bucket, Buckets};
use super::label_subset::LabelSubset;
use super::row::{Row, absent, is_present};
use super::steps::Steps;
use super::{Evaluator, Sink};
use crate::EvalError;
use crate::ast::{Call, Node};

/// The label that holds a bucket's upper bound.
const BUCKET_LABEL: &str = "le";

/// A row of one bucket's counts.
struct BucketRow {
    upper: f64,
    values: Vec<f64>,
}

/// What is asked of each histogram, step by step.
enum Question {
    Quantile {
        /// [`absent`] where it is not asked.
        quantiles: Vec<f64>,
        /// Name and value of the label that tells the answers to several questions apart.
        label: Option<(String, String)>,
    },
    Fraction {
        lower: Vec<f64>,
        upper: Vec<f64>,
    },
}

impl Evaluator<'_> {
    pub(super) fn histogram(
        &self,
        call: &Call,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), EvalError> {
        let name = call.function.name;
        let vector = match name {
            "histogram_quantiles" => &call.args[0],
            "histogram_quantile" => &call.args[1],
            _ => &call.args[2],
        };
        let questions = self.questions(call, steps)?;
        let histograms = self.bucket_rows(vector, steps)?;
        for group in histograms.groups {
            self.options.cancel.check()?;
            for question in &questions {
                let mut forced = false;
                let values = (0..steps.count)
                    .map(|step| question.answer(&group.content, step, &mut forced))
                    .collect();
                if forced {
                    self.note_not_monotonic(group.labels.metric_name(), vector);
                }
                let mut labels = group.labels.clone();
                if let Question::Quantile {
                    label: Some((name, value)),
                    ..
                } = question
                {
                    let mut builder = labels.builder();
                    builder.set(name, value);
                    labels = builder.build();
                }
                sink(Row {
                    labels,
                    drop_name: true,
                    values,
                })?;
            }
        }
        Ok(())
    }

    fn questions(&self, call: &Call, steps: Steps) -> Result<Vec<Question>, EvalError> {
        let quantiles_of = |node: &Node| {
            let quantiles = self.scalars(node, steps)?;
            self.warn_of_quantiles(&quantiles, node);
            Ok::<_, EvalError>(quantiles)
        };
        match call.function.name {
            "histogram_fraction" => Ok(vec![Question::Fraction {
                lower: self.scalars(&call.args[0], steps)?,
                upper: self.scalars(&call.args[1], steps)?,
            }]),
            "histogram_quantile" => Ok(vec![Question::Quantile {
                quantiles: quantiles_of(&call.args[0])?,
                label: None,
            }]),
            _ => {
                let name = self.text(&call.args[1]);
                let mut questions = Vec::new();
                for node in &call.args[2..] {
                    questions.extend(by_quantile(&name, &quantiles_of(node)?));
                }
                Ok(questions)
            }
        }
    }

    /// The bucket rows of each histogram: all labels but the bound.
    fn bucket_rows(
        &self,
        vector: &Node,
        steps: Steps,
    ) -> Result<Groups<Vec<BucketRow>>, EvalError> {
        let subset = LabelSubset::Drop(vec![BUCKET_LABEL.into()]);
        let mut groups: Groups<Vec<BucketRow>> = Groups::new();
        let mut charge = self.meter.charge(0)?;
        self.each_row(vector, steps, &mut |row| {
            let bound = row.labels.get(BUCKET_LABEL).unwrap_or_default();
            let Some(upper) = parse_float(bound) else {
                self.warn_of_bound(bound, row.labels.metric_name(), vector);
                return Ok(());
            };
            charge.add(row.values.len())?;
            let labels = subset.apply(&row.labels);
            groups
                .entry(labels, row.drop_name, Vec::new)
                .content
                .push(BucketRow {
                    upper,
                    values: row.values,
                });
            Ok(())
        })?;
        for group in &mut groups.groups {
            group.content.sort_by(|a, b| a.upper.total_cmp(&b.upper));
        }
        Ok(groups)
    }

    fn warn_of_bound(&self, bound: &str, name: &str, vector: &Node) {
        self.notes.borrow_mut().warn(
            vector.span,
            format!(
                "bucket label \"le\" is missing or has a malformed value of {bound:?} for metric \
                 name {name:?}"
            ),
        );
    }

    fn note_not_monotonic(&self, name: &str, vector: &Node) {
        self.notes.borrow_mut().info(
            vector.span,
            format!(
                "input to histogram_quantile needed to be fixed for monotonicity (see \
                 https://prometheus.io/docs/prometheus/latest/querying/functions/\
                 #histogram_quantile) for metric name {name:?}"
            ),
        );
    }
}

impl Question {
    fn answer(&self, rows: &[BucketRow], step: usize, forced: &mut bool) -> f64 {
        let present = rows
            .iter()
            .filter(|row| is_present(row.values[step]))
            .map(|row| Bucket {
                upper: row.upper,
                count: row.values[step],
            });
        let Some(mut buckets) = Buckets::new(present) else {
            return absent();
        };
        match self {
            Self::Quantile { quantiles, .. } => {
                if !is_present(quantiles[step]) {
                    return absent();
                }
                let (value, fixed) = buckets.quantile(quantiles[step]);
                *forced |= fixed;
                value
            }
            Self::Fraction { lower, upper } => buckets.fraction(lower[step], upper[step]),
        }
    }
}

/// One question for each different quantile, since its value becomes a label.
fn by_quantile(name: &str, quantiles: &[f64]) -> Vec<Question> {
    let mut different: Vec<f64> = quantiles.to_vec();
    different.sort_by(f64::total_cmp);
    different.dedup_by_key(|quantile| quantile.to_bits());
    different
        .into_iter()
        .map(|wanted| Question::Quantile {
            quantiles: quantiles
                .iter()
                .map(|quantile| match quantile.to_bits() == wanted.to_bits() {
                    true => wanted,
                    false => absent(),
                })
                .collect(),
            label: Some((name.to_owned(), with_fraction(wanted))),
        })
        .collect()
}

/// `1.0` for 1: how OpenMetrics writes the value of a quantile label.
fn with_fraction(value: f64) -> String {
    let text = format_float(value);
    if text.chars().all(|c| c.is_ascii_digit() || c == '-') {
        return format!("{text}.0");
    }
    text
}
