//! The start of notification: its file, its database, and who is told.

use std::io;

use tokio::sync::mpsc;
use tracing::info;

use super::{Event, UpError, send};
use crate::app::Settings;
use crate::cli::UpArgs;
use crate::clock::Clock;
use crate::config::Config;
use crate::notify::{Forward, Notifier, NotifyConfig, NotifyConfigError};

pub(super) async fn load_notify(args: &UpArgs) -> Result<NotifyConfig, NotifyConfigError> {
    let Some(path) = args.notifications.clone() else {
        return Ok(NotifyConfig::without_file());
    };
    let strict = args.strict;
    let read = path.clone();
    let loaded = tokio::task::spawn_blocking(move || NotifyConfig::load(&read, strict)).await;
    let (config, ignored) = loaded.map_err(|panicked| NotifyConfigError::Io {
        path,
        source: io::Error::other(panicked),
    })??;
    for problem in &ignored {
        info!("notifications {problem}");
    }
    Ok(config)
}

pub(super) async fn open_notifier(
    settings: &Settings,
    notify_config: NotifyConfig,
    config: &Config,
    clock: Clock,
) -> Result<Notifier, UpError> {
    let (dir, url) = (settings.data_dir.clone(), settings.external_url.clone());
    let forward = Forward::new(&config.alerting);
    let opened = tokio::task::spawn_blocking(move || {
        Notifier::open(&dir, notify_config, forward, &url, clock.now())
    });
    match opened.await {
        Ok(opened) => Ok(opened?),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Says who is told, or that nobody is.
pub(super) async fn tell_receivers(
    events: &mpsc::Sender<Event>,
    args: &UpArgs,
    notifier: &Notifier,
) {
    let config = notifier.config();
    let event = Event::Receivers {
        path: args.notifications.clone(),
        ways: config.integrations().count(),
        alertmanagers: notifier.forward().health().len(),
    };
    send(events, event).await;
}
