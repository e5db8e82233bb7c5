//! Everything that is asked for over HTTP, of either version, and WebSockets.
//!
//! Which routes there are, who may use them from a browser, and how a connection is kept within bounds.
//! What a command does is not known here, but behind [`Doors`].

mod authorization;
mod calls;
mod connection;
mod direct;
mod discovery;
mod etcd2;
mod gate;
mod gateway;
mod json;
mod line;
mod openapi;
mod origin;
mod pages;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{any, get};
use tokio_util::sync::CancellationToken;

use crate::config::DoorSet;
use crate::net::{Doors, Peer, Seat};

pub(crate) use connection::Version;
pub(crate) use direct::{PlainRequest, Reply};

/// How a request arrived. Every request carries it.
#[derive(Clone)]
pub(crate) struct Arrival {
    /// Who sent it.
    pub(crate) peer: Peer,
    /// Its connection's place.
    pub(crate) seat: Arc<Seat>,
    /// The doors that the listener opens.
    pub(crate) open: DoorSet,
}

/// The HTTP door of one server.
pub(crate) struct Http<D> {
    doors: Arc<D>,
    router: Router,
    shutdown: CancellationToken,
}

impl<D: Doors> Http<D> {
    pub(crate) fn new(doors: Arc<D>, shutdown: CancellationToken) -> Http<D> {
        let router = Router::new()
            .route("/", get(pages::index))
            .route("/health", get(pages::health::<D>))
            .route("/version", get(pages::version))
            .route("/metrics", get(pages::metrics::<D>))
            .route(openapi::PATH, get(openapi::document))
            .route(discovery::PREFIX, any(discovery::answer::<D>))
            .route(&format!("{}{{*rest}}", discovery::PREFIX), any(discovery::answer::<D>))
            .route("/hyrax", get(line::websocket::<D>).post(line::post::<D>));
        let router = gateway::PREFIXES.iter().fold(router, |router, prefix| {
            let (any_of_it, itself) = (format!("{prefix}/{{*rest}}"), format!("{prefix}/"));
            router.route(&any_of_it, any(gateway::answer::<D>)).route(&itself, any(gateway::answer::<D>))
        });
        let router = etcd2::PREFIXES.iter().fold(router, |router, prefix| {
            router.route(&format!("{prefix}/{{*rest}}"), any(etcd2::answer::<D>))
        });
        let router = router
            .fallback(pages::not_found)
            .method_not_allowed_fallback(pages::method_not_allowed)
            // The last added is the first passed: whether the door is open is asked first.
            .layer(middleware::from_fn_with_state(Arc::clone(&doors), origin::check::<D>))
            .layer(middleware::from_fn(gate::check))
            .with_state(doors.clone());
        Http { doors, router, shutdown }
    }
}

#[cfg(test)]
mod tests;
