//! Lets requests through that the listener is open for.

use axum::Extension;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::{Arrival, json};
use crate::config::Door as Opened;

pub(super) async fn check(Extension(arrival): Extension<Arrival>, request: Request, next: Next) -> Response {
    let open = arrival.open;
    if !open.contains(Opened::Http) {
        let message = format!("the http door is not open on this listener, which opens {open}");
        return json::error(StatusCode::MISDIRECTED_REQUEST, &message);
    }
    next.run(request).await
}
