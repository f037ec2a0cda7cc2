//! Tells what happens to a running shop, a line an event.

use std::time::{Duration, Instant};

use anyhow::bail;

use super::FIRST_CHART_LIMIT;
use super::alerts::{Change, changes};
use crate::context::Context;
use crate::http::{Alert, Api};
use crate::process::{Fleet, Service};
use crate::shop;

/// Twice what the error alert needs: it looks back two minutes and holds for half a minute more.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5 * 60);

const TICK: Duration = Duration::from_secs(1);

/// What has been told already.
#[derive(Debug)]
pub(super) struct Watch {
    api: Api,
    start: Instant,
    fault: Service,
    /// When the schedule of the fault ended, if it has an end.
    ended_at: Option<Instant>,
    firing: Vec<Alert>,
    /// Whether a critical alert has fired so far.
    has_paged: bool,
}

impl Watch {
    pub(super) fn new(api: Api, start: Instant, fault: Service) -> Self {
        Self {
            api,
            start,
            fault,
            ended_at: None,
            firing: Vec::new(),
            has_paged: false,
        }
    }

    pub(super) fn first_chart(&self, ctx: &Context, fleet: &mut Fleet) -> anyhow::Result<()> {
        let api = self.api;
        fleet.until(&ctx.interrupt, "the first rates", FIRST_CHART_LIMIT, || {
            shop::require_rates(api)
        })?;
        self.say("● all three services have rates: the first charts are there");
        Ok(())
    }

    /// Goes on until interrupted, or with `is_once` until nobody is paged by the fault any more.
    /// Warnings may outlast it: the one for exceptions looks back ten minutes.
    pub(super) fn run(
        &mut self,
        ctx: &Context,
        fleet: &mut Fleet,
        is_once: bool,
    ) -> anyhow::Result<()> {
        loop {
            fleet.check_alive()?;
            self.tell_fault()?;
            self.tell_alerts()?;
            if let (true, Some(ended_at)) = (is_once, self.ended_at) {
                let pages = self.firing.iter().any(Alert::is_critical);
                if self.has_paged && !pages {
                    self.say("the fault is over and every critical alert has resolved");
                    return Ok(());
                }
                if ended_at.elapsed() > RESOLVE_LIMIT {
                    bail!(
                        "{} s after the fault, a critical alert has fired: {}, is firing: {pages}",
                        RESOLVE_LIMIT.as_secs(),
                        self.has_paged
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
        let mut firing = self.api.alerts()?;
        firing.retain(Alert::is_firing);
        for change in changes(&self.firing, &firing) {
            match change {
                Change::Fired(alert) => {
                    self.has_paged |= alert.is_critical();
                    let shape = if alert.is_critical() { "■" } else { "▲" };
                    self.say(&format!("{shape} alert fired: {alert}"));
                }
                Change::Resolved(alert) => self.say(&format!("● alert resolved: {alert}")),
            }
        }
        self.firing = firing;
        Ok(())
    }

    fn say(&self, text: &str) {
        println!("{:>5} s  {text}", self.start.elapsed().as_secs());
    }
}
