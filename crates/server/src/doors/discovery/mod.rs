//! The discovery door: services that register by a WebSocket and are listed as long as it lives, sockets that hear
//! what becomes of services, and events from anybody to them, all below `/etcd`.
//!
//! What a service is, and how nodes of a cluster hear of each other's, is not known here, but in the recipes. This
//! node follows them once, for all its sockets.

mod audience;
mod event;
mod leadership;
mod link;
mod lists;
mod message;
mod pacing;
mod parameters;
mod register;
mod route;
mod socket;
#[cfg(test)]
mod tests;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use hyrax_coordination::{Coordination, Unavailable};
use hyrax_recipes::events::{EventFeed, Told};
use hyrax_recipes::services::{Following, Registrar, ServiceFeed, Services};
use hyrax_recipes::{Events, NodeLease};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use self::audience::Audience;
use self::leadership::Leadership;
use self::message::refuse;
use self::pacing::Pacing;
use self::route::{Misrouted, Route};
use super::etcd3::Ids;
use crate::auth::Identity;
use crate::core::Core;
use crate::hub::News;
use crate::net::{Authorization, Peer, Seat};

pub(crate) use self::event::__path_emit;
pub(crate) use self::lists::{__path_leader, __path_nodes, __path_services};
pub(crate) use self::message::{CustomBody, KeyEventWord, Message, MessageBody, Service, ServiceBody};
pub(crate) use self::register::{__path_monitor, __path_register};

/// How long an engine that has been stopped is left alone. The server is about to end then, or a remote engine comes
/// back.
const STOPPED_WAIT: Duration = Duration::from_secs(1);

/// The door of one server.
pub struct Discovery {
    core: Arc<Core>,
    services: Services,
    registrar: Registrar,
    events: Events,
    audience: Arc<Audience>,
    leadership: Leadership,
    member: u64,
}

/// Who makes a request, and where it came in.
struct Caller {
    peer: Peer,
    identity: Option<Identity>,
    seat: Arc<Seat>,
}

impl Discovery {
    /// The door over an engine, which other servers may share. What is registered hangs on `lease`. What sockets are
    /// told is made by tasks in `background`, which never end.
    pub(crate) async fn start(
        core: Arc<Core>,
        (engine, is_shared): (Arc<dyn Coordination>, bool),
        lease: Arc<NodeLease>,
        ids: Ids,
        background: &mut JoinSet<()>,
    ) -> Result<Arc<Discovery>, Unavailable> {
        let services = Services::new(Arc::clone(&engine));
        let registrar = services.registrar(Arc::clone(&lease));
        let leadership = match is_shared {
            true => Leadership::elected(Arc::clone(&engine), lease, ids.member, background),
            false => Leadership::Alone(ids.member),
        };
        let events = Events::new(engine);
        let (followed, heard) = (services.follow(Following::All).await?, events.follow().await?);
        let audience = Arc::new(Audience::default());
        background.spawn(tell_of_services(followed, Arc::clone(&audience)));
        background.spawn(tell_of_events(heard, Arc::clone(&audience)));
        Ok(Arc::new(Discovery {
            core,
            services,
            registrar,
            events,
            audience,
            leadership,
            member: ids.member,
        }))
    }

    /// Answers a request below `/etcd`. A socket that it becomes keeps the seat.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        authorization: Option<Authorization>,
        seat: Arc<Seat>,
    ) -> Response<Body> {
        let route = match Route::of(request.method(), request.uri().path()) {
            Ok(route) => route,
            Err(misrouted) => return misrouted.answer(),
        };
        let identity = self.core.authorizer.identity_shown(authorization, self.core.now_s());
        let caller = Caller { peer, identity, seat };
        if let Some(refusal) = self.unauthorized(route.writes(), &caller) {
            return refusal;
        }
        match route {
            Route::Register => register::register(&self, request, caller).await,
            Route::Monitor => register::monitor(&self, request, caller).await,
            Route::Event => event::emit(&self, request).await,
            Route::Leader => lists::leader(&self).await,
            Route::Services => lists::services(&self).await,
            Route::Nodes(service) => lists::nodes(&self, &service).await,
        }
    }

    /// The answer to who may not write, or not read.
    fn unauthorized(&self, writes: bool, caller: &Caller) -> Option<Response<Body>> {
        let (authorizer, identity) = (&self.core.authorizer, caller.identity.as_ref());
        let may = if writes { authorizer.may_write(identity) } else { authorizer.may_read(identity) };
        let reason = match identity {
            _ if may => return None,
            None => "auth failed: the name, password or token is wrong",
            Some(_) => "auth failed: send an operator's name and password (Basic), or a secret (Bearer)",
        };
        Some(refuse(StatusCode::UNAUTHORIZED, reason))
    }
}

/// The answer when the engine did not give one.
fn failed(unavailable: &Unavailable) -> Response<Body> {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, &unavailable.to_string())
}

impl Misrouted {
    fn answer(self) -> Response<Body> {
        match self {
            Misrouted::Nowhere => {
                let reason = format!("there is nothing here; there are {}", route::list());
                refuse(StatusCode::NOT_FOUND, &reason)
            }
            Misrouted::Malformed(reason) => refuse(StatusCode::BAD_REQUEST, &reason),
            Misrouted::NotFor(allowed) => {
                let reason = format!("the method is not for this path, which takes {allowed}");
                let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, &reason);
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
                response
            }
        }
    }
}

/// Tells sockets what becomes of services, for ever.
async fn tell_of_services(mut feed: ServiceFeed, audience: Arc<Audience>) {
    let mut pacing = Pacing::default();
    loop {
        let due = pacing.next_due();
        let pause_ends = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => pending().await,
            }
        };
        let events = tokio::select! {
            event = feed.next() => match event {
                Ok(event) => pacing.admit(event).into_iter().collect(),
                Err(_) => {
                    sleep(STOPPED_WAIT).await;
                    continue;
                }
            },
            () = pause_ends => pacing.due(Instant::now()),
        };
        for event in events {
            if !audience.follows(&event.service) {
                continue;
            }
            let subject = format!("{} {}", event.key_event.word(), event.service);
            let bytes = message::of_service(&event);
            let length = bytes.len();
            let news = Arc::new(News { subject: Some(subject.into_bytes().into()), bytes });
            let told = audience.tell_followers(&event.service, &news);
            pacing.told(&event.service, length.saturating_mul(told), Instant::now());
            // Thousands may have been told: others have their turn.
            tokio::task::yield_now().await;
        }
    }
}

/// Tells sockets what is emitted, for ever.
async fn tell_of_events(mut feed: EventFeed, audience: Arc<Audience>) {
    loop {
        match feed.next().await {
            Ok(Told::Event(event)) => {
                let news = Arc::new(News { subject: None, bytes: message::of_event(&event) });
                audience.tell(&event.to, &news);
                tokio::task::yield_now().await;
            }
            Ok(Told::Missed) => {
                tracing::warn!(
                    "the coordination engine was away for longer than it remembers: events are lost"
                );
            }
            Err(_) => sleep(STOPPED_WAIT).await,
        }
    }
}
