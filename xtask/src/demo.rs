//! `cargo xtask demo`: build everything, start it, break it, show it, and leave nothing behind.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::args::{Args, seconds};
use crate::context::{Context, which};
use crate::http::Api;
use crate::interrupt::Interrupted;
use crate::process::{Fleet, Service, require_free};
use crate::shop::{self, Cycle, Scene};
use crate::{products, python};

mod alerts;

pub(crate) use alerts::{Change, changes};

/// Rates need two scrapes and an evaluation; with nothing after a minute something is wrong.
pub(crate) const FIRST_CHART_LIMIT: Duration = Duration::from_secs(60);

/// The longest alert window over the fault plus room: burn rates look back several minutes.
const RESOLVE_LIMIT: Duration = Duration::from_secs(15 * 60);

const TICK: Duration = Duration::from_secs(1);

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
        .unwrap_or_else(|| "60,45,90".to_owned());
    let is_once = args.flag("--once");
    let opens_browser = !args.flag("--no-open");
    let profile = args
        .value("--profile")?
        .unwrap_or_else(|| "demo".to_owned());
    args.finish()?;
    let [calm, slow, failing] = seconds::<3>(&cycle)?;
    Ok(Options {
        listen: listen
            .parse()
            .with_context(|| format!("{listen:?} is not an address such as 127.0.0.1:9095"))?,
        cycle: Cycle {
            calm,
            slow,
            failing,
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

    let mut watch = Watch {
        api,
        start,
        fault,
        ended_at: None,
        firing: Vec::new(),
        seen: 0,
    };
    watch.first_chart(ctx, &mut fleet)?;
    if options.opens_browser {
        open_browser(options.listen);
    }
    let watched = watch.run(ctx, &mut fleet, options.is_once);
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
    println!("  at {well_at:>5} s   payments is well: the alerts resolve one after the other");
    println!("\nCtrl-C stops everything\n");
}

/// What has been told already of a running shop.
#[derive(Debug)]
struct Watch {
    api: Api,
    start: Instant,
    fault: Service,
    ended_at: Option<Instant>,
    firing: Vec<(String, String)>,
    /// How many alerts have fired so far.
    seen: usize,
}

impl Watch {
    fn first_chart(&self, ctx: &Context, fleet: &mut Fleet) -> anyhow::Result<()> {
        let api = self.api;
        fleet.until(&ctx.interrupt, "the first rates", FIRST_CHART_LIMIT, || {
            shop::require_rates(api)
        })?;
        self.say("● all three services have rates: the first charts are there");
        Ok(())
    }

    /// Tells what happens until interrupted, or with `is_once` until the fault's alerts are over.
    fn run(&mut self, ctx: &Context, fleet: &mut Fleet, is_once: bool) -> anyhow::Result<()> {
        loop {
            fleet.check_alive()?;
            self.tell_fault()?;
            self.tell_alerts()?;
            if let (true, Some(ended_at)) = (is_once, self.ended_at) {
                if self.firing.is_empty() && self.seen > 0 {
                    self.say("the fault is over and every alert has resolved");
                    return Ok(());
                }
                if ended_at.elapsed() > RESOLVE_LIMIT {
                    bail!(
                        "the fault is over, but firing: {:?}, fired: {}",
                        self.firing,
                        self.seen
                    );
                }
            }
            ctx.interrupt.pause(TICK)?;
        }
    }

    fn tell_fault(&mut self) -> anyhow::Result<()> {
        for line in self.fault.new_lines() {
            self.say(&line);
        }
        if self.ended_at.is_none()
            && let Some(status) = self.fault.ended()?
        {
            if !status.success() {
                self.fault.check_alive()?;
            }
            self.ended_at = Some(Instant::now());
        }
        Ok(())
    }

    fn tell_alerts(&mut self) -> anyhow::Result<()> {
        let firing: Vec<_> = self
            .api
            .alerts()?
            .into_iter()
            .filter(|alert| alert.state == "firing")
            .map(|alert| (alert.service, alert.name))
            .collect();
        for change in changes(&self.firing, &firing) {
            match change {
                Change::Fired((service, name)) => {
                    self.seen += 1;
                    self.say(&format!("■ alert fired: {name} ({service})"));
                }
                Change::Resolved((service, name)) => {
                    self.say(&format!("● alert resolved: {name} ({service})"));
                }
            }
        }
        self.firing = firing;
        Ok(())
    }

    fn say(&self, text: &str) {
        println!("{:>5} s  {text}", self.start.elapsed().as_secs());
    }
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
        let options = options_of("--once --cycle 1,2,3 --listen 127.0.0.1:1 --no-open").unwrap();
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
