//! Judging: rule groups evaluated on schedule, alerts and their states.
//!
//! What belongs here: loading rules (packs and `rule_files` of [`crate::config::Config`]),
//! evaluating the groups at their intervals over [`crate::app::App::store`], writing `ALERTS` and
//! recorded series back, and keeping what `/api/v1/rules`, `/api/v1/alerts` and
//! `/api/v1/services` show. The app owns one [`Judge`]; [`crate::up`] calls [`Judge::run`] as a
//! task and [`Judge::reload`] after a configuration was read anew.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// The state of all rules. Shared by the evaluating task and the API.
#[derive(Debug, Default)]
pub(crate) struct Judge {}

impl Judge {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Evaluates until `cancel`. Without rules there is nothing to do but to wait.
    pub(crate) async fn run(app: Arc<App>, cancel: CancellationToken) {
        let _ = app;
        cancel.cancelled().await;
    }

    /// Takes over a configuration that was read anew.
    pub(crate) fn reload(&self, app: &App) {
        let _ = (self, app);
    }
}
