//! HTTP/2: gRPC calls beside everything else.

use std::sync::Arc;

use axum::Router;
use axum::body::Body as Page;
use axum::http::{Response, StatusCode};
use tonic::Code;
use tower::ServiceExt;

use super::Arrival;
use crate::config::Door as Opened;
use crate::grpc::{self, Connection, Reply, Status};
use crate::http2::{Answer, Body, Head};
use crate::metrics::Door;
use crate::net::Doors;

/// Answers a request. A call goes to its door at once; the rest takes the same way as over HTTP/1.
pub(super) async fn answer<D: Doors>(
    doors: Arc<D>,
    router: Router,
    arrival: Arrival,
    connection: Arc<Connection>,
    head: Head,
    body: Body,
) -> Answer {
    if !grpc::is_call(head.get("content-type")) {
        return Box::pin(page(router, arrival, head, body)).await;
    }
    arrival.seat.becomes(Door::Grpc);
    let reply = match shut(&arrival) {
        None => doors.grpc(head, body, connection).await,
        Some(refusal) => Reply::Refused(refusal),
    };
    reply.into_answer()
}

/// Answers a request that is not a call.
async fn page(router: Router, arrival: Arrival, head: Head, body: Body) -> Answer {
    let Some(mut request) = head.with_body(Page::new(body)) else {
        let mut refusal = Response::new(Page::empty());
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Answer::of(refusal);
    };
    request.extensions_mut().insert(arrival);
    let Ok(page) = router.oneshot(request).await;
    Answer::of(page)
}

/// Why there are no calls on this listener, if there are none.
pub(super) fn shut(arrival: &Arrival) -> Option<Status> {
    let open = arrival.open;
    let message = || format!("the gRPC door is not open on this listener, which opens {open}");
    (!open.contains(Opened::Grpc)).then(|| Status::new(Code::Unimplemented, message()))
}
