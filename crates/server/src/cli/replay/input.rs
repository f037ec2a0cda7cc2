//! The files of a replay.

use std::fs::File;
use std::io::{Read as _, stdin};
use std::path::Path;

use diagnosis::kpi::infer::{Proposal, SeriesSummary, infer};
use diagnosis::kpi::mapping::{Mapping, MetricType, read_mapping_file};
use diagnosis::replay::{Recording, RecordingReader};

use model::METRIC_NAME;
use model::exposition::MetricType as Exposed;

use crate::config::read_file;
use crate::scrape::error_chain;

/// Of a file that is held at once.
const PIECE_BYTES: usize = 1 << 20;

pub(super) fn recording(path: &Path) -> Result<Recording, String> {
    let shown = path.display();
    let failed = |error: std::io::Error| format!("cannot read {shown}: {error}");
    let mut source: Box<dyn std::io::Read> = if path.as_os_str() == "-" {
        Box::new(stdin().lock())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    let mut reader = RecordingReader::default();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let n = source.read(&mut piece).map_err(failed)?;
        if n == 0 {
            break;
        }
        let pushed = reader.push(&piece[..n]);
        pushed.map_err(|error| format!("{shown}: {error}"))?;
    }
    reader.finish().map_err(|error| format!("{shown}: {error}"))
}

/// What was wrong with parts of it.
pub(super) fn notes(recording: &Recording) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(first) = recording.rejected.first() {
        notes.push(format!(
            "{} lines are left out, the first is line {}: {}: {}",
            recording.n_rejected, first.line, first.reason, first.text
        ));
    }
    if 0 < recording.n_without_time {
        notes.push(format!(
            "{} samples are left out, they have no timestamp",
            recording.n_without_time
        ));
    }
    if 0 < recording.n_disordered {
        notes.push(format!(
            "samples of {} series stood out of order or twice; they are sorted and the last counts",
            recording.n_disordered
        ));
    }
    notes
}

/// All mappings of a file, or every problem with its line.
pub(super) fn mappings(path: &Path) -> Result<Vec<Mapping>, String> {
    let shown = path.display();
    let text = read_file(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let (mappings, problems) = read_mapping_file(&text);
    if problems.is_empty() {
        return Ok(mappings);
    }
    let problems = problems.iter().map(|problem| error_chain(problem));
    Err(format!(
        "{shown}: {}",
        problems.collect::<Vec<_>>().join("; ")
    ))
}

/// What the metrics mean by the look of them.
pub(super) fn inferred(recording: &Recording) -> Vec<Proposal> {
    let summaries: Vec<SeriesSummary> = recording
        .series
        .iter()
        .map(|series| {
            let name = series.labels.get(METRIC_NAME).unwrap_or_default();
            SeriesSummary::new(
                series.labels.clone(),
                metric_type(recording, name),
                &series.samples,
            )
        })
        .collect();
    infer(&summaries)
}

/// OpenMetrics names the type by the family, whose series have suffixes.
fn metric_type(recording: &Recording, name: &str) -> Option<MetricType> {
    let suffixes = ["_total", "_bucket", "_sum", "_count"];
    let family = suffixes.iter().find_map(|suffix| {
        let family = name.strip_suffix(suffix)?;
        recording.types.get(family)
    });
    let known = recording.types.get(name).or(family)?;
    match known {
        Exposed::Counter => Some(MetricType::Counter),
        Exposed::Gauge => Some(MetricType::Gauge),
        Exposed::Histogram => Some(MetricType::Histogram),
        Exposed::Summary => Some(MetricType::Summary),
        Exposed::GaugeHistogram | Exposed::Info | Exposed::StateSet | Exposed::Unknown => None,
    }
}
