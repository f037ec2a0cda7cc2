//! The shop, monitored: first charts within a minute, an alert while payments is broken, none after.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use super::{Built, browser};
use crate::context::Context;
use crate::demo::FIRST_CHART_LIMIT;
use crate::http::{Alert, Api};
use crate::process::{Fleet, free_address};
use crate::shop::{self, Scene};

/// A burn-rate alert over five minutes needs most of its short window; twice that is too long.
const FIRE_LIMIT: Duration = Duration::from_secs(4 * 60);
/// The short window of five minutes must have passed over the fault, and the hold after it.
const RESOLVE_LIMIT: Duration = Duration::from_secs(9 * 60);

pub(super) fn run(ctx: &Context, built: &Built) -> anyhow::Result<()> {
    let scene = Scene::new(ctx, "e2e-shop")?;
    let api = Api { address: free_address(None)? };
    let mut fleet = Fleet::default();
    let interrupt = &ctx.interrupt;
    fleet.add(scene.pyrometer(&built.binary, api.address)?);
    fleet.until(interrupt, "pyrometer to be ready", FIRST_CHART_LIMIT, || api.ready())?;

    let mut at = Instant::now();
    ctx.steps.act("shop: rates of all three services within 60 s", || {
        at = Instant::now();
        let places = shop::start_services(ctx, &built.venv, &scene, &mut fleet)?;
        fleet.add(shop::start_load(ctx, &built.venv, &scene, places[0].1)?);
        let left = FIRST_CHART_LIMIT.saturating_sub(at.elapsed());
        fleet.until(interrupt, "the first rates", left, || shop::require_rates(api))?;
        println!("  {:.1} s after the services were started", at.elapsed().as_secs_f64());
        Ok(())
    })?;
    let false_alarms = on_shop(&api.alerts()?);
    ensure!(false_alarms.is_empty(), "before the fault these alerts fire: {false_alarms:?}");
    browser::look(ctx, api, "calm", None)?;

    let alert = ctx.steps.act("shop: an alert on payments fires during the fault", || {
        set_fault(built, ctx, &scene, &["--slow", "0.4", "0.9", "--failing", "0.7"])?;
        let fault_at = Instant::now();
        let alert = fleet.until(interrupt, "an alert on payments", FIRE_LIMIT, || {
            let firing = on_shop(&api.alerts()?);
            match firing.into_iter().find(|alert| alert.service == "payments") {
                Some(alert) => Ok(alert),
                None => bail!("none of {:?} fires", api.alerts()?),
            }
        })?;
        println!("  {} after {:.1} s", alert.name, fault_at.elapsed().as_secs_f64());
        Ok(alert)
    })?;
    browser::look(ctx, api, "fault", Some(&alert.name))?;

    ctx.steps.act("shop: every alert resolves after the fault", || {
        set_fault(built, ctx, &scene, &[])?;
        let well_at = Instant::now();
        fleet.until(interrupt, "the alerts to resolve", RESOLVE_LIMIT, || {
            let firing = on_shop(&api.alerts()?);
            ensure!(firing.is_empty(), "still firing: {firing:?}");
            Ok(())
        })?;
        println!("  after {:.1} s", well_at.elapsed().as_secs_f64());
        Ok(())
    })?;
    browser::look(ctx, api, "recovered", None)
}

/// The firing alerts of the shop's services.
fn on_shop(alerts: &[Alert]) -> Vec<Alert> {
    let ours = |alert: &&Alert| shop::SERVICES.contains(&&*alert.service);
    alerts.iter().filter(|alert| alert.state == "firing").filter(ours).cloned().collect()
}

fn set_fault(built: &Built, ctx: &Context, scene: &Scene, how: &[&str]) -> anyhow::Result<()> {
    let mut command: Command = built.venv.command("python");
    command
        .arg(ctx.root.join("examples/shop/faults.py"))
        .arg("--file")
        .arg(scene.fault_file())
        .arg("set")
        .args(how);
    let status = command.status()?;
    ensure!(status.success(), "faults.py set: {status}");
    Ok(())
}
