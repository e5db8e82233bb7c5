//! What the door says: its answers, and what sockets are told.

use std::net::IpAddr;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use hyrax_recipes::events::Event;
use hyrax_recipes::services::{KeyEvent, ServiceEvent};
use hyrax_recipes::{ServiceName, ServiceNode};
use serde::Serialize;
use utoipa::ToSchema;

/// A node of a service.
#[derive(Serialize, ToSchema)]
pub(crate) struct Service {
    /// Its address.
    #[schema(value_type = String, example = "192.168.10.3")]
    ip: IpAddr,
    /// Its port.
    #[schema(minimum = 1, maximum = 65535, example = 8080)]
    port: u16,
}

impl From<&ServiceNode> for Service {
    fn from(node: &ServiceNode) -> Service {
        Service { ip: node.ip(), port: node.port() }
    }
}

/// The services that have nodes.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceNames<'a> {
    /// Their names, in order.
    #[schema(value_type = Vec<String>)]
    services: Vec<&'a str>,
}

impl<'a> ServiceNames<'a> {
    pub(super) fn of(names: &'a [ServiceName]) -> ServiceNames<'a> {
        ServiceNames { services: names.iter().map(ServiceName::as_str).collect() }
    }
}

/// The nodes of a service.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceNodes {
    /// The nodes, in order; none of a service that nobody knows.
    services: Vec<Service>,
}

impl ServiceNodes {
    pub(super) fn of(nodes: &[ServiceNode]) -> ServiceNodes {
        ServiceNodes { services: nodes.iter().map(Service::from).collect() }
    }
}

/// Which member of the cluster leads, and which one answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Leader {
    /// The member that leads; 0 in a moment in which none does.
    pub(super) leader: u64,
    /// The member that answers.
    pub(super) member_id: u64,
}

/// An event is on its way.
#[derive(Serialize, ToSchema)]
pub(crate) struct Emitted {}

/// Why a request was refused.
#[derive(Serialize, ToSchema)]
pub(crate) struct Refusal<'a> {
    /// What is wrong, and what to do.
    error: &'a str,
}

/// What a socket is told, a text frame each.
#[derive(Serialize, ToSchema)]
pub(crate) struct Message<'a> {
    /// `service` or `event`.
    #[schema(value_type = String, example = "service")]
    namespace: &'a str,
    /// What happened: to a service, or what somebody emitted.
    body: MessageBody<'a>,
}

/// The body of a message: of namespace `service`, or of namespace `event`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum MessageBody<'a> {
    Service(ServiceBody<'a>),
    Custom(CustomBody<'a>),
}

/// What happened to a service's nodes.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceBody<'a> {
    /// `PUT` when one was registered, `DELETE` when one was removed or closed its socket, `EXPIRE` when its lease
    /// ran out or it fell silent.
    key_event: KeyEventWord,
    /// The service.
    #[schema(value_type = String, example = "engine")]
    service: &'a str,
    /// The nodes that it has now.
    services: Vec<Service>,
}

/// What happened to a node.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum KeyEventWord {
    Put,
    Delete,
    Expire,
}

impl From<KeyEvent> for KeyEventWord {
    fn from(event: KeyEvent) -> KeyEventWord {
        match event {
            KeyEvent::Put => KeyEventWord::Put,
            KeyEvent::Delete => KeyEventWord::Delete,
            KeyEvent::Expire => KeyEventWord::Expire,
        }
    }
}

/// What somebody emitted.
#[derive(Serialize, ToSchema)]
pub(crate) struct CustomBody<'a> {
    /// Its type, as it was given.
    #[schema(value_type = String, example = "deploy")]
    event_type: &'a str,
    /// What it tells, as it was given.
    #[schema(value_type = String, example = "{\"version\":2}")]
    event_body: &'a str,
}

/// What sockets are told of a change of a service.
pub(super) fn of_service(event: &ServiceEvent) -> Bytes {
    let body = ServiceBody {
        key_event: event.key_event.into(),
        service: event.service.as_str(),
        services: event.services.iter().map(Service::from).collect(),
    };
    encode(&Message { namespace: "service", body: MessageBody::Service(body) })
}

/// What sockets are told of an event.
pub(super) fn of_event(event: &Event) -> Bytes {
    let body = CustomBody { event_type: &event.event_type, event_body: &event.event_body };
    encode(&Message { namespace: "event", body: MessageBody::Custom(body) })
}

/// JSON in one line.
fn encode(value: &impl Serialize) -> Bytes {
    // Names, numbers and lists of them are always JSON.
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    text.into()
}

/// An answer in JSON.
pub(super) fn answer(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let mut response = Response::new(Body::from(encode(value)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// `{"error": …}`.
pub(super) fn refuse(status: StatusCode, reason: &str) -> Response<Body> {
    let mut response = answer(status, &Refusal { error: reason });
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Basic realm=\"hyrax\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

#[cfg(test)]
mod tests {
    use hyrax_recipes::events::Audience;
    use hyrax_types::Revision;

    use super::*;

    fn told(key_event: KeyEvent, nodes: &[&str]) -> String {
        let services = nodes.iter().map(|node| node.parse().unwrap()).collect();
        let service = ServiceName::new("engine").unwrap();
        let event = ServiceEvent { key_event, service, services, revision: Revision(1) };
        String::from_utf8(of_service(&event).to_vec()).unwrap()
    }

    #[test]
    fn what_sockets_are_told_is_one_line_each() {
        assert_eq!(
            told(KeyEvent::Put, &["10.0.0.1:80", "[::1]:81"]),
            concat!(
                r#"{"namespace":"service","body":{"key_event":"PUT","service":"engine","services":"#,
                r#"[{"ip":"10.0.0.1","port":80},{"ip":"::1","port":81}]}}"#,
                "\n"
            )
        );
        assert_eq!(
            told(KeyEvent::Expire, &[]),
            concat!(
                r#"{"namespace":"service","body":{"key_event":"EXPIRE","service":"engine","services":[]}}"#,
                "\n"
            )
        );
        let event = Event { event_type: "a\nb".into(), event_body: "{}".into(), to: Audience::Everybody };
        let text = String::from_utf8(of_event(&event).to_vec()).unwrap();
        let expected = r#"{"namespace":"event","body":{"event_type":"a\nb","event_body":"{}"}}"#;
        assert_eq!(text, format!("{expected}\n"));
    }
}
