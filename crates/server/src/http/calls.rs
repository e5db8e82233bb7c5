//! HTTP/2: gRPC calls beside everything else.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body as Page;
use axum::http::{Request, Response};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tonic::Code;
use tower::ServiceExt;

use super::Arrival;
use crate::config::Door as Opened;
use crate::grpc::{self, Connection, ReplyBody, Status};
use crate::metrics::Door;
use crate::net::Doors;

/// What a request over HTTP/2 is answered with.
pub(super) enum Answer {
    /// A call's reply.
    Call(ReplyBody),
    /// Anything else.
    Page(Page),
}

/// Answers a request. A call goes to its door at once; the rest takes the same way as over HTTP/1.
pub(super) async fn answer<D: Doors>(
    doors: Arc<D>,
    router: Router,
    arrival: Arrival,
    connection: Arc<Connection>,
    mut request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    if !grpc::is_call(request.headers()) {
        request.extensions_mut().insert(arrival);
        let Ok(page) = Box::pin(router.oneshot(request.map(Page::new))).await;
        return Ok(page.map(Answer::Page));
    }
    arrival.seat.becomes(Door::Grpc);
    let reply = match shut(&arrival) {
        None => doors.grpc(request, connection).await,
        Some(refusal) => grpc::refusal(&refusal),
    };
    Ok(reply.map(Answer::Call))
}

/// Why there are no calls on this listener, if there are none.
pub(super) fn shut(arrival: &Arrival) -> Option<Status> {
    let open = arrival.open;
    let message = || format!("the gRPC door is not open on this listener, which opens {open}");
    (!open.contains(Opened::Grpc)).then(|| Status::new(Code::Unimplemented, message()))
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut *self {
            Answer::Call(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Answer::Page(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Call(body) => body.is_end_stream(),
            Answer::Page(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Call(body) => body.size_hint(),
            Answer::Page(body) => body.size_hint(),
        }
    }
}
