//! etcd's JSON gateway: `/v3/…`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::{Arrival, authorization};
use crate::net::Doors;

/// How its paths begin.
pub(super) const PREFIXES: [&str; 3] = ["/v3", "/v3beta", "/v3alpha"];

pub(super) async fn answer<D: Doors>(
    State(doors): State<Arc<D>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Response {
    match authorization::or_token(request.headers()) {
        Ok(authorization) => doors.gateway(request, arrival.peer, authorization).await,
        Err(response) => *response,
    }
}
