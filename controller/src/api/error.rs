//! The answers to requests that the API does not carry out.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{Problem, ProblemKind};
use crate::windows::WindowError;

/// A request that was not carried out: `{"error": {"code", "message", "help"}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// Code in kebab-case. It stays the same from release to release.
    pub code: String,
    /// Cause, in one sentence.
    pub message: String,
    /// Advice. It may be empty.
    pub help: String,
}

/// Is the body of such an answer.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ApiError)]
pub(super) struct ApiErrorBody {
    error: ApiErrorFields,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct ApiErrorFields {
    /// Code in kebab-case. It stays the same from release to release.
    code: String,
    /// Cause, in one sentence.
    message: String,
    /// Advice. It may be empty.
    #[serde(default)]
    help: String,
}

impl ApiError {
    /// Returns an error without advice.
    pub fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), help: String::new() }
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Returns an error about a thing that does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", message)
    }

    /// Parses an error from an answer's body. Returns `None` for a body of another shape.
    pub fn parse(status: u16, body: &str) -> Option<Self> {
        let ApiErrorBody { error } = serde_json::from_str(body).ok()?;
        let status = StatusCode::from_u16(status).ok()?;
        Some(Self { status, code: error.code, message: error.message, help: error.help })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = ApiErrorFields { code: self.code, message: self.message, help: self.help };
        (self.status, Json(ApiErrorBody { error })).into_response()
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        let status = match problem.kind {
            ProblemKind::Bad => StatusCode::BAD_REQUEST,
            ProblemKind::NotFound => StatusCode::NOT_FOUND,
            ProblemKind::Conflict => StatusCode::CONFLICT,
            ProblemKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            ProblemKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, problem.code, problem.message).help(problem.help)
    }
}

impl From<WindowError> for ApiError {
    fn from(error: WindowError) -> Self {
        Problem::from(error).into()
    }
}

/// Reports a body that the route does not take.
impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "bad-request", rejection.body_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_said_is_what_is_read() {
        let error = ApiError::not_found("no window a").help("there is b");
        let response = error.clone().into_response();
        assert_eq!(response.status(), 404);
        let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(body, r#"{"error":{"code":"not-found","message":"no window a","help":"there is b"}}"#);
        assert_eq!(ApiError::parse(404, &body), Some(error));
        assert_eq!(ApiError::parse(404, "gone"), None);
    }
}
