//! Who is in the cluster: this node, and those that stand on the same coordination engine. What would change that is
//! refused.

use std::fmt::Display;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};

use hyrax_recipes::members::Node;

use super::plain::{self, CLUSTER_ID, JSON};
use super::{Caller, Etcd2, json};

/// Why nobody is added or removed.
const ALONE: &str = "nodes share state through an external engine, and are members as long as they serve";

/// Why users are not changed here.
const CONFIGURED: &str = "users are the operators of the server's configuration";

/// The answer to who would change users or roles.
pub(super) fn configured() -> Response<Body> {
    plain::message(StatusCode::NOT_IMPLEMENTED, CONFIGURED)
}

impl Etcd2 {
    /// `/v2/machines`: where clients connect.
    pub(super) async fn machines(&self, method: &Method, caller: &Caller) -> Response<Body> {
        if ![Method::GET, Method::HEAD].contains(method) {
            return plain::method_not_allowed("GET,HEAD");
        }
        let mut urls: Vec<String> =
            self.nodes(caller).await.into_iter().flat_map(|node| node.addresses).collect();
        urls.sort();
        urls.dedup();
        plain::text(urls.join(", "))
    }

    /// `/v2/members`, and below.
    pub(super) async fn members(&self, below: &[u8], request: &Parts, caller: &Caller) -> Response<Body> {
        let method = &request.method;
        if ![Method::GET, Method::POST, Method::DELETE, Method::PUT].contains(method) {
            return plain::method_not_allowed("GET,POST,DELETE,PUT");
        }
        if *method != Method::GET && !self.may_administer(caller) {
            return plain::message(StatusCode::UNAUTHORIZED, "Insufficient credentials");
        }
        let id = below.strip_prefix(b"/").unwrap_or(below);
        let mut response = match *method {
            Method::GET => self.list(id, caller).await,
            Method::POST => unlike_json(request).unwrap_or_else(alone),
            _ => self.refuse_change(id, request),
        };
        response.headers_mut().insert(CLUSTER_ID, self.cluster_id());
        response
    }

    async fn list(&self, id: &[u8], caller: &Caller) -> Response<Body> {
        let mut body = Vec::new();
        match id {
            b"" => {
                body.extend_from_slice(b"{\"members\":[");
                for (place, node) in self.nodes(caller).await.iter().enumerate() {
                    body.extend_from_slice(if place == 0 { b"" } else { b"," });
                    write_member(&mut body, node);
                }
                body.extend_from_slice(b"]}\n");
            }
            b"leader" => {
                write_member(&mut body, &self.own(caller));
                body.push(b'\n');
            }
            _ => return plain::message(StatusCode::NOT_FOUND, "Not found"),
        }
        plain::answer(StatusCode::OK, JSON, body)
    }

    /// This node, with URLs, reached where the client reached it.
    fn own(&self, caller: &Caller) -> Node {
        let addresses = caller.peer.local.iter().map(|address| url(caller, address)).collect();
        Node { number: self.ids.member, name: self.core.node_name.clone(), addresses }
    }

    /// Every node, with URLs. The others' listen for what this client spoke here. Where the engine does not answer
    /// there is at least this one.
    async fn nodes(&self, caller: &Caller) -> Vec<Node> {
        let mut nodes = match &self.members {
            Some(members) => members.list().await.unwrap_or_default(),
            None => Vec::new(),
        };
        nodes.retain(|node| node.number != self.ids.member);
        for node in &mut nodes {
            node.addresses.iter_mut().for_each(|address| *address = url(caller, &*address));
        }
        nodes.push(self.own(caller));
        nodes.sort_by_key(|node| node.number);
        nodes
    }

    /// Which member this is.
    pub(super) fn member_id(&self) -> String {
        format!("{:x}", self.ids.member)
    }

    fn refuse_change(&self, id: &[u8], request: &Parts) -> Response<Body> {
        if id.is_empty() {
            return plain::error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        }
        let shown = String::from_utf8_lossy(id);
        let number = u64::from_str_radix(&shown, 16).ok();
        if number.is_some()
            && request.method == Method::PUT
            && let Some(unlike) = unlike_json(request)
        {
            return unlike;
        }
        if number == Some(self.ids.member) {
            return alone();
        }
        let shown = number.map_or(shown.into_owned(), |number| format!("{number:x}"));
        plain::message(StatusCode::NOT_FOUND, &format!("No such member: {shown}"))
    }

    /// `/v2/auth/enable`: whether anything has to be shown.
    pub(super) fn auth_enabled(&self) -> Response<Body> {
        let body = format!("{{\"enabled\":{}}}\n", self.core.authorizer.is_on());
        let mut response = plain::answer(StatusCode::OK, JSON, body);
        response.headers_mut().insert(CLUSTER_ID, self.cluster_id());
        response
    }
}

fn alone() -> Response<Body> {
    plain::message(StatusCode::NOT_IMPLEMENTED, ALONE)
}

fn url(caller: &Caller, address: impl Display) -> String {
    let scheme = if caller.peer.tls { "https" } else { "http" };
    format!("{scheme}://{address}")
}

/// A member, which has no peers to be reached by.
fn write_member(out: &mut Vec<u8>, node: &Node) {
    out.extend_from_slice(format!("{{\"id\":\"{:x}\",\"name\":", node.number).as_bytes());
    json::string(out, node.name.as_bytes());
    out.extend_from_slice(b",\"peerURLs\":[],\"clientURLs\":[");
    for (place, url) in node.addresses.iter().enumerate() {
        out.extend_from_slice(if place == 0 { b"" } else { b"," });
        json::string(out, url.as_bytes());
    }
    out.extend_from_slice(b"]}");
}

/// The answer to a body that does not say that it is JSON.
fn unlike_json(request: &Parts) -> Option<Response<Body>> {
    let kind = request.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = kind.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    let shown = String::from_utf8_lossy(&kind);
    (kind != b"application/json").then(|| {
        let message = format!("Bad Content-Type {shown}, accept application/json");
        plain::message(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message)
    })
}
