//! Doors that clients may look for, but that are not part of this version: each says so in its own
//! protocol, so that a client shows the reason and not a broken answer.

use axum::http::StatusCode;
use axum::response::Response;

use super::json;

/// What the paths of those doors begin with.
pub(super) const PREFIXES: [&str; 1] = ["/etcd"];

pub(super) async fn answer() -> Response {
    let message = "the discovery door is not part of this version of Hyrax; use POST /hyrax";
    json::error(StatusCode::NOT_IMPLEMENTED, message)
}
