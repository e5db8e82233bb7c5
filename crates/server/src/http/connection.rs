//! HTTP connections, and the bounds that they are kept in.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyrax_types::limits::{HTTP_HEAD_BYTES_MAX, HTTP_HEAD_WAIT_MAX, HTTP_HEADERS_MAX};
use tonic::Code;
use tower::ServiceExt;

use super::{Arrival, Http, calls, direct};
use crate::grpc::{self, Status};
use crate::http2;
use crate::net::{Doors, Metered, Replayed, Stream};

/// A version of HTTP, as the first line told it.
#[derive(Clone, Copy)]
pub(crate) enum Version {
    /// HTTP/1.0 or HTTP/1.1.
    One,
    /// HTTP/2.
    Two,
}

impl<D: Doors> Http<D> {
    /// Serves one connection, of which `read_ahead` was read. When the server stops, requests under way are answered.
    /// A WebSocket goes on after it has returned, and keeps the seat.
    pub(crate) async fn serve(
        &self,
        version: Version,
        stream: Stream,
        read_ahead: Vec<u8>,
        arrival: Arrival,
    ) {
        let address = arrival.peer.address;
        let failed = |error: &dyn std::fmt::Display| {
            tracing::debug!(%address, %error, "an HTTP connection failed");
        };
        match version {
            Version::One => {
                let stream = Replayed::new(read_ahead, stream);
                let served = direct::serve(&*self.doors, stream, &arrival, &self.shutdown).await;
                let Some(stream) = served else { return };
                let stream = Metered::new(stream, arrival.seat.metrics().clone());
                let service = service_fn(move |request| self.page(arrival.clone(), request));
                let connection = http_one().serve_connection(TokioIo::new(stream), service).with_upgrades();
                let mut served = std::pin::pin!(connection);
                let ended = tokio::select! {
                    ended = served.as_mut() => ended,
                    () = self.shutdown.cancelled() => {
                        served.as_mut().graceful_shutdown();
                        served.await
                    }
                };
                _ = ended.inspect_err(|error| failed(error));
            }
            Version::Two => {
                let metrics = arrival.seat.metrics().clone();
                let shared = grpc::Connection::new(arrival.peer);
                let answer = |head, body| {
                    let (doors, router) = (self.doors.clone(), self.router.clone());
                    calls::answer(doors, router, arrival.clone(), shared.clone(), head, body)
                };
                let ended = http2::serve(stream, read_ahead, answer, &metrics, &self.shutdown).await;
                _ = ended.inspect_err(|error| failed(error));
            }
        }
    }

    /// Answers a request over HTTP/1.
    async fn page(
        &self,
        arrival: Arrival,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        if grpc::is_call(content_type.map(|kind| kind.as_bytes())) {
            let refusal = calls::shut(&arrival).unwrap_or(Status::fixed(Code::Internal, "gRPC needs HTTP/2"));
            return Ok(refusal.over_http_1());
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
