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
//! | `POST /api/containers/create`, `GET /api/containers`, `DELETE /api/containers/{name}` | containers |
//! | `GET /api/services?network=NAME` | what the containers of a network serve |
//! | `GET`, `POST /api/networks`, `DELETE /api/networks/{template}/{number}` | instances of templates |
//! | `GET /api/openapi.json` | all of this, as OpenAPI 3.1 |
//!
//! The first three are served at the addresses of `run --metrics` too. What changes something is at those of `run --api-listen` alone.

mod access;
mod containers;
mod document;
mod refusal;
mod windows;

pub use access::{BadToken, Caller, Gate, Peer, Token};
pub use refusal::Refusal;
pub use windows::OpenRequest;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, middleware};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::containers::Containers;
use crate::hub::{Hub, Report};

/// The longest body of a request, in bytes.
const MAX_BODY: usize = 64 << 10;

/// What only looks.
pub fn router(hub: Arc<Hub>) -> Router {
    looking(hub).split_for_parts().0
}

/// All routes, behind a gate. To be served with [`Peer`] as connection info.
pub fn control(hub: Arc<Hub>, containers: Arc<Containers>, gate: Gate) -> Router {
    document::served(all(hub, containers))
        .fallback(async || Refusal::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this path does not take that method")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::new(gate), access::guard))
}

/// Every route but the document's own, each with what the document says of it.
fn all(hub: Arc<Hub>, containers: Arc<Containers>) -> OpenApiRouter {
    looking(Arc::clone(&hub)).merge(windows::routes(hub)).merge(containers::routes(containers))
}

fn looking(hub: Arc<Hub>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(metrics))
        .routes(routes!(status))
        .routes(routes!(healthz))
        .with_state(hub)
}

/// Whether the controller lives.
#[utoipa::path(
    get, path = "/healthz", tag = "standing",
    responses((status = OK, description = "it does", body = String, content_type = "text/plain"))
)]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Numbers for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "standing",
    responses((status = OK, description = "the text format of Prometheus", body = String, content_type = "text/plain"))
)]
async fn metrics(State(hub): State<Arc<Hub>>) -> Response {
    match hub.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// How the controller and its bridges stand.
#[utoipa::path(
    get, path = "/api/status", tag = "standing",
    responses((status = OK, description = "how all stand", body = Report))
)]
async fn status(State(hub): State<Arc<Hub>>) -> Response {
    Json(hub.report()).into_response()
}
