//! `pyrometer up`: starts the server and tells on the terminal what happens.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

use tokio::sync::mpsc;
use tracing::Level;
use tracing_subscriber::filter::LevelFilter;

use super::UpArgs;
use super::style::{Style, clean, complain, counted, print};
use crate::scrape::{Sighting, error_chain};
use crate::up::{EVENTS_MAX, Event};

/// Runs until a signal. 2 when the server cannot start.
pub(super) fn run(args: UpArgs) -> ExitCode {
    log_to_stderr(&args.log_level);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("cannot start: {error}"));
            return ExitCode::from(2);
        }
    };
    let ended = runtime.block_on(async {
        let (events, mut printed) = mpsc::channel(EVENTS_MAX);
        let printer = tokio::spawn(async move {
            let style = Style::of_stdout();
            while let Some(event) = printed.recv().await {
                print(&line(&event, style));
            }
        });
        let ended = crate::up::run(args, events).await;
        // All senders are gone with the server, so the printer ends after its last line.
        drop(printer.await);
        ended
    });
    // A scrape of a target that hangs must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error_chain(&error));
            ExitCode::from(if error.is_at_start() { 2 } else { 1 })
        }
    }
}

fn log_to_stderr(level: &str) {
    let level = level
        .parse::<Level>()
        .map_or(LevelFilter::WARN, LevelFilter::from_level);
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_max_level(level)
        .init();
}

fn line(event: &Event, style: Style) -> String {
    let (mark, text) = match event {
        Event::Store { dir, recovered } => {
            let state = match recovered {
                None => "new".to_owned(),
                Some(recovered) => recovered.clone(),
            };
            (
                style.good("✓"),
                format!("store {} ({state})", dir.display()),
            )
        }
        Event::Damage { parts } => (
            style.bad("!"),
            format!("the store has {parts} damaged parts; the rest is intact"),
        ),
        Event::Config {
            path,
            jobs,
            ignored,
        } => {
            let ignored = match ignored {
                0 => String::new(),
                1 => ", 1 part ignored: pyrometer check config says which".to_owned(),
                n => format!(", {n} parts ignored: pyrometer check config says which"),
            };
            (
                style.good("✓"),
                format!(
                    "config {} ({}{ignored})",
                    path.display(),
                    counted(*jobs, "job")
                ),
            )
        }
        Event::Receivers {
            path,
            ways,
            alertmanagers,
        } => receivers_line(path.as_deref(), *ways, *alertmanagers, style),
        Event::Reloaded { error: None } => (style.good("✓"), "config read anew".to_owned()),
        Event::Reloaded { error: Some(error) } => (
            style.bad("✗"),
            format!("config not read anew, the old one stays: {error}"),
        ),
        Event::Listening { address } => (style.good("✓"), format!("UI http://{address}")),
        Event::Looking { dirs } => {
            let dirs: Vec<String> = dirs.iter().map(|dir| dir.display().to_string()).collect();
            let text = format!("looking for local Python services in {}", dirs.join(", "));
            (style.dim("…"), text)
        }
        Event::Sighting(sighting) => sighting_line(sighting, style),
        Event::Stopping => (style.dim("…"), "stopping".to_owned()),
    };
    let lines: Vec<String> = text.lines().map(clean).collect();
    format!("  {mark} {}\n", lines.join("\n    "))
}

/// Alerts that nobody is told of are worth a word, too.
fn receivers_line(
    path: Option<&Path>,
    ways: usize,
    alertmanagers: usize,
    style: Style,
) -> (String, String) {
    let mut told = Vec::new();
    if let Some(path) = path {
        told.push(format!(
            "{} ({})",
            path.display(),
            counted(ways, "integration")
        ));
    }
    if alertmanagers > 0 {
        told.push(counted(alertmanagers, "Alertmanager"));
    }
    if told.is_empty() {
        let text =
            "alerts show in the UI only, nobody is told; name receivers with --notifications";
        return (style.dim("…"), text.to_owned());
    }
    (
        style.good("✓"),
        format!("alerts go to {}", told.join(" and ")),
    )
}

fn sighting_line(sighting: &Sighting, style: Style) -> (String, String) {
    match sighting {
        Sighting::Found {
            service,
            instance,
            framework,
            processes,
        } => {
            let kind = framework
                .as_ref()
                .map_or(String::new(), |name| format!("{name}, "));
            let noun = if *processes == 1 {
                "process"
            } else {
                "processes"
            };
            let text = format!("found {service} ({kind}{processes} {noun}) at {instance}");
            (style.good("✓"), text)
        }
        Sighting::Gone { service, instance } => {
            (style.dim("-"), format!("{service} at {instance} has ended"))
        }
    }
}
