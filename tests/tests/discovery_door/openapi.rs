//! `/openapi.json` says what the server does: every operation is tried, and every answer is as it is described.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use hyrax_tests::http;
use hyrax_tests::hyrax::{DiscoverySocket, Hyrax};
use serde_json::{Value, json};

/// What a server that works does not answer. Tests inside of it do without the engine.
const ONLY_WITHOUT_AN_ENGINE: [&str; 6] = [
    "get /etcd/leader 500",
    "get /etcd/register 500",
    "post /etcd/event 500",
    "get /etcd/services 500",
    "get /etcd/services/{service} 500",
    "get /health 503",
];

/// The document, and what of it was seen.
struct Document {
    document: Value,
    seen: BTreeSet<String>,
}

impl Document {
    fn of(address: SocketAddr) -> Document {
        let document = http::get(address, "/openapi.json", &[]).json();
        Document { document, seen: BTreeSet::new() }
    }

    fn paths(&self) -> impl Iterator<Item = (&String, &String, &Value)> {
        let paths = self.document["paths"].as_object().unwrap().iter();
        paths.flat_map(|(path, methods)| {
            methods.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
        })
    }

    /// Asks, and holds the answer against what is said of it.
    fn ask(&mut self, address: SocketAddr, method: &str, path: &str, target: &str, headers: &[(&str, &str)]) {
        let answer = match method {
            "get" => http::get(address, target, headers),
            _ => http::post(address, target, headers, b""),
        };
        let described = &self.document["paths"][path][method]["responses"][answer.status.to_string()];
        assert!(described.is_object(), "{method} {target}: {} is not described", answer.status);
        if let Some(content) = described["content"].as_object() {
            let kind = answer.head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-type").then(|| value.trim())
            });
            let described =
                content.iter().find(|(described, _)| kind.unwrap().starts_with(described.as_str()));
            let (_, described) =
                described.unwrap_or_else(|| panic!("{target}: {kind:?} is not in {content:?}"));
            if kind.unwrap().starts_with("application/json") {
                self.check(&described["schema"], &answer.json(), target);
            }
        } else {
            // What follows an upgrade is no body.
            assert!(answer.status == 101 || answer.body.is_empty(), "{target}: no content is described");
        }
        self.seen.insert(format!("{method} {path} {}", answer.status));
    }

    /// Whether a value is as a schema says.
    fn check(&self, schema: &Value, value: &Value, at: &str) {
        if let Some(named) = schema["$ref"].as_str() {
            let named = self.document.pointer(named.trim_start_matches('#'));
            return self.check(named.unwrap_or_else(|| panic!("{schema} leads nowhere")), value, at);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let fits = choices.iter().filter(|choice| self.fits(choice, value)).count();
            return assert_eq!(fits, 1, "{at}: {value} is one of {choices:?}");
        }
        assert!(self.fits(schema, value), "{at}: {value} is no {schema}");
        if let Some(properties) = schema["properties"].as_object() {
            for (name, value) in value.as_object().unwrap() {
                let property =
                    properties.get(name).unwrap_or_else(|| panic!("{at}: {name} is not described"));
                self.check(property, value, at);
            }
        }
        for element in value.as_array().into_iter().flatten() {
            self.check(&schema["items"], element, at);
        }
    }

    /// The same as far as the outside goes: its type, bounds, and that nothing is missing.
    fn fits(&self, schema: &Value, value: &Value) -> bool {
        if let Some(named) = schema["$ref"].as_str() {
            return self.fits(self.document.pointer(named.trim_start_matches('#')).unwrap(), value);
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => panic!("{schema} says no type"),
        };
        let is = |name: &str| match name {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64() || value.is_i64(),
            "null" => value.is_null(),
            other => panic!("{other} is a type"),
        };
        let within = |bound: &str, fits: fn(f64, f64) -> bool| {
            let bound = schema[bound].as_f64();
            bound.zip(value.as_f64()).is_none_or(|(bound, value)| fits(value, bound))
        };
        let needed = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        types.into_iter().any(is)
            && schema["enum"].as_array().is_none_or(|words| words.contains(value))
            && within("minimum", |value, bound| value >= bound)
            && within("maximum", |value, bound| value <= bound)
            && needed.into_iter().all(|name| value.get(name).is_some())
    }
}

#[test]
fn every_operation_answers_as_it_is_described_and_nothing_is_left_out() {
    let open = Hyrax::start(&[]);
    let shut = Hyrax::start(&["--secret", "turtles", "--anonymous-read=false"]);
    let mut document = Document::of(open.address());
    assert_eq!(document.document["openapi"], "3.1.0");
    let node = "service=engine&ip=10.0.0.1&port=80";
    let event = "/etcd/event?event_type=a&event_body=b&services=engine";
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let _listed = DiscoverySocket::register(open.address(), "ui", "[::1]:8080", "");
    for (method, path, good, bad) in [
        ("get", "/etcd/register", format!("/etcd/register?{node}"), Some("/etcd/register")),
        ("get", "/etcd/monitor", "/etcd/monitor?monitor=ui".to_owned(), Some("/etcd/monitor?monitor=")),
        ("post", "/etcd/event", event.to_owned(), Some("/etcd/event?event_type=a")),
        ("get", "/etcd/leader", "/etcd/leader".to_owned(), None),
        ("get", "/etcd/services", "/etcd/services".to_owned(), None),
        ("get", "/etcd/services/{service}", "/etcd/services/ui".to_owned(), Some("/etcd/services/a%2Fb")),
        ("get", "/health", "/health".to_owned(), None),
        ("get", "/version", "/version".to_owned(), None),
        ("get", "/metrics", "/metrics".to_owned(), None),
        ("get", "/openapi.json", "/openapi.json".to_owned(), None),
    ] {
        document.ask(open.address(), method, path, &good, &[]);
        if let Some(bad) = bad {
            document.ask(open.address(), method, path, bad, &[]);
        }
        if document.document["paths"][path][method]["responses"]["101"].is_object() {
            document.ask(open.address(), method, path, &good, &upgrade);
        }
        if path.starts_with("/etcd/") {
            document.ask(shut.address(), method, path, &good, &[]);
        }
    }
    let described: BTreeSet<String> = document
        .paths()
        .flat_map(|(path, method, operation)| {
            let statuses = operation["responses"].as_object().unwrap().keys();
            statuses.map(move |status| format!("{method} {path} {status}"))
        })
        .filter(|described| !ONLY_WITHOUT_AN_ENGINE.contains(&described.as_str()))
        .collect();
    assert_eq!(document.seen, described, "seen is what is described");
}

#[test]
fn every_path_of_the_door_is_described_and_what_it_takes_too() {
    let hyrax = Hyrax::start(&[]);
    let document = Document::of(hyrax.address());
    let not_there = http::get(hyrax.address(), "/etcd/nothing", &[]).json();
    let listed = not_there["error"].as_str().unwrap().split_once("there are ").unwrap().1.to_owned();
    let listed: BTreeSet<String> = listed.split(", ").map(str::to_owned).collect();
    let of_the_door = document.paths().filter(|(path, ..)| path.starts_with("/etcd/"));
    let described: BTreeSet<_> =
        of_the_door.map(|(path, method, _)| format!("{} {path}", method.to_uppercase())).collect();
    assert_eq!(described, listed);
    let needed = |path: &str| -> Vec<String> {
        let parameters = document.document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let needed = parameters.iter().filter(|parameter| parameter["required"] == true);
        needed.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(needed("/etcd/register"), ["service", "ip", "port"]);
    assert_eq!(needed("/etcd/monitor"), ["monitor"]);
    let body =
        &document.document["paths"]["/etcd/event"]["post"]["requestBody"]["content"]["application/json"];
    let request = json!({"event_type":"a","event_body":"b","broadcast":true,"services":["engine"]});
    document.check(&body["schema"], &request, "the body of an event");
    assert_eq!(http::post(hyrax.address(), "/etcd/event", &[], request.to_string().as_bytes()).status, 200);
}

#[test]
fn what_sockets_are_told_is_as_it_is_described() {
    let hyrax = Hyrax::start(&[]);
    let document = Document::of(hyrax.address());
    let mut engine = DiscoverySocket::register(hyrax.address(), "engine", "10.0.0.1:80", "ui");
    DiscoverySocket::register(hyrax.address(), "ui", "10.0.0.1:80", "").close();
    http::post(hyrax.address(), "/etcd/event?event_type=a&broadcast=1", &[], b"");
    let message = json!({"$ref":"#/components/schemas/Message"});
    for told in ["engine PUT 10.0.0.1:80", "ui PUT 10.0.0.1:80"] {
        let value = engine.message();
        document.check(&message, &value, told);
        assert!(told.starts_with(value["body"]["service"].as_str().unwrap()));
    }
    for _ in 0..2 {
        document.check(&message, &engine.message(), "the end of ui, and the event");
    }
}
