//! The HTTP side. Anyone who gets there may look; who may change something is up to [`Gate`].
//!
//! | route | does |
//! |---|---|
//! | `GET /metrics` | numbers for Prometheus |
//! | `GET /api/status` | how the controller and its bridges stand |
//! | `GET /healthz` | whether it lives |
//! | `GET /api/windows` | which windows there are, and which are open |
//! | `POST /api/windows` | opens one |
//! | `DELETE /api/windows/NAME` | closes it |
//!
//! The first three are served at the addresses of `run --metrics` too. What changes something is at those of `run --api-listen` alone.

mod access;
mod refusal;
mod windows;

pub use access::{BadToken, Caller, Gate, Peer, Token};
pub use refusal::Refusal;
pub use windows::OpenRequest;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};

use crate::hub::Hub;

/// The longest body of a request, in bytes.
const MAX_BODY: usize = 64 << 10;

/// What only looks.
pub fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/api/status", get(status))
        .route("/healthz", get(|| async { "ok\n" }))
        .with_state(hub)
}

/// All routes, behind a gate. To be served with [`Peer`] as connection info.
pub fn control(hub: Arc<Hub>, gate: Gate) -> Router {
    windows::routes()
        .with_state(Arc::clone(&hub))
        .merge(router(hub))
        .fallback(async || Refusal::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this path does not take that method")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::new(gate), access::guard))
}

async fn metrics(State(hub): State<Arc<Hub>>) -> Response {
    match hub.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn status(State(hub): State<Arc<Hub>>) -> Response {
    Json(hub.report()).into_response()
}
