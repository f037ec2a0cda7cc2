//! `cargo xtask demo`: build everything, start it, break it, show it, and leave nothing behind.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::args::{Args, seconds};
use crate::context::{Context, which};
use crate::http::Api;
use crate::interrupt::Interrupted;
use crate::process::{Fleet, require_free};
use crate::shop::{self, Cycle, Scene};
use crate::{products, python};

mod alerts;
mod watch;

use watch::Watch;

/// Calm, slow, failing, recovery, in seconds. The fault comes after a minute; the error alert looks
/// back two minutes and so needs about one to fire at a service that is hit hard, and nearly two
/// at the storefront; after the fault it needs two minutes and a half to resolve.
const CYCLE_DEFAULT: &str = "60,45,105,240";

/// Rates need two scrapes and an evaluation; with nothing after a minute something is wrong.
pub(crate) const FIRST_CHART_LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Options {
    listen: SocketAddr,
    cycle: Cycle,
    is_once: bool,
    opens_browser: bool,
    profile: String,
}

fn options(mut args: Args) -> anyhow::Result<Options> {
    let listen = args
        .value("--listen")?
        .unwrap_or_else(|| "127.0.0.1:9095".to_owned());
    let cycle = args
        .value("--cycle")?
        .unwrap_or_else(|| CYCLE_DEFAULT.to_owned());
    let is_once = args.flag("--once");
    let opens_browser = !args.flag("--no-open");
    let profile = args
        .value("--profile")?
        .unwrap_or_else(|| "demo".to_owned());
    args.finish()?;
    let [calm, slow, failing, recovery] = seconds::<4>(&cycle)?;
    Ok(Options {
        listen: listen
            .parse()
            .with_context(|| format!("{listen:?} is not an address such as 127.0.0.1:9095"))?,
        cycle: Cycle {
            calm,
            slow,
            failing,
            recovery: if is_once { 0 } else { recovery },
            cycles: u32::from(is_once),
        },
        is_once,
        opens_browser,
        profile,
    })
}

pub(crate) fn run(ctx: &Context, args: Args) -> anyhow::Result<()> {
    let options = options(args)?;
    require_free(options.listen)?;
    println!("The first build takes a few minutes; after that only what changed is built.\n");
    products::ui(ctx)?;
    let binary = products::server(ctx, &options.profile)?;
    let venv = python::venv(ctx)?;
    products::develop(ctx, &venv, &options.profile)?;

    let scene = Scene::new(ctx, "demo")?;
    let mut fleet = Fleet::default();
    let api = Api {
        address: options.listen,
    };
    println!();
    fleet.add(scene.pyrometer(&binary, options.listen)?);
    fleet.until(
        &ctx.interrupt,
        "pyrometer to be ready",
        FIRST_CHART_LIMIT,
        || api.ready(),
    )?;
    let start = Instant::now();
    let places = shop::start_services(ctx, &venv, &scene, &mut fleet)?;
    let storefront = places[0].1;
    fleet.add(shop::start_load(ctx, &venv, &scene, storefront)?);
    let fault = shop::start_fault(ctx, &venv, &scene, options.cycle)?;
    introduce(&options, &scene, &places, &fleet.get("pyrometer")?.name);

    let mut watch = Watch::new(api, start, fault);
    let watched = watch.first_chart(ctx, &mut fleet).and_then(|()| {
        if options.opens_browser {
            open_browser(options.listen);
        }
        watch.run(ctx, &mut fleet, options.is_once)
    });
    println!("\nstopping everything");
    drop(watch);
    drop(fleet);
    match watched {
        // Ctrl-C is how a demo ends.
        Err(error) if error.is::<Interrupted>() => {
            println!("stopped; logs and data are in {}", scene.dir.display());
            Ok(())
        }
        other => other,
    }
}

fn introduce(options: &Options, scene: &Scene, places: &[(&str, SocketAddr)], server: &str) {
    let cycle = options.cycle;
    let (slow_at, failing_at) = (cycle.calm, cycle.calm + cycle.slow);
    let well_at = failing_at + cycle.failing;
    println!("running");
    println!("  {server:<12} http://{}", options.listen);
    for (name, address) in places {
        println!("  {name:<12} http://{address}  (Flask, gunicorn, two workers)");
    }
    println!("  visitors     about 25 requests a second to the storefront");
    println!("  logs         {}", scene.logs.display());
    println!("  fault switch {}", scene.fault_file().display());
    println!("\nwhat to look at: http://{}", options.listen);
    println!("  at     0 s   Home: three services, rates above zero, no errors");
    println!("  at {slow_at:>5} s   payments is slow: its p95 rises, and /checkout's with it");
    println!(
        "  at {failing_at:>5} s   payments fails: errors there, 502 on /checkout; alerts fire"
    );
    println!(
        "  at {well_at:>5} s   payments is well; the error alerts resolve within three minutes"
    );
    println!("\nCtrl-C stops everything\n");
}

/// Opens the UI where a desktop is there to do it; nobody is told when none is.
fn open_browser(address: SocketAddr) {
    let has_display = cfg!(target_os = "macos")
        || std::env::var_os("DISPLAY").is_some()
        || std::env::var_os("WAYLAND_DISPLAY").is_some();
    let opener = ["xdg-open", "open"].into_iter().find_map(which);
    if let (true, Some(opener)) = (has_display, opener) {
        let mut command = Command::new(opener);
        command.arg(format!("http://{address}/"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // The URL is on the screen; a browser that does not open is no failure of the demo.
        drop(command.status());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options_of(text: &str) -> anyhow::Result<Options> {
        options(Args::new(
            text.split_whitespace().map(str::to_owned).collect(),
        ))
    }

    #[test]
    fn once_plays_one_fault() {
        let options = options_of("--once --cycle 1,2,3,4 --listen 127.0.0.1:1 --no-open").unwrap();
        assert_eq!((options.cycle.cycles, options.cycle.slow), (1, 2));
        assert!(!options.opens_browser);
    }

    #[test]
    fn a_bad_address_is_shown() {
        let error = options_of("--listen here").unwrap_err();
        assert_eq!(
            format!("{error}"),
            "\"here\" is not an address such as 127.0.0.1:9095"
        );
    }
}
