//! etcd's v2 API: `/v2/…`, and `/mod/v2/…` that it had once.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::{Arrival, authorization};
use crate::net::{Authorization, Doors};

/// How its paths begin.
pub(super) const PREFIXES: [&str; 2] = ["/v2", "/mod/v2"];

pub(super) async fn answer<D: Doors>(
    State(doors): State<Arc<D>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Response {
    // The door refuses in its own words who shows what can not be understood: it is no token of anybody.
    let authorization =
        authorization::of(request.headers()).unwrap_or_else(|_| Some(Authorization::Bearer(String::new())));
    doors.etcd2(request, arrival.peer, authorization).await
}
