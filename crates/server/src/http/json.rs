//! Answers in JSON.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// An answer with a JSON body.
pub(super) fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    // Text, flags and numbers are always JSON.
    let mut text = serde_json::to_vec(body).unwrap_or_default();
    // A terminal's prompt begins on a line of its own.
    text.push(b'\n');
    raw(status, text)
}

/// An answer whose body is JSON already.
pub(super) fn raw(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// `{"error": …}`.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    answer(status, &json!({ "error": message }))
}
