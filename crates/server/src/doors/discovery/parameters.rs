//! What requests ask for, read from the query, a form or JSON.

use axum::http::HeaderValue;
use hyrax_recipes::events::{Audience, Event};
use hyrax_recipes::{ServiceName, ServiceNode};
use hyrax_types::limits::SERVICES_NAMED_MAX;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use utoipa::ToSchema;

use crate::doors::etcd2::Form;

/// What is wrong with a request, for whoever sent it.
pub(super) type Reason = String;

/// A node to be registered, and what its socket wants to hear of beside its own service.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Register {
    pub(super) service: ServiceName,
    pub(super) node: ServiceNode,
    pub(super) monitor: BTreeSet<ServiceName>,
}

/// Parameters of a query.
pub(super) struct Query<'a>(Form<'a>);

impl<'a> Query<'a> {
    pub(super) fn parse(query: &'a str) -> Result<Query<'a>, Reason> {
        Form::parse(query.as_bytes(), b"").map(Query)
    }

    fn text(&self, name: &str) -> Result<Option<&str>, Reason> {
        self.0.first(name).map(|value| text_of(name, value)).transpose()
    }

    fn needed(&self, name: &str) -> Result<&str, Reason> {
        match self.text(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(format!("the parameter {name} is missing")),
        }
    }

    /// Names with commas between them, however often the parameter is given.
    fn names(&self, name: &str) -> Result<BTreeSet<ServiceName>, Reason> {
        let mut names = BTreeSet::new();
        for value in self.0.all(name) {
            add_names(name, text_of(name, value)?, &mut names)?;
        }
        Ok(names)
    }

    pub(super) fn register(&self) -> Result<Register, Reason> {
        let service = service_named("service", self.needed("service")?)?;
        let (ip, port) = (self.needed("ip")?, self.needed("port")?);
        let node = ServiceNode::parse(ip, port).map_err(|error| error.to_string())?;
        Ok(Register { service, node, monitor: self.names("monitor")? })
    }

    pub(super) fn monitor(&self) -> Result<BTreeSet<ServiceName>, Reason> {
        let names = self.names("monitor")?;
        if names.is_empty() {
            return Err(
                "the parameter monitor is missing: name services, with commas between them".to_owned()
            );
        }
        Ok(names)
    }

    fn event(&self) -> Result<Event, Reason> {
        let broadcast = match self.text("broadcast")? {
            Some(text) => flag_of(text)?,
            None => false,
        };
        let event_type = self.needed("event_type")?.to_owned();
        let event_body = self.text("event_body")?.unwrap_or_default().to_owned();
        event_to(event_type, event_body, broadcast, self.names("services")?)
    }
}

fn text_of<'a>(name: &str, value: &'a [u8]) -> Result<&'a str, Reason> {
    std::str::from_utf8(value).map_err(|_| format!("the parameter {name} is not UTF-8"))
}

fn service_named(parameter: &str, name: &str) -> Result<ServiceName, Reason> {
    ServiceName::new(name).map_err(|error| format!("{parameter}: {error}"))
}

/// Adds names with commas between them. Of `a,,b` and `a, b` everybody knows what is meant.
fn add_names(parameter: &str, list: &str, names: &mut BTreeSet<ServiceName>) -> Result<(), Reason> {
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        names.insert(service_named(parameter, name)?);
        if names.len() > SERVICES_NAMED_MAX {
            return Err(format!("{parameter} names at most {SERVICES_NAMED_MAX} services"));
        }
    }
    Ok(())
}

/// A flag as text: words, or a number, of which all but zero are true.
fn flag_of(text: &str) -> Result<bool, Reason> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        number => match number.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number != 0.0),
            _ => Err("broadcast must be true or false".to_owned()),
        },
    }
}

fn event_to(
    event_type: String,
    event_body: String,
    broadcast: bool,
    services: BTreeSet<ServiceName>,
) -> Result<Event, Reason> {
    let to = if broadcast { Audience::Everybody } else { Audience::Services(services) };
    let event = Event { event_type, event_body, to };
    event.check().map_err(|error| error.to_string())?;
    Ok(event)
}

/// An event to be emitted.
#[derive(Deserialize, ToSchema)]
pub(crate) struct EventRequest<'a> {
    /// What kind of event it is.
    #[schema(value_type = String, example = "deploy")]
    #[serde(borrow)]
    event_type: Option<&'a RawValue>,
    /// What it tells; most often JSON, as text. It is not read here.
    #[schema(value_type = Option<String>, example = "{\"version\":2}")]
    #[serde(borrow)]
    event_body: Option<&'a RawValue>,
    /// Whether everybody hears it who has a socket here or at another node.
    #[schema(value_type = Option<bool>)]
    #[serde(borrow)]
    broadcast: Option<&'a RawValue>,
    /// The services whose followers hear it, where it is not for everybody.
    #[schema(value_type = Option<Vec<String>>, example = json!(["engine"]))]
    #[serde(borrow)]
    services: Option<&'a RawValue>,
}

impl EventRequest<'_> {
    fn event(&self) -> Result<Event, Reason> {
        let event_type = text_in("event_type", self.event_type)?.unwrap_or_default();
        let event_body = text_in("event_body", self.event_body)?.unwrap_or_default();
        let broadcast = match self.broadcast.map(RawValue::get) {
            None => false,
            Some(text) if text.starts_with('"') => {
                flag_of(&text_in("broadcast", self.broadcast)?.unwrap_or_default())?
            }
            Some(text) => flag_of(text)?,
        };
        let mut names = BTreeSet::new();
        match self.services.map(RawValue::get) {
            None => {}
            Some(list) if list.starts_with('[') => {
                let list: Vec<String> =
                    serde_json::from_str(list).map_err(|_| "services must be a list of names".to_owned())?;
                for name in list {
                    names.insert(service_named("services", &name)?);
                }
            }
            Some(_) => {
                let list = text_in("services", self.services)?.unwrap_or_default();
                add_names("services", &list, &mut names)?;
            }
        }
        event_to(event_type, event_body, broadcast, names)
    }
}

fn text_in(name: &str, value: Option<&RawValue>) -> Result<Option<String>, Reason> {
    let read =
        |value: &RawValue| serde_json::from_str(value.get()).map_err(|_| format!("{name} must be text"));
    value.map(read).transpose()
}

/// The event that a request is about, whose body is JSON or a form, or whose query has it all.
pub(super) fn event(query: &str, kind: Option<&HeaderValue>, body: &[u8]) -> Result<Event, Reason> {
    let kind = kind.map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = kind.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    let body = body.trim_ascii();
    // Of what tools send that say it is a form, this is none.
    if body.starts_with(b"{") || kind.eq_ignore_ascii_case(b"application/json") {
        let request: EventRequest<'_> = serde_json::from_slice(body)
            .map_err(|error| format!("the body is not the JSON of an event: {error}"))?;
        return request.event();
    }
    let is_form = kind.is_empty() || kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded");
    if !body.is_empty() && !is_form {
        return Err("send the event as JSON, as a form or in the query".to_owned());
    }
    Query(Form::parse(query.as_bytes(), body)?).event()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<ServiceName> {
        names.iter().map(|name| ServiceName::new(name).unwrap()).collect()
    }

    fn register(query: &str) -> Result<Register, Reason> {
        Query::parse(query)?.register()
    }

    #[test]
    fn a_registration_is_read_from_the_query() {
        let read = register("service=en%20gine&ip=10.0.0.1&port=80&monitor=a,b&monitor=%20c,,&other=1");
        let expected = Register {
            service: ServiceName::new("en gine").unwrap(),
            node: "10.0.0.1:80".parse().unwrap(),
            monitor: names(&["a", "b", "c"]),
        };
        assert_eq!(read, Ok(expected));
        assert_eq!(register("service=e&ip=::1&port=65535").unwrap().node.to_string(), "[::1]:65535");
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        let check = |query: &str, part: &str| {
            let reason = register(query).expect_err(query);
            assert!(reason.contains(part), "{query}: {reason}");
        };
        check("", "service is missing");
        check("service=&ip=10.0.0.1&port=80", "service is missing");
        check("service=a&port=80", "ip is missing");
        check("service=a&ip=10.0.0.1", "port is missing");
        for port in ["0", "65536", "-1", "http", "8%200"] {
            check(&format!("service=a&ip=10.0.0.1&port={port}"), "port must be a number from 1 to 65535");
        }
        for ip in ["host", "10.0.0.256", "10.0.0.1:80"] {
            check(&format!("service=a&ip={ip}&port=80"), "ip must be an address");
        }
        check("service=a/b&ip=10.0.0.1&port=80", "'/'");
        check("service=a%00&ip=10.0.0.1&port=80", "'\\0'");
        check("service=a%ff&ip=10.0.0.1&port=80", "not UTF-8");
        check("service=a%zz&ip=10.0.0.1&port=80", "invalid URL escape");
        check(&format!("service={}&ip=10.0.0.1&port=80", "x".repeat(256)), "255 bytes");
        check("service=a&ip=10.0.0.1&port=80&monitor=a/b", "monitor: ");
        let many: Vec<_> = (0..=SERVICES_NAMED_MAX).map(|n| n.to_string()).collect();
        let reason = Query::parse(&format!("monitor={}", many.join(","))).unwrap().monitor().unwrap_err();
        assert!(reason.contains("at most 1000 services"), "{reason}");
        for query in ["", "monitor=", "monitor=,,", "monitors=a"] {
            let reason = Query::parse(query).unwrap().monitor().expect_err(query);
            assert!(reason.contains("monitor is missing"), "{reason}");
        }
    }

    #[test]
    fn an_event_comes_in_json_in_a_form_or_in_the_query() {
        let check = |query: &str, kind: Option<&'static str>, body: &str, to: Audience| {
            let read = event(query, kind.map(HeaderValue::from_static).as_ref(), body.as_bytes());
            let expected = Event { event_type: "deploy".into(), event_body: "{\"v\":2}".into(), to };
            assert_eq!(read, Ok(expected), "{query} {body}");
        };
        let some = || Audience::Services(names(&["a", "b"]));
        let json = Some("application/json; charset=utf-8");
        let form = Some("application/x-www-form-urlencoded");
        let body = r#"{"event_type":"deploy","event_body":"{\"v\":2}","services":["a","b"]}"#;
        check("", json, body, some());
        check("", form, body, some());
        check("", json, &body.replace(r#"["a","b"]"#, r#""b, a""#), some());
        for broadcast in ["true", "1", "8080", "-1", "0.5", r#""true""#, r#""8080""#] {
            let body = body.replace("services", "x").replace(r#"["a","b"]"#, "0");
            let body = body.replace(r#""x""#, &format!(r#""broadcast":{broadcast},"x""#));
            check("", json, &body, Audience::Everybody);
        }
        let query = "event_type=deploy&event_body=%7B%22v%22:2%7D";
        check("", form, &format!("{query}&services=a,b"), some());
        check(&format!("{query}&services=a&services=b"), None, "", some());
        check(&format!("{query}&broadcast=1&services=a"), None, "", Audience::Everybody);
        check("services=b", form, &format!("{query}&services=a"), some());
    }

    #[test]
    fn an_event_that_says_too_little_is_told_what_is_missing() {
        let check = |body: &str, part: &str| {
            let kind = HeaderValue::from_static("application/json");
            let reason = event("", Some(&kind), body.as_bytes()).expect_err(body);
            assert!(reason.contains(part), "{body}: {reason}");
        };
        check("", "not the JSON of an event");
        check("[]", "not the JSON of an event");
        check(r#"{"event_type":"a","#, "not the JSON of an event");
        check(r#"{"services":["a"]}"#, "event_type must not be empty");
        check(r#"{"event_type":1,"services":["a"]}"#, "event_type must be text");
        check(r#"{"event_type":"a","event_body":{}}"#, "event_body must be text");
        check(r#"{"event_type":"a"}"#, "broadcast, or services");
        check(r#"{"event_type":"a","broadcast":0,"services":[]}"#, "broadcast, or services");
        check(r#"{"event_type":"a","broadcast":[]}"#, "broadcast must be true or false");
        check(r#"{"event_type":"a","broadcast":"perhaps"}"#, "broadcast must be true or false");
        check(r#"{"event_type":"a","services":[1]}"#, "services must be a list of names");
        check(r#"{"event_type":"a","services":["a/b"]}"#, "services: ");
        check(r#"{"event_type":"a","services":7}"#, "services must be text");
        let large = "x".repeat(1024 * 1024);
        check(&format!(r#"{{"event_type":"a","event_body":"{large}","broadcast":true}}"#), "1048576 bytes");
        let kind = HeaderValue::from_static("text/plain");
        assert!(event("", Some(&kind), b"event_type=a").unwrap_err().contains("as JSON, as a form"));
        assert!(event("event_type=a", None, b"").unwrap_err().contains("broadcast, or services"));
        assert!(event("services=a", None, b"").unwrap_err().contains("event_type is missing"));
    }
}
