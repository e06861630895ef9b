//! The API as an OpenAPI document. Routes and document come from one list, so a new route needs a
//! description.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const ABOUT: &str = "The API of a running controller. Anyone who gets there may look. A change has to come from root, or from \
the owner or the group of the controller's socket; over TCP it has to carry the controller's token.";

/// The document's text, once all routes are known.
type DocumentText = Arc<OnceLock<String>>;

/// Returns a router of all these routes, and one more for the document.
pub(super) fn served(routes: OpenApiRouter) -> Router {
    let info = InfoBuilder::new()
        .title("Portcullis")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .build();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = ComponentsBuilder::new().security_scheme("token", bearer).build();
    let whole = OpenApiBuilder::new().info(info).components(Some(components)).build();
    let text = DocumentText::default();
    let own = OpenApiRouter::new().routes(routes!(document)).with_state(Arc::clone(&text));
    let (router, whole) = OpenApiRouter::with_openapi(whole).merge(own).merge(routes).split_for_parts();
    if let Ok(json) = whole.to_pretty_json() {
        let _ = text.set(json);
    }
    router
}

/// This document.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "standing",
    responses((status = OK, description = "OpenAPI 3.1", body = serde_json::Value))
)]
async fn document(State(text): State<DocumentText>) -> Response {
    match text.get() {
        Some(text) => ([(header::CONTENT_TYPE, "application/json")], text.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
