//! `services`: everything Home shows, in one answer, and one service with its dashboards.
//!
//! What belongs here: the JSON of both endpoints (docs/api.md, "Services"), built from
//! [`crate::judge::Judge`] and [`crate::targets::Targets`].

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// Mounted under `/api/v1`.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
}
