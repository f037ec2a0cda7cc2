//! Keeps the store safe and tidy while it is written.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::app::App;
use crate::scrape::error_chain;

/// A power cut costs what came since the last sync: at most this much.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Every how many syncs the store seals, flushes and forgets.
const MAINTAIN_EVERY_SYNCS: u32 = 15;

/// Syncs and maintains on a thread that may block.
pub(super) fn spawn_store_loop(app: &Arc<App>, cancel: CancellationToken) -> JoinHandle<()> {
    let (store, clock, metrics) = (app.store.clone(), app.clock, Arc::clone(&app.metrics));
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(SYNC_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut syncs: u32 = 0;
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = ticks.tick() => {}
            }
            syncs = syncs.wrapping_add(1);
            let maintain = syncs.is_multiple_of(MAINTAIN_EVERY_SYNCS);
            let (store, metrics) = (store.clone(), Arc::clone(&metrics));
            let worked = tokio::task::spawn_blocking(move || {
                let synced = store.sync();
                let maintained = if maintain {
                    store.maintain(clock.now()).map(drop)
                } else {
                    Ok(())
                };
                synced.and(maintained).map_err(|error| {
                    metrics.sync_failed();
                    error_chain(&error)
                })
            });
            match worked.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => error!(%error, "the store cannot write; it will try again"),
                Err(panicked) => error!(%panicked, "the store's thread panicked"),
            }
        }
    })
}
