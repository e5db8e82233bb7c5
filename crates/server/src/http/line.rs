//! The line door over HTTP: `POST /hyrax`, and a WebSocket at `GET /hyrax`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyrax_types::limits::{HTTP_BODY_WAIT_MAX, WEBSOCKET_BUFFER_BYTES};
use tokio::time::timeout;

use super::{Arrival, authorization, json};
use crate::metrics::Door;
use crate::net::Doors;

pub(super) async fn post<D: Doors>(
    State(doors): State<Arc<D>>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let authorization = match authorization::of(&headers) {
        Ok(authorization) => authorization,
        Err(response) => return *response,
    };
    let max_frame = doors.limits().max_frame;
    let too_large = || {
        let message = format!("the body is longer than {max_frame} bytes (max_frame)");
        json::error(StatusCode::PAYLOAD_TOO_LARGE, &message)
    };
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > max_frame) {
        return too_large();
    }
    let body = match timeout(HTTP_BODY_WAIT_MAX, Limited::new(body, max_frame).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return too_large(),
        Ok(Err(error)) => {
            return json::error(StatusCode::BAD_REQUEST, &format!("the body could not be read: {error}"));
        }
        Err(_) => {
            let seconds = HTTP_BODY_WAIT_MAX.as_secs();
            let message = format!("the body took longer than {seconds} seconds");
            return json::error(StatusCode::REQUEST_TIMEOUT, &message);
        }
    };
    json::raw(StatusCode::OK, doors.post(body, arrival.peer, authorization).await)
}

pub(super) async fn websocket<D: Doors>(
    State(doors): State<Arc<D>>,
    Extension(Arrival { peer, seat, .. }): Extension<Arrival>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let message = "GET /hyrax takes a WebSocket over HTTP/1.1; POST JSON here for single commands";
        let mut response = json::error(StatusCode::UPGRADE_REQUIRED, message);
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return response;
    };
    let max_frame = doors.limits().max_frame;
    upgrade
        .read_buffer_size(WEBSOCKET_BUFFER_BYTES)
        .write_buffer_size(WEBSOCKET_BUFFER_BYTES)
        // A little too long is still read to its end, because only then its refusal arrives: a socket
        // closed while it holds unread bytes resets the connection.
        .max_message_size(max_frame.saturating_mul(2))
        .max_frame_size(max_frame.saturating_mul(2))
        .on_upgrade(move |socket| async move {
            seat.becomes(Door::WebSocket);
            doors.websocket(socket, peer).await;
            drop(seat);
        })
}
