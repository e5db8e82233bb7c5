//! Emitting an event.

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyrax_recipes::events::EmitError;
use hyrax_types::limits::{HTTP_BODY_WAIT_MAX, SERVICE_EVENT_BODY_BYTES_MAX};
use tokio::time::timeout;

use super::message::{Emitted, Refusal, answer, refuse};
use super::parameters::{self, EventRequest, Reason};
use super::{Discovery, failed};

/// Emits an event to those who follow some services, or to everybody.
///
/// The same fields may come as a form (`application/x-www-form-urlencoded`) or in the query, with commas between the
/// services. `broadcast` is a flag; a number other than zero counts as true.
#[utoipa::path(
    post,
    path = "/etcd/event",
    tag = "discovery",
    request_body = EventRequest<'static>,
    responses(
        (status = 200, description = "The event is on its way.", body = Emitted),
        (status = 400, description = "Something is missing, malformed or too long.", body = Refusal<'static>),
        (status = 401, description = "Emitting is a write.", body = Refusal<'static>),
        (status = 500, description = "The coordination engine did not answer.", body = Refusal<'static>),
    ),
)]
pub(super) async fn emit(door: &Discovery, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let read = match read_body(body).await {
        Ok(body) => {
            let kind = head.headers.get(header::CONTENT_TYPE);
            parameters::event(head.uri.query().unwrap_or_default(), kind, &body)
        }
        Err(reason) => Err(reason),
    };
    let event = match read {
        Ok(event) => event,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
    };
    match door.events.emit(event).await {
        Ok(()) => answer(StatusCode::OK, &Emitted {}),
        Err(EmitError::Unavailable(unavailable)) => failed(&unavailable),
        Err(error @ EmitError::Refused(_)) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Err(error) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

async fn read_body(body: Body) -> Result<Bytes, Reason> {
    match timeout(HTTP_BODY_WAIT_MAX, Limited::new(body, SERVICE_EVENT_BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(EmitError::TooLarge.to_string()),
        Ok(Err(error)) => Err(format!("the body could not be read: {error}")),
        Err(_) => Err(format!("the body took longer than {} seconds", HTTP_BODY_WAIT_MAX.as_secs())),
    }
}
