//! What there is over HTTP, in OpenAPI's words: `/openapi.json`. A test of the server holds the document against it.

use std::sync::LazyLock;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;

use super::pages;
use crate::doors::discovery;

/// Where it is.
pub(super) const PATH: &str = "/openapi.json";

/// The document. What is not in it are doors that have documents of their own: Hyrax' own commands, and etcd's APIs.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hyrax",
        description = "Live shared state: service discovery, health, metrics. Commands on live values are POSTed to \
                       `/hyrax`, and etcd's own APIs are below `/v3` and `/v2`; they are described with Hyrax' documentation.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        discovery::register,
        discovery::monitor,
        discovery::emit,
        discovery::leader,
        discovery::services,
        discovery::nodes,
        pages::health,
        pages::version,
        pages::metrics,
        document,
    ),
    components(schemas(
        discovery::Message<'static>,
        discovery::MessageBody<'static>,
        discovery::ServiceBody<'static>,
        discovery::CustomBody<'static>,
        discovery::KeyEventWord,
        discovery::Service,
    )),
    tags(
        (name = "discovery", description = "Services that register by a WebSocket, and who hears of them."),
        (name = "server", description = "The server itself."),
    ),
)]
struct Document;

static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    // It is made of constants, which are JSON; a test reads them.
    let mut text = Document::openapi().to_json().unwrap_or_default().into_bytes();
    text.push(b'\n');
    text
});

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "server",
    responses((status = 200, description = "The document.", body = Object)),
)]
pub(super) async fn document() -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_slice()).into_response()
}
