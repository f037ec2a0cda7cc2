//! CPU and memory of a whole server while it scrapes the same targets at the same pace.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::exporter::{Exporter, SERIES};
use crate::context::Context;
use crate::http::Api;
use crate::process::{self, Fleet, Service, free_address};

/// 40 targets of 500 series once a second: 20,000 samples a second, a mid-sized installation.
const TARGETS: usize = 40;
const INTERVAL: Duration = Duration::from_secs(1);
/// The first scrapes create the series, which is not what a running server does.
const WARM_UP: Duration = Duration::from_secs(8);
const MEASURE: Duration = Duration::from_secs(20);
const START_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    Pyrometer,
    Prometheus,
}

impl Server {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pyrometer => "pyrometer",
            Self::Prometheus => "prometheus",
        }
    }
}

/// What a server cost per sample, and at the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scraped {
    pub(super) cpu_ns_per_sample: f64,
    pub(super) resident_mib: f64,
}

/// One round of one server on an empty data folder.
pub(super) fn round(ctx: &Context, server: Server, binary: &Path) -> anyhow::Result<Scraped> {
    let dir = ctx.fresh_dir(&format!("bench-{}", server.name()))?;
    let exporter = Exporter::start(TARGETS)?;
    let config = dir.join("prometheus.yml");
    fs::write(&config, config_text(exporter.address))
        .with_context(|| format!("write {}", config.display()))?;
    let api = Api {
        address: free_address(None)?,
    };
    let command = command(server, binary, &dir, &config, api.address);
    let mut fleet = Fleet::default();
    fleet.add(Service::start(server.name(), command, &dir)?);
    let ready = format!("{} to be ready", server.name());
    fleet.until(&ctx.interrupt, &ready, START_LIMIT, || api.ready())?;
    // The jitter of a scrape's start within its interval is part of the warm-up.
    ctx.interrupt.pause(WARM_UP)?;

    let pid = fleet.get(server.name())?.pid();
    let (cost_before, served_before) = (process::cost(pid)?, exporter.samples_served());
    ctx.interrupt.pause(MEASURE)?;
    let (cost_after, served_after) = (process::cost(pid)?, exporter.samples_served());
    fleet.check_alive()?;

    let samples = (served_after - served_before) as f64;
    let wanted = (TARGETS * SERIES) as f64 * MEASURE.as_secs_f64() / INTERVAL.as_secs_f64();
    ensure!(
        samples > 0.9 * wanted,
        "{} took {samples} of {wanted} samples: it did not keep up",
        server.name()
    );
    let stored = api.value("count({__name__=~\"bench_.+\"})")?;
    ensure!(
        stored == (TARGETS * SERIES) as f64,
        "{} holds {stored} series of {}",
        server.name(),
        TARGETS * SERIES
    );
    Ok(Scraped {
        cpu_ns_per_sample: (cost_after.cpu_seconds - cost_before.cpu_seconds) * 1e9 / samples,
        resident_mib: cost_after.resident_bytes as f64 / f64::from(1 << 20),
    })
}

/// The same file for both: one job a target, since the targets differ in their path.
fn config_text(exporter: SocketAddr) -> String {
    let mut text = format!(
        "global:\n  scrape_interval: {}s\nscrape_configs:\n",
        INTERVAL.as_secs()
    );
    for target in 0..TARGETS {
        text.push_str(&format!(
            "- job_name: bench-{target}\n  metrics_path: /t/{target}\n  static_configs:\n  \
             - targets: [\"{exporter}\"]\n"
        ));
    }
    text
}

fn command(
    server: Server,
    binary: &Path,
    dir: &Path,
    config: &Path,
    address: SocketAddr,
) -> Command {
    let mut command = Command::new(binary);
    match server {
        Server::Pyrometer => command
            .arg("up")
            .args(["--listen", &address.to_string()])
            .arg("--config")
            .arg(config)
            .arg("--data-dir")
            .arg(dir.join("data"))
            .arg("--runtime-dir")
            .arg(dir.join("run")),
        Server::Prometheus => command
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.join("data").display()
            ))
            .arg("--log.level=warn"),
    };
    command
}
