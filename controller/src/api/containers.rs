//! Containers, their services, and instances of templates.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use tokio::sync::Semaphore;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiErrorBody;
use super::{ApiError, Caller};
use crate::containers::{
    ContainerList, Containers, CreatedContainer, Instance, InstanceChange, RemovedContainer, Request,
    ServiceList, TemplateList,
};
use crate::problem::Problem;

/// Largest number of requests under way at one time: each holds a thread.
const MOST: usize = 32;

/// The shared state of the handlers.
#[derive(Debug, Clone)]
struct Api {
    containers: Arc<Containers>,
    slots: Arc<Semaphore>,
}

/// Returns the routes.
pub(super) fn routes(containers: Arc<Containers>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(list))
        .routes(routes!(delete))
        .routes(routes!(services))
        .routes(routes!(templates, stamp))
        .routes(routes!(unstamp))
        .with_state(Api { containers, slots: Arc::new(Semaphore::new(MOST)) })
}

impl Api {
    /// Runs blocking work on a thread of its own. The work is completed even if the client
    /// disconnects.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Containers) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, ApiError> {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            let message = format!("{MOST} requests are under way");
            return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "busy", message).help("try again"));
        };
        let containers = Arc::clone(&self.containers);
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&containers);
            drop(slot);
            done
        });
        match done.await {
            Ok(done) => Ok(done?),
            Err(lost) => Err(ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "lost",
                format!("it ended early: {lost}"),
            )),
        }
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        Self::new(rejection.status(), "bad-request", rejection.body_text())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), "bad-request", rejection.body_text())
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), "bad-request", rejection.body_text())
    }
}

/// Make a container: the next free id of its network, a veth pair, a port, and the flows for its services.
#[utoipa::path(
    post, path = "/api/containers/create", tag = "containers",
    request_body = Request,
    responses(
        (status = CREATED, description = "it is there", body = CreatedContainer),
        (status = BAD_REQUEST, description = "the body is not what it should be; the message names the key", body = ApiErrorBody),
        (status = NOT_FOUND, description = "there is no such network or namespace", body = ApiErrorBody),
        (status = CONFLICT, description = "the name or the device is taken, or every id is", body = ApiErrorBody),
        (status = INTERNAL_SERVER_ERROR, description = "the machine refused; all is as before", body = ApiErrorBody),
    )
)]
async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<CreatedContainer>), ApiError> {
    let request = Request::read(&body?)?;
    let made = api.run(move |containers| containers.create(&request, &caller.who)).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Remove a container: its flows, its port, its veth pair and its services.
#[utoipa::path(
    delete, path = "/api/containers/{name}", tag = "containers",
    params(("name" = String, Path, description = "the container's name")),
    responses(
        (status = OK, description = "it is gone", body = RemovedContainer),
        (status = NOT_FOUND, description = "there is none of that name", body = ApiErrorBody),
        (status = INTERNAL_SERVER_ERROR, description = "a part could not be removed; ask again", body = ApiErrorBody),
    )
)]
async fn delete(
    State(api): State<Api>,
    caller: Caller,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<RemovedContainer>, ApiError> {
    let Path(name) = name?;
    Ok(Json(api.run(move |containers| containers.delete(&name, &caller.who)).await?))
}

/// Of which network, if of one only.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct OptionalNetworkQuery {
    /// The network's name.
    network: Option<String>,
}

/// The containers that there are.
#[utoipa::path(
    get, path = "/api/containers", tag = "containers",
    params(OptionalNetworkQuery),
    responses(
        (status = OK, description = "by network and id", body = ContainerList),
        (status = NOT_FOUND, description = "there is no such network", body = ApiErrorBody),
    )
)]
async fn list(
    State(api): State<Api>,
    query: Result<Query<OptionalNetworkQuery>, QueryRejection>,
) -> Result<Json<ContainerList>, ApiError> {
    let Query(of) = query?;
    Ok(Json(api.run(move |containers| containers.list(of.network.as_deref())).await?))
}

/// Of which network.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct NetworkQuery {
    /// The network's name.
    network: String,
}

/// Service discovery: what the containers of one network serve. Nothing of another network is shown.
#[utoipa::path(
    get, path = "/api/services", tag = "containers",
    params(NetworkQuery),
    responses(
        (status = OK, description = "by name", body = ServiceList),
        (status = BAD_REQUEST, description = "the network is not said", body = ApiErrorBody),
        (status = NOT_FOUND, description = "there is no such network", body = ApiErrorBody),
    )
)]
async fn services(
    State(api): State<Api>,
    query: Result<Query<NetworkQuery>, QueryRejection>,
) -> Result<Json<ServiceList>, ApiError> {
    let Query(of) = query.map_err(|rejection| {
        ApiError::from(rejection).help("ask for one network: /api/services?network=NAME")
    })?;
    Ok(Json(api.run(move |containers| containers.services(&of.network)).await?))
}

/// The templates of the network file and their instances.
#[utoipa::path(
    get, path = "/api/networks", tag = "networks",
    responses((status = OK, description = "in the order of the file", body = TemplateList))
)]
async fn templates(State(api): State<Api>) -> Result<Json<TemplateList>, ApiError> {
    Ok(Json(api.run(|containers| Ok(containers.templates())).await?))
}

/// Stamp a template out once more.
#[utoipa::path(
    post, path = "/api/networks", tag = "networks",
    request_body = Instance,
    responses(
        (status = CREATED, description = "it is there", body = InstanceChange),
        (status = BAD_REQUEST, description = "the body is not what it should be, or the number none of the template's", body = ApiErrorBody),
        (status = NOT_FOUND, description = "there is no such template", body = ApiErrorBody),
        (status = CONFLICT, description = "it is there already, or has no place", body = ApiErrorBody),
        (status = INTERNAL_SERVER_ERROR, description = "a switch refused; all is as before", body = ApiErrorBody),
    )
)]
async fn stamp(
    State(api): State<Api>,
    caller: Caller,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<InstanceChange>), ApiError> {
    let instance = Instance::read(&body?)?;
    let stamped = api.run(move |containers| containers.stamp(&instance, &caller.who)).await?;
    Ok((StatusCode::CREATED, Json(stamped)))
}

/// Take away an instance that was added at run time.
#[utoipa::path(
    delete, path = "/api/networks/{template}/{number}", tag = "networks",
    params(
        ("template" = String, Path, description = "the template's name"),
        ("number" = u32, Path, description = "the number"),
    ),
    responses(
        (status = OK, description = "it is gone", body = InstanceChange),
        (status = NOT_FOUND, description = "there is no such template or instance", body = ApiErrorBody),
        (status = CONFLICT, description = "the file has it, or a container is on it", body = ApiErrorBody),
        (status = INTERNAL_SERVER_ERROR, description = "a switch refused; all is as before", body = ApiErrorBody),
    )
)]
async fn unstamp(
    State(api): State<Api>,
    caller: Caller,
    path: Result<Path<(String, u32)>, PathRejection>,
) -> Result<Json<InstanceChange>, ApiError> {
    let Path((template, number)) = path?;
    let instance = Instance { template, number };
    Ok(Json(api.run(move |containers| containers.unstamp(&instance, &caller.who)).await?))
}
