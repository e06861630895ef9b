//! `/api/verify`: what holds on the flows that are installed.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::hub::Hub;
use crate::verification::VerificationReport;

/// Time for the proof of a change that was just made. A client waits for five seconds.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn routes(hub: Arc<Hub>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(verify)).with_state(hub)
}

/// What holds on the flows that are installed: the last proof, and a packet for each violation.
#[utoipa::path(
    get, path = "/api/verify", tag = "standing",
    responses((status = OK, description = "each assertion of the file", body = VerificationReport))
)]
async fn verify(State(hub): State<Arc<Hub>>) -> Json<VerificationReport> {
    Json(hub.verification(PATIENCE).await)
}
