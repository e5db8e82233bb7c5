//! What is read rather than used: health, version, metrics, and what is where.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::json;
use crate::doors::etcd3::{ETCD_CLUSTER_VERSION, ETCD_VERSION};
use crate::net::Doors;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What there is, for messages about what there is not.
const ROUTES: &str = "GET /, GET /health, GET /version, GET /metrics, GET /openapi.json, GET /etcd/services, \
                      POST /hyrax, and a WebSocket at /hyrax";

/// How the server is.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `true` or `false`, as text.
    #[schema(value_type = String, example = "true")]
    health: &'static str,
    /// Why it is not well.
    #[schema(value_type = Option<String>, example = "ALARM NOSPACE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// The versions.
#[derive(Serialize, ToSchema)]
struct Version {
    /// Of etcd's API.
    #[schema(value_type = String, example = "3.5.0")]
    etcdcluster: &'static str,
    /// Of the etcd whose answers are given.
    #[schema(value_type = String)]
    etcdserver: &'static str,
    /// Hyrax' own.
    #[schema(value_type = String)]
    hyrax: &'static str,
}

pub(super) async fn index() -> String {
    format!(
        "Hyrax {VERSION}: live shared state\n\n\
         POST /hyrax    JSON commands: {{\"cmd\":\"set\",\"key\":\"foo\",\"args\":[\"bar\"]}}\n\
         GET  /hyrax    the same in a WebSocket's text frames, with pushes\n\
         GET  /health   whether the server is well\n\
         GET  /version  which version it is\n\
         GET  /metrics  counters and gauges for Prometheus\n\
         GET  /etcd/…   services that register by a WebSocket, and who hears of them\n\
         GET  /openapi.json  that and these pages in OpenAPI's words\n\
         POST /v3/…     etcd's API as JSON; its gRPC is on this port too\n\
         GET  /v2/keys  etcd's API before that\n\n\
         The same port takes JSON commands line by line over plain TCP, and Redis' protocol.\n"
    )
}

/// Whether the server is well.
///
/// etcd's answer, so that its probes work: not well is who refuses writes.
#[utoipa::path(
    get,
    path = "/health",
    tag = "server",
    responses(
        (status = 200, description = "It is well.", body = Health),
        (status = 503, description = "It refuses writes.", body = Health),
    ),
)]
pub(super) async fn health<D: Doors>(State(doors): State<Arc<D>>) -> Response {
    match doors.gauges().storage {
        Some(storage) if storage.is_full => unwell("ALARM NOSPACE"),
        Some(storage) if storage.is_broken => unwell("ALARM CORRUPT"),
        _ => json::answer(StatusCode::OK, &Health { health: "true", reason: None }),
    }
}

fn unwell(reason: &'static str) -> Response {
    json::answer(StatusCode::SERVICE_UNAVAILABLE, &Health { health: "false", reason: Some(reason) })
}

/// Which version this is.
///
/// Hyrax' version, and that of the etcd whose API it speaks: clients of that API choose their paths by it.
#[utoipa::path(
    get,
    path = "/version",
    tag = "server",
    responses((status = 200, description = "The versions.", body = Version)),
)]
pub(super) async fn version() -> Response {
    let versions = Version { etcdcluster: ETCD_CLUSTER_VERSION, etcdserver: ETCD_VERSION, hyrax: VERSION };
    json::answer(StatusCode::OK, &versions)
}

/// Counters and gauges for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "server",
    responses((status = 200, description = "Their text.", body = String, content_type = "text/plain; version=0.0.4")),
)]
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
