//! `/api/denied`: who tried to reach what, and was refused.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::denied::DeniedReport;
use crate::hub::Hub;

/// What was denied.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeniedList)]
struct List {
    denied: Vec<DeniedReport>,
}

#[derive(Debug, Deserialize, IntoParams)]
struct DeniedQuery {
    /// Of this bridge alone.
    bridge: Option<String>,
}

pub(super) fn routes(hub: Arc<Hub>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).with_state(hub)
}

/// Who tried to reach what, and was refused: samples, of bridges with `sample_denied`.
#[utoipa::path(
    get, path = "/api/denied", tag = "standing", params(DeniedQuery),
    responses((status = OK, description = "the last seen first", body = List))
)]
async fn list(State(hub): State<Arc<Hub>>, Query(wanted): Query<DeniedQuery>) -> Json<List> {
    Json(List { denied: hub.denied_report(wanted.bridge.as_deref()) })
}
