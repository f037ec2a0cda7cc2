//! The tasks: alerts in, groups out, and one sender for each way out.

use std::sync::Arc;
use std::time::Duration;

use diagnosis::notify::Alert;
use diagnosis::rules::PostableAlert;
use model::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{LOG_KEPT, Notifier, OutboxError, forward, sender};
use crate::app::App;
use crate::clock::Clock;
use crate::scrape::error_chain;

/// How often what is old is forgotten.
const TIDY_INTERVAL: Duration = Duration::from_secs(60);

/// When nothing is due the flusher looks again after this long, in case the clock was set.
const IDLE_MAX: Duration = Duration::from_secs(15);

/// How long to wait when the database cannot be written.
const DISK_PAUSE: Duration = Duration::from_secs(2);

impl Notifier {
    /// Runs until `cancel`; `postable` is what the rules say.
    pub(crate) async fn run(
        app: Arc<App>,
        postable: mpsc::Receiver<Vec<PostableAlert>>,
        cancel: CancellationToken,
    ) {
        let listening = tokio::spawn(listen(Arc::clone(&app), postable, cancel.clone()));
        while !cancel.is_cancelled() {
            let round = cancel.child_token();
            let mut tasks = JoinSet::new();
            let notifier = &app.notifier;
            tasks.spawn(flush_loop(Arc::clone(notifier), app.clock, round.clone()));
            tasks.spawn(tidy_loop(Arc::clone(notifier), app.clock, round.clone()));
            for integration in notifier.config().integrations() {
                let (notifier, integration) = (Arc::clone(notifier), integration.clone());
                tasks.spawn(sender::run(notifier, integration, app.clock, round.clone()));
            }
            for index in 0..notifier.forward().alertmanagers.len() {
                let notifier = Arc::clone(notifier);
                tasks.spawn(forward::run(notifier, index, app.clock, round.clone()));
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                () = notifier.reloaded.notified() => {}
            }
            round.cancel();
            while let Some(ended) = tasks.join_next().await {
                if let Err(panicked) = ended {
                    error!(%panicked, "a task of notification ended");
                }
            }
        }
        drop(listening.await);
    }
}

/// Takes over what the rules say.
async fn listen(
    app: Arc<App>,
    mut postable: mpsc::Receiver<Vec<PostableAlert>>,
    cancel: CancellationToken,
) {
    while let Some(Some(said)) = cancel.run_until_cancelled(postable.recv()).await {
        app.notifier
            .forward()
            .take(&said, &app.config().external_labels);
        let alerts: Vec<Alert> = said.iter().map(Alert::of_rule).collect();
        let (notifier, now) = (Arc::clone(&app.notifier), app.clock.now());
        let taken = tokio::task::spawn_blocking(move || notifier.take(alerts, now)).await;
        match taken {
            Ok(Ok(taken)) if taken.full > 0 => {
                warn!(
                    alerts = taken.full,
                    "too many alerts fire, these are not told"
                );
            }
            Ok(Ok(_)) => {}
            // The rules say it again after the resend delay.
            Ok(Err(error)) => error!(error = %error_chain(&error), "alerts are not stored"),
            Err(panicked) => error!(%panicked, "taking alerts in ended"),
        }
    }
}

async fn flush_loop(notifier: Arc<Notifier>, clock: Clock, cancel: CancellationToken) {
    loop {
        let flushing = Arc::clone(&notifier);
        let flushed = tokio::task::spawn_blocking(move || flushing.flush(clock.now())).await;
        let next = match flushed {
            Ok(Ok(next)) => next,
            Ok(Err(error)) => {
                error!(error = %error_chain(&error), "notifications are not stored; trying again");
                Some(clock.now().plus(DISK_PAUSE))
            }
            Err(panicked) => {
                error!(%panicked, "a flush ended");
                Some(clock.now().plus(DISK_PAUSE))
            }
        };
        let wait = next.map_or(IDLE_MAX, |next| next.since(clock.now()));
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(wait.min(IDLE_MAX)) => {}
            // Also of what came while the flush ran: the permit is kept.
            () = notifier.changed.notified() => {}
        }
    }
}

impl Notifier {
    /// Puts what is due into the outbox and gives when the next group is due. What cannot be
    /// stored is kept and stored first the next time.
    fn flush(&self, now: Timestamp) -> Result<Option<Timestamp>, OutboxError> {
        let mut state = self.lock();
        let flushed = match state.unstored.take() {
            Some(unstored) => unstored,
            None => {
                let super::State {
                    dispatcher,
                    silences,
                    ..
                } = &mut *state;
                dispatcher.flush(now, silences)
            }
        };
        for fingerprint in &flushed.forgotten {
            state.written.remove(fingerprint);
        }
        if !(flushed.log.is_empty() && flushed.forgotten.is_empty())
            && let Err(error) = self.outbox.put_flush(&flushed, now)
        {
            self.counts.store_failed();
            state.unstored = Some(flushed);
            return Err(error);
        }
        let next = state.dispatcher.next_due();
        drop(state);
        if !flushed.due.is_empty() {
            self.news.send_modify(|count| *count += 1);
        }
        Ok(next)
    }
}

async fn tidy_loop(notifier: Arc<Notifier>, clock: Clock, cancel: CancellationToken) {
    loop {
        let tidying = Arc::clone(&notifier);
        let tidied = tokio::task::spawn_blocking(move || tidying.tidy(clock.now())).await;
        if let Err(panicked) = tidied {
            error!(%panicked, "tidying ended");
        }
        if cancel
            .run_until_cancelled(tokio::time::sleep(TIDY_INTERVAL))
            .await
            .is_none()
        {
            return;
        }
    }
}

impl Notifier {
    fn tidy(&self, now: Timestamp) {
        let mut state = self.lock();
        let silences = state.silences.forget_old(now);
        let log = state.dispatcher.forget_log(now.minus(LOG_KEPT));
        let config = self.config();
        let integrations: Vec<String> = config
            .integrations()
            .map(|integration| integration.id.clone())
            .collect();
        if let Err(error) = self.outbox.tidy(&silences, &log, &integrations, now) {
            error!(error = %error_chain(&error), "the notification database is not tidied");
        }
        drop(state);
        self.forward().forget_old(now);
    }
}
