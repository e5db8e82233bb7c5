//! What is read: who leads, which services there are, which nodes one has.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use hyrax_recipes::ServiceName;

use super::message::{Leader, Refusal, ServiceNames, ServiceNodes, answer, refuse};
use super::{Discovery, failed};

/// Which member of the cluster leads, and which one answers.
///
/// The numbers are those by which etcd's clients know the members (`etcdctl endpoint status`). The servers over one
/// engine elect one that leads; when it stops or dies, another does.
#[utoipa::path(
    get,
    path = "/etcd/leader",
    tag = "discovery",
    responses(
        (status = 200, description = "The members' numbers.", body = Leader),
        (status = 401, description = "Reading needs a name and a password, or a secret.", body = Refusal<'static>),
        (status = 500, description = "The coordination engine did not answer.", body = Refusal<'static>),
    ),
)]
pub(super) async fn leader(door: &Discovery) -> Response<Body> {
    match door.leadership.leader().await {
        // Nobody leads while a server starts or has just died: zero, as etcd says it.
        Ok(leader) => {
            let leader = Leader { leader: leader.unwrap_or_default(), member_id: door.member };
            answer(StatusCode::OK, &leader)
        }
        Err(unavailable) => failed(&unavailable),
    }
}

/// The services that have nodes.
#[utoipa::path(
    get,
    path = "/etcd/services",
    tag = "discovery",
    responses(
        (status = 200, description = "Their names.", body = ServiceNames<'static>),
        (status = 401, description = "Reading needs a name and a password, or a secret.", body = Refusal<'static>),
        (status = 500, description = "The coordination engine did not answer.", body = Refusal<'static>),
    ),
)]
pub(super) async fn services(door: &Discovery) -> Response<Body> {
    match door.services.list().await {
        Ok(names) => answer(StatusCode::OK, &ServiceNames::of(&names)),
        Err(unavailable) => failed(&unavailable),
    }
}

/// The nodes of a service.
#[utoipa::path(
    get,
    path = "/etcd/services/{service}",
    tag = "discovery",
    params(("service" = String, Path, description = "The service's name.", example = "engine")),
    responses(
        (status = 200, description = "Its nodes; none of a service that nobody knows.", body = ServiceNodes),
        (status = 400, description = "This is no name of a service.", body = Refusal<'static>),
        (status = 401, description = "Reading needs a name and a password, or a secret.", body = Refusal<'static>),
        (status = 500, description = "The coordination engine did not answer.", body = Refusal<'static>),
    ),
)]
pub(super) async fn nodes(door: &Discovery, service: &str) -> Response<Body> {
    let service = match ServiceName::new(service) {
        Ok(service) => service,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match door.services.nodes(&service).await {
        Ok(nodes) => answer(StatusCode::OK, &ServiceNodes::of(&nodes)),
        Err(unavailable) => failed(&unavailable),
    }
}
