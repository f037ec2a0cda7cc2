//! Sends what waits for one integration, one message at a time.

use std::sync::Arc;
use std::time::Duration;

use diagnosis::notify::queue::{Failure, FailureKind, back_off};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::deliver::{Delivery, deliver, keeps_incidents};
use super::file::Integration;
use super::outbox::{Next, Outgoing};
use super::{Notifier, OutboxError, random};
use crate::clock::Clock;
use crate::scrape::error_chain;

/// How long to wait when the database cannot be used.
const DISK_PAUSE: Duration = Duration::from_secs(2);

/// How long a message that is on its way at the end may take to arrive. What takes longer is
/// sent again after the restart.
const GRACE: Duration = Duration::from_secs(3);

pub(super) async fn run(
    notifier: Arc<Notifier>,
    integration: Integration,
    clock: Clock,
    cancel: CancellationToken,
) {
    let sender = Sender {
        incidents: keeps_incidents(&integration),
        notifier,
        integration,
        clock,
    };
    let mut news = sender.notifier.news.subscribe();
    let mut failures = 0;
    while !cancel.is_cancelled() {
        // Before the database is asked, so that what comes meanwhile is seen.
        news.borrow_and_update();
        let pause = match sender.next().await {
            Err(error) => {
                error!(error = %error_chain(&error), "the outbox cannot be read");
                DISK_PAUSE
            }
            Ok(Next::Rest) => {
                tokio::select! {
                    () = cancel.cancelled() => return,
                    // The sender of the channel lives in the notifier, which this task holds.
                    changed = news.changed() => drop(changed),
                }
                continue;
            }
            Ok(Next::WaitUntil(at)) => at.since(clock.now()),
            Ok(Next::Send(outgoing)) => {
                let outcome = sender.attempt(&outgoing, &cancel).await;
                let wait = match &outcome {
                    Ok(_) => Duration::ZERO,
                    Err(failure) => match failure.kind {
                        FailureKind::Lasting => Duration::ZERO,
                        FailureKind::Passing(retry_after) => {
                            failures += 1;
                            let jitter = random() as f64 / u64::MAX as f64;
                            back_off(failures, retry_after, jitter)
                        }
                    },
                };
                if wait.is_zero() {
                    failures = 0;
                }
                sender.note(*outgoing, outcome).await;
                wait
            }
        };
        if !pause.is_zero() {
            let waited = cancel.run_until_cancelled(tokio::time::sleep(pause));
            if waited.await.is_none() {
                return;
            }
        }
    }
}

struct Sender {
    notifier: Arc<Notifier>,
    integration: Integration,
    incidents: bool,
    clock: Clock,
}

impl Sender {
    async fn next(&self) -> Result<Next, OutboxError> {
        let (notifier, id) = (Arc::clone(&self.notifier), self.integration.id.clone());
        let (incidents, now) = (self.incidents, self.clock.now());
        let asked = tokio::task::spawn_blocking(move || notifier.outbox.next(&id, incidents, now));
        asked.await.unwrap_or(Ok(Next::Rest))
    }

    async fn attempt(
        &self,
        outgoing: &Outgoing,
        cancel: &CancellationToken,
    ) -> Result<String, Failure> {
        let delivery = Delivery {
            notification: &outgoing.notification,
            id: outgoing.id,
            external_url: &self.notifier.external_url,
            now: self.clock.now(),
        };
        let sending = deliver(&self.notifier.poster, &self.integration, delivery);
        tokio::pin!(sending);
        tokio::select! {
            outcome = &mut sending => return outcome,
            () = cancel.cancelled() => {}
        }
        match tokio::time::timeout(GRACE, sending).await {
            Ok(outcome) => outcome,
            Err(_) => Err(super::post::passing(
                "the server stopped before it was answered",
            )),
        }
    }

    /// Writes down what became of it, again and again until that is on disk: else it would be
    /// sent once more.
    async fn note(&self, outgoing: Outgoing, outcome: Result<String, Failure>) {
        let integration = &self.integration;
        let waited = self.clock.now().since(outgoing.notification.at);
        self.notifier
            .counts
            .attempted(&integration.id, integration.kind, &outcome, waited);
        if let Err(failure) = &outcome {
            let lasting = failure.kind == FailureKind::Lasting;
            warn!(integration = %integration.id, reason = %failure.reason, lasting,
                "a notification was not delivered");
        }
        let outgoing = Arc::new(outgoing);
        for _ in 0..NOTES_MAX {
            let (notifier, outgoing) = (Arc::clone(&self.notifier), Arc::clone(&outgoing));
            let (outcome, now) = (outcome.clone(), self.clock.now());
            let noted = tokio::task::spawn_blocking(move || match &outcome {
                Ok(answer) => notifier.outbox.sent(&outgoing, answer, now),
                Err(Failure { reason, kind }) => match kind {
                    FailureKind::Lasting => notifier.outbox.failed(&outgoing, reason, now),
                    FailureKind::Passing(_) => notifier.outbox.put_back(&outgoing, reason),
                },
            });
            match noted.await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => {
                    error!(error = %error_chain(&error), "the outbox cannot be written");
                }
                Err(panicked) => error!(%panicked, "writing the outbox ended"),
            }
            tokio::time::sleep(DISK_PAUSE).await;
        }
    }
}

/// Attempts to write down an outcome: an hour of a full disk.
const NOTES_MAX: u32 = 1800;
