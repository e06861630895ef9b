//! `/api/windows`: which windows there are, opening and closing them.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::{Caller, Refusal};
use crate::hub::{Hub, WindowReport};
use crate::windows::{Opening, WindowError, parse_duration};

/// All windows.
#[derive(Debug, Serialize)]
struct List {
    windows: Vec<WindowReport>,
}

/// The body of `POST /api/windows`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenRequest {
    /// The window's name.
    pub name: String,
    /// For how long, as in `30m`.
    #[serde(rename = "for")]
    pub duration: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Whether one that is open may stay open for longer.
    #[serde(default)]
    pub extend: bool,
}

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/windows", get(list).post(open)).route("/api/windows/{name}", delete(close))
}

async fn list(State(hub): State<Arc<Hub>>) -> Json<List> {
    Json(List { windows: hub.window_reports() })
}

async fn open(
    State(hub): State<Arc<Hub>>,
    Caller { who }: Caller,
    body: Result<Json<OpenRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<WindowReport>), Refusal> {
    let Json(OpenRequest { name, duration, reason, extend }) = body?;
    let seconds = parse_duration(&duration).map_err(WindowError::from)?;
    let opened = hub.open_window(Opening { name, seconds, reason, extend, who }).await?;
    Ok((StatusCode::CREATED, Json(opened)))
}

async fn close(
    State(hub): State<Arc<Hub>>,
    Caller { who }: Caller,
    Path(name): Path<String>,
) -> Result<Json<WindowReport>, Refusal> {
    Ok(Json(hub.close_window(&name, &who).await?))
}
