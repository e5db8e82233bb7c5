//! HTTP connections, and the bounds that they are kept in.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyrax_types::limits::{
    HTTP_HEAD_BYTES_MAX, HTTP_HEAD_WAIT_MAX, HTTP_HEADERS_MAX, HTTP2_CONNECTION_WINDOW, HTTP2_HEAD_BYTES_MAX,
    HTTP2_STREAM_WINDOW, HTTP2_STREAMS_MAX,
};
use tonic::Code;
use tower::ServiceExt;

use super::streams::{InOneTask, Streams};
use super::{Arrival, Http, calls, direct};
use crate::grpc::{self, Status};
use crate::net::{Doors, Metered, Replayed, Stream};

/// A version of HTTP, as the first line told it.
#[derive(Clone, Copy)]
pub(crate) enum Version {
    /// HTTP/1.0 or HTTP/1.1.
    One,
    /// HTTP/2.
    Two,
}

/// Serves a connection to its end; when the server stops, to the end of the requests under way.
macro_rules! serve_gracefully {
    ($connection:expr, $shutdown:expr, $of:ident => $itself:expr) => {{
        let mut $of = std::pin::pin!($connection);
        tokio::select! {
            ended = $of.as_mut() => ended,
            () = $shutdown.cancelled() => {
                $itself.graceful_shutdown();
                $of.await
            }
        }
    }};
}

impl<D: Doors> Http<D> {
    /// Serves one connection. A WebSocket goes on after it has returned, and keeps the seat.
    pub(crate) async fn serve(&self, version: Version, stream: Replayed<Stream>, arrival: Arrival) {
        let address = arrival.peer.address;
        let stream = match version {
            Version::One => match direct::serve(&*self.doors, stream, &arrival, &self.shutdown).await {
                Some(stream) => stream,
                None => return,
            },
            Version::Two => stream,
        };
        // Over HTTP/2 a reply has a head, a body and an end, all of a few bytes.
        let in_parts = matches!(version, Version::One);
        let io = TokioIo::new(Metered::new(stream, arrival.seat.metrics().clone(), in_parts));
        let ended = match version {
            Version::One => {
                let service = service_fn(move |request| self.page(arrival.clone(), request));
                let connection = http_one().serve_connection(io, service).with_upgrades();
                serve_gracefully!(connection, self.shutdown, served => served.as_mut())
            }
            Version::Two => {
                let shared = grpc::Connection::new(arrival.peer);
                // Not borrowed, as hyper wants to be able to make a task of each request.
                let (doors, router) = (self.doors.clone(), self.router.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    calls::answer(doors.clone(), router.clone(), arrival.clone(), shared.clone(), request)
                });
                let connection = InOneTask::new(|streams| http_two(streams).serve_connection(io, service));
                serve_gracefully!(connection, self.shutdown, served => served.connection())
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%address, %error, "an HTTP connection failed");
        }
    }

    /// Answers a request that is not a call.
    async fn page(
        &self,
        arrival: Arrival,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        if grpc::is_call(request.headers()) {
            let refusal = calls::shut(&arrival).unwrap_or(Status::fixed(Code::Internal, "gRPC needs HTTP/2"));
            return Ok(grpc::refusal(&refusal).map(|_| Body::empty()));
        }
        request.extensions_mut().insert(arrival);
        self.router.clone().oneshot(request.map(Body::new)).await
    }
}

fn http_one() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HTTP_HEAD_WAIT_MAX)
        .max_header_size(HTTP_HEAD_BYTES_MAX)
        .max_headers(HTTP_HEADERS_MAX);
    builder
}

fn http_two(streams: Streams) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        // A call's reply has as few headers as can be.
        .auto_date_header(false)
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(HTTP2_HEAD_BYTES_MAX)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW)
        // No pings: the socket itself finds a peer that vanished, and they cost each call some of its time.
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW);
    builder
}
