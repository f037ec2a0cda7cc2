//! `rules` and `alerts`: what the judge watches and what it found.
//!
//! What belongs here: the JSON of both endpoints, built from [`crate::judge::Judge`].

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use serde_json::json;

use super::answer::{Answer, success};
use crate::app::App;

/// Mounted under `/api/v1`.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/rules", get(rules))
        .route("/alerts", get(alerts))
}

async fn rules() -> Answer {
    success(&json!({ "groups": [] }))
}

async fn alerts() -> Answer {
    success(&json!({ "alerts": [] }))
}
