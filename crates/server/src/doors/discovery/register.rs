//! The sockets: one that registers a node for as long as it lives, one that monitors.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use hyrax_recipes::ServiceName;
use hyrax_recipes::services::{RegisterError, Registration};
use hyrax_types::limits::REGISTER_WAIT_MAX;
use tokio::time::timeout;

use super::audience::Listening;
use super::link::Handshake;
use super::message::{Refusal, refuse};
use super::parameters::{Query, Register};
use super::socket::Socket;
use super::{Caller, Discovery, failed};
use crate::hub::Outbox;
use crate::metrics::Door;
use crate::session::Session;

/// Registers a node of a service for as long as the WebSocket lives.
///
/// The node is listed when the socket is open. The socket is told what happens to its own service, and to those that
/// `monitor` names, each as the JSON of a `Message` in a text frame. When it is closed, the others hear `DELETE`; when
/// it breaks or falls silent, `EXPIRE`.
#[utoipa::path(
    get,
    path = "/etcd/register",
    tag = "discovery",
    params(
        ("service" = String, Query, description = "The service's name.", example = "engine"),
        ("ip" = String, Query, description = "The node's address.", example = "192.168.10.3"),
        ("port" = u16, Query, description = "The node's port, 1 to 65535.", minimum = 1, maximum = 65535,
            example = 8080),
        ("monitor" = Option<String>, Query, description = "Further services to hear of, with commas between them.",
            example = "ui,store"),
    ),
    responses(
        (status = 101, description = "A WebSocket, on which every text frame is a `Message`."),
        (status = 400, description = "A parameter is missing or malformed.", body = Refusal<'static>),
        (status = 401, description = "Registering is a write.", body = Refusal<'static>),
        (status = 426, description = "This takes a WebSocket over HTTP/1.1.", body = Refusal<'static>),
        (status = 500, description = "The coordination engine did not answer.", body = Refusal<'static>),
    ),
)]
pub(super) async fn register(
    door: &Arc<Discovery>,
    mut request: Request<Body>,
    caller: Caller,
) -> Response<Body> {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let Register { service, node, mut monitor } = match query.and_then(|query| query.register()) {
        Ok(asked) => asked,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
    };
    let Some(handshake) = Handshake::of(&mut request) else { return no_websocket() };
    monitor.insert(service.clone());
    // It listens before it registers: its own node is the first that it hears of.
    let opening = Opening::new(door, monitor);
    let registration = match timeout(REGISTER_WAIT_MAX, door.registrar.register(service, node)).await {
        Ok(Ok(registration)) => registration,
        Ok(Err(RegisterError::Unavailable(unavailable))) => return failed(&unavailable),
        Ok(Err(error)) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Err(_) => {
            let reason = "the coordination engine did not answer in time";
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, reason);
        }
    };
    opening.answer(handshake, caller, Some(registration))
}

/// Tells what happens to services, for as long as the WebSocket lives.
///
/// Each text frame is the JSON of a `Message`.
#[utoipa::path(
    get,
    path = "/etcd/monitor",
    tag = "discovery",
    params(
        ("monitor" = String, Query, description = "The services to hear of, with commas between them.",
            example = "engine,ui"),
    ),
    responses(
        (status = 101, description = "A WebSocket, on which every text frame is a `Message`."),
        (status = 400, description = "No service is named, or one that can not be.", body = Refusal<'static>),
        (status = 401, description = "Reading needs a name and a password, or a secret.", body = Refusal<'static>),
        (status = 426, description = "This takes a WebSocket over HTTP/1.1.", body = Refusal<'static>),
    ),
)]
pub(super) async fn monitor(
    door: &Arc<Discovery>,
    mut request: Request<Body>,
    caller: Caller,
) -> Response<Body> {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let services = match query.and_then(|query| query.monitor()) {
        Ok(services) => services,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
    };
    match Handshake::of(&mut request) {
        Some(handshake) => Opening::new(door, services).answer(handshake, caller, None),
        None => no_websocket(),
    }
}

fn no_websocket() -> Response<Body> {
    let mut response = refuse(StatusCode::UPGRADE_REQUIRED, "this path takes a WebSocket over HTTP/1.1");
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response
}

/// A socket that is about to open: what there is to tell it is kept already.
struct Opening {
    door: Arc<Discovery>,
    outbox: Arc<Outbox>,
    listening: Listening,
}

impl Opening {
    fn new(door: &Arc<Discovery>, services: BTreeSet<ServiceName>) -> Opening {
        let core = &door.core;
        let outbox = Outbox::new(None, core.limits.load().queue_bytes, core.hub.counters().clone());
        let listening = door.audience.join(services, &outbox);
        Opening { door: Arc::clone(door), outbox, listening }
    }

    /// The answer that opens it. If it never opens, what it would have kept is dropped with it.
    fn answer(
        self,
        handshake: Handshake,
        caller: Caller,
        registration: Option<Registration>,
    ) -> Response<Body> {
        let Opening { door, outbox, listening } = self;
        handshake.answer(move |link| async move {
            let Caller { peer, identity, seat } = caller;
            seat.becomes(Door::Discovery);
            let mut session = Session::new(Arc::clone(&door.core), peer, Some(Arc::clone(&outbox)));
            drop(door);
            if let Some(identity) = identity {
                session.become_known(identity);
            }
            if let Some(registration) = registration {
                session.owns_registration(registration);
            }
            Socket::new(session, outbox, listening, link).serve().await;
            drop(seat);
        })
    }
}
