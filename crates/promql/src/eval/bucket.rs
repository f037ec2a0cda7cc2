//! Quantiles and fractions of one classic histogram at one step.

/// All observations up to a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    /// Inclusive.
    pub(super) upper: f64,
    /// Cumulative.
    pub(super) count: f64,
}

/// The buckets of one histogram: sorted by bound, no bound twice, at least one.
#[derive(Clone, Debug)]
pub(super) struct Buckets(Vec<Bucket>);

/// Counts that differ by less than this share are taken as equal: such is the rounding of sums of
/// rates over series that were scraped at different moments. Prometheus's `smallDeltaTolerance`.
const TOLERANCE: f64 = 1e-12;

impl Buckets {
    /// From buckets sorted by bound; those with the same bound are added up. `None` without any.
    pub(super) fn new(sorted: impl Iterator<Item = Bucket>) -> Option<Self> {
        let mut buckets: Vec<Bucket> = Vec::new();
        for bucket in sorted {
            match buckets.last_mut() {
                Some(last) if last.upper == bucket.upper => last.count += bucket.count,
                _ => buckets.push(bucket),
            }
        }
        (!buckets.is_empty()).then_some(Self(buckets))
    }

    /// The value below which this share of the observations lies, linear inside a bucket, and
    /// whether counts had to be raised since they fell from one bucket to the next.
    ///
    /// The lowest bucket starts at 0 when its bound is positive; the highest has no end, so its
    /// lower bound is all that can be said. NaN without a `+Inf` bucket or without observations.
    pub(super) fn quantile(&mut self, quantile: f64) -> (f64, bool) {
        if quantile.is_nan() {
            return (f64::NAN, false);
        }
        if quantile < 0.0 {
            return (f64::NEG_INFINITY, false);
        }
        if quantile > 1.0 {
            return (f64::INFINITY, false);
        }
        let last = self.0.len() - 1;
        if self.0[last].upper != f64::INFINITY {
            return (f64::NAN, false);
        }
        let forced = self.make_monotonic();
        let observations = self.0[last].count;
        if last == 0 || observations == 0.0 {
            return (f64::NAN, forced);
        }
        let rank = quantile * observations;
        let hit = self.0[..last].partition_point(|bucket| {
            // Spelled with >= as the search for the first bucket that reaches the rank, so that a
            // NaN count reaches none.
            let reaches = bucket.count >= rank;
            !reaches
        });
        if hit == last {
            return (self.0[last - 1].upper, forced);
        }
        let Bucket { upper, count } = self.0[hit];
        if hit == 0 {
            if upper <= 0.0 {
                return (upper, forced);
            }
            return (upper * (rank / count), forced);
        }
        let below = self.0[hit - 1];
        let share = (rank - below.count) / (count - below.count);
        (below.upper + (upper - below.upper) * share, forced)
    }

    /// Cumulative counts must not fall. Small falls are rounding; larger ones are forced flat and
    /// worth a remark.
    fn make_monotonic(&mut self) -> bool {
        let mut forced = false;
        let mut highest = self.0[0].count;
        for bucket in &mut self.0[1..] {
            if bucket.count == highest {
                continue;
            }
            if nearly_equal(highest, bucket.count) {
                bucket.count = highest;
            } else if bucket.count < highest {
                bucket.count = highest;
                forced = true;
            } else {
                highest = bucket.count;
            }
        }
        forced
    }

    /// The share of observations between two values, linear inside a bucket.
    pub(super) fn fraction(&self, lower: f64, upper: f64) -> f64 {
        let last = self.0[self.0.len() - 1];
        let no_answer = last.upper != f64::INFINITY || last.count == 0.0;
        if no_answer || lower.is_nan() || upper.is_nan() {
            return f64::NAN;
        }
        if lower >= upper {
            return 0.0;
        }
        (self.rank(upper) - self.rank(lower)) / last.count
    }

    /// How many observations are up to this value.
    fn rank(&self, value: f64) -> f64 {
        let mut below = Bucket {
            upper: f64::NEG_INFINITY,
            count: 0.0,
        };
        for (index, &bucket) in self.0.iter().enumerate() {
            let starts = match index {
                0 if bucket.upper > 0.0 => 0.0,
                _ => below.upper,
            };
            if value <= starts {
                return below.count;
            }
            if value < bucket.upper {
                // A bucket without an end tells nothing of what is inside: all of the lowest one
                // counts as below, nothing of the highest one.
                if starts.is_infinite() {
                    return bucket.count;
                }
                if bucket.upper.is_infinite() {
                    return below.count;
                }
                let share = (value - starts) / (bucket.upper - starts);
                return below.count + (bucket.count - below.count) * share;
            }
            below = bucket;
        }
        below.count
    }
}

/// Whether two counts differ by less than [`TOLERANCE`] of their sum.
fn nearly_equal(a: f64, b: f64) -> bool {
    if a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

#[cfg(test)]
mod tests;
