//! Lets requests through that the listener is open for.

use axum::Extension;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::{Arrival, discovery, json, openapi};
use crate::config::Door as Opened;

pub(super) async fn check(Extension(arrival): Extension<Arrival>, request: Request, next: Next) -> Response {
    let open = arrival.open;
    let path = request.uri().path();
    let door = if path.starts_with(discovery::PREFIX) { Opened::Discovery } else { Opened::Http };
    // The document is of both.
    let of_both = path == openapi::PATH && open.contains(Opened::Discovery);
    if !open.contains(door) && !of_both {
        let name = door.name();
        let message = format!("the {name} door is not open on this listener, which opens {open}");
        return json::error(StatusCode::MISDIRECTED_REQUEST, &message);
    }
    next.run(request).await
}
