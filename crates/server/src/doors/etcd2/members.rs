//! Who is in the cluster: this node. What would change that is refused.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, header};

use super::plain::{self, CLUSTER_ID, JSON};
use super::{Caller, Etcd2, json};

/// Why nobody is added or removed.
const ALONE: &str = "this server is a cluster of one member; nodes share state through an external engine";

/// Why users are not changed here.
const CONFIGURED: &str = "users are the operators of the server's configuration";

/// The answer to who would change users or roles.
pub(super) fn configured() -> Response<Body> {
    plain::message(StatusCode::NOT_IMPLEMENTED, CONFIGURED)
}

impl Etcd2 {
    /// `/v2/machines`: where clients connect.
    pub(super) fn machines(&self, method: &Method, caller: &Caller) -> Response<Body> {
        match *method {
            Method::GET | Method::HEAD => plain::text(client_urls(caller).join(", ")),
            _ => plain::method_not_allowed("GET,HEAD"),
        }
    }

    /// `/v2/members`, and below.
    pub(super) fn members(&self, below: &[u8], request: &Request<Body>, caller: &Caller) -> Response<Body> {
        let method = request.method();
        if ![Method::GET, Method::POST, Method::DELETE, Method::PUT].contains(method) {
            return plain::method_not_allowed("GET,POST,DELETE,PUT");
        }
        if *method != Method::GET && !self.may_administer(caller) {
            return plain::message(StatusCode::UNAUTHORIZED, "Insufficient credentials");
        }
        let id = below.strip_prefix(b"/").unwrap_or(below);
        let mut response = match *method {
            Method::GET => self.list(id, caller),
            Method::POST => unlike_json(request).unwrap_or_else(alone),
            _ => self.refuse_change(id, request),
        };
        response.headers_mut().insert(CLUSTER_ID, self.cluster_id());
        response
    }

    fn list(&self, id: &[u8], caller: &Caller) -> Response<Body> {
        let mut body = Vec::new();
        match id {
            b"" => {
                body.extend_from_slice(b"{\"members\":[");
                self.write_member(&mut body, caller);
                body.extend_from_slice(b"]}\n");
            }
            b"leader" => {
                self.write_member(&mut body, caller);
                body.push(b'\n');
            }
            _ => return plain::message(StatusCode::NOT_FOUND, "Not found"),
        }
        plain::answer(StatusCode::OK, JSON, body)
    }

    /// This node, reached where the client reached it. It has no peers to be reached by.
    fn write_member(&self, out: &mut Vec<u8>, caller: &Caller) {
        out.extend_from_slice(format!("{{\"id\":\"{}\",\"name\":", self.member_id()).as_bytes());
        json::string(out, self.core.node_name.as_bytes());
        out.extend_from_slice(b",\"peerURLs\":[],\"clientURLs\":[");
        for url in client_urls(caller) {
            json::string(out, url.as_bytes());
        }
        out.extend_from_slice(b"]}");
    }

    /// Which member this is.
    pub(super) fn member_id(&self) -> String {
        format!("{:x}", self.ids.member)
    }

    fn refuse_change(&self, id: &[u8], request: &Request<Body>) -> Response<Body> {
        if id.is_empty() {
            return plain::error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        }
        let shown = String::from_utf8_lossy(id);
        let number = u64::from_str_radix(&shown, 16).ok();
        if number.is_some()
            && *request.method() == Method::PUT
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

fn client_urls(caller: &Caller) -> Vec<String> {
    let scheme = if caller.peer.tls { "https" } else { "http" };
    caller.peer.local.iter().map(|address| format!("{scheme}://{address}")).collect()
}

/// The answer to a body that does not say that it is JSON.
fn unlike_json(request: &Request<Body>) -> Option<Response<Body>> {
    let kind = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = kind.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    let shown = String::from_utf8_lossy(&kind);
    (kind != b"application/json").then(|| {
        let message = format!("Bad Content-Type {shown}, accept application/json");
        plain::message(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message)
    })
}
