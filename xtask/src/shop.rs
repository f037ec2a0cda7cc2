//! Starts the shop of `examples/shop`: three services, their visitors, and the fault.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::context::Context;
use crate::http::{self, Api};
use crate::interrupt::Interrupt;
use crate::process::{Fleet, Service, free_address};
use crate::python::Venv;

/// In the order in which visitors reach them.
pub(crate) const SERVICES: [&str; 3] = ["storefront", "cart", "payments"];

/// What the demo's README and address bar show; others are taken when these are.
const PORTS: [u16; 3] = [8101, 8102, 8103];

/// gunicorn imports the app in each worker: about a second each, ten on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long each part of a fault takes, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cycle {
    pub(crate) calm: u64,
    pub(crate) slow: u64,
    pub(crate) failing: u64,
    /// Long enough for the alerts to resolve before the next round.
    pub(crate) recovery: u64,
    /// Zero is without end.
    pub(crate) cycles: u32,
}

/// Where the parts of a run keep what they write.
#[derive(Debug)]
pub(crate) struct Scene {
    /// Data of the server and of the cart, the fault's switch.
    pub(crate) dir: PathBuf,
    pub(crate) logs: PathBuf,
    /// Where processes announce themselves; of its own, so that nothing else is found.
    pub(crate) runtime_dir: PathBuf,
}

impl Scene {
    /// An empty scene below the target folder.
    pub(crate) fn new(ctx: &Context, name: &str) -> anyhow::Result<Self> {
        let dir = ctx.fresh_dir(name)?;
        let scene = Self {
            logs: dir.join("logs"),
            runtime_dir: dir.join("run"),
            dir,
        };
        for dir in [&scene.logs, &scene.runtime_dir] {
            fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
            private(dir)?;
        }
        Ok(scene)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub(crate) fn fault_file(&self) -> PathBuf {
        self.dir.join("fault.json")
    }

    /// `pyrometer up` on this scene.
    pub(crate) fn pyrometer(&self, binary: &Path, listen: SocketAddr) -> anyhow::Result<Service> {
        let mut command = Command::new(binary);
        command
            .arg("up")
            .args(["--listen", &listen.to_string()])
            .arg("--data-dir")
            .arg(self.data_dir())
            .arg("--runtime-dir")
            .arg(&self.runtime_dir);
        Service::start("pyrometer", command, &self.logs)
    }

    /// A Flask app under gunicorn with two workers.
    pub(crate) fn gunicorn(
        &self,
        ctx: &Context,
        venv: &Venv,
        app: &App<'_>,
    ) -> anyhow::Result<Service> {
        let mut command = venv.command("gunicorn");
        command
            .current_dir(app.dir)
            .arg("--config")
            .arg(ctx.root.join("examples/shop/gunicorn.conf.py"))
            .args([
                "--bind",
                &app.address.to_string(),
                &format!("{}:app", app.module),
            ])
            .env("PYROMETER_RUNTIME_DIR", &self.runtime_dir)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(app.env.iter().map(|(name, value)| (name, value)));
        Service::start(app.module, command, &self.logs)
    }
}

/// One service to start.
#[derive(Debug)]
pub(crate) struct App<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) module: &'a str,
    pub(crate) address: SocketAddr,
    pub(crate) env: Vec<(&'static str, String)>,
}

/// Starts the three services; says where the storefront is.
pub(crate) fn start_services(
    ctx: &Context,
    venv: &Venv,
    scene: &Scene,
    fleet: &mut Fleet,
) -> anyhow::Result<Vec<(&'static str, SocketAddr)>> {
    let dir = ctx.root.join("examples/shop");
    let mut places = Vec::new();
    for (name, port) in SERVICES.into_iter().zip(PORTS) {
        places.push((name, free_address(Some(port))?));
    }
    let [_, (_, cart), (_, payments)] = places[..] else {
        bail!("the shop has three services")
    };
    for &(module, address) in &places {
        let env = vec![
            ("SHOP_CART_URL", format!("http://{cart}")),
            ("SHOP_PAYMENTS_URL", format!("http://{payments}")),
            (
                "SHOP_DATABASE",
                scene.dir.join("cart.sqlite").display().to_string(),
            ),
            ("SHOP_FAULT_FILE", scene.fault_file().display().to_string()),
        ];
        fleet.add(scene.gunicorn(
            ctx,
            venv,
            &App {
                dir: &dir,
                module,
                address,
                env,
            },
        )?);
    }
    for &(name, address) in &places {
        wait_healthy(&ctx.interrupt, fleet, name, address)?;
    }
    Ok(places)
}

/// Waits until a service answers `/health`.
pub(crate) fn wait_healthy(
    interrupt: &Interrupt,
    fleet: &mut Fleet,
    name: &str,
    address: SocketAddr,
) -> anyhow::Result<()> {
    fleet.until(
        interrupt,
        &format!("{name} to answer"),
        START_LIMIT,
        || match http::get(address, "/health")? {
            (200, _) => Ok(()),
            (status, _) => bail!("/health answered {status}"),
        },
    )
}

/// Starts the visitors.
pub(crate) fn start_load(
    ctx: &Context,
    venv: &Venv,
    scene: &Scene,
    storefront: SocketAddr,
) -> anyhow::Result<Service> {
    let mut command = venv.command("python");
    command
        .arg(ctx.root.join("examples/shop/load.py"))
        .args(["--url", &format!("http://{storefront}")]);
    Service::start("visitors", command, &scene.logs)
}

/// Starts the schedule of the fault.
pub(crate) fn start_fault(
    ctx: &Context,
    venv: &Venv,
    scene: &Scene,
    cycle: Cycle,
) -> anyhow::Result<Service> {
    let mut command = venv.command("python");
    command
        .arg(ctx.root.join("examples/shop/faults.py"))
        .arg("--file")
        .arg(scene.fault_file())
        .arg("play")
        .args(["--calm", &cycle.calm.to_string()])
        .args(["--slow", &cycle.slow.to_string()])
        .args(["--failing", &cycle.failing.to_string()])
        .args(["--recovery", &cycle.recovery.to_string()])
        .args(["--cycles", &cycle.cycles.to_string()]);
    Service::start("fault", command, &scene.logs)
}

/// Fails until every service of the shop has a rate above zero: the first RED chart has a line.
pub(crate) fn require_rates(api: Api) -> anyhow::Result<()> {
    let services = api.services()?;
    for name in SERVICES {
        let service = services
            .iter()
            .find(|service| service["name"] == name)
            .with_context(|| format!("{name} is not found yet"))?;
        let rate = service["kpis"]["rate"]["now"].as_f64();
        if !rate.is_some_and(|rate| rate > 0.0) {
            bail!("{name} has no rate yet: {}", service["note"]);
        }
    }
    Ok(())
}

fn private(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("make {} private", dir.display()))
}
