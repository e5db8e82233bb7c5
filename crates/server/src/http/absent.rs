//! Doors that clients may look for, but that are not part of this version: each says so in its own
//! protocol, so that a client shows the reason and not a broken answer.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::json;

/// What the paths of those doors begin with.
pub(super) const PREFIXES: [&str; 3] = ["/v2", "/mod/v2", "/etcd"];

pub(super) async fn answer(request: Request) -> Response {
    let first = request.uri().path().split('/').nth(1).unwrap_or_default();
    let message = |door| format!("the {door} door is not part of this version of Hyrax; use POST /hyrax");
    let status = StatusCode::NOT_IMPLEMENTED;
    match first {
        "v2" => {
            // etcd's own numbers end at 402; none of them means this.
            let body = json!({
                "errorCode": 501,
                "message": "Not Implemented",
                "cause": message("etcd v2"),
                "index": 0,
            });
            json::answer(status, &body)
        }
        "mod" => (status, message("etcd v2")).into_response(),
        _ => json::error(status, &message("discovery")),
    }
}
