//! Reads whole request bodies before they are handled, within a time limit.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::BytesMut;
use futures_util::StreamExt as _;

use super::ApiError;

/// Longest body of a request, in bytes.
pub(super) const MAX_BODY: usize = 64 << 10;
/// Longest part of an oversized body that is read, in bytes. A client that is still sending when
/// the connection ends does not see the answer.
const MAX_DISCARDED: usize = 1 << 20;

/// Reads the body even if the route ignores it: a body that never arrives would keep its
/// connection.
pub(super) async fn read_in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let error = match tokio::time::timeout(limit, read(body)).await {
        Ok(Ok(bytes)) => return next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(error)) => error,
        Err(_) => {
            let message = format!("the body did not come within {} ms", limit.as_millis());
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "timeout", message)
        }
    };
    error.into_response()
}

/// Reads a body to its end.
///
/// # Errors
/// A [`ApiError`] if the body is longer than [`MAX_BODY`] or breaks off.
async fn read(body: Body) -> Result<Bytes, ApiError> {
    let (mut chunks, mut read, mut length) = (body.into_data_stream(), BytesMut::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            let message = format!("the body broke off: {error}");
            ApiError::new(StatusCode::BAD_REQUEST, "bad-request", message)
        })?;
        length += chunk.len();
        if length <= MAX_BODY {
            read.extend_from_slice(&chunk);
        } else if length > MAX_DISCARDED {
            break;
        }
    }
    if length > MAX_BODY {
        let message = format!("the body is longer than {MAX_BODY} bytes");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "bad-request", message));
    }
    Ok(read.freeze())
}
