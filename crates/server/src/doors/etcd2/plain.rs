//! Answers that are no events: pages of text, messages, redirections, as Go's library and etcd give them.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};

use super::json;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const ETCD_INDEX: HeaderName = HeaderName::from_static("x-etcd-index");
pub(super) const CLUSTER_ID: HeaderName = HeaderName::from_static("x-etcd-cluster-id");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// An answer of this type.
pub(super) fn answer(status: StatusCode, kind: HeaderValue, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Text that somebody asked for.
pub(super) fn text(body: impl Into<Body>) -> Response<Body> {
    answer(StatusCode::OK, TEXT, body)
}

/// Text that says what went wrong.
pub(super) fn error(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = answer(status, TEXT, format!("{message}\n"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

pub(super) fn not_found() -> Response<Body> {
    error(StatusCode::NOT_FOUND, "404 page not found")
}

pub(super) fn method_not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// What Go answers to a path that it can not decode.
pub(super) fn bad_request() -> Response<Body> {
    let mut response = answer(StatusCode::BAD_REQUEST, TEXT, "400 Bad Request");
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// `{"message": …}`.
pub(super) fn message(status: StatusCode, message: &str) -> Response<Body> {
    let mut body = b"{\"message\":".to_vec();
    json::string(&mut body, message.as_bytes());
    body.push(b'}');
    answer(status, JSON, body)
}

/// Sends a client to the same path without `//`, `.` and `..`, as Go does.
pub(super) fn moved(method: &Method, path: &[u8], query: Option<&str>) -> Response<Body> {
    let mut location = String::new();
    for &byte in path {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => location.push(byte as char),
            b'-' | b'_' | b'.' | b'~' | b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'@' => {
                location.push(byte as char);
            }
            byte => location.push_str(&format!("%{byte:02X}")),
        }
    }
    if let Some(query) = query {
        location.push('?');
        location.push_str(query);
    }
    let mut response = Response::new(Body::empty());
    if matches!(*method, Method::GET | Method::HEAD) {
        let shown = location.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let shown = shown.replace('"', "&#34;").replace('\'', "&#39;");
        let page = format!("<a href=\"{shown}\">Moved Permanently</a>.\n\n");
        response = answer(StatusCode::OK, HeaderValue::from_static("text/html; charset=utf-8"), page);
    }
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    // Every byte of it is visible: a query has been part of a request's line.
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// A path without `//`, `.` and `..`. A `/` at the end stays.
pub(super) fn clean(path: &[u8]) -> Vec<u8> {
    let mut clean: Vec<u8> = Vec::with_capacity(path.len());
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => clean.truncate(clean.iter().rposition(|&byte| byte == b'/').unwrap_or(0)),
            part => {
                clean.push(b'/');
                clean.extend_from_slice(part);
            }
        }
    }
    if path.last() == Some(&b'/') || clean.is_empty() {
        clean.push(b'/');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cleaned_as_go_cleans_it() {
        let check =
            |path: &str, expected: &str| assert_eq!(clean(path.as_bytes()), expected.as_bytes(), "{path}");
        check("/v2/keys/a", "/v2/keys/a");
        check("/v2/keys/a/", "/v2/keys/a/");
        check("/v2//keys/./a/../b", "/v2/keys/b");
        check("/..", "/");
        check("//", "/");
    }
}
