//! Other ways to find the unusual, as their sources state them, over a series of minutes.

use std::ops::Range;

pub(crate) const RIVALS: [(&str, Judge); 6] = [
    ("GitLab z 1w, 3 sigma", gitlab_z),
    ("GitLab seasonal, 2 sigma", gitlab_seasonal),
    ("Grafana adaptive", grafana_adaptive),
    ("Grafana robust", grafana_robust),
    ("seasonal MAD, k=5 and 30 %", seasonal_mad),
    ("EWMA, 4 deviations", ewma),
];

/// Whether each minute of the range lies outside. The flag: the series is of requests.
pub(crate) type Judge = fn(&Sums, Range<usize>, bool) -> Vec<bool>;

const HOUR: usize = 60;
const DAY: usize = 24 * HOUR;
const WEEK: usize = 7 * DAY;

/// A series, its five-minute means and what makes means of any span cheap.
pub(crate) struct Sums {
    five: Vec<f64>,
    sum: Vec<f64>,
    square: Vec<f64>,
}

impl Sums {
    pub(crate) fn new(raw: &[f64]) -> Self {
        let mean = |end: usize| {
            let span = &raw[(end + 1).saturating_sub(5)..=end];
            span.iter().sum::<f64>() / span.len() as f64
        };
        let five: Vec<f64> = (0..raw.len()).map(mean).collect();
        let (mut sum, mut square) = (vec![0.0], vec![0.0]);
        for (idx, value) in five.iter().enumerate() {
            sum.push(sum[idx] + value);
            square.push(square[idx] + value * value);
        }
        Self { five, sum, square }
    }

    fn mean(&self, span: Range<usize>) -> f64 {
        (self.sum[span.end] - self.sum[span.start]) / span.len() as f64
    }

    fn deviation(&self, span: Range<usize>) -> f64 {
        let mean = self.mean(span.clone());
        let square = (self.square[span.end] - self.square[span.start]) / span.len() as f64;
        (square - mean * mean).max(0.0).sqrt()
    }

    fn median(&self, span: Range<usize>) -> f64 {
        median(self.five[span].to_vec())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The span of this length that ends `ago` minutes before.
fn span(minute: usize, length: usize, ago: usize) -> Range<usize> {
    let end = minute + 1 - ago;
    end - length..end
}

fn gitlab_z(sums: &Sums, range: Range<usize>, _: bool) -> Vec<bool> {
    let is_outside = |minute| {
        let week = span(minute, WEEK, 0);
        let z = (sums.five[minute] - sums.mean(week.clone())) / sums.deviation(week);
        z.abs() > 3.0
    };
    range.map(is_outside).collect()
}

fn gitlab_seasonal(sums: &Sums, range: Range<usize>, _: bool) -> Vec<bool> {
    let is_outside = |minute| {
        let now = sums.mean(span(minute, WEEK, 0));
        let weeks = (1..=3).filter(|week| minute > (week + 1) * WEEK);
        let of_week = |week| {
            sums.mean(span(minute, 4 * HOUR, week * WEEK - 2 * HOUR)) + now
                - sums.mean(span(minute, WEEK, week * WEEK))
        };
        let predicted = median(weeks.map(of_week).collect());
        (sums.five[minute] - predicted).abs() > 2.0 * sums.deviation(span(minute, WEEK, 0))
    };
    range.map(is_outside).collect()
}

fn grafana_adaptive(sums: &Sums, range: Range<usize>, is_requests: bool) -> Vec<bool> {
    let hour = |minute: usize, ago| span(minute, HOUR, ago);
    let first = range.start - 26 * HOUR;
    // Sums of the hourly deviations that are kept, and how many they are, up to each minute.
    let mut kept = vec![(0.0, 0_u32)];
    for minute in first..range.end {
        let (sum, n) = kept[kept.len() - 1];
        let (mean, deviation) = (sums.mean(hour(minute, 0)), sums.deviation(hour(minute, 0)));
        let is_kept = deviation > 0.5 * mean;
        kept.push(if is_kept {
            (sum + deviation, n + 1)
        } else {
            (sum, n)
        });
    }
    let is_outside = |minute: usize| {
        let (value, mean) = (sums.five[minute], sums.mean(hour(minute, 0)));
        // A series without requests is not there, and one with few is left out.
        if value <= 0.0 || (is_requests && mean < 5.0 / 60.0) {
            return false;
        }
        let (end, start) = (
            kept[minute + 1 - first],
            kept[minute + 1 - first - 26 * HOUR],
        );
        let mut bounds = vec![0.5 * mean, 1.5 * mean];
        if end.1 > start.1 {
            let band = 2.0 * (end.0 - start.0) / f64::from(end.1 - start.1);
            bounds.extend([mean - band, mean + band]);
        }
        for ago in [DAY - HOUR / 2, WEEK - HOUR / 2] {
            let (then, band) = (
                sums.mean(hour(minute, ago)),
                2.0 * sums.deviation(hour(minute, ago)),
            );
            bounds.extend([then - band, then + band]);
        }
        is_beyond(value, &bounds)
    };
    range.map(is_outside).collect()
}

fn grafana_robust(sums: &Sums, range: Range<usize>, is_requests: bool) -> Vec<bool> {
    let mut day = (0.0, 0.0);
    let start = range.start;
    let is_outside = |minute: usize| {
        // The level of a day moves little in five minutes.
        if (minute - start).is_multiple_of(5) {
            let middle = sums.median(span(minute, DAY, 0));
            let distances = sums.five[span(minute, DAY, 0)]
                .iter()
                .map(|x| (x - middle).abs());
            day = (middle, median(distances.collect()));
        }
        let level = sums.median(span(minute, HOUR, 0));
        if is_requests && sums.mean(span(minute, HOUR, 0)) < 5.0 / 60.0 {
            return false;
        }
        let (middle, mad) = day;
        let mut bounds = vec![
            middle - 2.0 * mad,
            middle + 2.0 * mad,
            0.5 * middle,
            1.5 * middle,
        ];
        for ago in [DAY - HOUR / 4, WEEK - HOUR / 4] {
            let then = sums.median(span(minute, HOUR, ago));
            bounds.extend([then - 2.0 * mad, then + 2.0 * mad]);
        }
        is_beyond(level, &bounds)
    };
    range.map(is_outside).collect()
}

fn is_beyond(value: f64, bounds: &[f64]) -> bool {
    let upper = bounds.iter().copied().fold(f64::MIN, f64::max);
    let lower = bounds.iter().copied().fold(f64::MAX, f64::min).max(0.0);
    value > upper || value < lower
}

fn seasonal_mad(sums: &Sums, range: Range<usize>, _: bool) -> Vec<bool> {
    let expected = |minute: usize| {
        let agos = [DAY, WEEK, 2 * WEEK].map(|ago| ago - HOUR / 2);
        median(
            agos.map(|ago| sums.median(span(minute, HOUR, ago)))
                .to_vec(),
        )
    };
    // Residuals of the week before, one in five minutes.
    let first = (range.start - WEEK).max(2 * WEEK + HOUR);
    let residuals: Vec<f64> = (first..range.end)
        .step_by(5)
        .map(|minute| (sums.five[minute] - expected(minute)).abs())
        .collect();
    let mut scale = 0.0;
    let start = range.start;
    let is_outside = |minute: usize| {
        if (minute - start).is_multiple_of(60) {
            let end = (minute - first) / 5;
            scale = 1.4826 * median(residuals[end.saturating_sub(WEEK / 5)..end].to_vec());
        }
        let expected = expected(minute);
        let distance = (sums.five[minute] - expected).abs();
        distance > 5.0 * scale && distance > 0.3 * expected
    };
    range.map(is_outside).collect()
}

fn ewma(sums: &Sums, range: Range<usize>, _: bool) -> Vec<bool> {
    const WEIGHT: f64 = 1.0 / 60.0;
    let first = range.start - DAY;
    let (mut level, mut deviation) = (sums.five[first], 0.1 * sums.five[first].abs());
    let mut outside = Vec::new();
    for minute in first..range.end {
        let distance = (sums.five[minute] - level).abs();
        if minute >= range.start {
            outside.push(distance > 4.0 * deviation);
        }
        level += WEIGHT * (sums.five[minute] - level);
        deviation += WEIGHT * (distance - deviation);
    }
    outside
}
