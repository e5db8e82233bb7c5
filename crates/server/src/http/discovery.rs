//! The discovery door: `/etcd/…`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::{Arrival, authorization};
use crate::net::Doors;

/// How its paths begin.
pub(super) const PREFIX: &str = "/etcd/";

pub(super) async fn answer<D: Doors>(
    State(doors): State<Arc<D>>,
    Extension(Arrival { peer, seat, .. }): Extension<Arrival>,
    request: Request,
) -> Response {
    match authorization::of(request.headers()) {
        Ok(authorization) => doors.discovery(request, peer, authorization, seat).await,
        Err(response) => *response,
    }
}
