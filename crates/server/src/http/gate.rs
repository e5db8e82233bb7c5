//! Lets requests through that the listener is open for, and answers gRPC in its own words.

use axum::Extension;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{Arrival, absent, json};
use crate::config::Door as Opened;
use crate::metrics::Door;

/// Whether a request is a gRPC call, and not what people call HTTP.
fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

pub(super) async fn check(Extension(arrival): Extension<Arrival>, request: Request, next: Next) -> Response {
    let open = arrival.open;
    if is_grpc(request.headers()) {
        arrival.seat.becomes(Door::Grpc);
        return if open.contains(Opened::Grpc) {
            absent::grpc("the gRPC door is not part of this version of Hyrax; use the line door")
        } else {
            absent::grpc(&format!("the gRPC door is not open on this listener, which opens {open}"))
        };
    }
    if !open.contains(Opened::Http) {
        let message = format!("the http door is not open on this listener, which opens {open}");
        return json::error(StatusCode::MISDIRECTED_REQUEST, &message);
    }
    next.run(request).await
}
