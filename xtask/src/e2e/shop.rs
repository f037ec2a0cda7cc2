//! The shop, monitored: charts within a minute, an alert while payments is broken, none after.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::{Built, browser};
use crate::context::Context;
use crate::demo::FIRST_CHART_LIMIT;
use crate::http::{Alert, Api};
use crate::process::{Fleet, free_address};
use crate::shop::{self, Scene};

/// The error alert looks back two minutes and waits half a minute; at payments it needs one in all.
const FIRE_LIMIT: Duration = Duration::from_secs(3 * 60);
/// Its window must have passed over the fault, and the half minute that it is kept: three at most.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5 * 60);

pub(super) fn run(ctx: &Context, built: &Built) -> anyhow::Result<()> {
    let scene = Scene::new(ctx, "e2e-shop")?;
    let api = Api {
        address: free_address(None)?,
    };
    let mut run = Run {
        ctx,
        built,
        scene,
        fleet: Fleet::default(),
        api,
    };
    run.fleet
        .add(run.scene.pyrometer(&built.binary, api.address)?);
    run.fleet.until(
        &ctx.interrupt,
        "pyrometer to be ready",
        FIRST_CHART_LIMIT,
        || api.ready(),
    )?;

    ctx.steps
        .act("shop: rates of all three services within 60 s", || {
            run.first_charts()
        })?;
    browser::look(ctx, api, "calm", false)?;
    ctx.steps
        .act("shop: a critical alert on payments fires", || {
            run.break_payments()
        })?;
    browser::look(ctx, api, "fault", true)?;
    ctx.steps.act(
        "shop: every critical alert resolves after the fault",
        || run.mend_payments(),
    )?;
    browser::look(ctx, api, "recovered", false)
}

struct Run<'a> {
    ctx: &'a Context,
    built: &'a Built,
    scene: Scene,
    fleet: Fleet,
    api: Api,
}

impl Run<'_> {
    fn first_charts(&mut self) -> anyhow::Result<()> {
        let at = Instant::now();
        let venv = &self.built.venv;
        let places = shop::start_services(self.ctx, venv, &self.scene, &mut self.fleet)?;
        self.fleet
            .add(shop::start_load(self.ctx, venv, &self.scene, places[0].1)?);
        let left = FIRST_CHART_LIMIT.saturating_sub(at.elapsed());
        let (api, interrupt) = (self.api, &self.ctx.interrupt);
        self.fleet.until(interrupt, "the first rates", left, || {
            shop::require_rates(api)
        })?;
        println!(
            "  {:.1} s after the services were started",
            at.elapsed().as_secs_f64()
        );
        let false_alarms = firing_on_shop(api)?;
        ensure!(
            false_alarms.is_empty(),
            "before the fault these alerts fire: {false_alarms:?}"
        );
        Ok(())
    }

    fn break_payments(&mut self) -> anyhow::Result<()> {
        self.set_fault(&["--slow", "0.4", "0.9", "--failing", "0.7"])?;
        let at = Instant::now();
        let (api, interrupt) = (self.api, &self.ctx.interrupt);
        let alert = self
            .fleet
            .until(interrupt, "an alert on payments", FIRE_LIMIT, || {
                let firing = firing_on_shop(api)?;
                let on_payments = firing
                    .into_iter()
                    .find(|alert| alert.service == "payments" && alert.is_critical());
                on_payments.with_context(|| format!("of {:?} none fires", api.alerts()))
            })?;
        println!("  {} after {:.1} s", alert.name, at.elapsed().as_secs_f64());
        Ok(())
    }

    fn mend_payments(&mut self) -> anyhow::Result<()> {
        self.set_fault(&[])?;
        let at = Instant::now();
        let (api, interrupt) = (self.api, &self.ctx.interrupt);
        self.fleet.until(
            interrupt,
            "the critical alerts to resolve",
            RESOLVE_LIMIT,
            || {
                let mut firing = firing_on_shop(api)?;
                // Warnings may outlast the fault: the one for exceptions looks back ten minutes.
                firing.retain(Alert::is_critical);
                ensure!(firing.is_empty(), "still firing: {firing:?}");
                Ok(())
            },
        )?;
        println!("  after {:.1} s", at.elapsed().as_secs_f64());
        Ok(())
    }

    fn set_fault(&self, how: &[&str]) -> anyhow::Result<()> {
        let mut command = self.built.venv.command("python");
        command
            .arg(self.ctx.root.join("examples/shop/faults.py"))
            .arg("--file")
            .arg(self.scene.fault_file())
            .arg("set")
            .args(how);
        let status = command.status().context("start python")?;
        ensure!(status.success(), "faults.py set: {status}");
        Ok(())
    }
}

fn firing_on_shop(api: Api) -> anyhow::Result<Vec<Alert>> {
    let mut alerts = api.alerts()?;
    alerts.retain(|alert| alert.is_firing() && shop::SERVICES.contains(&alert.service.as_str()));
    Ok(alerts)
}
