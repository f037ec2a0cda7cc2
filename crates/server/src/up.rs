//! The running server: starts every part in order, and ends them in the reverse one.
//!
//! Order of the start: configuration, port, store, then the tasks. What can be refused is
//! refused before anything is written. Order of the end: no new requests, no more scrapes, no
//! more judging, and the store last, so that what was scraped is on disk.

mod notify;
mod paths;
mod serve;
mod signals;
mod store_loop;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use store::{Recovery, Store, StoreError, StoreOptions};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::notify::{load_notify, open_notifier, tell_receivers};
use self::serve::serve;
use self::signals::{Signals, Wish};
use self::store_loop::spawn_store_loop;
use crate::api;
use crate::app::{App, RELOAD_REQUESTS_MAX, ReloadRequest, Settings};
use crate::assertions::Asserter;
use crate::cli::UpArgs;
use crate::clock::Clock;
use crate::config::{Config, ConfigError, JobConfig};
use crate::discovery::holder_of_port;
use crate::edits::Edits;
use crate::incidents::IncidentKeeper;
use crate::judge::{Judge, PackSources};
use crate::kpis::Kpis;
use crate::notify::{Forward, Notifier, NotifyConfigError, OutboxError};
use crate::objectives::Objectives;
use crate::relate::Relator;
use crate::scrape::{
    Fetcher, PoolState, RELOADS_MAX, SIGHTINGS_MAX, ScrapePools, Scraper, Sighting, error_chain,
};
use crate::self_metrics::SelfMetrics;
use crate::targets::Targets;

/// What happens, for whoever watches.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// `recovered`: what was there; `None` for a new store.
    Store {
        dir: PathBuf,
        recovered: Option<String>,
    },
    Damage {
        parts: usize,
    },
    Config {
        path: PathBuf,
        jobs: usize,
        ignored: usize,
    },
    /// `ways`: in how many ways somebody is told, all receivers together.
    Receivers {
        path: Option<PathBuf>,
        ways: usize,
        alertmanagers: usize,
    },
    Reloaded {
        error: Option<String>,
    },
    Listening {
        address: SocketAddr,
    },
    Looking {
        dirs: Vec<PathBuf>,
    },
    Sighting(Sighting),
    Stopping,
}

/// Events waiting to be printed; a terminal that stands still makes the start wait, and nothing
/// else.
pub(crate) const EVENTS_MAX: usize = 64;

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Notify(#[from] NotifyConfigError),
    #[error("cannot keep what is to be told in the data folder (--data-dir)")]
    Outbox(#[from] OutboxError),
    #[error(
        "--listen {0} can be reached by others and nobody has to log in; listen on 127.0.0.1, or \
         add --insecure-no-auth if the network is yours"
    )]
    Open(SocketAddr),
    #[error("port {port} is taken{by}; choose another with --listen {ip}:{next}",
        port = address.port(), ip = address.ip(), next = address.port().wrapping_add(1),
        by = holder.as_ref().map_or(String::new(), |holder| format!(" by {holder}")))]
    PortTaken {
        address: SocketAddr,
        holder: Option<String>,
    },
    #[error("cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(
        "cannot tell where to keep samples, since HOME is not set; name a folder with --data-dir"
    )]
    NoHome,
    #[error("cannot make the data folder {}; name another with --data-dir", dir.display())]
    DataDir { dir: PathBuf, source: io::Error },
    #[error("cannot open the store in {} (--data-dir)", dir.display())]
    Store { dir: PathBuf, source: StoreError },
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    #[error("the store could not be closed cleanly; what was synced a second ago is safe")]
    Close(#[source] StoreError),
}

impl UpError {
    /// Whether nothing had been running yet.
    pub(crate) fn is_at_start(&self) -> bool {
        !matches!(self, Self::Close(_))
    }
}

/// How long the parts may take to end before the store is closed under them.
const SHUTDOWN_MAX: Duration = Duration::from_secs(10);

/// Of that, what is kept back for closing the store.
const CLOSE_MAX: Duration = Duration::from_secs(3);

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn run(args: UpArgs, events: mpsc::Sender<Event>) -> Result<(), UpError> {
    let mut signals = Signals::new()?;
    let (config, ignored) = load_config(&args).await?;
    let notify_config = load_notify(&args).await?;
    let listener = bind(&args).await?;
    let data_dir = paths::data_dir(args.data_dir.as_deref()).ok_or(UpError::NoHome)?;
    let clock = Clock;
    let (store, recovery) = open_store(&data_dir, args.retention, clock).await?;
    tell_start(&events, &args, &config, ignored, &data_dir, &recovery).await;

    let address = listener.local_addr().unwrap_or(args.listen);
    let metrics = Arc::new(SelfMetrics::default());
    metrics.config_read(true, clock.now());
    let (reload_requests, reloads) = mpsc::channel(RELOAD_REQUESTS_MAX);
    let settings = settings(&args, address, &data_dir);
    let notifier = open_notifier(&settings, notify_config, &config, clock).await?;
    let edits = open_edits(&data_dir).await;
    tell_receivers(&events, &args, &notifier).await;
    let app = Arc::new(App::new(
        store.clone(),
        Arc::new(Targets::default()),
        Arc::new(config),
        notifier,
        edits,
        clock,
        metrics,
        settings,
        reload_requests,
    ));
    send(&events, Event::Listening { address }).await;
    let runtime_dirs = paths::runtime_dirs(&args.runtime_dir);
    let dirs = runtime_dirs.clone();
    send(&events, Event::Looking { dirs }).await;

    let cancel = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let (configs, new_configs) = mpsc::channel(RELOADS_MAX);
    tasks.spawn(reload_loop(
        Arc::clone(&app),
        args.clone(),
        reloads,
        configs,
        events.clone(),
        cancel.clone(),
    ));
    tasks.spawn(pools(&app, &args, runtime_dirs, &events).run(new_configs, cancel.clone()));
    // Before the first evaluation, so that somebody listens.
    let postable = app.judge.listen();
    tasks.spawn(Notifier::run(Arc::clone(&app), postable, cancel.clone()));
    spawn_judging(&mut tasks, &app, &cancel);
    tasks.spawn(serve(
        listener,
        api::router(Arc::clone(&app)),
        cancel.clone(),
    ));
    let store_loop = spawn_store_loop(&app, cancel.clone());

    while signals.next().await == Wish::Reload {
        let (answer, _answered) = tokio::sync::oneshot::channel();
        drop(app.reloads.try_send(answer));
    }
    send(&events, Event::Stopping).await;
    drop(events);
    cancel.cancel();
    end(app, tasks, store_loop, store, signals).await
}

/// What looks at what was stored, again and again.
fn spawn_judging(tasks: &mut JoinSet<()>, app: &Arc<App>, cancel: &CancellationToken) {
    tasks.spawn(Judge::run(Arc::clone(app), cancel.clone()));
    tasks.spawn(Asserter::run(Arc::clone(app), cancel.clone()));
    let related = Relator::run(Arc::clone(app), paths::hostname(), cancel.clone());
    tasks.spawn(related);
    tasks.spawn(Objectives::run(Arc::clone(app), cancel.clone()));
    tasks.spawn(Kpis::run(Arc::clone(app), cancel.clone()));
    tasks.spawn(IncidentKeeper::run(Arc::clone(app), cancel.clone()));
}

/// What people changed by the API; a file that cannot be used costs its edits, not the start.
async fn open_edits(data_dir: &Path) -> Edits {
    let path = data_dir.join("edits.json");
    let (edits, problem) = match tokio::task::spawn_blocking(move || Edits::open(path)).await {
        Ok(opened) => opened,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    };
    if let Some(problem) = problem {
        error!(%problem, "what was changed in the UI is lost");
    }
    edits
}

async fn end(
    app: Arc<App>,
    mut tasks: JoinSet<()>,
    store_loop: tokio::task::JoinHandle<()>,
    store: Store,
    mut signals: Signals,
) -> Result<(), UpError> {
    drop(app);
    let all = async { while tasks.join_next().await.is_some() {} };
    tokio::select! {
        ended = tokio::time::timeout(SHUTDOWN_MAX - CLOSE_MAX, all) => {
            if ended.is_err() {
                warn!("some parts did not end in time");
            }
        }
        // Whoever asks twice does not want to wait.
        () = signals.stop() => {}
    }
    tasks.abort_all();
    let closed = async {
        drop(store_loop.await);
        tokio::task::spawn_blocking(move || store.close()).await
    };
    match tokio::time::timeout(CLOSE_MAX, closed).await {
        Ok(Ok(Err(error))) => Err(UpError::Close(error)),
        Ok(Ok(Ok(())) | Err(_)) => Ok(()),
        Err(_) => {
            warn!("the store was not closed in time; it recovers at the next start");
            Ok(())
        }
    }
}

async fn send(events: &mpsc::Sender<Event>, event: Event) {
    // Nobody may be watching.
    drop(events.send(event).await);
}

async fn load_config(args: &UpArgs) -> Result<(Config, usize), UpError> {
    let Some(path) = args.config.clone() else {
        return Ok((Config::without_file(args.scrape_interval), 0));
    };
    let strict = args.strict;
    let loaded = tokio::task::spawn_blocking(move || Config::load(&path, strict)).await;
    let (config, ignored) = loaded.map_err(|panicked| ConfigError::Io {
        path: args.config.clone().unwrap_or_default(),
        source: io::Error::other(panicked),
    })??;
    for problem in &ignored {
        info!("configuration {problem}");
    }
    Ok((config, ignored.len()))
}

async fn bind(args: &UpArgs) -> Result<TcpListener, UpError> {
    let address = args.listen;
    if !address.ip().is_loopback() && !args.insecure_no_auth {
        return Err(UpError::Open(address));
    }
    TcpListener::bind(address).await.map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            let holder = holder_of_port(Path::new("/proc"), address.port());
            UpError::PortTaken { address, holder }
        } else {
            UpError::Listen { address, source }
        }
    })
}

async fn open_store(
    dir: &Path,
    retention: Duration,
    clock: Clock,
) -> Result<(Store, Recovery), UpError> {
    let dir = dir.to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        paths::make_private(&dir).map_err(|source| UpError::DataDir {
            dir: dir.clone(),
            source,
        })?;
        let options = StoreOptions {
            retention,
            ..StoreOptions::default()
        };
        Store::open(&dir, options, clock.now()).map_err(|source| UpError::Store { dir, source })
    });
    match opened.await {
        Ok(opened) => opened,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

async fn tell_start(
    events: &mpsc::Sender<Event>,
    args: &UpArgs,
    config: &Config,
    ignored: usize,
    data_dir: &Path,
    recovery: &Recovery,
) {
    let is_new = recovery.blocks == 0 && recovery.segments == 0;
    let recovered = (!is_new).then(|| {
        format!(
            "{} blocks, {} samples from the log",
            recovery.blocks, recovery.samples
        )
    });
    send(
        events,
        Event::Store {
            dir: data_dir.to_owned(),
            recovered,
        },
    )
    .await;
    for damage in &recovery.damage {
        warn!(file = %damage.path.display(), offset = damage.offset, bytes = damage.bytes,
            kind = ?damage.kind, "damaged part of the store");
    }
    // A torn tail is what a crash leaves; nothing that was acknowledged is in it.
    let parts = recovery
        .damage
        .iter()
        .filter(|damage| damage.kind != store::DamageKind::TornTail);
    let parts = parts.count();
    if parts > 0 {
        send(events, Event::Damage { parts }).await;
    }
    if let Some(path) = args.config.clone() {
        send(
            events,
            Event::Config {
                path,
                jobs: config.jobs.len(),
                ignored,
            },
        )
        .await;
    }
}

fn settings(args: &UpArgs, address: SocketAddr, data_dir: &Path) -> Settings {
    let duration = model::format_duration;
    let path = |path: Option<&PathBuf>| path.map_or(String::new(), |p| p.display().to_string());
    let external_url = args.external_url.clone();
    let external_url = external_url.unwrap_or_else(|| format!("http://{address}"));
    Settings {
        data_dir: data_dir.to_owned(),
        retention: args.retention,
        external_url: external_url.clone(),
        scrape_interval: args.scrape_interval,
        packs: !args.no_packs,
        pack_sources: PackSources {
            folders: args.packs.clone(),
            overrides: args.overrides.clone(),
        },
        model_files: args.model.clone(),
        thresholds: args.thresholds.clone(),
        objective_files: args.objectives.clone(),
        mappings: args.mappings.clone(),
        flags: vec![
            ("config", path(args.config.as_ref())),
            ("data-dir", data_dir.display().to_string()),
            ("external-url", external_url),
            ("insecure-no-auth", args.insecure_no_auth.to_string()),
            ("listen", args.listen.to_string()),
            ("log-level", args.log_level.clone()),
            ("no-packs", args.no_packs.to_string()),
            ("notifications", path(args.notifications.as_ref())),
            ("objectives", path(args.objectives.first())),
            ("mappings", path(args.mappings.as_ref())),
            ("overrides", path(args.overrides.as_ref())),
            ("packs", path(args.packs.first())),
            ("retention", duration(args.retention)),
            (
                "runtime-dir",
                args.runtime_dir
                    .first()
                    .map_or(String::new(), |d| path(Some(d))),
            ),
            ("scrape-interval", duration(args.scrape_interval)),
            ("strict", args.strict.to_string()),
            ("thresholds", path(args.thresholds.as_ref())),
        ],
    }
}

fn pools(
    app: &Arc<App>,
    args: &UpArgs,
    runtime_dirs: Vec<PathBuf>,
    events: &mpsc::Sender<Event>,
) -> ScrapePools {
    let (sightings, mut seen) = mpsc::channel(SIGHTINGS_MAX);
    let events = events.clone();
    tokio::spawn(async move {
        while let Some(sighting) = seen.recv().await {
            send(&events, Event::Sighting(sighting)).await;
        }
    });
    ScrapePools {
        scraper: Arc::new(Scraper {
            store: app.store.clone(),
            fetcher: Fetcher::default(),
            clock: app.clock,
            metrics: Arc::clone(&app.metrics),
        }),
        targets: Arc::clone(&app.targets),
        runtime_dirs,
        hostname: paths::hostname(),
        sightings,
        config: app.config(),
        announced_job: Arc::new(JobConfig::for_announced(args.scrape_interval)),
        state: PoolState::default(),
    }
}

/// Reads the configuration anew on request; a bad one changes nothing.
async fn reload_loop(
    app: Arc<App>,
    args: UpArgs,
    mut requests: mpsc::Receiver<ReloadRequest>,
    configs: mpsc::Sender<Arc<Config>>,
    events: mpsc::Sender<Event>,
    cancel: CancellationToken,
) {
    while let Some(Some(answer)) = cancel.run_until_cancelled(requests.recv()).await {
        let result = match load_config(&args).await {
            Ok((config, _)) => load_notify(&args)
                .await
                .map(|n| (config, n))
                .map_err(UpError::from),
            Err(error) => Err(error),
        };
        app.metrics.config_read(result.is_ok(), app.clock.now());
        let result = match result {
            Ok((config, notify_config)) => {
                let config = Arc::new(config);
                let (notifier, now) = (Arc::clone(&app.notifier), app.clock.now());
                let forward = Forward::new(&config.alerting);
                let reload = move || notifier.reload(notify_config, forward, now);
                if let Err(panicked) = tokio::task::spawn_blocking(reload).await {
                    warn!(%panicked, "the receivers were not read anew");
                }
                app.set_config(Arc::clone(&config));
                drop(configs.send(config).await);
                app.judge.reload();
                app.relator.reload();
                app.objectives.reload();
                Ok(())
            }
            Err(error) => {
                let text = error_chain(&error);
                info!(error = %text, "configuration not read anew, the old one stays");
                Err(text)
            }
        };
        drop(events.try_send(Event::Reloaded {
            error: result.clone().err(),
        }));
        // Whoever asked may have gone.
        drop(answer.send(result));
    }
}
