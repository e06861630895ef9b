//! The HTTP API. Every caller may read. [`ListenerAccess`] decides about changes.
//!
//! | route | does |
//! |---|---|
//! | `GET /metrics` | numbers for Prometheus |
//! | `GET /api/status` | the state of the controller and its bridges |
//! | `GET /healthz` | the health of the controller |
//! | `GET /api/verify` | the verdicts on the installed flows |
//! | `GET /api/denied?bridge=NAME` | samples of denied packets |
//! | `GET /api/windows` | all windows, and their state |
//! | `POST /api/windows` | opens a window |
//! | `DELETE /api/windows/NAME` | closes a window |
//! | `POST /api/containers/create`, `GET /api/containers`, `DELETE /api/containers/{name}` | containers |
//! | `GET /api/services?network=NAME` | the services of a network's containers |
//! | `GET`, `POST /api/networks`, `DELETE /api/networks/{template}/{number}` | instances of templates |
//! | `GET /api/openapi.json` | all of this, as OpenAPI 3.1 |
//!
//! The first five are served at the addresses of `run --metrics` too. Changes are served at those
//! of `run --api-listen` alone.

mod access;
mod body;
mod containers;
mod denied;
mod document;
mod error;
mod host;
mod verify;
mod windows;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, middleware};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::access::{BadToken, Caller, ListenerAccess, Peer, Token};
pub use self::error::ApiError;
pub use self::host::Hosts;
pub use self::windows::OpenRequest;
use crate::containers::Containers;
use crate::hub::{ControllerReport, Hub};

/// The admission of requests at one listener, and the deadline of their bodies.
#[derive(Debug)]
pub struct Access {
    /// Credentials that a change needs. `None` if no change is possible.
    pub gate: Option<ListenerAccess>,
    /// Hosts that the listener answers for. `None` at a Unix socket, which no browser can reach.
    pub hosts: Option<Hosts>,
    /// Time for the body of a request.
    pub body: Duration,
}

impl Access {
    fn around(self, mut router: Router) -> Router {
        router = router
            .layer(DefaultBodyLimit::max(body::MAX_BODY))
            .layer(middleware::from_fn_with_state(self.body, body::read_in_time));
        if let Some(gate) = self.gate {
            router = router.layer(middleware::from_fn_with_state(Arc::new(gate), access::guard));
        }
        if let Some(hosts) = self.hosts {
            router = router.layer(middleware::from_fn_with_state(hosts, host::guard));
        }
        router
    }
}

/// Returns the routes that make no changes.
pub fn router(hub: Arc<Hub>, access: Access) -> Router {
    access.around(looking(hub).split_for_parts().0)
}

/// Returns all routes, behind a gate. They must be served with [`Peer`] as connection info.
pub fn control(hub: Arc<Hub>, containers: Arc<Containers>, access: Access) -> Router {
    let router = document::served(all(hub, containers))
        .fallback(async || ApiError::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this path does not take that method")
        });
    access.around(router)
}

/// Returns every route except the document's own, each with its description.
fn all(hub: Arc<Hub>, containers: Arc<Containers>) -> OpenApiRouter {
    looking(Arc::clone(&hub)).merge(windows::routes(hub)).merge(containers::routes(containers))
}

fn looking(hub: Arc<Hub>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(metrics))
        .routes(routes!(status))
        .routes(routes!(healthz))
        .with_state(Arc::clone(&hub))
        .merge(denied::routes(Arc::clone(&hub)))
        .merge(verify::routes(hub))
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
    match hub.metrics_text() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// How the controller and its bridges stand.
#[utoipa::path(
    get, path = "/api/status", tag = "standing",
    responses((status = OK, description = "how all stand", body = ControllerReport))
)]
async fn status(State(hub): State<Arc<Hub>>) -> Response {
    Json(hub.report()).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value;
    use tokio::sync::watch;

    use super::*;
    use crate::address::ListenAddress;
    use crate::api_client::{ApiAddress, request};
    use crate::metrics::Metrics;
    use crate::net::{HttpLimits, HttpSettings, serve_control};
    use crate::ovs::Database;
    use crate::policy::Policy;

    fn parts() -> (Arc<Hub>, Arc<Containers>) {
        let policy = Policy::from_text(Path::new("test.toml"), "[bridge.br0]\n".to_owned()).unwrap();
        let hub = Arc::new(Hub::new(policy, Metrics::new().unwrap()));
        let containers = Containers::new(Arc::clone(&hub), Database::default(), "test.toml".into());
        (hub, Arc::new(containers))
    }

    /// The API at a socket, for root.
    struct ServedApi {
        dir: tempfile::TempDir,
        _shutdown: watch::Sender<bool>,
    }

    impl ServedApi {
        async fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let (shutdown, down) = watch::channel(false);
            let (hub, containers) = parts();
            let address = ListenAddress::Unix(dir.path().join("api.sock"));
            let http = HttpSettings { limits: HttpLimits::for_connections(8), names: Vec::new() };
            serve_control(hub, containers, &address, None, &http, down).await.unwrap();
            Self { dir, _shutdown: shutdown }
        }

        async fn ask(&self, method: &'static str, path: &str) -> (u16, String) {
            let api = ApiAddress::Unix(self.dir.path().join("api.sock"));
            let path = path.to_owned();
            let asked = move || request(&api, method, &path, None, None).unwrap();
            let reply = tokio::task::spawn_blocking(asked).await.unwrap();
            (reply.status, reply.body)
        }

        async fn document(&self) -> Value {
            let (status, body) = self.ask("GET", "/api/openapi.json").await;
            assert_eq!(status, 200);
            serde_json::from_str(&body).unwrap()
        }
    }

    /// Returns the paths in the debug output of a router.
    fn paths(router: &Router) -> BTreeSet<String> {
        let text = format!("{router:?}");
        let quoted = text.split('"').skip(1).step_by(2);
        // `/` alone is axum's name for a fallback.
        quoted
            .filter(|word| word.len() > 1 && word.starts_with('/') && !word.contains("__private"))
            .map(str::to_owned)
            .collect()
    }

    #[tokio::test]
    async fn every_route_is_in_the_document_and_every_one_in_the_document_is_a_route() {
        let served = ServedApi::new().await;
        let document = served.document().await;
        let told = document["paths"].as_object().unwrap();
        let (hub, containers) = parts();
        let gate = Some(ListenerAccess::Process { owner: 0, group: 0 });
        let access = Access { gate, hosts: None, body: Duration::from_secs(1) };
        let router = control(hub, containers, access);
        assert_eq!(paths(&router), told.keys().cloned().collect());
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            for (path, operations) in told {
                let (status, _) = served.ask(method, &path.replace(['{', '}'], "")).await;
                let known = operations.get(method.to_lowercase()).is_some();
                assert_eq!(known, status != 405, "{method} {path}: {status}");
            }
        }
    }

    #[tokio::test]
    async fn what_the_document_refers_to_is_in_it() {
        let document = ServedApi::new().await.document().await;
        assert_eq!(document["openapi"].as_str().map(|v| v.starts_with("3.1")), Some(true));
        let text = document.to_string();
        let references: BTreeSet<&str> =
            text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(references.len() > 10, "{references:?}");
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
        for operations in document["paths"].as_object().unwrap().values() {
            for operation in operations.as_object().unwrap().values() {
                assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{operation}");
            }
        }
    }
}
