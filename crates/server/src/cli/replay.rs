//! `pyrometer replay`: incidents of recorded history, with ranked suspects.

mod edges;
mod input;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use diagnosis::graph::Graph;
use diagnosis::incident::IncidentOptions;
use diagnosis::kpi::KpiSeries;
use diagnosis::kpi::mapping::{Mapping, RawSeries};
use diagnosis::replay::{Recording, ReplayOptions, replay, step_of};
use model::Timestamp;

use super::style::{clean, complain};
use crate::api::parse_time;

/// Reasons for what metrics are taken for that are told.
const WHYS_SHOWN: usize = 20;

/// Options of `pyrometer replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// What was recorded: OpenMetrics or Prometheus text with a timestamp at every sample; - for
    /// standard input
    #[arg(long, value_name = "FILE")]
    openmetrics: PathBuf,
    /// What the metrics mean (docs/formats/mapping.md). Without it that is worked out from names,
    /// labels and values.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Who calls whom: a CSV file of caller,callee
    #[arg(long, value_name = "FILE")]
    graph: Option<PathBuf>,
    /// The beginning: Unix seconds or RFC 3339 [default: the first sample]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// The end [default: the last sample]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// What was before is the usual; without it what is usual is learned on the way
    #[arg(long, value_name = "TIME", value_parser = moment)]
    normal_until: Option<Timestamp>,
    /// Between two samples [default: as most of them lie apart]
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    step: Option<Duration>,
    /// Print JSON (docs/replay.md).
    #[arg(long)]
    json: bool,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    parse_time(text).ok_or_else(|| {
        format!("{text:?} is no time; write for example 2026-01-02T15:04:05Z or 1767366245")
    })
}

pub(super) fn run(args: &ReplayArgs) -> ExitCode {
    match replayed(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            complain(&clean(&reason));
            ExitCode::from(2)
        }
    }
}

fn replayed(args: &ReplayArgs) -> Result<(), String> {
    let recording = input::recording(&args.openmetrics)?;
    for note in input::notes(&recording) {
        complain(&clean(&note));
    }
    let (first, last) = recording
        .span()
        .ok_or("the recording has no sample with a timestamp")?;
    let (from, to) = (args.from.unwrap_or(first), args.to.unwrap_or(last));
    if to <= from {
        return Err("--from must lie before --to".to_owned());
    }
    if let Some(until) = args.normal_until
        && (until < first || to <= until)
    {
        return Err("--normal-until must lie within the recording".to_owned());
    }
    let mappings = match &args.mapping {
        Some(path) => input::mappings(path)?,
        None => {
            let proposals = input::inferred(&recording);
            if !args.json {
                for proposal in proposals.iter().take(WHYS_SHOWN) {
                    complain(&clean(&proposal.why));
                }
            }
            proposals
                .into_iter()
                .map(|proposal| proposal.mapping)
                .collect()
        }
    };
    let kpis = kpis(&recording, &mappings);
    if kpis.is_empty() {
        return Err(
            "no metric of the recording is understood; say with --mapping what they mean"
                .to_owned(),
        );
    }
    let mut graph = Graph::default();
    if let Some(path) = &args.graph {
        let unknown = edges::read(path, &kpis, &mut graph)?;
        for note in unknown {
            complain(&clean(&note));
        }
    }
    let step = args.step.unwrap_or_else(|| step_of(&kpis));
    let options = ReplayOptions {
        from,
        to,
        normal_until: args.normal_until,
        step,
        window: step,
        incidents: IncidentOptions::default(),
    };
    let found = replay(&mut graph, &kpis, &[], &options);
    report::print_all(&found, args.json);
    Ok(())
}

/// Where two mappings speak of the same KPI the first one counts.
fn kpis(recording: &Recording, mappings: &[Mapping]) -> Vec<KpiSeries> {
    let mut kpis: Vec<KpiSeries> = Vec::new();
    for mapping in mappings {
        let series = recording.series.iter().map(|series| RawSeries {
            labels: &series.labels,
            samples: &series.samples,
        });
        kpis.extend(mapping.apply(series));
    }
    kpis.sort_by(|a, b| a.key.cmp(&b.key));
    kpis.dedup_by(|later, kept| later.key == kept.key);
    kpis
}
