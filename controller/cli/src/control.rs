//! Asking a running controller to change something.

use std::path::PathBuf;

use clap::Args;
use miette::IntoDiagnostic as _;
use portcullis::api::{ApiError, Token};
use portcullis::api_client::{ApiAddress, ApiClientError, DEFAULT_SOCKET, request};
use serde_json::Value;

use super::Failure;

/// How the controller is reached by those who change something.
#[derive(Debug, Args)]
pub(super) struct Control {
    /// The controller's API: unix:PATH, or tcp:ADDRESS:PORT with a token. Default: unix:/run/portcullis/api.sock.
    #[arg(long, value_name = "ADDRESS")]
    api: Option<ApiAddress>,
    /// The file with the token, for an API over TCP.
    #[arg(long, value_name = "FILE")]
    api_token_file: Option<PathBuf>,
}

impl Control {
    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// When nobody answers, or the controller refuses: in its own words, with what to do about it.
    pub(super) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let api = self.api.clone().unwrap_or_else(|| ApiAddress::Unix(DEFAULT_SOCKET.into()));
        let token = self.api_token_file.as_deref().map(Token::load).transpose().into_diagnostic()?;
        let body = body.map(Value::to_string);
        let reply = request(&api, method, path, body.as_deref(), token.as_ref()).into_diagnostic()?;
        if (200..300).contains(&reply.status) {
            return serde_json::from_str(&reply.body).into_diagnostic();
        }
        Err(match ApiError::parse(reply.status, &reply.body) {
            Some(ApiError { message, help, .. }) if help.is_empty() => miette::miette!("{message}"),
            Some(ApiError { message, help, .. }) => miette::miette!(help = help, "{message}"),
            // An address that only serves numbers has no path for changes.
            None if reply.status == 404 => miette::miette!(
                help = "name the socket of `run --api-listen`: --api unix:PATH",
                "{api} has no {path}: it shows how the controller stands, and changes nothing"
            ),
            None => {
                let (path, status) = (path.to_owned(), reply.status);
                miette::Report::from_err(ApiClientError::Refused {
                    path,
                    status,
                    body: reply.body.trim().to_owned(),
                })
            }
        })
    }
}

/// A name as a part of a path (RFC 3986 §2.1).
pub(super) fn segment(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text += &format!("%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment() {
        assert_eq!(segment("updates-2.x"), "updates-2.x");
        assert_eq!(segment("a/b c\u{e9}?"), "a%2Fb%20c%C3%A9%3F");
    }
}
