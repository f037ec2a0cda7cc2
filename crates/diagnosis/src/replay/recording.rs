//! Recorded series: OpenMetrics or Prometheus text with a timestamp at every sample.

use std::collections::HashMap;

use model::exposition::{Format, Line, Lines, MetricType, Rejected, parse_series};
use model::{Labels, Timestamp};

/// Series and samples of one recording: a day of 10,000 series at 15 s has 58 million samples.
const SERIES_MAX: usize = 1_000_000;
const SAMPLES_MAX: usize = 400_000_000;

/// Bad lines that are shown; all are counted.
const REJECTED_SHOWN: usize = 10;

/// Seconds since the epoch beyond this are the year 5138: they were meant as milliseconds.
const SECONDS_MAX: i64 = 100_000_000_000;

/// What was recorded, series by series.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    pub series: Vec<RecordedSeries>,
    /// By the name of the metric family.
    pub types: HashMap<String, MetricType>,
    /// The first bad lines.
    pub rejected: Vec<Rejected>,
    pub n_rejected: usize,
    /// Samples without a timestamp: they say nothing of when they were.
    pub n_without_time: usize,
    /// Samples that were not in order, or stood twice; the last one counts.
    pub n_disordered: usize,
}

#[derive(Clone, Debug)]
pub struct RecordedSeries {
    pub labels: Labels,
    /// By time, each time once. Stale markers are gaps.
    pub samples: Vec<(Timestamp, f64)>,
}

/// Why a recording is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    #[error("more than {SERIES_MAX} series; record fewer or cut the file")]
    TooManySeries,
    #[error("more than {SAMPLES_MAX} samples; cut the time or record less often")]
    TooManySamples,
}

/// Reads a recording piece by piece, so that a file of gigabytes needs no second copy.
#[derive(Clone, Debug, Default)]
pub struct RecordingReader {
    recording: Recording,
    places: HashMap<Box<str>, u32>,
    lines: usize,
    samples: usize,
    /// The beginning of a line whose end is not there yet.
    rest: Vec<u8>,
}

impl RecordingReader {
    /// # Errors
    /// When there is more than memory should hold.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), RecordingError> {
        let Some(end) = bytes.iter().rposition(|&byte| byte == b'\n') else {
            self.rest.extend_from_slice(bytes);
            return Ok(());
        };
        let (whole, rest) = bytes.split_at(end + 1);
        if self.rest.is_empty() {
            self.read(whole)?;
        } else {
            let first = whole.iter().position(|&byte| byte == b'\n').unwrap_or(end) + 1;
            let mut line = std::mem::take(&mut self.rest);
            line.extend_from_slice(&whole[..first]);
            self.read(&line)?;
            self.read(&whole[first..])?;
        }
        self.rest.extend_from_slice(rest);
        Ok(())
    }

    /// # Errors
    /// As [`Self::push`].
    pub fn finish(mut self) -> Result<Recording, RecordingError> {
        let rest = std::mem::take(&mut self.rest);
        self.read(&rest)?;
        let mut recording = self.recording;
        for series in &mut recording.series {
            let samples = &mut series.samples;
            let is_ordered = samples.windows(2).all(|pair| pair[0].0 < pair[1].0);
            if !is_ordered {
                let before = samples.len();
                samples.sort_by_key(|&(at, _)| at);
                samples.reverse();
                samples.dedup_by_key(|&mut (at, _)| at);
                samples.reverse();
                recording.n_disordered += (before - samples.len()).max(1);
            }
            // Stale markers are NaN too.
            samples.retain(|&(_, value)| !value.is_nan());
        }
        recording.series.retain(|series| !series.samples.is_empty());
        Ok(recording)
    }

    fn read(&mut self, whole: &[u8]) -> Result<(), RecordingError> {
        for line in Lines::new(whole, Format::OpenMetrics) {
            match line {
                Line::Sample(sample) => {
                    let Some(at) = sample.timestamp.map(in_millis) else {
                        self.recording.n_without_time += 1;
                        continue;
                    };
                    let place = match self.places.get(sample.series) {
                        Some(&place) => place,
                        None => match parse_series(sample.series) {
                            Ok(labels) => self.add(sample.series, labels)?,
                            Err(reason) => {
                                self.reject(sample.reject(reason));
                                continue;
                            }
                        },
                    };
                    self.samples += 1;
                    if SAMPLES_MAX < self.samples {
                        return Err(RecordingError::TooManySamples);
                    }
                    let series = &mut self.recording.series[place as usize];
                    series.samples.push((at, sample.value));
                }
                Line::Type { family, kind } => {
                    self.recording.types.insert(family.into_owned(), kind);
                }
                Line::Rejected(rejected) => self.reject(rejected),
                Line::Help { .. } | Line::Unit { .. } | Line::Eof => {}
            }
        }
        self.lines += whole.iter().filter(|&&byte| byte == b'\n').count();
        Ok(())
    }

    fn add(&mut self, text: &str, labels: Labels) -> Result<u32, RecordingError> {
        if SERIES_MAX <= self.recording.series.len() {
            return Err(RecordingError::TooManySeries);
        }
        // Below SERIES_MAX.
        let place = u32::try_from(self.recording.series.len()).unwrap_or(u32::MAX);
        self.recording.series.push(RecordedSeries {
            labels,
            samples: Vec::new(),
        });
        self.places.insert(Box::from(text), place);
        Ok(place)
    }

    fn reject(&mut self, mut rejected: Rejected) {
        rejected.line += self.lines;
        self.recording.n_rejected += 1;
        if self.recording.rejected.len() < REJECTED_SHOWN {
            self.recording.rejected.push(rejected);
        }
    }
}

/// Prometheus text has milliseconds where OpenMetrics has seconds.
fn in_millis(at: Timestamp) -> Timestamp {
    let seconds = at.as_millis() / 1000;
    if SECONDS_MAX < seconds.abs() {
        Timestamp::from_millis(seconds)
    } else {
        at
    }
}

impl Recording {
    /// The first and the last time.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self
            .series
            .iter()
            .filter_map(|series| series.samples.first());
        let last = self
            .series
            .iter()
            .filter_map(|series| series.samples.last());
        let first = first.map(|&(at, _)| at).min()?;
        let last = last.map(|&(at, _)| at).max()?;
        Some((first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fed in pieces of `piece` bytes; the same whatever they are.
    fn read(text: &str, piece: usize) -> Recording {
        let mut reader = RecordingReader::default();
        for piece in text.as_bytes().chunks(piece) {
            reader.push(piece).expect("little");
        }
        reader.finish().expect("little")
    }

    #[test]
    fn pieces_may_end_anywhere() {
        let text = "# TYPE a gauge\na{x=\"1\"} 1 10\na{x=\"1\"} 2 20.5\nb 3 10\n# EOF";
        for piece in 1..text.len() {
            let recording = read(text, piece);
            assert_eq!(recording.series.len(), 2, "{piece}");
            let at = |millis| Timestamp::from_millis(millis);
            assert_eq!(
                recording.series[0].samples,
                [(at(10_000), 1.0), (at(20_500), 2.0)]
            );
            assert_eq!(recording.types["a"], MetricType::Gauge);
            assert_eq!(recording.span(), Some((at(10_000), at(20_500))));
        }
    }

    #[test]
    fn a_bad_line_costs_itself_and_says_where_it_stands() {
        let recording = read("a 1 10\na{ 2 20\na 3\na 4 30\na 5 30\na NaN 40\n", 7);
        assert_eq!(recording.n_rejected, 1);
        assert_eq!(recording.rejected[0].line, 2);
        assert_eq!(recording.n_without_time, 1);
        assert_eq!(recording.n_disordered, 1);
        let at = |millis| Timestamp::from_millis(millis);
        assert_eq!(
            recording.series[0].samples,
            [(at(10_000), 1.0), (at(30_000), 5.0)]
        );
    }

    #[test]
    fn milliseconds_of_the_older_format_are_understood() {
        let recording = read("a 1 1764212994000\n", 64);
        let at = Timestamp::from_millis(1_764_212_994_000);
        assert_eq!(recording.series[0].samples, [(at, 1.0)]);
    }
}
