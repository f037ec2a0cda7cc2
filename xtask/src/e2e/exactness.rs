//! N requests to a service with two workers are N in a query, whatever is killed on the way.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use super::Built;
use crate::context::Context;
use crate::http::{self, Api};
use crate::interrupt::Hopeless;
use crate::process::{self, Fleet, free_address};
use crate::shop::{App, Scene};

/// Three scrapes of five seconds and room for a busy machine.
const SCRAPED_LIMIT: Duration = Duration::from_secs(40);
const START_LIMIT: Duration = Duration::from_secs(60);
const WORKERS: usize = 2;
/// Requests in flight at once while counting: enough that both workers answer some.
const CLIENTS: usize = 4;

const COUNTED: &str = "sum(flask_http_request_total{job=\"my-app\"})";
const SCRAPES: &str = "sum(count_over_time(up{job=\"my-app\"}[1h]))";
const SCRAPED_AT: &str = "max(timestamp(up{job=\"my-app\"}))";

pub(super) fn run(ctx: &Context, built: &Built) -> anyhow::Result<()> {
    let scene = Scene::new(ctx, "e2e-exactness")?;
    let mut run = Run {
        ctx,
        built,
        scene,
        fleet: Fleet::default(),
        api: Api {
            address: free_address(None)?,
        },
        app: free_address(None)?,
        sent: 0,
    };
    run.start_server()?;
    ctx.steps.act("exact: requests to two workers", || {
        run.start_app()?;
        run.send(200)?;
        run.require_exact()
    })?;
    ctx.steps
        .act("exact: after a worker was killed and replaced", || {
            run.replace_a_worker()?;
            run.require_exact()?;
            run.send(100)?;
            run.require_exact()
        })?;
    ctx.steps.act(
        "exact: after kill -9 of the server and requests while it was down",
        || {
            let scrapes_before = run.api.value(SCRAPES)?;
            run.fleet.get("pyrometer")?.kill()?;
            run.fleet.remove("pyrometer");
            run.send(100)?;
            run.start_server()?;
            run.require_exact()?;
            // Nothing that had been stored may be missing after the restart.
            let scrapes_after = run.api.value(SCRAPES)?;
            ensure!(
                scrapes_after > scrapes_before,
                "{scrapes_before} scrapes were stored before the kill, {scrapes_after} are after it"
            );
            Ok(())
        },
    )
}

struct Run<'a> {
    ctx: &'a Context,
    built: &'a Built,
    scene: Scene,
    fleet: Fleet,
    api: Api,
    app: SocketAddr,
    /// Requests that the service has answered.
    sent: u32,
}

impl Run<'_> {
    fn start_server(&mut self) -> anyhow::Result<()> {
        self.fleet
            .add(self.scene.pyrometer(&self.built.binary, self.api.address)?);
        let api = self.api;
        let interrupt = &self.ctx.interrupt;
        self.fleet
            .until(interrupt, "pyrometer to be ready", START_LIMIT, || {
                api.ready()
            })
    }

    fn start_app(&mut self) -> anyhow::Result<()> {
        let dir = self.ctx.root.join("xtask/e2e");
        let app = App {
            dir: &dir,
            module: "article",
            address: self.app,
            env: Vec::new(),
        };
        self.fleet
            .add(self.scene.gunicorn(self.ctx, &self.built.venv, &app)?);
        let address = self.app;
        // `/metrics` is not counted, so waiting for it leaves the count at zero.
        self.fleet.until(
            &self.ctx.interrupt,
            "the app to answer",
            START_LIMIT,
            || {
                let (status, _) = http::get(address, "/metrics")?;
                ensure!(status == 200, "/metrics answered {status}");
                Ok(())
            },
        )?;
        self.workers().map(|_| ())
    }

    /// The app's worker processes, once there are two.
    fn workers(&mut self) -> anyhow::Result<HashSet<u32>> {
        let arbiter = self.fleet.get("article")?.pid();
        self.fleet
            .until(&self.ctx.interrupt, "two workers", START_LIMIT, || {
                let workers = process::children(arbiter)?;
                ensure!(workers.len() == WORKERS, "there are {}", workers.len());
                Ok(workers)
            })
    }

    /// Sends requests from several clients; each must be answered.
    fn send(&mut self, requests: u32) -> anyhow::Result<()> {
        let app = self.app;
        let share = requests / CLIENTS as u32;
        thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| scope.spawn(move || (0..share).try_for_each(|_| ask(app))))
                .collect();
            clients
                .into_iter()
                .try_for_each(|client| client.join().unwrap_or_else(|_| bail!("a client panicked")))
        })?;
        self.sent += share * CLIENTS as u32;
        Ok(())
    }

    fn replace_a_worker(&mut self) -> anyhow::Result<()> {
        let before = self.workers()?;
        let victim = *before.iter().next().context("there are two workers")?;
        process::kill(victim)?;
        let arbiter = self.fleet.get("article")?.pid();
        self.fleet
            .until(&self.ctx.interrupt, "a new worker", START_LIMIT, || {
                let now = process::children(arbiter)?;
                let replaced = now.len() == WORKERS && !now.contains(&victim);
                ensure!(replaced, "the workers are {now:?}, {victim} was killed");
                Ok(())
            })
    }

    /// The count reaches what was sent, never passes it, and stays there over the next scrapes.
    fn require_exact(&mut self) -> anyhow::Result<()> {
        let (api, sent) = (self.api, f64::from(self.sent));
        let count = || {
            let counted = api.value(COUNTED)?;
            if counted > sent {
                return Err(Hopeless(format!("{sent} requests were counted as {counted}")).into());
            }
            ensure!(
                counted == sent,
                "{sent} requests were sent, {counted} are counted"
            );
            Ok(())
        };
        let interrupt = &self.ctx.interrupt;
        self.fleet
            .until(interrupt, "the exact count", SCRAPED_LIMIT, count)?;
        let reached_at = api.value(SCRAPED_AT)?;
        for _ in 0..2 {
            let scraped_at = api.value(SCRAPED_AT)?.max(reached_at);
            self.fleet
                .until(interrupt, "the next scrape", SCRAPED_LIMIT, || {
                    ensure!(
                        api.value(SCRAPED_AT)? > scraped_at,
                        "none since {scraped_at}"
                    );
                    Ok(())
                })?;
            count().context("the count did not stay")?;
        }
        println!("  {sent} sent, {sent} counted");
        Ok(())
    }
}

fn ask(app: SocketAddr) -> anyhow::Result<()> {
    let (status, body) = http::get(app, "/health")?;
    ensure!(
        status == 200 && body == "OK\n",
        "/health answered {status}: {body:?}"
    );
    Ok(())
}
