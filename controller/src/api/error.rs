//! How the API says no.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A request was refused: `{"error": {"code", "message", "help"}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// What kind of refusal it is, in kebab-case; stays the same from release to release.
    pub code: String,
    /// Why, in one sentence.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
}

/// A refusal on the wire.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Refusal)]
pub(super) struct Said {
    error: Reason,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Reason {
    /// What kind of refusal it is, in kebab-case; stays the same from release to release.
    code: String,
    /// Why, in one sentence.
    message: String,
    /// What to do about it; may be empty.
    #[serde(default)]
    help: String,
}

impl Refusal {
    /// A refusal without help.
    pub fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), help: String::new() }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", message)
    }

    /// Reads one from an answer's body, for those who asked.
    pub fn parse(status: u16, body: &str) -> Option<Self> {
        let Said { error } = serde_json::from_str(body).ok()?;
        let status = StatusCode::from_u16(status).ok()?;
        Some(Self { status, code: error.code, message: error.message, help: error.help })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = Reason { code: self.code, message: self.message, help: self.help };
        (self.status, Json(Said { error })).into_response()
    }
}

/// A body that is not what the route takes.
impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "bad-request", rejection.body_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_said_is_what_is_read() {
        let refusal = Refusal::not_found("no window a").help("there is b");
        let response = refusal.clone().into_response();
        assert_eq!(response.status(), 404);
        let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(body, r#"{"error":{"code":"not-found","message":"no window a","help":"there is b"}}"#);
        assert_eq!(Refusal::parse(404, &body), Some(refusal));
        assert_eq!(Refusal::parse(404, "gone"), None);
    }
}
