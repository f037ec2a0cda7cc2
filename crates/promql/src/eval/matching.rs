//! Binary operators between vectors: which series meets which, and what comes of it.

use std::collections::HashMap;

use model::Labels;

use super::Evaluator;
use super::binary::arithmetic;
use super::label_subset::LabelSubset;
use super::meter::Rows;
use super::row::{self, Row, absent, is_present};
use super::steps::Steps;
use crate::EvalError;
use crate::ast::{Binary, BinaryOp, Group, Matching};

impl Evaluator<'_> {
    pub(super) fn match_vectors(
        &self,
        binary: &Binary,
        lhs: Rows<'_>,
        rhs: Rows<'_>,
        steps: Steps,
    ) -> Result<Vec<Row>, EvalError> {
        let matching = binary
            .matching
            .as_ref()
            .expect("the checker sets it between two vectors");
        let signature = LabelSubset::of_signature(matching);
        match binary.op {
            BinaryOp::And => Ok(filter(lhs.release(), &rhs, &signature, steps, true)),
            BinaryOp::Unless => Ok(filter(lhs.release(), &rhs, &signature, steps, false)),
            BinaryOp::Or => {
                let others = filter(rhs.release(), &lhs, &signature, steps, false);
                let mut rows = lhs.release();
                rows.extend(others);
                row::merge(rows)
            }
            _ => {
                let pairing = Pairing {
                    binary,
                    matching,
                    signature,
                    steps,
                };
                self.join(&pairing, &lhs, &rhs)
            }
        }
    }

    /// Each series of the "many" side meets the one series of the other side with its signature.
    /// One-to-one is many-to-one where "many" must turn out to be one.
    fn join(&self, pairing: &Pairing<'_>, lhs: &[Row], rhs: &[Row]) -> Result<Vec<Row>, EvalError> {
        let (many, one) = if pairing.many_is_left() {
            (lhs, rhs)
        } else {
            (rhs, lhs)
        };
        let mut partners: HashMap<Labels, Partners<'_>> = HashMap::new();
        for row in one {
            partners
                .entry(pairing.signature.apply(&row.labels))
                .or_insert_with(|| Partners::new(pairing.steps))
                .add(row);
        }
        let both: Vec<bool> = presence(many, pairing.steps)
            .into_iter()
            .zip(presence(one, pairing.steps))
            .map(|(many, one)| many && one)
            .collect();
        pairing.check_one_side(partners.values(), &both)?;
        let mut claims = Claims::default();
        let mut results = Rows::new(&self.meter);
        for row in many {
            self.options.cancel.check()?;
            let signature = pairing.signature.apply(&row.labels);
            if let Some(partners) = partners.get(&signature) {
                for result in pairing.pair(row, &signature, partners, &mut claims)? {
                    results.push(result)?;
                }
            }
        }
        row::merge(results.release())
    }
}

/// The rows, at the steps where the other side has (or lacks) a series with the same signature.
fn filter(
    rows: Vec<Row>,
    others: &[Row],
    signature: &LabelSubset,
    steps: Steps,
    wanted: bool,
) -> Vec<Row> {
    let mut there: HashMap<Labels, Vec<bool>> = HashMap::new();
    for other in others {
        let there = there
            .entry(signature.apply(&other.labels))
            .or_insert_with(|| vec![false; steps.count]);
        mark_present(other, there);
    }
    let nowhere = vec![false; steps.count];
    rows.into_iter()
        .map(|mut row| {
            let there = there.get(&signature.apply(&row.labels)).unwrap_or(&nowhere);
            row.map_steps(|step, value| {
                if there[step] == wanted {
                    value
                } else {
                    absent()
                }
            });
            row
        })
        .filter(|row| row.values.iter().any(|&value| is_present(value)))
        .collect()
}

fn mark_present(row: &Row, marks: &mut [bool]) {
    for (mark, &value) in marks.iter_mut().zip(&row.values) {
        *mark |= is_present(value);
    }
}

fn presence(rows: &[Row], steps: Steps) -> Vec<bool> {
    let mut marks = vec![false; steps.count];
    rows.iter().for_each(|row| mark_present(row, &mut marks));
    marks
}

/// The series of the "one" side that share a signature, by the steps at which each is there.
///
/// Series come and go, so there may be many, but only one at a step: pairing costs the steps once,
/// however often a series was replaced by the next.
struct Partners<'r> {
    rows: Vec<&'r Row>,
    /// Position in `rows`, [`Partners::NOBODY`] where no series is there.
    at: Vec<u32>,
    /// Two series at one step, by step; empty as long as there are none.
    clashes: Vec<Option<[u32; 2]>>,
}

impl<'r> Partners<'r> {
    const NOBODY: u32 = u32::MAX;

    fn new(steps: Steps) -> Self {
        Self {
            rows: Vec::new(),
            at: vec![Self::NOBODY; steps.count],
            clashes: Vec::new(),
        }
    }

    fn add(&mut self, row: &'r Row) {
        let position = u32::try_from(self.rows.len()).expect("fewer than 2^32 rows");
        self.rows.push(row);
        let steps = row.values.len();
        for (step, (at, &value)) in self.at.iter_mut().zip(&row.values).enumerate() {
            if !is_present(value) {
                continue;
            }
            if *at != Self::NOBODY {
                self.clashes.resize(steps, None);
                self.clashes[step].get_or_insert([*at, position]);
            }
            *at = position;
        }
    }
}

/// The steps for which a result has been claimed, filtered away or not.
#[derive(Debug, Default)]
struct Claims {
    positions: HashMap<Labels, usize>,
    steps: Vec<Vec<bool>>,
}

impl Claims {
    fn position(&mut self, labels: &Labels, steps: Steps) -> usize {
        let next = self.steps.len();
        let position = *self.positions.entry(labels.clone()).or_insert(next);
        if position == next {
            self.steps.push(vec![false; steps.count]);
        }
        position
    }
}

/// An arithmetic operator or a comparison between two vectors.
struct Pairing<'b> {
    binary: &'b Binary,
    matching: &'b Matching,
    signature: LabelSubset,
    steps: Steps,
}

impl Pairing<'_> {
    fn many_is_left(&self) -> bool {
        !matches!(self.matching.group, Group::Right(_))
    }

    /// At a step where both sides have series, no two of the "one" side may share a signature.
    fn check_one_side<'p>(
        &self,
        partners: impl Iterator<Item = &'p Partners<'p>>,
        both: &[bool],
    ) -> Result<(), EvalError> {
        let first = partners
            .flat_map(|partners| {
                let clashes = partners.clashes.iter().zip(both).enumerate();
                clashes.filter_map(|(step, (clash, &both))| {
                    let pair = clash.filter(|_| both)?;
                    Some((step, pair.map(|position| partners.rows[position as usize])))
                })
            })
            // The first by step and labels, so that the same data gives the same error.
            .min_by(|(a, [one, _]), (b, [other, _])| {
                a.cmp(b).then_with(|| one.labels.cmp(&other.labels))
            });
        match first {
            Some((_, [first, second])) => Err(self.many_to_many(first, second)),
            None => Ok(()),
        }
    }

    fn many_to_many(&self, first: &Row, second: &Row) -> EvalError {
        let group = self.signature.apply(&first.labels);
        let mut pair = [in_braces(&first.labels), in_braces(&second.labels)];
        pair.sort();
        let [first, second] = pair;
        EvalError::ManyToMany {
            group: in_braces(&group),
            side: if self.many_is_left() { "right" } else { "left" },
            first,
            second,
        }
    }

    /// The results of one series: one, or one for each partner whose labels it takes.
    fn pair(
        &self,
        many: &Row,
        signature: &Labels,
        partners: &Partners<'_>,
        claims: &mut Claims,
    ) -> Result<Vec<Row>, EvalError> {
        let takes_labels = match &self.matching.group {
            Group::OneToOne => false,
            Group::Left(included) | Group::Right(included) => !included.is_empty(),
        };
        let mut results: Vec<Row> = Vec::new();
        // Position in `results` and in `claims`, by partner.
        let mut places: HashMap<u32, (usize, usize)> = HashMap::new();
        for (step, &value) in many.values.iter().enumerate() {
            let partner = partners.at[step];
            if !is_present(value) || partner == Partners::NOBODY {
                continue;
            }
            let row = partners.rows[partner as usize];
            let place = if takes_labels { partner } else { 0 };
            let (result, claim) = *places.entry(place).or_insert_with(|| {
                let labels = self.result_labels(many, row);
                let one_to_one = self.matching.group == Group::OneToOne;
                let claimed = if one_to_one { signature } else { &labels };
                let claim = claims.position(claimed, self.steps);
                results.push(Row {
                    labels,
                    drop_name: many.drop_name || self.binary.returns_bool,
                    values: vec![absent(); self.steps.count],
                });
                (results.len() - 1, claim)
            });
            if std::mem::replace(&mut claims.steps[claim][step], true) {
                return Err(match self.matching.group {
                    Group::OneToOne => EvalError::ImplicitManyToOne,
                    Group::Left(_) | Group::Right(_) => EvalError::GroupingNotUnique,
                });
            }
            results[result].values[step] = self.value(value, row.values[step]);
        }
        Ok(results)
    }

    fn value(&self, many: f64, one: f64) -> f64 {
        let Binary {
            op, returns_bool, ..
        } = *self.binary;
        let (lhs, rhs) = if self.many_is_left() {
            (many, one)
        } else {
            (one, many)
        };
        let result = arithmetic(op, lhs, rhs);
        match (op.is_comparison() && !returns_bool, result == 0.0) {
            (false, _) => result,
            // A comparison that holds lets the left value through.
            (true, false) => lhs,
            (true, true) => absent(),
        }
    }

    fn result_labels(&self, many: &Row, one: &Row) -> Labels {
        let mut labels = many.labels.clone();
        if !self.binary.op.is_comparison() {
            labels = labels.without_metric_name();
        }
        match &self.matching.group {
            Group::OneToOne if self.matching.on => labels.keep(&self.matching.labels),
            Group::OneToOne => labels.drop(&self.matching.labels),
            Group::Left(included) | Group::Right(included) => {
                if included.is_empty() {
                    return labels;
                }
                let mut builder = labels.builder();
                for name in included {
                    builder.set(&**name, one.labels.get(name).unwrap_or_default());
                }
                builder.build()
            }
        }
    }
}

/// `{__name__="a", b="c"}`, as Prometheus's messages write labels.
fn in_braces(labels: &Labels) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}
