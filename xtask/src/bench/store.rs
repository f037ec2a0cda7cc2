//! `bench store`: bytes a sample on disk, and CPU a sample from scrape to store.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;

use super::scraping::{self, Scraped, Server};
use super::{blocks, median, print_figures};
use crate::args::Args;
use crate::context::{Context, which};
use crate::products;

pub(super) fn run(ctx: &Context, mut args: Args) -> anyhow::Result<()> {
    let rounds = args.value("--rounds")?.map_or(Ok(3), |text| {
        text.parse::<usize>()
            .with_context(|| format!("--rounds {text:?} is not a number"))
    })?;
    args.finish()?;
    let needed = |name: &str| -> anyhow::Result<PathBuf> {
        which(name).with_context(|| {
            format!("the rival {name} is not installed; on Debian: apt install prometheus")
        })
    };
    let (prometheus, promtool) = (needed("prometheus")?, needed("promtool")?);
    products::ui(ctx)?;
    let pyrometer = products::server(ctx, "release")?;

    let mut figures = BTreeMap::new();
    blocks::run(ctx, &promtool, &mut figures)?;
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for round in 0..rounds {
        // Each goes first in turn, so that a machine that slows down favours neither.
        let mut order = [Server::Pyrometer, Server::Prometheus];
        if round % 2 == 1 {
            order.reverse();
        }
        for server in order {
            let title = format!(
                "scraping, round {} of {rounds}: {}",
                round + 1,
                server.name()
            );
            let (binary, kept) = match server {
                Server::Pyrometer => (&pyrometer, &mut ours),
                Server::Prometheus => (&prometheus, &mut theirs),
            };
            kept.push(ctx.steps.act(&title, || {
                let scraped = scraping::round(ctx, server, binary)?;
                println!(
                    "  {:.0} ns CPU a sample, {:.0} MiB resident",
                    scraped.cpu_ns_per_sample, scraped.resident_mib
                );
                Ok(scraped)
            })?);
        }
    }
    let figure: fn(&Scraped) -> f64 = |scraped| scraped.cpu_ns_per_sample;
    add_pair(
        &mut figures,
        "scrape_cpu_ns_per_sample",
        &ours,
        &theirs,
        figure,
    );
    add_pair(
        &mut figures,
        "scrape_resident_mib",
        &ours,
        &theirs,
        |scraped| scraped.resident_mib,
    );
    ctx.steps.print_times();
    print_figures(&figures)
}

fn add_pair(
    figures: &mut BTreeMap<String, f64>,
    name: &str,
    ours: &[Scraped],
    theirs: &[Scraped],
    figure: fn(&Scraped) -> f64,
) {
    let of = |scraped: &[Scraped]| median(&scraped.iter().map(figure).collect::<Vec<_>>());
    let (ours, theirs) = (of(ours), of(theirs));
    figures.insert(format!("ours_{name}"), ours);
    figures.insert(format!("prometheus_{name}"), theirs);
    figures.insert(format!("{name}_ratio"), theirs / ours);
}
