//! Answers in JSON.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An answer with a JSON body.
pub(super) fn answer(status: StatusCode, body: &Value) -> Response {
    // A terminal's prompt begins on a line of its own.
    raw(status, format!("{body}\n").into_bytes())
}

/// An answer whose body is JSON already.
pub(super) fn raw(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// `{"error": …}`.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    answer(status, &json!({ "error": message }))
}
