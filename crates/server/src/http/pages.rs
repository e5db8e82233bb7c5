//! What is read rather than used: health, version, metrics, and what is where.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::json;
use crate::doors::etcd3::{ETCD_CLUSTER_VERSION, ETCD_VERSION};
use crate::net::Doors;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What there is, for messages about what there is not.
const ROUTES: &str = "GET /, GET /health, GET /version, GET /metrics, POST /hyrax, and a WebSocket at /hyrax";

pub(super) async fn index() -> String {
    format!(
        "Hyrax {VERSION}: live shared state\n\n\
         POST /hyrax    JSON commands: {{\"cmd\":\"set\",\"key\":\"foo\",\"args\":[\"bar\"]}}\n\
         GET  /hyrax    the same in a WebSocket's text frames, with pushes\n\
         GET  /health   whether the server is well\n\
         GET  /version  which version it is\n\
         GET  /metrics  counters and gauges for Prometheus\n\
         POST /v3/…     etcd's API as JSON; its gRPC is on this port too\n\
         GET  /v2/keys  etcd's API before that\n\n\
         The same port takes JSON commands line by line over plain TCP, and Redis' protocol.\n"
    )
}

/// etcd's answer, so that its probes work: not well is who refuses writes.
pub(super) async fn health<D: Doors>(State(doors): State<Arc<D>>) -> Response {
    match doors.gauges().storage {
        Some(storage) if storage.is_full => unwell("ALARM NOSPACE"),
        Some(storage) if storage.is_broken => unwell("ALARM CORRUPT"),
        _ => json::answer(StatusCode::OK, &json!({ "health": "true" })),
    }
}

fn unwell(reason: &str) -> Response {
    json::answer(StatusCode::SERVICE_UNAVAILABLE, &json!({ "health": "false", "reason": reason }))
}

/// Hyrax' version, and that of the etcd whose API it speaks: clients of that API choose their paths by it.
pub(super) async fn version() -> Response {
    let versions =
        json!({ "hyrax": VERSION, "etcdserver": ETCD_VERSION, "etcdcluster": ETCD_CLUSTER_VERSION });
    json::answer(StatusCode::OK, &versions)
}

pub(super) async fn metrics<D: Doors>(State(doors): State<Arc<D>>) -> Response {
    let text = doors.metrics().render(&doors.gauges());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

pub(super) async fn not_found(request: Request) -> Response {
    let path = request.uri().path();
    json::error(StatusCode::NOT_FOUND, &format!("there is nothing at {path}; there are {ROUTES}"))
}

pub(super) async fn method_not_allowed(request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let message = format!("{method} is not for {path}; there are {ROUTES}");
    json::error(StatusCode::METHOD_NOT_ALLOWED, &message)
}
