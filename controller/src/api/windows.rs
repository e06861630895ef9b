//! `/api/windows`: which windows there are, opening and closing them.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiErrorBody;
use super::{ApiError, Caller};
use crate::hub::{Hub, WindowReport};
use crate::windows::{WindowError, WindowRequest, parse_duration};

/// All windows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WindowList)]
struct List {
    windows: Vec<WindowReport>,
}

/// The body of `POST /api/windows`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
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

pub(super) fn routes(hub: Arc<Hub>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, open)).routes(routes!(close)).with_state(hub)
}

/// Which windows there are, and which are open.
#[utoipa::path(
    get, path = "/api/windows", tag = "windows",
    responses((status = OK, description = "by name", body = List))
)]
async fn list(State(hub): State<Arc<Hub>>) -> Json<List> {
    Json(List { windows: hub.window_reports() })
}

/// Open a window for a while.
#[utoipa::path(
    post, path = "/api/windows", tag = "windows",
    request_body = OpenRequest,
    responses(
        (status = CREATED, description = "it is open", body = WindowReport),
        (status = "4XX", description = "the request is not what it should be, or nothing has that name, or it is open", body = ApiErrorBody),
    )
)]
async fn open(
    State(hub): State<Arc<Hub>>,
    Caller { who }: Caller,
    body: Result<Json<OpenRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<WindowReport>), ApiError> {
    let Json(OpenRequest { name, duration, reason, extend }) = body?;
    let seconds = parse_duration(&duration).map_err(WindowError::from)?;
    let opened = hub.open_window(WindowRequest { name, seconds, reason, extend, who }).await?;
    Ok((StatusCode::CREATED, Json(opened)))
}

/// Close a window before its time.
#[utoipa::path(
    delete, path = "/api/windows/{name}", tag = "windows",
    params(("name" = String, Path, description = "the window's name")),
    responses(
        (status = OK, description = "it is closed", body = WindowReport),
        (status = "4XX", description = "nothing has that name, or it is closed", body = ApiErrorBody),
    )
)]
async fn close(
    State(hub): State<Arc<Hub>>,
    Caller { who }: Caller,
    Path(name): Path<String>,
) -> Result<Json<WindowReport>, ApiError> {
    Ok(Json(hub.close_window(&name, &who).await?))
}
